"""What a driver is: a record, and a codec with the one machine face.

A codec turns what its line brings into facts, and what a person or the schedule asks into bytes. It never
sees a port and never asks for the time:

    on(event, now)   bytes arrived, the port opened or closed, or a measurement was asked for
    tick(now)        time has passed: polls that are due, replies that are overdue
    deadline         when `tick` is next needed, or none

Bytes in any chunking must give the same facts. Nothing that arrives may raise. No buffer grows past its
bound. `now` never runs backwards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from bedside.facts import Fact
from bedside.instants import Instant
from bedside.vitals import RespirationSource, Vital


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes as the port delivered them."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """The port is open (again). What was half received before belongs to nothing."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The port is gone."""


@dataclass(frozen=True, slots=True)
class StartNibp:
    """Start one cuff measurement now."""


@dataclass(frozen=True, slots=True)
class StopNibp:
    """Abort the cuff measurement that is under way."""


LineEvent: TypeAlias = Received | Opened | Closed | StartNibp | StopNibp


@dataclass(frozen=True, slots=True)
class Transmit:
    """Bytes to write to the device."""

    data: bytes


Output: TypeAlias = Fact | Transmit


class Codec(Protocol):
    """One device's bytes, in and out."""

    @property
    def deadline(self) -> Instant | None:
        """The instant by which `tick` must be called, or none."""

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        """Take one event; return facts and bytes to send, in order."""

    def tick(self, now: Instant) -> list[Output]:
        """Do what was due by `now`."""


class DeviceKind(StrEnum):
    """What a device is for."""

    OXIMETER = "oximeter"
    NIBP = "nibp"
    PUMP = "pump"
    MONITOR = "monitor"


class Parity(StrEnum):
    """As pyserial spells it."""

    NONE = "N"
    EVEN = "E"
    ODD = "O"


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How the port is set: always all of it, never a library's default."""

    baud: int
    data_bits: int = 8
    parity: Parity = Parity.NONE
    stop_bits: int = 1


@dataclass(frozen=True, slots=True)
class Driver:
    """One device's record: everything the rest of the house needs to know about it.

    `silence_limit_ms`: without a valid frame for this long the line counts as lost.
    `stale_after_ms`: a continuous value older than this is not shown as current.
    `speaks_unasked`: the device sends by itself; others only answer.
    `starts_nibp`: the host can start a cuff measurement.
    `confidence`: how well the protocol is known, in the marks of its PROTOCOL.md.
    """

    name: str
    title: str
    kind: DeviceKind
    vitals: tuple[Vital, ...]
    line: LineSettings
    silence_limit_ms: int
    stale_after_ms: int
    speaks_unasked: bool
    starts_nibp: bool
    confidence: str
    new_codec: Callable[[], Codec]
    pleth_rate_hz: int = 0
    sources: Mapping[Vital, RespirationSource] = field(default_factory=dict)
