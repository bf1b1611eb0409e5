"""Nonin pulse oximeter: data formats 2, 7 and 8, 9600 8N1 (oximeters.md 1).

    format 2    01      STATUS  PLETH   FLOAT  CHK     75 frames a second, 25 of them are one packet
    format 7    STATUS  PLETH MSB, LSB  FLOAT  CHK     the same, with all 16 bits of the pleth
    format 8    STATUS' HR      SpO2    STAT3          one record a second, no check

    STATUS      1 SNSD ARTF OOT SNSA RPRF GPRF SYNC        SYNC: first frame of a packet
    STATUS'     1 SNSD OOT LPRF MPRF ARTF HR8 HR7
    STAT3       0 0 SPA 0 SNSA 0 0 low battery
    CHK         sum of the four bytes before it, modulo 256

FLOAT is another byte of the packet's table in each frame. A missing rate is 511, a missing SpO2 127. When
the finger leaves, every number is missing at once except the display kind (-D): it holds its last value for
10 s.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bedside.instants import SECOND, Instant, seconds
from simulators.contract import MOST_VIOLATIONS, Simulator, Surroundings
from simulators.patient import Body, Moment, Waves
from simulators.scenario import Battery, Probe, Role, Scene

MISSING_RATE: Final = 511
MISSING_SPO2: Final = 127
FIRMWARE: Final = 0x30

DISPLAY_HOLD: Final[Instant] = 10 * SECOND
DISPLAY_EVERY: Final[Instant] = seconds(1.5)
SEARCH: Final[Instant] = 6 * SECOND
"""From a signal that may be a pulse to the first number."""
PULSE_LOST_AFTER: Final[Instant] = 4 * SECOND
ARTEFACT_SUSTAINED_AFTER: Final[Instant] = 15 * SECOND

MARGINAL_PERFUSION_PERCENT: Final = 0.6
LOW_PERFUSION_PERCENT: Final = 0.3
SLOWEST, FASTEST = 18, 321

PACKETS_PER_S: Final = 3
FRAMES_PER_PACKET: Final = 25
BEAT_FRAMES: Final = 12
GROUP_FRAMES: Final = 5
GROUPS_PER_S: Final = 15


class Perfusion(StrEnum):
    """How strong the pulse in the finger is, in the colours of the maker."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Rate and saturation as the oximeter would print them."""

    rate_per_min: int
    spo2_percent: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What the oximeter makes of its probe, renewed three times a second. None is "no number"."""

    four_beats: Numbers | None
    eight_beats: Numbers | None
    one_beat: Numbers | None
    display: Numbers | None
    display_eight: Numbers | None
    disconnected: bool = False
    probe_off: bool = False
    out_of_track: bool = False
    artefact: bool = False
    perfusion: Perfusion = Perfusion.GREEN
    good_quality: bool = False
    low_battery: bool = False
    timer: int = 0


class Oximeter:
    """The model: averages, the search for a pulse, and the display with its hold."""

    def __init__(self, start: Instant) -> None:
        self._pulse_at = start + SEARCH
        self._probe_off_since: Instant | None = None
        self._pulseless_since: Instant | None = None
        self._motion_since: Instant | None = None
        self._display: tuple[Numbers | None, Numbers | None] = (None, None)
        self._display_due = start
        self._recent: deque[tuple[float, float]] = deque(maxlen=PACKETS_PER_S * 30)
        self._packets = 0

    def look(self, body: Body, scene: Scene, now: Instant) -> Seen:
        """A third of a second has passed."""
        self._packets += 1
        probe_off = scene.probe is not Probe.ON
        self._probe_off_since = _since(self._probe_off_since, now, holds=probe_off)
        pulseless = not SLOWEST <= body.pulse_per_min <= FASTEST
        self._pulseless_since = _since(self._pulseless_since, now, holds=pulseless)
        self._motion_since = _since(self._motion_since, now, holds=scene.motion)
        lost = (
            probe_off
            or _lasted(self._pulseless_since, PULSE_LOST_AFTER, now)
            or _lasted(self._motion_since, ARTEFACT_SUSTAINED_AFTER, now)
        )
        if lost:
            self._pulse_at = now + SEARCH
            self._recent.clear()
        elif not pulseless:
            self._recent.append((body.pulse_per_min, body.spo2_percent))
        found = now >= self._pulse_at and bool(self._recent)
        four, eight, one = (self._average(beats) if found else None for beats in (4, 8, 1))
        self._renew_display(four, eight, now)
        return Seen(
            four_beats=four,
            eight_beats=eight,
            one_beat=one,
            display=self._display[0],
            display_eight=self._display[1],
            disconnected=scene.probe is Probe.UNPLUGGED,
            probe_off=probe_off,
            out_of_track=not found,
            artefact=scene.motion and not probe_off,
            perfusion=_perfusion(body.perfusion_percent),
            good_quality=found and not scene.motion and body.perfusion_percent >= MARGINAL_PERFUSION_PERCENT,
            low_battery=scene.battery(Role.OXIMETER) is Battery.LOW,
            timer=self._packets % (1 << 14),
        )

    def _average(self, beats: int) -> Numbers:
        """Over the packets that this many of the latest beats took."""
        packets = max(1, round(beats * 60 / self._recent[-1][0] * PACKETS_PER_S))
        latest = list(self._recent)[-packets:] if beats > 1 else [self._recent[-1]]
        rate = sum(pulse for pulse, _ in latest) / len(latest)
        spo2 = sum(spo2 for _, spo2 in latest) / len(latest)
        return Numbers(round(rate), min(100, round(spo2)))

    def _renew_display(self, four: Numbers | None, eight: Numbers | None, now: Instant) -> None:
        off = self._probe_off_since
        if off is not None:
            if now - off >= DISPLAY_HOLD:
                self._display = (None, None)
        elif four is None:
            self._display = (None, None)
            self._display_due = now
        elif now >= self._display_due:
            self._display = (four, eight)
            self._display_due += DISPLAY_EVERY


def _since(since: Instant | None, now: Instant, *, holds: bool) -> Instant | None:
    if not holds:
        return None
    return now if since is None else since


def _lasted(since: Instant | None, long_enough: Instant, now: Instant) -> bool:
    return since is not None and now - since >= long_enough


def _perfusion(percent: float) -> Perfusion:
    if percent < LOW_PERFUSION_PERCENT:
        return Perfusion.RED
    return Perfusion.YELLOW if percent < MARGINAL_PERFUSION_PERCENT else Perfusion.GREEN


# The wire.


def float_table(seen: Seen) -> tuple[int, ...]:
    """The 25 FLOAT bytes of one packet, frame 1 first."""
    hr, e_hr = _rate(seen.four_beats), _rate(seen.eight_beats)
    hr_d, e_hr_d = _rate(seen.display), _rate(seen.display_eight)
    stat2 = seen.good_quality << 5 | seen.low_battery
    timer = (seen.timer >> 7 & 0x7F, seen.timer & 0x7F)
    spo2, e_spo2 = _spo2(seen.four_beats), _spo2(seen.eight_beats)
    spo2_d, e_spo2_d = _spo2(seen.display), _spo2(seen.display_eight)
    beat = _spo2(seen.one_beat)
    # fmt: off
    return (
        *hr, spo2, FIRMWARE, 0, *timer, stat2, spo2_d, spo2,  # 1 to 10
        beat, 0, 0, *e_hr, e_spo2, e_spo2_d, 0, 0, *hr_d,     # 11 to 21
        *e_hr_d, 0, 0,                                        # 22 to 25
    )
    # fmt: on


def _rate(numbers: Numbers | None) -> tuple[int, int]:
    rate = numbers.rate_per_min if numbers else MISSING_RATE
    return rate >> 7 & 0x03, rate & 0x7F


def _spo2(numbers: Numbers | None) -> int:
    return numbers.spo2_percent if numbers else MISSING_SPO2


def status(seen: Seen, *, beating: bool, first: bool) -> int:
    """STATUS of formats 2 and 7. Perfusion and artefact are told only during a pulse."""
    byte = 0x80 | seen.disconnected << 6 | seen.out_of_track << 4 | seen.probe_off << 3 | first
    if beating:
        red = seen.perfusion is not Perfusion.GREEN
        green = seen.perfusion is not Perfusion.RED
        byte |= seen.artefact << 5 | red << 2 | green << 1
    return byte


def frame_2(status_byte: int, pleth: int, float_byte: int) -> bytes:
    """One frame of format 2; `pleth` has 16 bits, of which this format keeps the upper ones."""
    return _checked(bytes((0x01, status_byte, pleth >> 8, float_byte)))


def frame_7(status_byte: int, pleth: int, float_byte: int) -> bytes:
    """One frame of format 7."""
    return _checked(bytes((status_byte, pleth >> 8, pleth & 0xFF, float_byte)))


def record_8(seen: Seen) -> bytes:
    """One record of format 8."""
    rate_high, rate_low = _rate(seen.display)
    low = seen.perfusion is Perfusion.RED
    marginal = seen.perfusion is Perfusion.YELLOW
    rate_8, rate_7 = rate_high >> 1, rate_high & 1
    flags = seen.disconnected << 6 | seen.out_of_track << 5 | low << 4 | marginal << 3 | seen.artefact << 2
    return bytes(
        (
            0x80 | flags | rate_8 << 1 | rate_7,
            rate_low,
            _spo2(seen.display),
            seen.good_quality << 5 | seen.probe_off << 3 | seen.low_battery,
        )
    )


def _checked(four: bytes) -> bytes:
    return four + bytes((sum(four) % 256,))


ACCEPTED, REFUSED = b"\x06", b"\x15"
FORMAT_CODES: Final = {2: "df2", 7: "df7", 8: "df8"}
_FRAMES: Final[dict[str, Callable[[int, int, int], bytes]]] = {"df2": frame_2, "df7": frame_7}
_HELD: Final = 64
"""Bytes of an unfinished command that are kept; the longest known one has 10."""


class Nonin:
    """The device: the model looked at three times a second, the frames sent five at a time."""

    def __init__(self, bed: Surroundings, option: str) -> None:
        self._bed = bed
        self._format = option
        self._model = Oximeter(bed.start)
        self._waves = Waves(bed.seed)
        self._groups = 0
        self._beat_frames_left = 0
        self._body = bed.body(bed.start)
        self._seen = self._model.look(self._body, bed.scene(bed.start), bed.start)
        self._table = float_table(self._seen)
        self._heard = b""
        self._violations: list[str] = []

    @property
    def deadline(self) -> Instant:
        """The end of the next group of frames."""
        return self._bed.start + (self._groups + 1) * SECOND // GROUPS_PER_S

    @property
    def violations(self) -> Sequence[str]:
        """Commands that this oximeter does not know."""
        return tuple(self._violations)

    def tick(self, now: Instant) -> list[bytes]:
        """The frames that were due."""
        out: list[bytes] = []
        while self.deadline <= now:
            out += self._group(self.deadline)
        return out

    def on(self, data: bytes, now: Instant) -> list[bytes]:
        """Answer commands; an answer stands between two frames."""
        out = self.tick(now)
        self._heard = (self._heard + data)[-_HELD:]
        while command := self._next_command():
            out.append(self._obey(command))
        return out

    def _group(self, at: Instant) -> list[bytes]:
        first = self._groups * GROUP_FRAMES % FRAMES_PER_PACKET
        if first == 0:
            self._body = self._bed.body(at)
            self._seen = self._model.look(self._body, self._bed.scene(at), at)
            self._table = float_table(self._seen)
        self._groups += 1
        make = _FRAMES.get(self._format)
        frames = [self._frame(make, number) for number in range(first, first + GROUP_FRAMES)]
        if make:
            return [b"".join(frames)]
        return [record_8(self._seen)] if self._groups % GROUPS_PER_S == 0 else []

    def _frame(self, make: Callable[[int, int, int], bytes] | None, number: int) -> bytes:
        moment = self._waves.step(self._body, 1 / 75)
        self._beat_frames_left = BEAT_FRAMES if moment.beat else max(0, self._beat_frames_left - 1)
        if not make:
            return b""
        beating = self._beat_frames_left > 0 and not self._seen.probe_off
        byte = status(self._seen, beating=beating, first=number == 0)
        return make(byte, self._pleth(moment), self._table[number])

    def _pleth(self, moment: Moment) -> int:
        if self._seen.probe_off:
            return 0
        size = 36_000 * min(1.0, self._body.perfusion_percent / 2)
        noise = 9_000 * (self._groups % 7 - 3) if self._seen.artefact else 0
        return max(0, min(65_535, round(32_768 + size * (moment.pleth - 0.4) + noise)))

    def _next_command(self) -> bytes:
        """The next whole command, 02 code length ... 03; anything before it is dropped."""
        while self._heard:
            if self._heard[0] != 0x02:
                self._heard = self._heard[1:]
                continue
            if len(self._heard) < 3 or len(self._heard) < self._heard[2] + 4:
                return b""
            command, rest = self._heard[: self._heard[2] + 4], self._heard[self._heard[2] + 4 :]
            if command[-1] == 0x03:
                self._heard = rest
                return command
            self._heard = self._heard[1:]
        return b""

    def _obey(self, command: bytes) -> bytes:
        code = _format_asked(command)
        if code is None and len(self._violations) < MOST_VIOLATIONS:
            self._violations.append(f"unknown command {command.hex(' ')}")
        if code not in FORMAT_CODES:
            return REFUSED
        self._format = FORMAT_CODES[code]
        return ACCEPTED


def _format_asked(command: bytes) -> int | None:
    """02 70 02 02 FF 03, or 02 70 04 02 FF OPT CHK 03 with CHK = 76 + FF + OPT; None is another command."""
    if command[:4] == b"\x02\x70\x02\x02":
        return command[4]
    if command[:4] == b"\x02\x70\x04\x02":
        return command[4] if command[6] == (0x76 + command[4] + command[5]) % 256 else 0
    return None


SIMULATOR: Final = Simulator("nonin", Role.OXIMETER, ("df2", "df7", "df8"), Nonin)
