r"""Alaris / Asena GH syringe pump: 38400 8N1, the host asks (pumps.md 5).

    ! name [^ field]* | CRC \r         CRC: four upper-case hex digits over what stands between ! and |
                                       (polynomial 1021, start FFFF, not reflected)

This pump answers queries. Everything else is refused in silence, since the form of a refusal is not known,
and kept in `violations`: a reading host must never send it. ESC breaks a frame off.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from bedside.instants import Instant, in_seconds
from simulators.contract import MOST_VIOLATIONS, Simulator, Surroundings
from simulators.infusion import Course, Infusion, Notice
from simulators.scenario import Battery, Role

SERIAL_NUMBER: Final = "8002-51740"
FIRST_EVENT: Final = 127_900
_HELD: Final = 256
"""Bytes of an unfinished frame; the longest known query has 27."""

NO_ALARM: Final = "AL_NOALM"
NOTICE_CODES: Final[Mapping[Notice, str]] = {
    Notice.OCCLUSION: "AL_OCCLU",
    Notice.COMPLETE: "AL_VTBIS",
    Notice.NEAR_END: "AL_NEOIN",
}
BATTERY_CODES: Final[Mapping[Battery, str]] = {
    Battery.EMPTY: "AL_EMBAT",
    Battery.LOW: "AL_LWBAT",
    Battery.MAINS_LOST: "AL_ACDIS",
}
URGENCY: Final = (
    "AL_OCCLU",
    "AL_EMBAT",
    "AL_VTBIS",
    "AL_LWBAT",
    "AL_ACDIS",
    "AL_NEOIN",
)
"""The pump names one alarm at a time: the first of these that holds."""


def crc(body: bytes) -> int:
    """CRC-16, polynomial 1021, start FFFF, not reflected; of "123456789" it is 29B1."""
    value = 0xFFFF
    for byte in body:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021) & 0xFFFF if value & 0x8000 else value << 1
    return value


def frame(*fields: str) -> bytes:
    """A frame of these fields, the name first."""
    body = "^".join(fields).encode("ascii")
    return b"!%s|%04X\r" % (body, crc(body))


def inf_fields(pump: Infusion, *, alarm: bool, pressure_mmhg: float, serial: str) -> tuple[str, ...]:
    """The fields of the INF reply. The drug's name is empty in every known reply."""
    return (
        "INF",
        serial,
        "A" if alarm else "-",
        "SET" if pump.course is Course.INFUSING else "HLD",
        f"{pump.rate_ml_per_h:.2f}",
        "ml/h",
        "",
        f"{pump.infused_ml:.3f}",
        "ml",
        f"{pressure_mmhg:.2f}",
        "mmHg",
        time_left(pump.time_left_s),
        "EVENT",
        str(FIRST_EVENT + pump.events),
    )


def time_left(left_s: float | None) -> str:
    """HH:MM:SS, or 24+ where the end is further away or not known."""
    if left_s is None or left_s >= 24 * 3600:
        return "24+"
    minutes, second = divmod(round(left_s), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"


def alarm_code(notice: Notice, battery: Battery) -> str:
    """The one alarm that the pump names."""
    holding = {NOTICE_CODES.get(notice), BATTERY_CODES.get(battery)}
    return next((code for code in URGENCY if code in holding), NO_ALARM)


class AlarisGh:
    """The pump's port."""

    def __init__(self, bed: Surroundings, option: str) -> None:
        self._bed = bed
        self._heard = b""
        self._violations: list[str] = []

    @property
    def deadline(self) -> None:
        """The pump never speaks unasked."""
        return

    @property
    def violations(self) -> Sequence[str]:
        """Whatever came that was not one of the queries."""
        return tuple(self._violations)

    def tick(self, now: Instant) -> list[bytes]:
        """Nothing is ever due."""
        return []

    def on(self, data: bytes, now: Instant) -> list[bytes]:
        """Answer each whole query."""
        *lines, rest = (self._heard + data).split(b"\r")
        self._heard = rest.rpartition(b"\x1b")[2][-_HELD:]
        return [reply for line in lines for reply in self._answer(line.rpartition(b"\x1b")[2], now)]

    def _answer(self, line: bytes, now: Instant) -> list[bytes]:
        body, bar, check = line.partition(b"!")[2].partition(b"|")
        if not bar or check != b"%04X" % crc(body):
            return []
        name = body.decode("ascii", "replace")
        fields = self._reply(name, now)
        if fields is None:
            if len(self._violations) < MOST_VIOLATIONS:
                self._violations.append(name)
            return []
        return [frame(name, *fields)]

    def _reply(self, name: str, now: Instant) -> tuple[str, ...] | None:
        pump = self._bed.infusion(now)
        code = alarm_code(pump.notice, self._bed.scene(now).battery(Role.PUMP))
        match name:
            case "INF":
                pressure = pump.pressure_mmhg + 3 * math.sin(in_seconds(now - self._bed.start) / 7)
                alarm = code != NO_ALARM
                return inf_fields(pump, alarm=alarm, pressure_mmhg=pressure, serial=SERIAL_NUMBER)[1:]
            case "ALARM":
                return (code, " ", " ") if code == NO_ALARM else (code, "", "")
            case "INF_VTBI":
                left = pump.remaining_ml
                return ("DEACT", "", "ml", "STOP") if left is None else ("ACTIV", f"{left:.3f}", "ml", "STOP")
            case "INF_VI":
                return (f"{pump.infused_ml:.3f}", "ml")
            case "INF_RATE":
                return (f"{pump.set_rate_ml_per_h:.2f}", "ml/h")
            case _:
                return _FIXED.get(name)


_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "INST_SERIALNO": (SERIAL_NUMBER,),
    "COMMS_PROTOCOL": ("Asena Rev 2.1.5",),
    "COMMS_RESPONSE_MAX": ("4000", "ms"),
    "SYRINGE_STATUS": ("BD PLASTIPAK", " 50", "CONF"),
    "INF_RATE_MAX_SYRINGE": ("1200.00", "ml/h"),
}

SIMULATOR: Final = Simulator("alaris-gh", Role.PUMP, ("gh",), AlarisGh)
