"""The scripted body that all devices of a bed share. Its state is a function of the instant, the story and
a seed.

Each quantity is the sum of three parts: the target of the story, reached along a smooth ramp; the effect of
the ketamine that the simulated pump really delivered; and a small slow wobble, different for every seed.

The drug's effect follows one first-order lag. Its size and times are those of published infusions of 0.5
mg/kg over 40 minutes (clinical.md 2 and 3): a mean peak of +16/+11 mmHg at 40 minutes, back at baseline
within 90 minutes of the end. The pulse rises in the proportion of the cohort that reports both (+1.9 per
+7.4 mmHg).
"""

import math
import random
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bedside.instants import MINUTE, Instant, in_seconds
from simulators.scenario import Scenario, Target


@dataclass(frozen=True, slots=True)
class Body:
    """What there is to measure at one instant, before any device rounds, averages or misses it."""

    spo2_percent: float
    pulse_per_min: float
    respiration_per_min: float
    systolic_mmhg: float
    diastolic_mmhg: float
    mean_mmhg: float
    perfusion_percent: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """From this instant on the patient receives this much ketamine, until the next delivery."""

    at: Instant
    mg_per_s: float


USUAL: Final[Mapping[Target, float]] = {
    Target.SPO2: 97,
    Target.PULSE: 72,
    Target.RESPIRATION: 14,
    Target.SYSTOLIC: 120,
    Target.DIASTOLIC: 76,
    Target.PERFUSION: 4,
}

LAG: Final[Instant] = 25 * MINUTE
"""Of a first-order rise and fall: 97 % of the effect is gone 90 minutes after the end."""

REFERENCE_MG_PER_KG: Final = 0.5
REFERENCE_TIME: Final[Instant] = 40 * MINUTE

EFFECT_AT_REFERENCE: Final[Mapping[Target, float]] = {
    Target.SYSTOLIC: 16.0,
    Target.DIASTOLIC: 11.0,
    Target.PULSE: 16.0 * 1.9 / 7.4,
}

WOBBLE: Final[Mapping[Target, float]] = {
    Target.SPO2: 0.004,
    Target.PULSE: 0.02,
    Target.RESPIRATION: 0.03,
    Target.SYSTOLIC: 0.012,
    Target.DIASTOLIC: 0.012,
    Target.PERFUSION: 0.05,
}
"""Largest deviation as a share of the value; what is absent (no pulse, no breath) does not wobble."""

WOBBLE_PERIODS_S: Final = (13.0, 41.0, 107.0)


class Patient:
    """One body following one story. `start` is the instant at which the story begins."""

    def __init__(
        self, scenario: Scenario, seed: int = 0, start: Instant = 0, deliveries: Iterable[Delivery] = ()
    ) -> None:
        self._start = start
        self._ramps = {target: _Ramps(scenario, target) for target in Target}
        self._phases = _phases(seed)
        self._drug = _Drug(scenario.weight_kg, deliveries)

    def at(self, instant: Instant) -> Body:
        """The body at any instant, past or future."""
        since = instant - self._start
        effect = self._drug.effect(instant)
        sys = self._value(Target.SYSTOLIC, since, effect)
        dia = min(self._value(Target.DIASTOLIC, since, effect), sys - 1)
        mean = self._ramps[Target.MEAN].at(since)
        return Body(
            spo2_percent=min(100.0, self._value(Target.SPO2, since, effect)),
            pulse_per_min=self._value(Target.PULSE, since, effect),
            respiration_per_min=self._value(Target.RESPIRATION, since, effect),
            systolic_mmhg=sys,
            diastolic_mmhg=dia,
            mean_mmhg=dia + (sys - dia) / 3 if math.isnan(mean) else min(max(mean, dia), sys),
            perfusion_percent=self._value(Target.PERFUSION, since, effect),
        )

    def effect(self, instant: Instant) -> float:
        """The drug's effect as a share of its mean peak: 1 at 40 minutes of 0.5 mg/kg."""
        return self._drug.effect(instant)

    def _value(self, target: Target, since: Instant, effect: float) -> float:
        value = self._ramps[target].at(since)
        if value > 0:
            value += EFFECT_AT_REFERENCE.get(target, 0.0) * effect
        turn = 2 * math.pi * in_seconds(since)
        wobble = sum(
            math.sin(turn / period + phase)
            for period, phase in zip(WOBBLE_PERIODS_S, self._phases[target], strict=True)
        )
        return value * (1 + WOBBLE[target] * wobble / len(WOBBLE_PERIODS_S))


class _Ramps:
    """One quantity of a story over time. A ramp that is overtaken by the next one is left where it has got
    to.
    """

    def __init__(self, scenario: Scenario, target: Target) -> None:
        self._starts: list[Instant] = []
        self._ramps: list[tuple[Instant, float, float]] = []
        self._usual = USUAL.get(target, math.nan)
        for step in scenario.steps:
            if target in step.targets:
                goal = step.targets[target]
                here = self.at(step.at)
                self._starts.append(step.at)
                self._ramps.append((step.over, goal if math.isnan(here) else here, goal))

    def at(self, since: Instant) -> float:
        index = bisect_right(self._starts, since) - 1
        if index < 0:
            return self._usual
        over, origin, goal = self._ramps[index]
        done = since - self._starts[index]
        if done >= over:
            return goal
        share = done / over
        return origin + (goal - origin) * share * share * (3 - 2 * share)


class _Drug:
    """First-order lag over the deliveries: between two of them the effect has a closed form."""

    def __init__(self, weight_kg: float, deliveries: Iterable[Delivery]) -> None:
        reference_rate = REFERENCE_MG_PER_KG * weight_kg / in_seconds(REFERENCE_TIME)
        reached = 1 - math.exp(-REFERENCE_TIME / LAG)
        self._gain = 1 / (reference_rate * reached)
        self._starts: list[Instant] = []
        self._pieces: list[tuple[float, float]] = []
        for delivery in deliveries:
            before = self.effect(delivery.at)
            self._starts.append(delivery.at)
            self._pieces.append((before, self._gain * delivery.mg_per_s))

    def effect(self, instant: Instant) -> float:
        index = bisect_right(self._starts, instant) - 1
        if index < 0:
            return 0.0
        before, goal = self._pieces[index]
        return goal + (before - goal) * math.exp(-(instant - self._starts[index]) / LAG)


def _phases(seed: int) -> Mapping[Target, tuple[float, ...]]:
    chance = random.Random(f"body {seed}")
    return {t: tuple(chance.uniform(0, 2 * math.pi) for _ in WOBBLE_PERIODS_S) for t in WOBBLE}


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the heart and the chest are: one point of every waveform.

    `pleth`: blood volume in the finger, 0 to about 1. `ecg`: about -0.2 to 1. `breath`: chest, -1 to 1.
    `beat`: a new heartbeat began at this point.
    """

    pleth: float
    ecg: float
    breath: float
    beat: bool


class Waves:
    """Walks along the pulse and the breath. Phases are integrals, so whoever draws a waveform walks for
    itself.

    Breathing shows in the pleth in the three known ways (respiration.md): the baseline moves, the amplitude
    changes, and the pulse is faster while breathing in. Every beat also differs a little from the last one.
    """

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(f"beats {seed}")
        self._pulse = 0.0
        self._breath = 0.0
        self._beat_scale = 1.0

    def step(self, body: Body, step_s: float) -> Moment:
        """The next point, `step_s` after the last one."""
        self._breath = (self._breath + body.respiration_per_min / 60 * step_s) % 1
        chest = math.sin(2 * math.pi * self._breath) if body.respiration_per_min else 0.0
        rate = body.pulse_per_min * self._beat_scale * (1 + 0.03 * chest)
        self._pulse += rate / 60 * step_s
        beat = self._pulse >= 1
        if beat:
            self._pulse %= 1
            self._beat_scale = self._chance.uniform(0.985, 1.015)
        if not body.pulse_per_min:
            return Moment(0.0, 0.0, chest, beat=False)
        index = int(self._pulse * _POINTS)
        pleth = _pleth_shape()[index] * (1 + 0.08 * chest) + 0.08 * chest + 0.1
        return Moment(pleth, _ecg_shape()[index], chest, beat)


_POINTS: Final = 500


def _bell(phase: float, centre: float, width: float) -> float:
    return math.exp(-(((phase - centre) / width) ** 2))


@lru_cache(maxsize=1)
def _pleth_shape() -> tuple[float, ...]:
    """One beat in the finger: the steep systolic wave, and the lower one after the valve closes."""
    points = (n / _POINTS for n in range(_POINTS))
    return tuple(0.8 * _bell(p, 0.22, 0.12) + 0.35 * _bell(p, 0.52, 0.16) for p in points)


@lru_cache(maxsize=1)
def _ecg_shape() -> tuple[float, ...]:
    """One beat in lead II: P, Q, R, S and T."""
    points = (n / _POINTS for n in range(_POINTS))
    return tuple(
        0.12 * _bell(p, 0.18, 0.03)
        - 0.12 * _bell(p, 0.275, 0.008)
        + 1.0 * _bell(p, 0.3, 0.012)
        - 0.2 * _bell(p, 0.325, 0.01)
        + 0.25 * _bell(p, 0.55, 0.05)
        for p in points
    )
