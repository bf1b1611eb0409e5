r"""The inside of a blood-pressure module: one measurement from the first puff to the released cuff.

    mmHg   target ....   /\
                        /  \          about 5 mmHg a second, listening
           systolic... /    \ . . .
                      /      \
           diastolic /. . . . \ . .
                    /          \      60 % of diastolic: enough heard, let go
           0  _____/            \____
              2 s   25 mmHg/s        2 s

When the target was not above systolic, the module hears the pulse at once and pumps 40 mmHg higher. The
whole course is worked out at the start (rates and limits: nibp.md 2 and 14.7), then it can be asked for any
instant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, TypeAlias

from bedside.instants import Instant, in_seconds, seconds
from simulators.patient import Body
from simulators.scenario import Cuff

IDLE_S: Final = 2.0
RISE_MMHG_PER_S: Final = 25.0
FALL_MMHG_PER_S: Final = 5.0
RELEASE_S: Final = 2.0
ENOUGH_ABOVE_MMHG: Final = 15.0
RETRY_HIGHER_MMHG: Final = 40.0
HIGHEST_TARGET_MMHG: Final = 280.0
OVERPRESSURE_MMHG: Final = 300.0
TIME_LIMIT_S: Final = 120.0
SAFETY_LIMIT_S: Final = 180.0
WEAKEST_PULSE_PER_MIN: Final = 20.0


class Failure(StrEnum):
    """Why a measurement gave nothing."""

    WEAK = "weak or no signal"
    ARTEFACT = "artefact"
    RANGE = "value out of range"
    TOO_LONG = "measurement time exceeded"
    BLOCKED = "blocked pneumatics"
    STOPPED = "stopped by user"
    LEAK = "inflation timeout, leak or loose cuff"
    SAFETY_TIMEOUT = "safety timeout"
    OVERPRESSURE = "cuff overpressure"


@dataclass(frozen=True, slots=True)
class Result:
    """What the module heard. Pressures in mmHg."""

    systolic: int
    diastolic: int
    mean: int
    rate_per_min: int
    beats: int


Outcome: TypeAlias = Result | Failure


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement's whole course: corners of the pressure curve, and how it ends with the last of them."""

    corners: tuple[tuple[Instant, float], ...]
    outcome: Outcome

    @property
    def end(self) -> Instant:
        """When the module reports that it is done."""
        return self.corners[-1][0]

    def pressure_mmhg(self, at: Instant) -> float:
        """The cuff at an instant; after the end it stays as it was left."""
        before, level = self.corners[0]
        for corner, goal in self.corners:
            if at < corner:
                return level + (goal - level) * (at - before) / (corner - before)
            before, level = corner, goal
        return level

    def aborted(self, at: Instant) -> "Measurement":
        """The same measurement, stopped by hand: the cuff is let go."""
        level = self.pressure_mmhg(at)
        return Measurement(((at, level), (at + seconds(RELEASE_S), 0.0)), Failure.STOPPED)


def measure(
    start: Instant, target_mmhg: float, cuff: Cuff, body: Callable[[Instant], Body], chance: Random
) -> Measurement:
    """The course of a measurement that starts now with this cuff on this patient."""
    pen = _Pen(start)
    pen.wait(IDLE_S)
    match cuff:
        case Cuff.LOOSE:
            return pen.go(15, 3).wait(20).release().ends(Failure.LEAK)
        case Cuff.LEAK:
            return pen.go(90, 15).go(70, 2).wait(10).release().ends(Failure.LEAK)
        case Cuff.BLOCKED:
            return pen.go(150, 300).wait(1).release().ends(Failure.BLOCKED)
        case Cuff.OVERPRESSURE:
            return pen.go(OVERPRESSURE_MMHG, 60).release().ends(Failure.OVERPRESSURE)
        case Cuff.SLOW:
            pen.go(target_mmhg, RISE_MMHG_PER_S)
            left_s = TIME_LIMIT_S - pen.passed_s
            return pen.go(target_mmhg - left_s * 0.5, 0.5).release().ends(Failure.TOO_LONG)
        case _:
            return _listen(pen, target_mmhg, cuff, body, chance)


def _listen(
    pen: "_Pen", target_mmhg: float, cuff: Cuff, body: Callable[[Instant], Body], chance: Random
) -> Measurement:
    pen.go(target_mmhg, RISE_MMHG_PER_S)
    top = target_mmhg
    while body(pen.at).systolic_mmhg + ENOUGH_ABOVE_MMHG > top and top < HIGHEST_TARGET_MMHG:
        pen.go(top - 10, FALL_MMHG_PER_S)
        top = min(top + RETRY_HIGHER_MMHG, HIGHEST_TARGET_MMHG)
        pen.go(top, RISE_MMHG_PER_S)
    peak = pen.at
    at_systolic = _when_heard(peak, top, body, lambda heard: heard.systolic_mmhg)
    at_diastolic = _when_heard(peak, top, body, lambda heard: heard.diastolic_mmhg)
    at_mean = _when_heard(peak, top, body, lambda heard: heard.mean_mmhg)
    diastolic = body(at_diastolic).diastolic_mmhg
    pulse = body(at_mean).pulse_per_min
    slower = 2 if cuff is Cuff.MOTION else 1
    pen.go(0.6 * diastolic, FALL_MMHG_PER_S / slower)
    beats = round(pulse / 60 * in_seconds(pen.at - peak))
    if cuff is Cuff.STUCK:
        return pen.wait(SAFETY_LIMIT_S - pen.passed_s).ends(Failure.SAFETY_TIMEOUT)
    pen.release()
    if cuff is Cuff.MOTION:
        return pen.ends(Failure.ARTEFACT)
    if cuff is Cuff.WEAK or pulse < WEAKEST_PULSE_PER_MIN:
        return pen.ends(Failure.WEAK)
    systolic, diastolic, mean = (
        round(value + chance.uniform(-1, 1))
        for value in (body(at_systolic).systolic_mmhg, diastolic, body(at_mean).mean_mmhg)
    )
    if systolic >= top or not systolic > mean > diastolic:
        return pen.ends(Failure.RANGE)
    return pen.ends(Result(systolic, diastolic, mean, round(pulse), beats))


def _when_heard(
    peak: Instant, top: float, body: Callable[[Instant], Body], pressure: Callable[[Body], float]
) -> Instant:
    """When the falling cuff passes one of the patient's pressures, to the accuracy of a beat."""
    return peak + seconds(max(0.0, top - pressure(body(peak))) / FALL_MMHG_PER_S)


class _Pen:
    """Draws the corners of a curve."""

    def __init__(self, start: Instant) -> None:
        self._corners: list[tuple[Instant, float]] = [(start, 0.0)]

    @property
    def at(self) -> Instant:
        return self._corners[-1][0]

    @property
    def passed_s(self) -> float:
        return in_seconds(self.at - self._corners[0][0])

    def go(self, goal: float, speed: float) -> "_Pen":
        at, level = self._corners[-1]
        self._corners.append((at + seconds(abs(goal - level) / speed), goal))
        return self

    def wait(self, duration_s: float) -> "_Pen":
        at, level = self._corners[-1]
        self._corners.append((at + seconds(duration_s), level))
        return self

    def release(self) -> "_Pen":
        self._corners.append((self.at + seconds(RELEASE_S), 0.0))
        return self

    def ends(self, outcome: Outcome) -> Measurement:
        return Measurement(tuple(self._corners), outcome)
