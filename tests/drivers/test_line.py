"""One device's line: up with the first frame, down by silence at its exact instant or with the port."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bedside.facts import DownReason, Frame, LinkDown, LinkUp, Reading, Rejected, RejectReason
from bedside.instants import MILLISECOND, SECOND, Instant
from bedside.vitals import Vital
from drivers.contract import (
    Closed,
    DeviceKind,
    Driver,
    LineEvent,
    LineSettings,
    Opened,
    Output,
    Received,
    Transmit,
)
from drivers.line import Line

SILENCE = 3 * SECOND


@dataclass(slots=True)
class Parrot:
    """A codec that makes a frame of each `f` and rejects each `x`; it polls when told to."""

    deadline: Instant | None = None
    heard: list[LineEvent] = field(default_factory=list)

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        self.heard.append(event)
        match event:
            case Received(data):
                return [out for byte in data.decode() for out in self._read(byte)]
            case _:
                return []

    def _read(self, byte: str) -> list[Output]:
        if byte == "f":
            return [Frame("f"), Reading(Vital.SPO2, 97)]
        return [Rejected(RejectReason.SANITY, 1)] if byte == "x" else []

    def tick(self, now: Instant) -> list[Output]:
        self.deadline = None
        return [Transmit(b"?"), Frame("late")]


@dataclass(slots=True)
class Rig:
    codec: Parrot
    line: Line


@pytest.fixture
def rig() -> Rig:
    codec = Parrot()
    make: Callable[[], Parrot] = lambda: codec  # noqa: E731 - one word is enough for a factory
    driver = Driver(
        name="parrot",
        title="Parrot",
        kind=DeviceKind.OXIMETER,
        vitals=(Vital.SPO2,),
        line=LineSettings(9600),
        silence_limit_ms=3000,
        stale_after_ms=3000,
        speaks_unasked=True,
        starts_nibp=False,
        confidence="",
        new_codec=make,
    )
    return Rig(codec, Line(driver))


GOOD = [Frame("f"), Reading(Vital.SPO2, 97)]


def _state(line: Line) -> tuple[bool, str, Instant | None]:
    return line.up, line.down_reason.value, line.deadline


def test_comes_up_with_the_first_frame(rig: Rig) -> None:
    line = rig.line
    assert _state(line) == (False, "closed", None)
    assert line.on(Opened(), 0) == []
    assert _state(line) == (False, "silent", None)
    assert line.opened == 1
    assert line.on(Received(b"x"), 1) == [Rejected(RejectReason.SANITY, 1)]
    assert not line.up
    assert line.on(Received(b"ff"), 2) == [LinkUp(), *GOOD, *GOOD]
    assert (line.up, line.heard_at, line.frames, line.bytes_received) == (True, 2, 2, 3)
    assert line.rejected == {"sanity": 1}


def test_down_by_silence_at_its_instant(rig: Rig) -> None:
    line = rig.line
    line.on(Received(b"f"), 5)
    assert line.deadline == 5 + SILENCE
    assert line.tick(5 + SILENCE - MILLISECOND) == []
    assert line.tick(5 + SILENCE) == [LinkDown(DownReason.SILENT)]
    assert _state(line) == (False, "silent", None)
    assert line.tick(10 * SILENCE) == []


def test_junk_is_silence(rig: Rig) -> None:
    rig.line.on(Received(b"f"), 0)
    for second in range(3):
        rig.line.on(Received(b"abc"), second * SECOND)
    assert rig.line.deadline == SILENCE
    assert rig.line.tick(SILENCE) == [LinkDown(DownReason.SILENT)]


def test_each_frame_renews(rig: Rig) -> None:
    rig.line.on(Received(b"f"), 0)
    assert rig.line.on(Received(b"f"), SECOND) == GOOD
    assert rig.line.deadline == SECOND + SILENCE


def test_up_again_after_silence(rig: Rig) -> None:
    rig.line.on(Received(b"f"), 0)
    rig.line.tick(SILENCE)
    assert rig.line.on(Received(b"f"), 2 * SILENCE) == [LinkUp(), *GOOD]


def test_down_with_the_port(rig: Rig) -> None:
    line = rig.line
    line.on(Opened(), 0)
    line.on(Received(b"f"), 0)
    assert line.on(Closed(), 1) == [LinkDown(DownReason.CLOSED)]
    assert _state(line) == (False, "closed", None)
    assert line.on(Closed(), 2) == []
    assert rig.codec.heard[-1] == Closed()


def test_opened_while_up_stays_up(rig: Rig) -> None:
    rig.line.on(Received(b"f"), 0)
    rig.line.on(Opened(), 1)
    assert rig.line.up


def test_silent_then_closed_then_open(rig: Rig) -> None:
    line = rig.line
    line.on(Received(b"f"), 0)
    line.tick(SILENCE)
    line.on(Closed(), SILENCE + 1)
    assert _state(line) == (False, "closed", None)
    line.on(Opened(), SILENCE + 2)
    assert _state(line) == (False, "silent", None)
    assert line.opened == 1


def test_the_codec_goes_first(rig: Rig) -> None:
    rig.line.on(Received(b"f"), 0)
    rig.codec.deadline = SILENCE
    assert rig.line.deadline == SILENCE
    assert rig.line.tick(SILENCE) == [Transmit(b"?"), Frame("late")]
    assert rig.line.up
    assert rig.line.deadline == 2 * SILENCE


def test_the_codec_is_not_ticked_before_its_time(rig: Rig) -> None:
    rig.codec.deadline = SECOND
    assert rig.line.deadline == SECOND
    assert rig.line.tick(SECOND - 1) == []
    assert rig.line.tick(SECOND) == [Transmit(b"?"), LinkUp(), Frame("late")]
