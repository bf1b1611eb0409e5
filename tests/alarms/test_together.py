"""Conditions that put several signs together (clinical basis, 7.1): C2, C3 and P6.

The numbers here are copied from the clinical tables, never from the catalogue.
"""

import pytest

from bedside.commands import SetPatient
from bedside.effects import Change, Presence
from bedside.facts import Measurement, Reading, Reason
from bedside.priorities import Priority
from bedside.vitals import Vital
from tests.alarms.bedsides import CUFF, MONITOR, OXIMETER, Bedside

MS = 0.001
LOW_PRESSURE = (89, 60, 70)
GOOD_PRESSURE = (120, 75, 90)


@pytest.fixture
def bedside() -> Bedside:
    return Bedside().to(10)


class TestSlowPulseWithLowPressure:
    """C2: P3 or P4, and B3 within three minutes; at once."""

    @pytest.mark.parametrize("pulse", [49, 39])
    def test_at_once_with_the_first_low_reading(self, bedside: Bedside, pulse: int) -> None:
        bedside.set(pr=pulse).wait(2).measure(*LOW_PRESSURE)
        assert bedside.changes("C2") == [(12, "raised")]
        assert bedside.priority("C2") is Priority.HIGH
        assert bedside.changes("B3") == [], "which its repeat has yet to confirm"

    def test_within_three_minutes_of_the_pressure(self, bedside: Bedside) -> None:
        bedside.measure(*LOW_PRESSURE).wait(20).measure(*GOOD_PRESSURE)
        bedside.wait(180 - MS).set(pr=49)
        assert bedside.at("C2") == [pytest.approx(210 - MS)]

    def test_not_later(self, bedside: Bedside) -> None:
        bedside.measure(*LOW_PRESSURE).wait(20).measure(*GOOD_PRESSURE)
        bedside.wait(180).set(pr=49).wait(60)
        assert bedside.changes("C2") == []

    def test_as_long_as_the_pressure_alarm_is_present(self, bedside: Bedside) -> None:
        bedside.measure(*LOW_PRESSURE).wait(1000).set(pr=49)
        assert bedside.at("C2") == [1010]

    @pytest.mark.parametrize("pulse", [50, 75, Reason.UNSURE])
    def test_not_without_a_slow_pulse(self, bedside: Bedside, pulse: float | Reason) -> None:
        bedside.measure(*LOW_PRESSURE).set(pr=pulse).wait(300)
        assert bedside.changes("C2") == []

    @pytest.mark.parametrize("reading", [(90, 60, 60), (120, 75, 90)])
    def test_not_with_a_pressure_that_is_high_enough(
        self, bedside: Bedside, reading: tuple[float, float, float]
    ) -> None:
        bedside.measure(*reading).set(pr=39).wait(300)
        assert bedside.changes("C2") == []

    def test_not_without_any_pressure(self, bedside: Bedside) -> None:
        bedside.set(pr=39).wait(300)
        assert bedside.changes("C2") == []

    def test_ends_when_the_pressure_has_been_good_for_long(self, bedside: Bedside) -> None:
        bedside.set(pr=49).measure(*LOW_PRESSURE).wait(60).measure(*GOOD_PRESSURE)
        bedside.wait(180 + 5 - MS)
        assert bedside.state("C2").presence is Presence.PRESENT
        bedside.wait(MS)
        assert bedside.at("C2", Change.LATCHED) == [255]

    def test_not_with_the_last_patients_pressure(self, bedside: Bedside) -> None:
        bedside.measure(*LOW_PRESSURE).wait(10).ask(SetPatient("p-2", None, None))
        bedside.set(pr=49).wait(100)
        assert bedside.changes("C2") == []

    def test_void_for_the_next_patient(self, bedside: Bedside) -> None:
        bedside.set(pr=49).measure(*LOW_PRESSURE).wait(10).ask(SetPatient("p-2", None, None))
        bedside.wait(100)
        assert [word for _, word in bedside.changes("C2")] == ["raised", "ended"]

    def test_no_loss_ends_it(self, bedside: Bedside) -> None:
        bedside.set(pr=49).measure(*LOW_PRESSURE).cut("oximeter", "nibp").wait(3_000)
        assert bedside.state("C2").presence is Presence.PRESENT

    def test_where_both_are_seen(self) -> None:
        for sources, seen in (((OXIMETER, CUFF), True), ((OXIMETER, MONITOR), False), ((CUFF,), False)):
            blind = {item.condition for item in Bedside(*sources).system.not_monitored}
            assert ("C2" not in blind) is seen


class TestAnaphylaxis:
    """C3: pulse > 120, and SBP < 90 or pulse by SBP >= 1.2, and SpO2 < 94, for 15 s."""

    @pytest.mark.parametrize(
        ("sys", "pulse", "spo2"),
        [(89, 121, 93), (105, 126, 93), (101, 122, 80)],
        ids=["low pressure", "index 1.2", "index above"],
    )
    def test_after_fifteen_seconds(self, bedside: Bedside, sys: float, pulse: float, spo2: float) -> None:
        bedside.measure(sys, 50, 65).set(pr=pulse, spo2=spo2).wait(15 - MS)
        assert bedside.changes("C3") == []
        bedside.wait(MS)
        assert bedside.changes("C3") == [(25, "raised")]

    @pytest.mark.parametrize(
        ("sys", "pulse", "spo2"),
        [(89, 120, 93), (105, 125.9, 93), (89, 121, 94), (89, 121, Reason.UNSURE), (89, Reason.UNSURE, 93)],
        ids=["pulse", "index 1.199", "saturation", "no saturation", "no pulse"],
    )
    def test_near_misses(
        self, bedside: Bedside, sys: float, pulse: float | Reason, spo2: float | Reason
    ) -> None:
        bedside.measure(sys, 50, 65).set(pr=pulse, spo2=spo2).wait(100)
        assert bedside.changes("C3") == []

    def test_not_without_a_pressure(self, bedside: Bedside) -> None:
        bedside.set(pr=140, spo2=88).wait(100)
        assert bedside.changes("C3") == []

    def test_says_what_to_check_and_no_more(self, bedside: Bedside) -> None:
        bedside.measure(89, 50, 65).set(pr=121, spo2=93).wait(15)
        text = bedside.state("C3").text
        assert text == "possible anaphylaxis: 121/min (limit 120/min), check: allergy, airway"

    @pytest.mark.parametrize("part", ["pulse", "pressure", "saturation"])
    def test_ends_when_one_part_is_good_again(self, bedside: Bedside, part: str) -> None:
        bedside.measure(89, 50, 65).set(pr=130, spo2=93).wait(15)
        match part:
            case "pulse":
                bedside.set(pr=115)
            case "pressure":
                bedside.measure(120, 75, 90)
            case _:
                bedside.set(spo2=96)
        bedside.wait(5)
        assert bedside.changes("C3")[1:] == [(30, "latched")]

    def test_a_pressure_that_is_not_good_enough_ends_nothing(self, bedside: Bedside) -> None:
        bedside.measure(89, 50, 65).set(pr=132, spo2=93).wait(15)
        bedside.measure(117, 70, 85).wait(100)
        assert bedside.state("C3").presence is Presence.PRESENT, "132 / 117 is above 1.1"

    def test_no_loss_ends_it(self, bedside: Bedside) -> None:
        bedside.measure(89, 50, 65).set(pr=130, spo2=93).wait(15).cut("oximeter", "nibp").wait(3_000)
        assert bedside.state("C3").presence is Presence.PRESENT


class TestPulsesApart:
    """P6: at two consecutive cuff readings the pulses differ by more than 20; over at 10 or less."""

    def test_at_the_second_reading(self, bedside: Bedside) -> None:
        bedside.measure(pulse=96).wait(120)
        assert bedside.changes("P6") == []
        bedside.measure(pulse=54)
        assert bedside.changes("P6") == [(130, "raised")]
        assert bedside.priority("P6") is Priority.LOW
        assert bedside.state("P6").text == "pulse at cuff and probe differ: 21/min apart"

    @pytest.mark.parametrize("pulses", [(95, 95, 95), (96, 95, 96), (96, 75, 96)])
    def test_near_misses(self, bedside: Bedside, pulses: tuple[float, ...]) -> None:
        for pulse in pulses:
            bedside.measure(pulse=pulse).wait(120)
        assert bedside.changes("P6") == []

    def test_a_probe_without_pulse_is_no_evidence(self, bedside: Bedside) -> None:
        bedside.measure(pulse=96).wait(120).set(pr=Reason.UNSURE).measure(pulse=96).wait(120)
        assert bedside.changes("P6") == []
        bedside.set(pr=75).measure(pulse=96)
        assert bedside.at("P6") == [250]

    def test_a_reading_of_unknown_age_is_no_evidence(self, bedside: Bedside) -> None:
        bedside.measure(pulse=96).wait(120)
        bedside.tell("nibp", Measurement((Reading(Vital.NIBP_PR, 120),), dated=False))
        assert bedside.changes("P6") == []

    def test_hysteresis(self, bedside: Bedside) -> None:
        for pulse in (96, 96, 86):
            bedside.measure(pulse=pulse).wait(120)
        assert bedside.state("P6").presence is Presence.PRESENT
        bedside.measure(pulse=85)
        assert bedside.at("P6", Change.ENDED) == [370]

    def test_a_doubted_pulse_ends_nothing(self, bedside: Bedside) -> None:
        for pulse in (96, 96):
            bedside.measure(pulse=pulse).wait(120)
        bedside.doubt(pr=75).measure(pulse=75)
        assert bedside.state("P6").presence is Presence.PRESENT

    def test_the_next_patient_begins_anew(self, bedside: Bedside) -> None:
        bedside.measure(pulse=96).wait(120).ask(SetPatient("p-2", None, None))
        bedside.measure(pulse=96)
        assert bedside.changes("P6") == []
