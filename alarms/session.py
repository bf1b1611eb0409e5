"""Where the session stands, as far as the pump alone can tell.

Dosing begins when the pump begins to deliver. It ends when the pump says that it is complete, or has nothing
left to give. A pump that merely stops half-way may go on: the session waits for it until somebody confirms
the stop (by acknowledging I7) or for a quarter of an hour. A pump that is not heard is neither delivering
nor stopped.
"""

from enum import StrEnum
from typing import Final

from bedside.instants import MINUTE, Instant
from bedside.vitals import PumpState

LONGEST_INTERRUPTION: Final = 15 * MINUTE
"""A stop half-way that nobody confirmed ends dosing after this long, so that observation is not put off for
ever.
"""

EARLY_OBSERVATION: Final = 60 * MINUTE
"""Blood pressure peaks and falls back within this time: overdue readings weigh as much as during dosing."""


class Phase(StrEnum):
    """Phases of a session (clinical basis, 1.2)."""

    PRE = "pre"
    DOSING = "dosing"
    OBSERVE = "observe"


class Session:
    """The phase and since when."""

    def __init__(self, now: Instant) -> None:
        self.phase = Phase.PRE
        self.since = now
        self._stopped_at: Instant | None = None

    @property
    def deadline(self) -> Instant | None:
        """When an unconfirmed stop ends dosing."""
        return None if self._stopped_at is None else self._stopped_at + LONGEST_INTERRUPTION

    def on_pump(self, state: PumpState, remaining_ml: float | None, now: Instant) -> None:
        """The pump said what it does; `remaining_ml` is None when it does not say how much is left."""
        if state.delivering:
            self._stopped_at = None
            if self.phase is not Phase.DOSING:
                self._enter(Phase.DOSING, now)
        elif self.phase is Phase.DOSING and state is not PumpState.UNKNOWN:
            if state in (PumpState.COMPLETE, PumpState.KVO) or remaining_ml == 0:
                self._enter(Phase.OBSERVE, now)
            elif self._stopped_at is None:
                self._stopped_at = now

    def confirm_stop(self, now: Instant) -> None:
        """Somebody says that the stop half-way was meant."""
        if self._stopped_at is not None:
            self._enter(Phase.OBSERVE, now)

    def new_patient(self, now: Instant) -> None:
        """Begin again before the dose; a pump that delivers is dosing the new patient."""
        if self.phase is not Phase.DOSING:
            self._enter(Phase.PRE, now)

    def tick(self, now: Instant) -> None:
        """End a dosing that nobody resumed or confirmed."""
        if (due := self.deadline) is not None and due <= now:
            self._enter(Phase.OBSERVE, now)

    def at_risk(self, now: Instant) -> bool:
        """During dosing and the first hour after it, when blood pressure is the main sign to watch."""
        return self.phase is Phase.DOSING or self.calmer_at(now) is not None

    def calmer_at(self, now: Instant) -> Instant | None:
        """When the first hour of observation will be over; None when it is, or has not begun."""
        over_at = self.since + EARLY_OBSERVATION
        return over_at if self.phase is Phase.OBSERVE and now < over_at else None

    def _enter(self, phase: Phase, now: Instant) -> None:
        self.phase, self.since, self._stopped_at = phase, now, None
