"""Nellcor real-time print: columns of text, no checksum. Layout and sources: PROTOCOL.md.

              1         2         3         4         5         6
    0123456789012345678901234567890123456789012345678901234567890     61 columns, then CR, LF or both
    29-Dec-17 07:18:57    89*     66     201    MO SL       AS
    |                    |  |    |  |    |      |  |  |  |  |  |
    |                    |  |    |  |    |      six slots for two-letter codes, at 44 47 50 53 56 59
    |                    |  |    |  |    pulse amplitude, 0-254, no unit, at 37-39
    |                    |  |    pulse rate at 29-31, and its limit mark
    |                    SpO2 at 21-23, and its limit mark
    the device's own clock: checked for its form, never used

Numbers are right-aligned, `---` is none. In pulse search the device prints 0 or its last values: what counts
is the code PS and the missing amplitude, not the digits. Three header lines come between data lines.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bedside.facts import FlagName, Frame, Missing, Quality, Reading, Reason, Rejected, RejectReason
from bedside.instants import Instant
from bedside.vitals import QUANTITIES, Vital
from drivers.contract import Closed, LineEvent, Opened, Output, Received
from drivers.flags import FlagMemory
from drivers.framing import MORE, Framer, Refused, Verdict, Whole

LINE_ENDS: Final = re.compile(rb"[\r\n]")
LIMIT_BYTES: Final = 128
"""The longest header line seen has 80 characters; more than this without an end is no line."""

DATA: Final = re.compile(
    rb"(?:0[1-9]|[12]\d|3[01])-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d\d "
    rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    rb"   (?P<spo2>---|  \d| [1-9]\d|[1-9]\d\d)[ *]"
    rb"    (?P<pr>---|  \d| [1-9]\d|[1-9]\d\d)[ *]"
    rb"    (?P<amplitude>---|  \d| [1-9]\d|[1-9]\d\d)"
    rb"   (?P<codes>(?: (?:[A-Z]{2}|  )){6})"
)
HEADER: Final = re.compile(
    rb"(?:N|NPB)-\d{3}[A-Za-z]? +VERSION [ -~]+"
    rb"| *(?:ADULT|NEO)\b[ -~]*"
    rb"|TIME +%S[pP]O2 +BPM +PA +Status *"
)
HIGHEST_AMPLITUDE: Final = 254

# Codes that make the numbers worthless, the strongest first. The rest of a line cannot overrule them.
NOT_CURRENT: Final = {
    "SD": Reason.PROBE_OFF,  # sensor disconnected
    "SO": Reason.PROBE_OFF,  # sensor off the patient
    "PS": Reason.SEARCHING,  # pulse search
    "LM": Reason.SEARCHING,  # loss of pulse, with interference
    "LP": Reason.SEARCHING,  # loss of pulse
}
MOTION: Final = "MO"
INTERFERENCE: Final = frozenset({MOTION, "LM"})
LOW_BATTERY: Final = "LB"
NO_DOUBT: Final = frozenset({LOW_BATTERY, "AO", "AS", "SH", "SL", "PH", "PL"})
"""About the battery and about the device's own alarms, which use its limits and not ours."""


@dataclass(frozen=True, slots=True)
class Line:
    """One data line. A number is None where the device prints dashes."""

    spo2: int | None
    pr: int | None
    amplitude: int | None
    codes: tuple[str, ...]

    @property
    def not_current(self) -> Reason | None:
        """Why both numbers are void, whatever they say."""
        for code, reason in NOT_CURRENT.items():
            if code in self.codes:
                return reason
        return Reason.SEARCHING if self.amplitude is None else None

    @property
    def sane(self) -> bool:
        """Whether every number that would be used is possible."""
        if self.not_current is not None:
            return True
        return (
            _possible(Vital.SPO2, self.spo2)
            and _possible(Vital.PR, self.pr)
            and (self.amplitude or 0) <= HIGHEST_AMPLITUDE
        )


class NellcorCodec:
    """Reads the print line by line."""

    def __init__(self) -> None:
        self._framer = Framer(_judge, LIMIT_BYTES)
        self._flags = FlagMemory()

    @property
    def deadline(self) -> Instant | None:
        """None: nothing is ever sent, so nothing is ever due."""
        return None

    def tick(self, now: Instant) -> list[Output]:
        """Nothing is ever due."""
        return []

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        """Decode what arrived."""
        match event:
            case Received(data):
                out: list[Output] = []
                for piece in self._framer.feed(data):
                    out += [piece] if isinstance(piece, Rejected) else self._read(piece[:-1])
                return out
            case Opened() | Closed():
                self._flags.forget()
                return [*self._framer.flush()]
            case _:
                return []

    def _read(self, text: bytes) -> list[Output]:
        if not text:
            return []
        line = _parse(text)
        if line is None:
            return [Frame("header")]
        return [
            Frame("line"),
            _vital(Vital.SPO2, line.spo2, line),
            _vital(Vital.PR, line.pr, line),
            *self._flags.news(
                {
                    FlagName.ARTEFACT: not INTERFERENCE.isdisjoint(line.codes),
                    FlagName.LOW_BATTERY: LOW_BATTERY in line.codes,
                }
            ),
        ]


def _judge(buffer: bytearray) -> Verdict:
    end = LINE_ENDS.search(buffer)
    if end is None:
        return MORE
    text = bytes(buffer[: end.start()])
    line = _parse(text)
    if line is not None and not line.sane:
        return Refused(RejectReason.SANITY, end.end())
    # Nothing at all is the second half of CR LF.
    if line is not None or not text or HEADER.fullmatch(text):
        return Whole(end.end())
    return Refused(RejectReason.LENGTH, end.end())


def _parse(text: bytes) -> Line | None:
    found = DATA.fullmatch(text)
    if found is None:
        return None
    return Line(
        spo2=_number(found["spo2"]),
        pr=_number(found["pr"]),
        amplitude=_number(found["amplitude"]),
        codes=tuple(found["codes"].decode("ascii").split()),
    )


def _number(field: bytes) -> int | None:
    return None if field == b"---" else int(field)


def _possible(vital: Vital, value: int | None) -> bool:
    return value is None or QUANTITIES[vital].possible(value)


def _vital(vital: Vital, value: int | None, line: Line) -> Reading | Missing:
    reason = line.not_current
    if reason is not None:
        return Missing(vital, reason)
    if value is None:
        return Missing(vital, Reason.MOTION if MOTION in line.codes else Reason.SEARCHING)
    return Reading(vital, value, _quality(line.codes))


def _quality(codes: Collection[str]) -> Quality:
    """Good only when nothing is said against it: motion, or a code that we do not know, is a doubt."""
    return Quality.GOOD if NO_DOUBT.issuperset(codes) else Quality.QUESTIONABLE
