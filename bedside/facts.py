"""What a device can tell us. One class per kind of news; a fact is dated by whoever received the bytes.

A number is either known (`Reading`) or missing with its reason (`Missing`). There is no third way: no code
word, no zero, no last value. A value the device itself doubts is a `Reading` of questionable quality.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bedside.vitals import NibpState, PumpState, Vital

Value: TypeAlias = float | NibpState | PumpState


class Quality(StrEnum):
    """Whether the device vouches for its value."""

    GOOD = "good"
    QUESTIONABLE = "questionable"


class Reason(StrEnum):
    """Why a vital has no value."""

    NEVER = "never"
    PROBE_OFF = "probe-off"
    SEARCHING = "searching"
    MOTION = "motion"
    LOW_PERFUSION = "low-perfusion"
    SENSOR_FAULT = "sensor-fault"
    UNSURE = "unsure"
    STALE = "stale"
    LINK_DOWN = "link-down"
    FAILED = "failed"
    NOT_MEASURABLE = "not-measurable"


class FlagName(StrEnum):
    """What a device says about itself or its line, apart from numbers."""

    ARTEFACT = "artefact"
    LOW_PERFUSION = "low-perfusion"
    WEAK_SIGNAL = "weak-signal"
    LOW_BATTERY = "low-battery"
    BATTERY_EMPTY = "battery-empty"
    MAINS_LOST = "mains-lost"
    OCCLUSION = "occlusion"
    AIR_IN_LINE = "air-in-line"
    FLOW_ERROR = "flow-error"
    NEAR_END = "near-end"
    CONTAINER_EMPTY = "container-empty"
    CUFF_OVERPRESSURE = "cuff-overpressure"
    CUFF_NOT_DEFLATED = "cuff-not-deflated"
    DEVICE_FAULT = "device-fault"
    DEVICE_ALARM = "device-alarm"


class RejectReason(StrEnum):
    """Why bytes were not believed."""

    LENGTH = "length"
    CHECKSUM = "checksum"
    SANITY = "sanity"
    OVERFLOW = "overflow"


class DownReason(StrEnum):
    """How a line was lost."""

    SILENT = "silent"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Reading:
    """A vital has this value, in the unit of its row in `bedside.vitals`."""

    vital: Vital
    value: Value
    quality: Quality = Quality.GOOD


@dataclass(frozen=True, slots=True)
class Missing:
    """A vital has no value now, for this reason."""

    vital: Vital
    reason: Reason


@dataclass(frozen=True, slots=True)
class Measurement:
    """One finished spot measurement (a cuff reading): its parts belong together and to one instant.

    `dated` is False when that instant is not known: the device was found with it, and it may be of any age.
    """

    parts: tuple[Reading | Missing, ...]
    dated: bool = True


@dataclass(frozen=True, slots=True)
class MeasurementFailed:
    """A spot measurement ended without a result. The device's own code is kept: code lists are incomplete."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A condition that the device reports began or ended. Sent on change, and again after a link was lost."""

    name: FlagName
    on: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Consecutive pleth samples, oldest first, in the device's own counts, evenly spaced at `rate_hz`."""

    rate_hz: int
    samples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame that passed every check, by the name its protocol gives it: the line is alive."""

    name: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that were not believed, and how many."""

    reason: RejectReason
    size_bytes: int


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The first valid frame after a start or a loss."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """No valid frame for the driver's silence limit, or the port is gone."""

    reason: DownReason


Fact: TypeAlias = (
    Reading
    | Missing
    | Measurement
    | MeasurementFailed
    | Flag
    | Waveform
    | Frame
    | Rejected
    | LinkUp
    | LinkDown
)
