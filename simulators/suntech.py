"""SunTech Advantage blood-pressure module: 9600 8N1, the host asks (nibp.md 4).

    host      3A command [data] checksum            no length: it follows from the command
    module    3E length data checksum               length counts the whole packet
              checksum: the whole packet sums to zero modulo 256; numbers are little endian

An answer does not say which command it answers. One letter answers: O accepted, K done, A aborted, B busy,
E error, N undefined, D not recognised. A measurement gives O at once and K, unasked, when the cuff is
released.
"""

import struct
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from bedside.instants import SECOND, Instant
from simulators.contract import MOST_VIOLATIONS, Simulator, Surroundings
from simulators.cuff import Failure, Measurement, Outcome, Result, measure
from simulators.scenario import Cuff, Role

START_ADULT, START_CHILD, START_NEONATE = b"\x20", b"\x87", b"\x28"
ABORT, CUFF_PRESSURE, BP_DATA = b"\x79\x01\x00", b"\x79\x05\x00", b"\x79\x03\x00"
SELF_TESTS: Final = (b"\x79\x10\x03", b"\x79\x11\x00")
RETURN_CODE, PREPARE_MODEL, MODEL = b"\x79\x02\x03", b"\x00", b"\x79\x02\x40"
RESET: Final = b"\x8a"
SET_INFLATION: Final = 0x17

FIRST_INFLATION_MMHG: Final[Mapping[bytes, int]] = {START_ADULT: 160, START_CHILD: 120, START_NEONATE: 90}
INFLATION_BOUNDS_MMHG: Final = (80, 280)
ABOVE_LAST_SYSTOLIC_MMHG: Final = 30

_SIZES: Final[Mapping[int, int]] = {
    **dict.fromkeys((0x20, 0x87, 0x28, 0x00, 0x8A), 3),
    **dict.fromkeys((0x79, SET_INFLATION), 5),
    0x0C: 6,
}
_LONGEST_UNKNOWN: Final = 8
SERVICE: Final[Mapping[int, str]] = {
    0x04: "calibrate",
    0x0C: "drive pump and valves",
    0x81: "sleep",
    0x86: "venous stasis",
}
"""Never to be sent to a patient."""

ERROR_CODES: Final[Mapping[Failure, int]] = {
    Failure.WEAK: 1,
    Failure.ARTEFACT: 2,
    Failure.RANGE: 3,
    Failure.TOO_LONG: 4,
    Failure.BLOCKED: 85,
    Failure.STOPPED: 86,
    Failure.LEAK: 87,
    Failure.SAFETY_TIMEOUT: 88,
    Failure.OVERPRESSURE: 89,
}

FORGETS_HALF_A_COMMAND_AFTER: Final[Instant] = SECOND
_HELD: Final = 64


def packet(data: bytes) -> bytes:
    """A module's packet around its data."""
    return _closed(bytes((0x3E, len(data) + 3)) + data)


def letter(answer: str) -> bytes:
    """A one-letter answer."""
    return packet(answer.encode())


def cuff_packet(pressure_mmhg: int) -> bytes:
    """The answer to "get cuff pressure"."""
    return packet(struct.pack("<H", pressure_mmhg))


def bp_packet(outcome: Outcome | None) -> bytes:
    """The answer to "get BP data": the last measurement, or zeros before the first one.

    The test codes, to be ignored by a host, are those of the maker's printed example.
    """
    match outcome:
        case Result():
            return packet(
                struct.pack(
                    "<HHBB6xBBBxHBxx",
                    outcome.systolic,
                    outcome.diastolic,
                    outcome.beats,
                    1,
                    0x31,
                    0x07,
                    outcome.rate_per_min,
                    outcome.mean,
                    0,
                )
            )
        case Failure():
            return packet(bytes(18) + bytes((ERROR_CODES[outcome], 0, 0)))
        case None:
            return packet(bytes(21))


def _closed(body: bytes) -> bytes:
    return body + bytes((-sum(body) % 256,))


class SunTech:
    """The module: a measurement when asked, its result kept until the next one."""

    def __init__(self, bed: Surroundings, option: str) -> None:
        self._bed = bed
        self._chance = Random(f"suntech {bed.seed}")
        self._running: Measurement | None = None
        self._last: Measurement | None = None
        self._set_inflation_mmhg: int | None = None
        self._heard = b""
        self._heard_at = bed.start
        self._violations: list[str] = []
        self.starts = 0

    @property
    def deadline(self) -> Instant | None:
        """The end of the measurement that is under way."""
        return self._running.end if self._running else None

    @property
    def violations(self) -> Sequence[str]:
        """Service commands and commands that no module of this kind knows."""
        return tuple(self._violations)

    def tick(self, now: Instant) -> list[bytes]:
        """K, when the cuff has been released."""
        if self._running is None or now < self._running.end:
            return []
        self._last, self._running = self._running, None
        return [letter("K")]

    def on(self, data: bytes, now: Instant) -> list[bytes]:
        """Answer each whole command."""
        out = self.tick(now)
        if now - self._heard_at > FORGETS_HALF_A_COMMAND_AFTER:
            self._heard = b""
        self._heard_at = now
        self._heard = (self._heard + data)[-_HELD:]
        while command := self._next_command():
            out += self._answer(command, now)
        return out

    def _next_command(self) -> bytes:
        """The next packet of the host as it stands, good or bad; empty while it is not complete."""
        start = self._heard.find(0x3A)
        self._heard = self._heard[start:] if start >= 0 else b""
        if len(self._heard) < 3:
            return b""
        size = _SIZES.get(self._heard[1])
        if size is None:
            sums = (n for n in range(3, len(self._heard) + 1) if sum(self._heard[:n]) % 256 == 0)
            size = next(sums, _LONGEST_UNKNOWN)
        if len(self._heard) < size:
            return b""
        command, self._heard = self._heard[:size], self._heard[size:]
        return command

    def _answer(self, command: bytes, now: Instant) -> list[bytes]:
        if sum(command) % 256:
            return [letter("E")]
        asked = command[1:-1]
        if asked[0] in SERVICE:
            self._violate(f"service command {SERVICE[asked[0]]}: {command.hex(' ')}")
            return [letter("N")]
        if asked in FIRST_INFLATION_MMHG:
            return [self._start(asked, now)]
        if asked[0] == SET_INFLATION:
            return [self._set_inflation(struct.unpack("<H", asked[1:])[0])]
        if asked in (ABORT, RESET):
            return self._abort(now)
        reply = self._reply(asked, now)
        if reply is None:
            self._violate(f"unknown command: {command.hex(' ')}")
            return [letter("D")]
        return [reply]

    def _reply(self, asked: bytes, now: Instant) -> bytes | None:
        if asked == CUFF_PRESSURE:
            return cuff_packet(round(self.pressure_mmhg(now)))
        if asked == BP_DATA:
            return letter("B") if self._running else bp_packet(self._last.outcome if self._last else None)
        if asked in SELF_TESTS:
            return packet(bytes(2))
        if asked == RETURN_CODE:
            return packet(bytes(3))
        if asked == PREPARE_MODEL:
            return letter("K")
        if asked == MODEL:
            return packet(b"LX simulated Advantage".ljust(64))
        return None

    def pressure_mmhg(self, now: Instant) -> float:
        """The cuff. A stuck valve is freed when the story says so."""
        if self._running:
            return self._running.pressure_mmhg(now)
        stuck = self._bed.scene(now).cuff is Cuff.STUCK
        return self._last.pressure_mmhg(now) if self._last and stuck else 0.0

    def _start(self, asked: bytes, now: Instant) -> bytes:
        cuff = self._bed.scene(now).cuff
        if self._running or cuff is Cuff.BUSY:
            return letter("B")
        self.starts += 1
        target = self._set_inflation_mmhg or FIRST_INFLATION_MMHG[asked]
        if self._last and isinstance(self._last.outcome, Result):
            target = max(target, self._last.outcome.systolic + ABOVE_LAST_SYSTOLIC_MMHG)
        self._running = measure(now, target, cuff, self._bed.body, self._chance)
        return letter("O")

    def _set_inflation(self, asked_mmhg: int) -> bytes:
        lowest, highest = INFLATION_BOUNDS_MMHG
        if self._running:
            return letter("B")
        if not lowest <= asked_mmhg <= highest:
            return letter("E")
        self._set_inflation_mmhg = asked_mmhg
        return letter("K")

    def _abort(self, now: Instant) -> list[bytes]:
        if self._running is None:
            return [letter("A"), letter("K")]
        if self._running.outcome is not Failure.STOPPED:
            self._running = self._running.aborted(now)
        return [letter("A")]

    def _violate(self, what: str) -> None:
        if len(self._violations) < MOST_VIOLATIONS:
            self._violations.append(what)


SIMULATOR: Final = Simulator("suntech", Role.NIBP, ("advantage",), SunTech)
