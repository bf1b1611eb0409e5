"""The whole panel without its edges to the world: lease, self-test, player and button, in step."""

from dataclasses import dataclass
from typing import TypeAlias

from agent.panel.lease import Lease, LeaseEvent, Pressed
from agent.panel.player import Edge, Player, Shown
from agent.panel.presses import Finger, Presses
from agent.panel.self_test import SelfTest
from bedside.instants import Instant, earliest
from bedside.level import Level, Press


@dataclass(frozen=True, slots=True)
class Draw:
    """The level whose text belongs on the screen."""

    level: Level


@dataclass(frozen=True, slots=True)
class Ready:
    """The self-test is over, or gave way: the panel may introduce itself."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A press for the agent."""

    press: Press


PanelEvent: TypeAlias = LeaseEvent | Finger
Output: TypeAlias = Edge | Draw | Ready | Forward | Shown


class Machine:
    """Everything the panel decides. It starts with the self-test, whose first edge is due at once."""

    def __init__(self, now: Instant, long_press: Instant) -> None:
        self._lease = Lease(now)
        self._player = Player()
        self._presses = Presses(long_press)
        self._self_test: SelfTest | None = SelfTest(now)
        self._shown = self._player.shown

    @property
    def deadline(self) -> Instant | None:
        return earliest(
            self._lease.deadline,
            self._player.deadline,
            self._presses.deadline,
            self._self_test.deadline if self._self_test else None,
        )

    @property
    def is_ready(self) -> bool:
        return self._self_test is None

    @property
    def shown(self) -> Shown:
        return self._shown

    @property
    def level(self) -> Level:
        """The level that counts now, the agent's or the panel's own."""
        return self._lease.level

    def on(self, event: PanelEvent, now: Instant) -> list[Output]:
        outputs = self.tick(now)
        if isinstance(event, Finger):
            for press in self._presses.on(event, now):
                outputs += self._press(press, now)
        else:
            outputs += self._follow(self._lease.on(event, now), now)
        return outputs + self._tell()

    def tick(self, now: Instant) -> list[Output]:
        outputs: list[Output] = []
        while (due := self.deadline) is not None and due <= now:
            # Each part is moved to the same instant, so that none is ever ahead of another's news.
            if self._self_test:
                outputs += self._self_test.tick(due)
                if self._self_test.deadline is None:
                    outputs += self._end_self_test(due)
            outputs += self._player.tick(due)
            outputs += self._follow(self._lease.tick(due), due)
            for press in self._presses.tick(due):
                outputs += self._press(press, due)
            outputs += self._tell()
        return outputs

    def stop(self, now: Instant) -> list[Output]:
        """Everything off."""
        outputs = self.tick(now)
        if self._self_test:
            outputs += self._self_test.give_way(now)
        return [*outputs, *self._player.stop(now)]

    def _press(self, press: Press, now: Instant) -> list[Output]:
        if self._lease.is_agents:
            return [Forward(press)]
        return self._follow(self._lease.on(Pressed(press), now), now)

    def _follow(self, levels: list[Level], now: Instant) -> list[Output]:
        outputs: list[Output] = []
        for level in levels:
            if self._self_test is None:
                outputs += self._player.on(level, now)
            elif level.sound or level.lamp:
                outputs += self._self_test.give_way(now)
                outputs += self._end_self_test(now)
            outputs.append(Draw(level))
        return outputs

    def _end_self_test(self, now: Instant) -> list[Output]:
        self._self_test = None
        return [*self._player.on(self._lease.level, now), Ready()]

    def _tell(self) -> list[Output]:
        if self._player.shown == self._shown:
            return []
        self._shown = self._player.shown
        return [self._shown]
