"""Ivy 450C vital-signs monitor, "ANSAR-B" output: 9600 8N1, one frame a second, no check (nibp.md 10).

    0        FF
    1        "ANSAR-B "
    9        ECG, 200 samples at 200/s, zero is 100
    209      respiration, pleth, P1, P2: 50 samples each at 50/s; FB throughout is an absent channel
    409      lines name=n;fields, each closed by CR; an empty field is "no value"
    last     FE

The monitor measures blood pressure on its own timer and repeats the last result in every frame, for ever,
without saying how old it is.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Final

from bedside.instants import MINUTE, SECOND, Instant
from simulators.contract import Simulator, Surroundings
from simulators.cuff import Failure, Measurement, Outcome, Result, measure
from simulators.patient import Body, Moment, Waves
from simulators.scenario import Probe, Role

ECG_ZERO: Final = 100
HIGHEST_SAMPLE: Final = 0xFA
ABSENT: Final = b"\xfb" * 50
AVERAGED_S: Final = 8
APNEA_AFTER_S: Final = 20
FIRST_MEASUREMENT: Final[Instant] = MINUTE
FIRST_INFLATION_MMHG: Final = 160
ABOVE_LAST_SYSTOLIC_MMHG: Final = 30

OPTIONS: Final[Mapping[str, int | None]] = {"nibp-10": 10, "nibp-5": 5, "nibp-3": 3, "nibp-off": None}
"""Minutes between the monitor's own measurements."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the monitor's screen shows. None is an empty field."""

    heart_rate: int
    respiration: int
    apnea: bool
    spo2: int | None
    pulse: int | None
    nibp: Outcome | None


def text_lines(shown: Numbers) -> bytes:
    """The text part, in the order of the recorded monitor."""
    lines = (
        f"HR=1;{shown.heart_rate};ECG-II-DIAG;",
        f"RR=1;{shown.respiration};APNEA: 20 SEC;{'APNEA' if shown.apnea else ''}",
        "ETCO2=1;;;",
        f"SPO2=1;{_field(shown.spo2)};PR={_field(shown.pulse):<3};",
        f"NIBP=4;{_nibp(shown.nibp)}",
        "P1=3;;;;NO TRANSDUCER;",
        "P2=3;;;;NO TRANSDUCER;",
        "T1=1;;;",
        "T2=1;;;",
    )
    return "".join(line + "\r" for line in lines).encode("ascii")


def _field(value: int | None) -> str:
    return "" if value is None else str(value)


def _nibp(outcome: Outcome | None) -> str:
    """Systolic, diastolic, mean, rate, label, alarm text."""
    match outcome:
        case Result():
            return f"{outcome.systolic};{outcome.diastolic};{outcome.mean};{outcome.rate_per_min};;"
        case Failure():
            return f";;;;;{outcome.value.upper()}"
        case None:
            return ";;;;;"


def frame(ecg: bytes, respiration: bytes, pleth: bytes, shown: Numbers) -> bytes:
    """One second: 200, 50 and 50 samples, and the numbers."""
    return b"\xffANSAR-B " + ecg + respiration + pleth + ABSENT + ABSENT + text_lines(shown) + b"\xfe"


class Ivy450c:
    """The monitor: draws its waves, averages, and runs its own cuff."""

    def __init__(self, bed: Surroundings, option: str) -> None:
        self._bed = bed
        self._waves = Waves(bed.seed)
        self._chance = Random(f"ivy {bed.seed}")
        self._seconds = 0
        self._recent: deque[Body] = deque(maxlen=AVERAGED_S)
        self._breathless_s = 0
        every = OPTIONS[option]
        self._cuff_every: Instant | None = None if every is None else every * MINUTE
        self._cuff_due: Instant | None = None if every is None else bed.start + FIRST_MEASUREMENT
        self._running: Measurement | None = None
        self._nibp: Outcome | None = None

    @property
    def deadline(self) -> Instant:
        """The end of the next second."""
        return self._bed.start + (self._seconds + 1) * SECOND

    @property
    def violations(self) -> Sequence[str]:
        """The monitor does not listen."""
        return ()

    def on(self, data: bytes, now: Instant) -> list[bytes]:
        """Whatever the host sends is not heard."""
        return self.tick(now)

    def tick(self, now: Instant) -> list[bytes]:
        """The frames that were due."""
        out: list[bytes] = []
        while self.deadline <= now:
            out.append(self._second(self.deadline))
        return out

    def _second(self, at: Instant) -> bytes:
        self._seconds += 1
        body = self._bed.body(at)
        self._recent.append(body)
        self._breathless_s = 0 if body.respiration_per_min else self._breathless_s + 1
        self._run_cuff(at)
        moments = [self._waves.step(body, 1 / 200) for _ in range(200)]
        strength = min(1.0, body.perfusion_percent / 2) if self._probe_on(at) else 0.0
        return frame(
            _samples(moments, lambda m: ECG_ZERO + 75 * m.ecg),
            _samples(moments[::4], lambda m: 125 + 120 * m.breath),
            _samples(moments[::4], lambda m: 70 + 110 * m.pleth * strength),
            self._numbers(at),
        )

    def _numbers(self, at: Instant) -> Numbers:
        pulse = round(fmean(body.pulse_per_min for body in self._recent))
        seen = self._probe_on(at) and pulse > 0
        return Numbers(
            heart_rate=pulse,
            respiration=round(fmean(body.respiration_per_min for body in self._recent)),
            apnea=self._breathless_s >= APNEA_AFTER_S,
            spo2=round(fmean(body.spo2_percent for body in self._recent)) if seen else None,
            pulse=pulse if seen else None,
            nibp=self._nibp,
        )

    def _probe_on(self, at: Instant) -> bool:
        return self._bed.scene(at).probe is Probe.ON

    def _run_cuff(self, at: Instant) -> None:
        if self._running and at >= self._running.end:
            self._nibp, self._running = self._running.outcome, None
        if self._cuff_due is None or self._cuff_every is None or at < self._cuff_due:
            return
        self._cuff_due += self._cuff_every
        target = FIRST_INFLATION_MMHG
        if isinstance(self._nibp, Result):
            target = max(target, self._nibp.systolic + ABOVE_LAST_SYSTOLIC_MMHG)
        cuff = self._bed.scene(at).cuff
        self._running = measure(at, target, cuff, self._bed.body, self._chance)


def _samples(moments: Sequence[Moment], height: Callable[[Moment], float]) -> bytes:
    return bytes(max(0, min(HIGHEST_SAMPLE, round(height(moment)))) for moment in moments)


SIMULATOR: Final = Simulator("ivy-450c", Role.MONITOR, tuple(OPTIONS), Ivy450c)
