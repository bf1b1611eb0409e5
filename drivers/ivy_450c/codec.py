r"""Ivy 450C "ANSAR-B": the monitor sends one frame a second, unasked and without a checksum.

    0      1         9              209           259     309    359    409              n
    FF     ANSAR-B_  ECG, 200 / s   respiration   pleth   P1     P2     text lines       FE
                     200 bytes      50 bytes each, 50 / s; FB throughout = absent

    HR=1;80;ECG-II-DIAG;\r          name = digit ; values ; label ; alarm text CR
    RR=1;35;APNEA: 20 SEC;\r
    SPO2=1;100;PR=80 ;\r
    NIBP=4;121;75;92;80;;\r         systolic, diastolic, mean, rate

FE ends a frame only behind the waves. With no checksum to lean on the text must have exactly this form: known
names, each once, one digit, the right number of fields, possible numbers. One slip refuses the frame.

The monitor repeats its last cuff reading for ever and tells no time. A reading is news when a number of it
has changed. The first one after a start, and one that changed during a gap, have no known age: not dated.
Without a pressure there is no reading.

What a text means is not known. An alarm text is passed on as it stands and decides nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from bedside.facts import (
    FlagName,
    Frame,
    Measurement,
    MeasurementFailed,
    Missing,
    Quality,
    Reading,
    Reason,
    Rejected,
    RejectReason,
    Waveform,
)
from bedside.instants import SECOND, Instant
from bedside.vitals import NIBP_RESULT, QUANTITIES, Vital
from drivers.contract import Closed, LineEvent, Opened, Output, Received, StartNibp, StopNibp
from drivers.flags import CauseMemory
from drivers.framing import MORE, Framer, Noise, Verdict, Whole, noise_before

HEADER: Final = b"\xffANSAR-B "
TEXT_START: Final = 409
TEXT_LIMIT_BYTES: Final = 512
"""The recording's text has 152 bytes; the labels have room to grow."""
FRAME_LIMIT_BYTES: Final = TEXT_START + TEXT_LIMIT_BYTES + 1
FRAME_END: Final = 0xFE
NOT_TEXT: Final = re.compile(rb"[^ -~\r]")

PLETH: Final = slice(259, 309)
PLETH_RATE_HZ: Final = 50
ABSENT: Final = b"\xfb" * 50

GAP: Final = 3 * SECOND
"""Three frames in a row were not heard: what happened meanwhile has no instant."""

VALUES_PER_LINE: Final[Mapping[str, int]] = {
    "HR": 1,
    "RR": 1,
    "ETCO2": 1,
    "SPO2": 1,
    "NIBP": 4,
    "P1": 3,
    "P2": 3,
    "T1": 1,
    "T2": 1,
}
NEEDED: Final = ("HR", "RR", "SPO2", "NIBP")
CONTINUOUS: Final[Mapping[str, Vital]] = {"HR": Vital.HR, "RR": Vital.RR, "SPO2": Vital.SPO2}

LINE: Final = re.compile(r"([A-Z0-9]{2,5})=\d;(.*)")
VALUE: Final = re.compile(r"\d{0,3}")
UNREAD_VALUE: Final = re.compile(r"(-?\d{1,3}(\.\d{1,2})?)?")
PULSE_LABEL: Final = re.compile(r"PR=(\d{1,3}) {0,2}")

CHECKED_PRESSURES_MMHG: Final = range(30, 301)
CHECKED_RATES: Final = range(30, 241)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, in the form that all of them have."""

    values: tuple[str, ...]
    label: str
    alarm: str


class IvyCodec:
    """Listens only; remembers the last cuff reading to know a repeat from news."""

    def __init__(self) -> None:
        self._framer = Framer(_judge, FRAME_LIMIT_BYTES)
        self._flags = CauseMemory()
        self._heard_at: Instant | None = None
        self._age_known = False
        # Kept when the port is opened again: the monitor repeats the same reading after a gap, too.
        self._cuff_values: tuple[str, ...] = ()
        self._cuff_alarm = ""

    @property
    def deadline(self) -> Instant | None:
        return None

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        match event:
            case Received(data):
                out: list[Output] = []
                for frame in self._framer.feed(data):
                    out += [frame] if isinstance(frame, Rejected) else self._read(frame, now)
                return out
            case Opened() | Closed():
                self._heard_at = None
                return [*self._framer.flush()]
            case StartNibp() | StopNibp():
                return []  # the monitor takes no requests
            case _:
                assert_never(event)

    def tick(self, now: Instant) -> list[Output]:
        return []

    def _read(self, frame: bytes, now: Instant) -> list[Output]:
        lines = _lines(frame[TEXT_START:-1].decode("ascii"))
        if lines is None:
            return [Rejected(RejectReason.SANITY, len(frame))]
        if self._heard_at is None or now - self._heard_at > GAP:
            self._flags.forget()
            self._age_known = False
        self._heard_at = now
        wave = frame[PLETH]
        return [
            Frame("ansar-b"),
            *(_continuous(vital, lines[name].values[0]) for name, vital in CONTINUOUS.items()),
            _continuous(Vital.PR, _pulse_text(lines["SPO2"].label)),
            *([] if wave == ABSENT else [Waveform(PLETH_RATE_HZ, tuple(wave))]),
            *self._cuff(lines["NIBP"]),
            *self._flags.news(_causes(lines)),
        ]

    def _cuff(self, line: Line) -> list[Output]:
        out: list[Output] = []
        *pressures, _ = line.values
        if line.values != self._cuff_values and any(pressures):
            sound = self._age_known and not line.alarm and _fits(line.values)
            parts = _parts(line.values, Quality.GOOD if sound else Quality.QUESTIONABLE)
            out.append(Measurement(parts, dated=self._age_known))
        if line.alarm and line.alarm != self._cuff_alarm:
            out.append(MeasurementFailed("alarm", line.alarm))
        self._age_known = True
        self._cuff_values = line.values
        self._cuff_alarm = line.alarm
        return out


def _judge(buffer: bytearray) -> Verdict:
    noise = noise_before(buffer, HEADER)
    if noise:
        return Noise(noise)
    end = NOT_TEXT.search(buffer, TEXT_START)
    if end is None:
        return MORE
    if end[0][0] == FRAME_END:
        return Whole(end.end())
    # The frame lost bytes on its way, and its text runs into the next frame, which must not be lost too.
    return Noise(1 + noise_before(buffer[1:], HEADER))


def _lines(text: str) -> dict[str, Line] | None:
    """The lines by name; none when anything about them is not as it must be."""
    *texts, rest = text.split("\r")
    lines: dict[str, Line] = {}
    for line in texts:
        match = LINE.fullmatch(line)
        if match is None or match[1] not in VALUES_PER_LINE or match[1] in lines:
            return None
        fields = match[2].split(";")
        if len(fields) != VALUES_PER_LINE[match[1]] + 2:
            return None
        *values, label, alarm = fields
        lines[match[1]] = Line(tuple(values), label, alarm)
    complete = not rest and all(name in lines for name in NEEDED)
    return lines if complete and _values_possible(lines) else None


def _values_possible(lines: Mapping[str, Line]) -> bool:
    pulse = _pulse_text(lines["SPO2"].label)
    read = [
        *((vital, lines[name].values[0]) for name, vital in CONTINUOUS.items()),
        (Vital.PR, pulse),
        *zip(NIBP_RESULT, lines["NIBP"].values, strict=True),
    ]
    unread = [text for name, line in lines.items() if name not in NEEDED for text in line.values]
    return all(
        VALUE.fullmatch(text) and (not text or QUANTITIES[vital].possible(int(text))) for vital, text in read
    ) and all(UNREAD_VALUE.fullmatch(text) for text in unread)


def _continuous(vital: Vital, text: str) -> Reading | Missing:
    return Reading(vital, int(text)) if text else Missing(vital, Reason.NOT_MEASURABLE)


def _pulse_text(label: str) -> str:
    """The pulse rate stands in the label of the saturation; any other label is a text without one."""
    match = PULSE_LABEL.fullmatch(label)
    return match[1] if match else ""


def _parts(values: tuple[str, ...], quality: Quality) -> tuple[Reading | Missing, ...]:
    return tuple(
        Reading(vital, int(text), quality) if text else Missing(vital, Reason.NOT_MEASURABLE)
        for vital, text in zip(NIBP_RESULT, values, strict=True)
    )


def _fits(values: tuple[str, ...]) -> bool:
    """Whether the numbers are complete and fit together (nibp.md section 14)."""
    if not all(values):
        return False
    systolic, diastolic, mean, rate = map(int, values)
    return (
        systolic > mean > diastolic
        and systolic in CHECKED_PRESSURES_MMHG
        and diastolic in CHECKED_PRESSURES_MMHG
        and rate in CHECKED_RATES
    )


def _causes(lines: Mapping[str, Line]) -> Mapping[FlagName, str]:
    texts = [f"{name}: {lines[name].alarm}" for name in CONTINUOUS if lines[name].alarm]
    return {FlagName.DEVICE_ALARM: "; ".join(texts)} if texts else {}
