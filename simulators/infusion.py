"""The inside of a syringe pump: what its motor does, what reaches the patient, which alarm it shows.

Nobody can steer this pump over its wire, so the whole course follows from the story: it is worked out once,
as a list of stretches in which nothing changes, and can then be asked for any instant.

    ready ──start──> infusing ──volume reached──> complete
                      │    ^
          pause, stop │    │ start
                      v    │
                      held          infusing against a shut line: pressure rises, then the pump
                                    holds by itself and shows the occlusion
"""

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bedside.instants import MINUTE, SECOND, Instant, earliest, in_seconds, seconds
from simulators.patient import Delivery
from simulators.scenario import PumpKey, PumpSetup, Scenario

NEAR_END: Final[Instant] = 3 * MINUTE
OCCLUSION_LIMIT_MMHG: Final = 500.0
STIFFNESS_MMHG_PER_ML: Final = 1000.0
"""How fast a shut line fills: 75 mL/h reach the limit within half a minute."""
FLOWING_MMHG: Final = 18.0
RESTING_MMHG: Final = 2.0
PRESSURE_SETTLES: Final[Instant] = 5 * SECOND
MOST_STRETCHES: Final = 4096


class Course(StrEnum):
    """What the pump is doing."""

    READY = "ready"
    INFUSING = "infusing"
    HELD = "held"
    COMPLETE = "complete"


class Notice(StrEnum):
    """What the pump complains about, apart from its battery."""

    NONE = "none"
    NEAR_END = "near-end"
    COMPLETE = "complete"
    OCCLUSION = "occlusion"


@dataclass(frozen=True, slots=True)
class Infusion:
    """The pump at one instant. `remaining_ml` is none where no volume to be infused is set."""

    course: Course
    notice: Notice
    set_rate_ml_per_h: float
    infused_ml: float
    remaining_ml: float | None
    pressure_mmhg: float
    events: int

    @property
    def rate_ml_per_h(self) -> float:
        """What the motor does now."""
        return self.set_rate_ml_per_h if self.course is Course.INFUSING else 0.0

    @property
    def time_left_s(self) -> float | None:
        """Time to the end at the set rate."""
        if self.remaining_ml is None or not self.set_rate_ml_per_h:
            return None
        return self.remaining_ml / self.set_rate_ml_per_h * 3600


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From `at` on: the state at its beginning, and how it goes on."""

    at: Instant
    state: Infusion
    shut: bool

    def later(self, instant: Instant) -> Infusion:
        state = self.state
        passed = max(0, instant - self.at)
        pushed = state.rate_ml_per_h / 3600 * in_seconds(passed)
        return replace(
            state,
            infused_ml=state.infused_ml + pushed,
            remaining_ml=None if state.remaining_ml is None else max(0.0, state.remaining_ml - pushed),
            pressure_mmhg=self._pressure(passed, pushed),
        )

    def _pressure(self, passed: Instant, pushed_ml: float) -> float:
        before = self.state.pressure_mmhg
        if self.shut:
            return before + pushed_ml * STIFFNESS_MMHG_PER_ML
        goal = FLOWING_MMHG if self.state.course is Course.INFUSING else RESTING_MMHG
        return goal + (before - goal) * math.exp(-passed / PRESSURE_SETTLES)

    @property
    def next_change(self) -> Instant | None:
        """When the pump itself will do the next thing."""
        state = self.state
        if state.course is not Course.INFUSING:
            return None
        left = seconds(state.time_left_s) if state.time_left_s is not None else None
        full = None
        if self.shut:
            room_ml = max(0.0, OCCLUSION_LIMIT_MMHG - state.pressure_mmhg) / STIFFNESS_MMHG_PER_ML
            full = self.at + seconds(room_ml / state.set_rate_ml_per_h * 3600)
        near = None
        if left is not None and state.notice is Notice.NONE and left > NEAR_END:
            near = self.at + left - NEAR_END
        return earliest(near, None if left is None else self.at + left, full)


class SyringePump:
    """The whole course of one story's infusion."""

    def __init__(self, scenario: Scenario, start: Instant = 0) -> None:
        self._setup = scenario.pump
        self._stretches = _unfold(scenario, start)
        self._starts = [stretch.at for stretch in self._stretches]

    def at(self, instant: Instant) -> Infusion:
        """The pump at any instant."""
        return self._stretches[max(0, bisect_right(self._starts, instant) - 1)].later(instant)

    def deliveries(self) -> list[Delivery]:
        """What the patient received: what the motor pushes into a shut line does not arrive."""
        mg_per_ml = self._setup.concentration_mg_per_ml if self._setup else 0.0
        return [
            Delivery(s.at, 0.0 if s.shut else s.state.rate_ml_per_h / 3600 * mg_per_ml)
            for s in self._stretches
        ]


def _unfold(scenario: Scenario, start: Instant) -> list[_Stretch]:
    setup = scenario.pump
    stretch = _Stretch(start, _ready(setup), shut=False)
    stretches = [stretch]
    script: list[tuple[Instant, PumpKey | None, bool]] = [
        (start + step.at, step.key, step.scene.occlusion) for step in scenario.steps
    ]
    if setup is not None:
        shut = False
        for at, _, occlusion in script:
            shut = occlusion if at <= start + setup.start else shut
        script.append((start + setup.start, PumpKey.START, shut))
        script.sort(key=lambda entry: entry[0])
    while len(stretches) < MOST_STRETCHES:
        own = stretch.next_change
        if script and (own is None or script[0][0] <= own):
            at, key, shut = script.pop(0)
            state = _pressed(stretch.later(at), key)
            if state == stretch.later(at) and shut == stretch.shut:
                continue
        elif own is not None:
            at, shut = own, stretch.shut
            state = _by_itself(stretch.later(at), shut=shut)
        else:
            break
        stretch = _Stretch(at, replace(state, events=state.events + 1), shut)
        stretches.append(stretch)
    return stretches


def _ready(setup: PumpSetup | None) -> Infusion:
    return Infusion(
        course=Course.READY,
        notice=Notice.NONE,
        set_rate_ml_per_h=setup.rate_ml_per_h if setup else 0.0,
        infused_ml=0.0,
        remaining_ml=setup.volume_ml if setup else None,
        pressure_mmhg=RESTING_MMHG,
        events=0,
    )


def _pressed(state: Infusion, key: PumpKey | None) -> Infusion:
    match key:
        case PumpKey.START if state.course is not Course.COMPLETE and state.set_rate_ml_per_h:
            left_s = state.time_left_s
            near = left_s is not None and left_s <= in_seconds(NEAR_END)
            return replace(state, course=Course.INFUSING, notice=Notice.NEAR_END if near else Notice.NONE)
        case PumpKey.PAUSE if state.course is not Course.COMPLETE:
            return replace(state, course=Course.HELD, notice=Notice.NONE)
        case PumpKey.STOP:
            return replace(state, course=Course.HELD, notice=Notice.NONE, remaining_ml=None)
        case _:
            return state


def _by_itself(state: Infusion, *, shut: bool) -> Infusion:
    if shut and state.pressure_mmhg >= OCCLUSION_LIMIT_MMHG - 0.01:
        return replace(state, course=Course.HELD, notice=Notice.OCCLUSION)
    if state.remaining_ml is not None and state.remaining_ml < 1e-6:
        return replace(state, course=Course.COMPLETE, notice=Notice.COMPLETE, remaining_ml=0.0)
    return replace(state, notice=Notice.NEAR_END)
