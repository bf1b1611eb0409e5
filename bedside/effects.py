"""What the core may ask of the world. Values only: carrying them out is the shell's work.

Reports are what goes out over MQTT, before they have topics and JSON; `bedside.wire` gives them both.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bedside.commands import Reply
from bedside.facts import Quality, Reason, Value
from bedside.instants import Instant
from bedside.level import Level
from bedside.priorities import Audio, Kind, Priority
from bedside.vitals import RespirationSource, Vital


@dataclass(frozen=True, slots=True)
class Write:
    """Write these bytes to the port of this device. Decided at `at`: an old request is not made late."""

    device: str
    data: bytes
    at: Instant


@dataclass(frozen=True, slots=True)
class Annunciate:
    """Show and sound this level at the bedside."""

    level: Level


@dataclass(frozen=True, slots=True)
class VitalKnown:
    """A vital with its value; `age` counts from the arrival of the reading."""

    vital: Vital
    source: str
    primary: bool
    value: Value
    age: Instant
    quality: Quality
    respiration_source: RespirationSource | None = None


@dataclass(frozen=True, slots=True)
class VitalMissing:
    """A vital without a value, and why."""

    vital: Vital
    source: str
    primary: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class VitalsReport:
    """Every vital that this bed's devices could give, unique by vital and source."""

    vitals: tuple[VitalKnown | VitalMissing, ...]


@dataclass(frozen=True, slots=True)
class PlethReport:
    """Consecutive pleth samples of the primary oximeter; `first` is the ordinal of the first one."""

    source: str
    rate_hz: int
    first: int
    samples: tuple[int, ...]


class Presence(StrEnum):
    """Where an episode of an alarm condition stands."""

    PRESENT = "present"
    LATCHED = "latched"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who stopped the sound, when, and at which priority: it covers no higher one."""

    by: str
    at: Instant
    priority: Priority


@dataclass(frozen=True, slots=True)
class ConditionState:
    """One episode of an alarm condition as it stands now.

    `value` and `limit` are absent for conditions that are not about a number. `priority` None marks an
    indication: shown, never sounded.
    """

    id: str
    mdc: int | None
    episode: str
    name: str
    kind: Kind
    priority: Priority | None
    presence: Presence
    acknowledged: Acknowledgement | None
    since: Instant
    value: float | None
    limit: float | None
    text: str


@dataclass(frozen=True, slots=True)
class AlarmsReport:
    """The whole alarm state. `audio_until` is when a pause ends."""

    highest: Priority | None
    audio: Audio
    audio_until: Instant | None
    conditions: tuple[ConditionState, ...]


class Change(StrEnum):
    """What happened to an episode of an alarm condition."""

    RAISED = "raised"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    RESOUNDED = "resounded"
    LATCHED = "latched"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Transition:
    """One step in the life of an episode, at the instant it was decided."""

    change: Change
    at: Instant
    state: ConditionState


class Origin(StrEnum):
    """Where a limit in force comes from."""

    PRESET = "preset"
    SITE = "site"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class LimitInForce:
    """One alarm limit, with its vital's unit (UCUM) and its origin. `key` is its row in `alarms.limits`."""

    condition: str
    key: str
    vital: Vital
    value: float
    unit: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class NotMonitored:
    """A condition that this bed cannot see, or that is off, and why."""

    condition: str
    reason: str


@dataclass(frozen=True, slots=True)
class SetupReport:
    """What the alarms go by at this bed."""

    preset: str
    phase: str
    patient: str
    weight_kg: float | None
    limits: tuple[LimitInForce, ...]
    not_monitored: tuple[NotMonitored, ...]
    sounder: str


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A device's link: counters since this start, by reject reason; `quiet` since the last valid frame."""

    device: str
    driver: str
    port: str
    up: bool
    down_reason: str
    frames: int
    rejected: tuple[tuple[str, int], ...]
    bytes_received: int
    bytes_per_second: float
    quiet: Instant | None
    opened: int


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """A device of this bed as its birth message names it."""

    device: str
    driver: str
    kind: str


@dataclass(frozen=True, slots=True)
class StatusReport:
    """This bed is online, with these devices."""

    devices: tuple[DeviceEntry, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """One line for the log, with its fields."""

    event: str
    fields: tuple[tuple[str, str | int | float | bool], ...] = ()


Report: TypeAlias = (
    VitalsReport | PlethReport | AlarmsReport | SetupReport | DeviceLine | StatusReport | Reply
)
Effect: TypeAlias = Write | Annunciate | Transition | Note | Report
