"""What is known of this bed now: every vital of every device, dated, with age making unknown.

The board is where a value stops being current. A continuous value older than its driver's limit is stale; a
line that is lost makes all its continuous values missing at once. A cuff reading is a dated spot value: it
outlives its line, is doubted after one and a half intervals and blank after three.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from alarms.schedule import BLANK_FACTOR, OUTDATED_FACTOR, PRE_GAP
from bedside.facts import (
    Fact,
    Flag,
    FlagName,
    LinkDown,
    LinkUp,
    Measurement,
    Missing,
    Quality,
    Reading,
    Reason,
    Value,
)
from bedside.instants import SECOND, Instant
from bedside.vitals import NIBP_RESULT, NibpState, PumpState, RespirationSource, Vital

ARMED_AFTER: Final = 5 * SECOND
"""Pulse seen for this long since the probe was applied: from then on its loss is the patient's, not the
probe's.
"""

STEADY_AFTER: Final = 5 * SECOND
"""A line that has been up for this long is back. One frame now and then is not a patient watched."""

EXPLAINED: Final = frozenset({Reason.PROBE_OFF, Reason.SENSOR_FAULT, Reason.MOTION})
"""Reasons that have an alarm condition of their own."""

SPOT: Final = frozenset(NIBP_RESULT)


@dataclass(frozen=True, slots=True)
class Source:
    """A device as the alarms see it: what it offers, and how long its values stay current."""

    name: str
    vitals: tuple[Vital, ...]
    stale_after: Instant
    respiration: RespirationSource | None = None
    starts_nibp: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A vital has a current value, received at `at`."""

    value: Value
    quality: Quality
    at: Instant


@dataclass(frozen=True, slots=True)
class Absent:
    """A vital has no current value."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class PulseGap:
    """How far the pulse at the cuff was from the pulse at the probe, at one cuff reading."""

    per_min: float
    doubted: bool


@dataclass(slots=True)
class _Link:
    """What is known of one source's line."""

    up: bool = False
    up_at: Instant = 0
    heard_at: Instant | None = None
    steady_until: Instant | None = None
    flags: dict[FlagName, str] = field(default_factory=dict)


class Board:
    """The latest news of every vital and line. `primary` names the source that the alarms use for a vital."""

    def __init__(self, sources: tuple[Source, ...], now: Instant) -> None:
        self.sources: Mapping[str, Source] = {source.name: source for source in sources}
        self.begun_at = now
        self.primary: dict[Vital, str] = {}
        for source in sources:
            for vital in source.vitals:
                self.primary.setdefault(vital, source.name)
        self.nibp_interval: Instant = PRE_GAP
        self.cuff_inflated_at: Instant | None = None
        self.cuff_inflated = False
        self.pulse_armed = False
        self.pulse_gaps: deque[PulseGap] = deque(maxlen=2)
        self._pulse_since: Instant | None = None
        self._entries: dict[tuple[Vital, str], Known | Absent] = {}
        self._renewed: dict[tuple[Vital, str], Instant] = {}
        self._had: set[tuple[Vital, str]] = set()
        self._links: dict[str, _Link] = {source.name: _Link(up_at=now) for source in sources}

    # What the devices say

    def heard(self, source: str, now: Instant) -> None:
        """A valid frame came from this source."""
        link = self._links[source]
        link.heard_at = now
        if link.up and now >= link.up_at + STEADY_AFTER:
            link.steady_until = now

    def on(self, source: str, fact: Fact, now: Instant) -> None:
        """Take one fact of one source."""
        link = self._links[source]
        match fact:
            case Reading() | Missing():
                self._note(source, fact, now)
            case Measurement(parts, dated):
                for part in parts:
                    self._note(source, part, now)
                    if dated and source == self.primary.get(Vital.NIBP_PR):
                        self._compare_pulses(part, now)
            case Flag(name, on, detail):
                if on:
                    link.flags[name] = detail
                else:
                    link.flags.pop(name, None)
            case LinkUp():
                link.up, link.up_at = True, now
            case LinkDown():
                # Flags stay: the device has not said that they ended, and says so when it is heard again.
                link.up = False
                self.cuff_inflated = self.cuff_inflated and source != self.primary.get(Vital.NIBP_STATE)
            case _:
                pass

    def _note(self, source: str, fact: Reading | Missing, now: Instant) -> None:
        key = (fact.vital, source)
        if fact.vital is Vital.PR and source == self.primary.get(Vital.PR):
            self._follow_pulse(fact, now)
        if isinstance(fact, Reading):
            self._entries[key] = Known(fact.value, fact.quality, now)
            self._renewed[key] = now
            self._had.add(key)
            if fact.vital is Vital.NIBP_STATE and source == self.primary.get(Vital.NIBP_STATE):
                self._follow_cuff(fact.value, now)
        else:
            self._entries[key] = Absent(fact.reason)
            if self._explained(fact, source):
                self._renewed[key] = now

    def _explained(self, fact: Missing, source: str) -> bool:
        """Whether another condition tells of this missing value: the probe's, or the lost pulse's."""
        pulse = self._entries.get((Vital.PR, source))
        lost = fact.vital is Vital.PR or not isinstance(pulse, Known)
        return fact.reason in EXPLAINED or (fact.reason is not Reason.NOT_MEASURABLE and lost)

    def _follow_pulse(self, fact: Reading | Missing, now: Instant) -> None:
        """Arming of the lost-pulse alarm: five seconds of unbroken pulse since the probe was last applied."""
        if isinstance(fact, Reading):
            if self._pulse_since is None or isinstance(self.look(Vital.PR, now), Absent):
                self._pulse_since = now
            self.pulse_armed = self.pulse_armed or now - self._pulse_since >= ARMED_AFTER
        else:
            self._pulse_since = None
            if fact.reason in (Reason.PROBE_OFF, Reason.SENSOR_FAULT):
                self.pulse_armed = False

    def _compare_pulses(self, part: Reading | Missing, now: Instant) -> None:
        """The cuff's pulse against the probe's, while both are of this instant."""
        match part, self.look(Vital.PR, now):
            case (
                Reading(Vital.NIBP_PR, int() | float() as cuff, quality),
                Known(int() | float() as probe, probe_quality),
            ):
                doubted = Quality.QUESTIONABLE in (quality, probe_quality)
                self.pulse_gaps.append(PulseGap(abs(cuff - probe), doubted))
            case _:
                pass

    def _follow_cuff(self, state: Value, now: Instant) -> None:
        was, self.cuff_inflated = self.cuff_inflated, state in (NibpState.INFLATING, NibpState.DEFLATING)
        if was or self.cuff_inflated:
            self.cuff_inflated_at = now

    def forget_patient(self) -> None:
        """A new patient: the last one's spot values must not be shown."""
        self.pulse_gaps.clear()
        self._entries = {key: entry for key, entry in self._entries.items() if key[0] not in SPOT}

    # What is known now

    def offers(self, vital: Vital) -> bool:
        """Whether any device of this bed can measure this."""
        return vital in self.primary

    def look(self, vital: Vital, now: Instant, source: str | None = None) -> Known | Absent:
        """A vital as it may be shown and judged now, from its primary source unless another is named."""
        source = source or self.primary.get(vital)
        if source is None:
            return Absent(Reason.NEVER)
        entry = self._entries.get((vital, source))
        link = self._links[source]
        if vital in SPOT:
            return self._look_at_spot(entry, now)
        if not link.up:
            return Absent(Reason.NEVER if entry is None and link.heard_at is None else Reason.LINK_DOWN)
        if entry is None:
            return Absent(Reason.NEVER)
        if now >= self._renewed_at(vital, source) + self.sources[source].stale_after:
            return Absent(entry.reason if isinstance(entry, Absent) else Reason.STALE)
        return entry

    def _look_at_spot(self, entry: Known | Absent | None, now: Instant) -> Known | Absent:
        if entry is None:
            return Absent(Reason.NEVER)
        if isinstance(entry, Absent):
            return entry
        age = now - entry.at
        if age >= BLANK_FACTOR * self.nibp_interval:
            return Absent(Reason.STALE)
        if age >= OUTDATED_FACTOR * self.nibp_interval:
            return Known(entry.value, Quality.QUESTIONABLE, entry.at)
        return entry

    def changes_at(self, vital: Vital, now: Instant) -> Instant | None:
        """The next instant at which `look` would answer otherwise by age alone, or none."""
        source = self.primary.get(vital)
        entry = None if source is None else self._entries.get((vital, source))
        if source is None or not isinstance(entry, Known):
            return None
        if vital not in SPOT:
            ages = [self.sources[source].stale_after] if self._links[source].up else []
        else:
            ages = [round(factor * self.nibp_interval) for factor in (OUTDATED_FACTOR, BLANK_FACTOR)]
        return min((entry.at + age for age in ages if entry.at + age > now), default=None)

    def number(self, vital: Vital, now: Instant) -> float | None:
        """The current value of a numeric vital, or None when it has none."""
        match self.look(vital, now):
            case Known(int() | float() as value):
                return value
            case _:
                return None

    def pump(self, now: Instant) -> PumpState | None:
        """What the pump is known to do, or None: no reply is unknown, not stopped."""
        match self.look(Vital.PUMP_STATE, now):
            case Known(PumpState() as state) if state is not PumpState.UNKNOWN:
                return state
            case _:
                return None

    def had(self, vital: Vital) -> bool:
        """Whether the primary source of this vital has ever given a value."""
        return (vital, self.primary[vital]) in self._had

    def link_up(self, vital: Vital) -> bool:
        """Whether the primary source of this vital is heard."""
        source = self.primary.get(vital)
        return source is not None and self._links[source].up

    def steady(self, vital: Vital) -> bool:
        """Whether the primary source of this vital is up, and was heard `STEADY_AFTER` after it came up."""
        link = self._links[self.primary[vital]]
        return link.up and link.steady_until is not None and link.steady_until >= link.up_at

    def heard_at(self, vital: Vital) -> Instant:
        """When the primary source of this vital was last heard; the beginning if never."""
        heard_at = self._links[self.primary[vital]].heard_at
        return self.begun_at if heard_at is None else heard_at

    def steady_until(self, vital: Vital) -> Instant:
        """When the primary source of this vital was last heard in a steady spell; the beginning if never."""
        steady_until = self._links[self.primary[vital]].steady_until
        return self.begun_at if steady_until is None else steady_until

    def renewed_at(self, vital: Vital) -> Instant:
        """When a value or a reason for having none last came, or else when the line last came up."""
        source = self.primary[vital]
        return max(self._renewed_at(vital, source), self._links[source].up_at)

    def _renewed_at(self, vital: Vital, source: str) -> Instant:
        return self._renewed.get((vital, source), self.begun_at)

    def flag(self, vital: Vital, *names: FlagName) -> str | None:
        """The detail of the first of these flags that the vital's source has raised, or None."""
        flags = self._links[self.primary[vital]].flags
        return next((flags[name] for name in names if name in flags), None)
