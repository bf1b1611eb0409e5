"""The one loop: it owns all state, and waits for nothing but its inbox and its next deadline.

Disk, sockets and brokers are behind hands that never wait. The panel's lease is renewed from here and
nowhere else: a loop that hangs loses it, and the panel sounds.
"""

from collections.abc import Callable
from typing import Final, Protocol

from agent.clock import Clock
from agent.core import Core
from agent.events import Event, MessageArrived, Stamped
from agent.inbox import Inbox
from bedside.effects import Annunciate, Effect, Write
from bedside.instants import Instant, in_seconds
from bedside.level import RENEWAL, SILENT, Level

RENEWAL_S: Final = in_seconds(RENEWAL)


LONGEST_LAG_S: Final = 1.0
"""A loop further behind than this does not watch: the panel's lease runs out, and no old request is made."""


class Hands(Protocol):
    """What carries effects out, at once and without waiting."""

    def show(self, level: Level) -> None:
        """Renew the panel's lease with this level."""

    def carry_out(self, effect: Effect, at: Instant) -> None:
        """Write, publish or log what was decided at this instant."""


class Loop:
    """Takes events one by one, in the order of their stamps, until told to stop."""

    def __init__(
        self,
        core: Core,
        inbox: Inbox,
        clock: Clock,
        hands: Hands,
        read_message: Callable[[MessageArrived], Event | None],
    ) -> None:
        self._core = core
        self._inbox = inbox
        self._clock = clock
        self._hands = hands
        self._read_message = read_message
        self._stopping = False
        self._level = SILENT
        self._reached = clock.now()
        self._renewed_at = self._reached

    def run(self) -> None:
        """Until `stop`. An exception is our own fault: it ends the process, and the panel says so."""
        while not self._stopping:
            self._turn()

    def stop(self) -> None:
        """End the loop soon; safe in a signal handler."""
        self._stopping = True
        self._inbox.wake()

    def _turn(self) -> None:
        self._take(self._inbox.get(self._patience_s()))
        if self._since_renewal_s() >= RENEWAL_S:
            self._renew()

    def _take(self, stamped: Stamped | None) -> None:
        """An event at its stamp, or the deadlines that have passed. Time never runs backwards."""
        if stamped is None:
            self._reached = max(self._reached, self._clock.now())
            self._hand_out(self._core.tick(self._reached))
            return
        self._reached = max(self._reached, stamped.at)
        event = stamped.event
        if isinstance(event, MessageArrived):
            read = self._read_message(event)
            if read is None:
                return
            event = read
        self._hand_out(self._core.on(event, self._reached))

    def _hand_out(self, effects: list[Effect]) -> None:
        """The bedside first: sound and light wait for nobody."""
        for effect in effects:
            if isinstance(effect, Annunciate):
                self._level = effect.level
        if any(isinstance(effect, Annunciate) for effect in effects):
            self._renew()
        for effect in effects:
            late_write = isinstance(effect, Write) and self._lag_s(effect.at) > LONGEST_LAG_S
            if not isinstance(effect, Annunciate) and not late_write:
                self._hands.carry_out(effect, self._reached)

    def _renew(self) -> None:
        if self._lag_s(self._reached) <= LONGEST_LAG_S:
            self._renewed_at = self._clock.now()
            self._hands.show(self._level)

    def _lag_s(self, at: Instant) -> float:
        """How far behind an instant is, in real seconds."""
        return self._clock.real_wait(self._clock.now() - at)

    def _since_renewal_s(self) -> float:
        return self._lag_s(self._renewed_at)

    def _patience_s(self) -> float:
        """Real seconds until something is due: a deadline of the core, or the panel's renewal."""
        renewal_s = max(0.0, RENEWAL_S - self._since_renewal_s())
        deadline = self._core.deadline
        if deadline is None:
            return renewal_s
        return min(renewal_s, self._clock.real_wait(deadline - self._clock.now()))
