"""Limits: the presets of the clinical tables, and what a site may and may not choose."""

import math

import pytest

from alarms.limits import LIMITS, ORDERED, UNIT_WORDS, in_force, objections
from bedside.effects import Origin
from bedside.vitals import Vital
from tests.alarms.bedsides import Bedside

PRESETS = {
    "s1_spo2_low": 90,
    "s2_spo2_very_low": 85,
    "r1_rr_low": 9,
    "r2_rr_very_low": 6,
    "r4_rr_high": 30,
    "p1_pulse_high": 120,
    "p2_pulse_very_high": 150,
    "p3_pulse_low": 50,
    "p4_pulse_very_low": 40,
    "p6_pulses_apart": 20,
    "b1_sys_high": 165,
    "b1_dia_high": 100,
    "b2_sys_very_high": 180,
    "b2_dia_very_high": 110,
    "b3_sys_low": 90,
    "b3_mean_low": 60,
    "b4_sys_very_low": 80,
    "b4_mean_very_low": 55,
    "c1_rr_low": 10,
    "c1_spo2_low": 92,
    "c3_pulse_high": 120,
    "c3_sys_low": 90,
    "c3_shock": 1.2,
    "c3_spo2_low": 94,
    "t3_perfusion_low": 0.3,
}


def test_presets() -> None:
    assert {key: threshold.value for key, threshold in in_force({}).items()} == PRESETS
    assert {threshold.origin for threshold in in_force({}).values()} == {Origin.PRESET}


def test_no_oximeter_limit_is_preset_below_85() -> None:
    assert all(row.preset >= 85 for row in LIMITS.values() if row.vital is Vital.SPO2)


def test_presets_are_legal() -> None:
    assert objections({}) == []
    assert objections(PRESETS) == []


@pytest.mark.parametrize("key", LIMITS)
def test_hard_bounds(key: str) -> None:
    row = LIMITS[key]
    assert row.lowest < row.preset < row.highest
    outside = "outside"
    for value in (row.lowest - 0.5, row.highest + 0.5, math.nan, math.inf):
        assert [k for k, text in objections({key: value}) if outside in text] == [key]
    for value in (row.lowest, row.highest):
        assert [k for k, text in objections({key: value}) if outside in text] == []


@pytest.mark.parametrize(("below", "above"), ORDERED)
def test_order(below: str, above: str) -> None:
    value = LIMITS[above].preset
    wrong = [(key, text) for key, text in objections({below: value}) if "must stay below" in text]
    assert (below, f"{below} ({value:g}) must stay below {above} ({value:g})") in wrong
    value = LIMITS[below].preset
    assert above in [key for key, text in objections({above: value}) if "must stay below" in text]


def test_order_of_two_choices() -> None:
    assert objections({"s1_spo2_low": 88, "s2_spo2_very_low": 87}) == []
    assert [key for key, _ in objections({"s1_spo2_low": 86, "s2_spo2_very_low": 88})] == ["s2_spo2_very_low"]


def test_settings_keys_end_with_their_unit() -> None:
    assert LIMITS["s1_spo2_low"].setting == "s1_spo2_low_percent"
    assert LIMITS["c3_shock"].setting == "c3_shock_index"
    assert all(row.setting.endswith(f"_{UNIT_WORDS[row.unit]}") for row in LIMITS.values())


def test_site_value_in_force() -> None:
    bedside = Bedside(limits={"p1_pulse_high": 110}).to(10).set(pr=111).to(20)
    assert bedside.state("P1").limit == 110
    told = {limit.key: limit for limit in bedside.system.setup().limits}
    assert (told["p1_pulse_high"].value, told["p1_pulse_high"].origin) == (110, Origin.SITE)
    assert told["p2_pulse_very_high"].origin is Origin.PRESET


def test_unknown_key() -> None:
    with pytest.raises(KeyError, match="s9_unknown"):
        in_force({"s9_unknown": 1})
