"""When the next cuff measurement is due, and when one is overdue (clinical basis, 7.4).

    PRE       two readings, 2 min apart
    DOSING    every 10 min (or the site's interval), every 5 min once hypertension was seen, and at its end
    OBSERVE   every 15 min for the first hour, then every 30 min; every 5 min while a pressure alarm is there

A failed measurement is repeated once after a minute; failing again, it is tried at most every five minutes.
A failure does not make the next reading any less overdue.

A repeat that an alarm asks for comes before the plan. Nothing starts within a minute of the last start or
end, and after a restart a minute is waited first: a crash loop must not keep a cuff inflated.
"""

from typing import Final

from alarms.session import Phase, Session
from bedside.instants import MINUTE, Instant, earliest

PRE_READINGS: Final = 2
PRE_GAP: Final = 2 * MINUTE
CLOSE_WATCH: Final = 5 * MINUTE
OBSERVE_EARLY: Final = 15 * MINUTE
OBSERVE_LATE: Final = 30 * MINUTE
REST: Final = 1 * MINUTE
RETRY: Final = 1 * MINUTE
GRACE: Final = 2 * MINUTE
OUTDATED_FACTOR: Final = 1.5
BLANK_FACTOR: Final = 3.0


class NibpSchedule:
    """The plan for one patient's cuff, and what came of it."""

    def __init__(self, now: Instant, *, dosing_interval: Instant) -> None:
        self.failures = 0
        self._dosing_interval = dosing_interval
        self._begun_at = now
        self._rest_until = now + REST
        self._readings = 0
        self._measured_at: Instant | None = None
        self._ended_at: Instant | None = None
        self._repeat_at: Instant | None = None
        self._close_watch = False
        self._shelf_life: Instant | None = None
        self._expected_by: Instant | None = None

    def new_patient(self, now: Instant) -> None:
        """Forget the last patient's readings, not when the cuff was last inflated."""
        self._begun_at, self._readings, self._measured_at, self._ended_at = now, 0, None, None
        self.failures, self._repeat_at, self._close_watch = 0, None, False
        self._shelf_life = self._expected_by = None

    def on_started(self, now: Instant) -> None:
        """The cuff began to inflate, whoever asked for it."""
        self._ended_at = now
        self._rest_until = now + REST
        self._repeat_at = None

    def on_measured(self, now: Instant) -> None:
        """A valid reading came."""
        self._ended_at = self._measured_at = now
        self._rest_until = now + REST
        self._readings += 1
        self.failures = 0
        self._shelf_life = self._expected_by = None

    def on_failed(self, now: Instant) -> None:
        """A measurement ended without a result: one retry follows after a minute."""
        self._ended_at = now
        self._rest_until = now + REST
        self.failures += 1
        if self.failures == 1:
            self.repeat(now + RETRY)

    def repeat(self, at: Instant) -> None:
        """An alarm condition wants its reading confirmed at this instant."""
        self._repeat_at = earliest(self._repeat_at, at)

    def watch_closely(self) -> None:
        """Hypertension was seen: dosing goes on with the short interval."""
        self._close_watch = True

    def resting(self, now: Instant) -> bool:
        """Whether the cuff may not be inflated yet."""
        return now < self._rest_until

    def interval(self, session: Session, now: Instant, *, pressure_alarm: bool) -> Instant:
        """The gap that the plan wants between readings now."""
        if session.phase is Phase.PRE:
            return PRE_GAP
        if session.phase is Phase.DOSING:
            return CLOSE_WATCH if self._close_watch else self._dosing_interval
        if pressure_alarm:
            return CLOSE_WATCH
        return OBSERVE_LATE if session.calmer_at(now) is None else OBSERVE_EARLY

    def shelf_life(self, session: Session, now: Instant, *, pressure_alarm: bool) -> Instant:
        """The gap by which the last reading ages: the shortest that the plan has wanted since it was made.

        What was blank once is not shown again. The two readings before the dose are to last until it begins.
        """
        gap = self.interval(session, now, pressure_alarm=pressure_alarm)
        gap = max(gap, self._dosing_interval) if session.phase is Phase.PRE else gap
        self._shelf_life = gap if self._shelf_life is None else min(self._shelf_life, gap)
        return self._shelf_life

    def due_at(self, session: Session, now: Instant, *, pressure_alarm: bool) -> Instant | None:
        """When the next measurement should start; an instant in the past means now."""
        wanted = earliest(self._repeat_at, self._planned_at(session, now, pressure_alarm=pressure_alarm))
        return None if wanted is None else max(wanted, self._rest_until)

    def expected_by(self, session: Session, now: Instant, *, pressure_alarm: bool) -> Instant | None:
        """When the absence of a new valid reading counts as overdue: the interval and two minutes.

        What is overdue once stays so until there is a reading, whatever phase comes.
        """
        if self._complete_for(session):
            return None
        if self._expected_by is None or now < self._expected_by:
            since = max(self._begun_at, session.since) if self._measured_at is None else self._measured_at
            self._expected_by = since + self.interval(session, now, pressure_alarm=pressure_alarm) + GRACE
        return self._expected_by

    def _planned_at(self, session: Session, now: Instant, *, pressure_alarm: bool) -> Instant | None:
        if self._complete_for(session):
            return None
        if self._ended_at is None:
            return self._begun_at
        if session.phase is Phase.OBSERVE and self._ended_at < session.since:
            return session.since
        interval = self.interval(session, now, pressure_alarm=pressure_alarm)
        return self._ended_at + (max(interval, CLOSE_WATCH) if self.failures > 1 else interval)

    def _complete_for(self, session: Session) -> bool:
        return session.phase is Phase.PRE and self._readings >= PRE_READINGS
