"""Every story, the whole agent against the whole bedside in virtual time: what is raised, what never."""

from functools import cache
from itertools import pairwise

import pytest

from alarms.catalogue import CATALOGUE
from bedside.effects import VitalKnown, VitalMissing
from bedside.instants import in_seconds
from bedside.vitals import PumpState, Vital
from simulators.scenario import Scenario
from simulators.serve import load_scenario, scenario_names
from tests.world import Told, World

C1_SUM_S = 17.0
"""Clinical basis, section 9: transport 1 + delay 15 + signal 1, without the source's own averaging."""

S1_SUM_S, S2_SUM_S = 25.0, 15.0
"""The same for S1 and S2: averaging 8 + transport 1 + delay 15 or 5 + signal 1."""


@cache
def played(name: str) -> tuple[Scenario, World, Told]:
    scenario = load_scenario(name)
    world = World(scenario)
    return scenario, world, world.run_until(in_seconds(scenario.duration))


@pytest.mark.parametrize("name", scenario_names())
def test_the_story_raises_what_it_should_and_nothing_it_must_not(name: str) -> None:
    scenario, world, told = played(name)
    for expected in scenario.expectations:
        assert expected.condition in CATALOGUE
        raised = told.instants(expected.condition)
        earliest, latest = in_seconds(expected.after), in_seconds(expected.by)
        assert any(earliest <= at <= latest for at in raised), (expected.condition, earliest, latest, raised)
    for never in scenario.nevers:
        assert never.condition in CATALOGUE
        after, until = in_seconds(never.after), in_seconds(never.until)
        assert not [at for at in told.instants(never.condition) if after <= at <= until], never.condition
    assert {name: device.violations for name, device in world.bed.devices.items() if device.violations} == {}


@pytest.mark.parametrize("name", scenario_names())
def test_every_vital_of_every_device_is_told_each_second(name: str) -> None:
    scenario, world, told = played(name)
    seconds = [round(in_seconds(at)) for at, _ in told.vitals]
    assert seconds == list(range(len(seconds)))
    assert len(seconds) == in_seconds(scenario.duration) + 1
    offered = [
        (vital, source.name) for source in world.core.alarms.board.sources.values() for vital in source.vitals
    ]
    for _, report in told.vitals:
        assert [(entry.vital, entry.source) for entry in report.vitals] == offered


def first_below(told: Told, vital: Vital, limit: float) -> float:
    return next(
        at
        for at, entry in told.vital(vital)
        if isinstance(entry, VitalKnown) and isinstance(entry.value, int | float) and entry.value < limit
    )


def test_respiratory_depression_is_told_before_the_saturation_alarms() -> None:
    """C1 no later than S1, then S2, each within its sum, while the pump delivers, and the text says so."""
    _, _, told = played("respiratory-depression")
    (c1,), (s1,), (s2,) = told.instants("C1"), told.instants("S1"), told.instants("S2")
    assert c1 <= s1 < s2
    assert c1 - first_below(told, Vital.SPO2, 92) <= C1_SUM_S
    assert s1 - first_below(told, Vital.SPO2, 90) <= S1_SUM_S
    assert s2 - first_below(told, Vital.SPO2, 85) <= S2_SUM_S
    states = [
        entry.value
        for at, entry in told.vital(Vital.PUMP_STATE)
        if c1 <= at <= s2 and isinstance(entry, VitalKnown)
    ]
    assert set(states) == {PumpState.INFUSING}
    assert all("infusion running" in text for text in told.texts("C1"))


def test_the_pump_alone_moves_the_session() -> None:
    _, world, _ = played("normal")
    assert world.core.alarms.session.phase.value == "observe"


def test_a_normal_session_measures_pressure_as_planned() -> None:
    """Two readings 2 min apart, every 10 min in dosing, one at its end, then every 15 min (clinical, 7.4)."""
    _, _, told = played("normal")
    begun = [at for at, entry in told.vital(Vital.NIBP_STATE) if isinstance(entry, VitalKnown)]
    assert begun
    ages = [
        at - in_seconds(entry.age)
        for at, entry in told.vital(Vital.NIBP_SYS, "nibp")
        if isinstance(entry, VitalKnown)
    ]
    readings = sorted({round(at, 1) for at in ages})
    gaps = [later - earlier for earlier, later in pairwise(readings)]
    cycle = 45.0
    assert readings[0] <= 60 + cycle
    assert gaps[0] == pytest.approx(120, abs=cycle)
    dosing = [gap for at, gap in zip(readings, gaps, strict=False) if 300 < at < 2000]
    assert all(gap == pytest.approx(600, abs=cycle) for gap in dosing), gaps
    assert any(2700 <= at <= 2700 + 60 + cycle for at in readings), readings
    observe = [gap for at, gap in zip(readings, gaps, strict=False) if at > 2700]
    assert all(gap == pytest.approx(900, abs=cycle) for gap in observe), gaps


def test_a_probe_that_is_off_gives_no_number() -> None:
    _, _, told = played("probe-off")
    shown = dict(told.vital(Vital.SPO2, "oximeter"))
    off = [entry for at, entry in shown.items() if 302 <= at <= 419]
    assert off
    assert all(isinstance(entry, VitalMissing) and entry.reason.value == "probe-off" for entry in off)
