"""Stories: what a mapping says, and how a wrong one is refused."""

import tomllib

import pytest

from bedside.instants import SECOND
from simulators.scenario import (
    Battery,
    Cuff,
    Expectation,
    Never,
    Probe,
    PumpKey,
    Role,
    ScenarioError,
    Target,
    parse,
)
from simulators.serve import load_scenario, scenario_names

STORY = """
name = "all"
text = "one of everything"
duration_s = 900
weight_kg = 70
pump = { rate_ml_per_h = 75, volume_ml = 50, concentration_mg_per_ml = 0.7, start_s = 60 }

[[step]]
at_s = 300
over_s = 90
spo2 = 83
text = "slides"

[[step]]
at_s = 400
probe = "off"
motion = true
cuff = "loose"
occlusion = true
cable = { oximeter = "out", pump = "out" }
battery = { pump = "empty" }
pump = "pause"

[[step]]
at_s = 500
cable = { pump = "in" }

[[expect]]
condition = "S2"
between = [330, 440]

[[expect]]
condition = "T1"
by_s = 420

[[never]]
condition = "P5"
from_s = 10
"""


def test_a_whole_story() -> None:
    story = parse(tomllib.loads(STORY))
    assert (story.name, story.duration, story.weight_kg) == ("all", 900 * SECOND, 70)
    assert story.pump is not None
    assert (story.pump.rate_ml_per_h, story.pump.start) == (75, 60 * SECOND)
    slides, much, back = story.steps
    assert (slides.at, slides.over, dict(slides.targets)) == (300 * SECOND, 90 * SECOND, {Target.SPO2: 83})
    assert (slides.text, slides.key, slides.scene.probe) == ("slides", None, Probe.ON)
    assert much.key is PumpKey.PAUSE
    assert (much.scene.probe, much.scene.motion, much.scene.cuff) == (Probe.OFF, True, Cuff.LOOSE)
    assert much.scene.occlusion is True
    assert much.scene.unplugged == {Role.OXIMETER, Role.PUMP}
    assert much.scene.battery(Role.PUMP) is Battery.EMPTY
    assert much.scene.battery(Role.OXIMETER) is Battery.GOOD
    assert back.scene.unplugged == {Role.OXIMETER}
    assert back.scene.probe is Probe.OFF  # what no step changes stays
    assert story.expectations == (
        Expectation("S2", 330 * SECOND, 440 * SECOND),
        Expectation("T1", 0, 420 * SECOND),
    )
    assert story.nevers == (Never("P5", 10 * SECOND, 900 * SECOND),)


SMALL: dict[str, object] = {"name": "x", "duration_s": 100, "weight_kg": 70}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration_s": "long"}, "duration_s: expected a number from 1 to 604800; found 'long'"),
        ({"duration_s": True}, "duration_s: expected a number"),
        ({"weight_kg": float("nan")}, "weight_kg: expected a number from 20 to 300"),
        ({"name": 3}, "name: expected text; found 3"),
        ({"wieght": 70}, "wieght: expected one of name, text, duration_s"),
        ({"pump": 3}, "pump: expected a table; found 3"),
        (
            {"pump": {"rate_ml_per_h": 1}},
            "pump.volume_ml: expected a number from 0.1 to 1000; found 'nothing'",
        ),
        ({"step": {}}, "step: expected a list"),
        ({"step": [3]}, "step 1: expected a table; found 3"),
        ({"step": [{"spo2": 90}]}, "step 1: at_s: expected a number from 0 to 100; found 'nothing'"),
        ({"step": [{"at_s": 1}, {"at_s": 2, "spo2": 101}]}, "step 2: spo2: expected a number from 1 to 100"),
        ({"step": [{"at_s": 5}, {"at_s": 2}]}, "step 2: at_s: expected steps in the order of their time"),
        ({"step": [{"at_s": 1, "sp02": 9}]}, "step 1: sp02: expected one of at_s, over_s"),
        ({"step": [{"at_s": 1, "probe": "gone"}]}, "step 1: probe: expected one of on, off, unplugged"),
        ({"step": [{"at_s": 1, "motion": "yes"}]}, "step 1: motion: expected true or false; found 'yes'"),
        ({"step": [{"at_s": 1, "pump": "go"}]}, "step 1: pump: expected one of start, pause, stop"),
        ({"step": [{"at_s": 1, "cable": {"ecg": "out"}}]}, "step 1: cable: expected one of oximeter, nibp"),
        (
            {"step": [{"at_s": 1, "cable": {"pump": 1}}]},
            "step 1: cable.pump: expected one of in, out; found 1",
        ),
        (
            {"step": [{"at_s": 1, "battery": {"nibp": "low"}}]},
            "step 1: battery: expected one of oximeter, pump",
        ),
        (
            {"step": [{"at_s": 1, "battery": {"oximeter": "empty"}}]},
            "battery.oximeter: expected one of good, low",
        ),
        ({"expect": [{"condition": "S2"}]}, "expect 1: by_s: expected either by_s or between"),
        ({"expect": [{"condition": "two", "by_s": 3}]}, "expect 1: condition: expected an alarm condition"),
        ({"expect": [{"condition": "S2", "between": [9, 3]}]}, "expect 1: between: expected [from, to]"),
        ({"expect": [{"condition": "S2", "between": [9]}]}, "expect 1: between: expected [from, to]"),
        (
            {"never": [{"condition": "S2", "until_s": 101}]},
            "never 1: until_s: expected a number from 0 to 100",
        ),
    ],
)
def test_a_wrong_story_is_refused_with_its_key(change: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        parse(SMALL | change)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", scenario_names())
def test_every_story_that_we_ship_can_be_told(name: str) -> None:
    story = load_scenario(name)
    assert story.name == name
    assert story.text
    assert story.expectations or story.nevers


def test_an_unknown_story_names_the_nearest() -> None:
    with pytest.raises(ScenarioError, match=r"no scenario oclusion; did you mean occlusion\?"):
        load_scenario("oclusion")
