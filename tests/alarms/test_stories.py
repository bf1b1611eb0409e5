"""Stories that a table cannot tell: escalation, dips, arming, the cuff, links, what a loss must not do."""

import pytest

from alarms.board import Absent, Source
from bedside.commands import SetPatient
from bedside.effects import Change, Presence
from bedside.facts import FlagName, Frame, LinkUp, Measurement, Reading, Reason
from bedside.priorities import Priority
from bedside.vitals import NIBP_RESULT, NibpState, PumpState, Vital
from tests.alarms.bedsides import (
    ALL,
    CUFF,
    MONITOR,
    OXIMETER,
    PLETH_MONITOR,
    PUMP,
    SILENCE,
    Bedside,
)

LOW, MEDIUM, HIGH = Priority.LOW, Priority.MEDIUM, Priority.HIGH
MS = 0.001


@pytest.fixture
def bedside() -> Bedside:
    return Bedside().to(10)


class TestSaturation:
    def test_becomes_high_after_a_minute(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(10 + 15 + 60 - MS)
        assert bedside.priority("S1") is MEDIUM
        bedside.wait(MS)
        assert bedside.changes("S1") == [(25, "raised"), (85, "escalated")]
        assert bedside.priority("S1") is HIGH

    @pytest.mark.parametrize("lost_s", [16, 60])
    def test_becomes_high_while_the_signal_is_lost(self, bedside: Bedside, lost_s: float) -> None:
        bedside.set(spo2=89).to(10 + lost_s).cut("oximeter").to(200)
        assert bedside.changes("S1") == [(25, "raised"), (85, "escalated")]

    def test_waits_while_good_values_count(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(82).set(spo2=95).to(100)
        assert bedside.changes("S1") == [(25, "raised"), (87, "ended")]

    def test_is_caught_up_when_they_stop(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(82).set(spo2=95).to(86).set(spo2=91).to(100)
        assert bedside.changes("S1") == [(25, "raised"), (86, "escalated")]

    def test_becomes_high_while_the_probe_is_off(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(26).set(spo2=Reason.PROBE_OFF, pr=Reason.PROBE_OFF).to(200)
        assert bedside.at("S1", Change.ESCALATED) == [85]

    def test_stays_high_when_it_gets_a_little_better(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(100).set(spo2=91).to(200)
        assert bedside.priority("S1") is HIGH

    def test_over_before_the_minute(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(79).set(spo2=92).to(200)
        assert bedside.changes("S1") == [(25, "raised"), (84, "ended")]

    def _dip(self, bedside: Bedside, at_s: float) -> None:
        bedside.to(at_s).set(spo2=89).wait(2).set(spo2=95)

    def test_third_dip_in_a_minute_counts_at_once(self, bedside: Bedside) -> None:
        self._dip(bedside, 20)
        self._dip(bedside, 50)
        bedside.to(80).set(spo2=89)
        assert bedside.changes("S1") == [(80, "raised")]

    def test_third_dip_a_moment_too_late(self, bedside: Bedside) -> None:
        self._dip(bedside, 20)
        self._dip(bedside, 50)
        bedside.to(80 + MS).set(spo2=89).wait(10)
        assert bedside.changes("S1") == []

    def test_only_the_last_minute_counts(self, bedside: Bedside) -> None:
        for at_s in (20, 60, 81):
            self._dip(bedside, at_s)
        assert bedside.changes("S1") == []
        bedside.to(120).set(spo2=89)
        assert bedside.at("S1") == [120]

    def test_a_dip_that_was_an_alarm_counts_too(self, bedside: Bedside) -> None:
        bedside.to(20).set(spo2=89).to(36).set(spo2=95)
        assert bedside.changes("S1") == [(35, "raised")]
        self._dip(bedside, 50)
        bedside.to(70).set(spo2=89)
        assert bedside.at("S1") == [35, 70]

    def test_other_rows_know_no_dips(self, bedside: Bedside) -> None:
        for at_s in (20, 25, 30, 35):
            bedside.to(at_s).set(pr=125).wait(2).set(pr=80)
        assert bedside.changes("P1") == []

    def test_a_deep_drop_is_both(self, bedside: Bedside) -> None:
        bedside.set(spo2=80).to(40)
        assert (bedside.at("S2"), bedside.at("S1")) == ([15], [25])


class TestPulseLost:
    def test_armed_by_five_seconds_of_pulse(self) -> None:
        for pulse_s, raised in ((5, [16.0]), (4, [])):
            bedside = Bedside(talk=False)
            bedside.to(1)
            bedside.set(pr=Reason.SEARCHING, spo2=Reason.SEARCHING)
            bedside.plug("oximeter").set(pr=75, spo2=97)
            bedside.wait(pulse_s).set(pr=Reason.SEARCHING, spo2=Reason.SEARCHING).wait(30)
            assert bedside.at("P5") == raised

    def test_searching_for_the_first_pulse_is_the_probe(self) -> None:
        bedside = Bedside()
        bedside.set(pr=Reason.SEARCHING, spo2=Reason.SEARCHING).to(100)
        assert bedside.changes("P5") == []
        assert bedside.at("T1") == [10]

    def test_lost_pulse_is_not_the_probe(self, bedside: Bedside) -> None:
        bedside.set(pr=Reason.SEARCHING, spo2=Reason.SEARCHING).to(100)
        assert bedside.at("P5") == [20]
        assert bedside.changes("T1") == []

    def test_probe_off_disarms(self, bedside: Bedside) -> None:
        bedside.set(pr=Reason.PROBE_OFF, spo2=Reason.PROBE_OFF).to(12)
        bedside.set(pr=Reason.SEARCHING, spo2=Reason.SEARCHING).to(100)
        assert bedside.changes("P5") == []
        assert bedside.at("T1") == [20]

    def test_probe_off_with_pulse_lost_present(self, bedside: Bedside) -> None:
        bedside.set(pr=Reason.SEARCHING, spo2=Reason.SEARCHING).to(21)
        bedside.set(pr=Reason.PROBE_OFF, spo2=Reason.PROBE_OFF).to(100)
        assert bedside.state("P5").presence is Presence.PRESENT

    def test_silence_is_no_pulse(self) -> None:
        bedside = Bedside()
        bedside.to(2).cut("oximeter").to(20).plug("oximeter")
        bedside.set(pr=Reason.SEARCHING, spo2=Reason.SEARCHING).to(60)
        assert bedside.changes("P5") == []

    def test_a_pause_between_values_is_no_pulse(self) -> None:
        bedside = Bedside()
        bedside.to(2).freeze("oximeter").to(8)
        bedside.talkers["oximeter"].numbers = True
        bedside.set(pr=75, spo2=97).set(pr=Reason.SEARCHING, spo2=Reason.SEARCHING).to(60)
        assert bedside.changes("P5") == []

    @pytest.mark.parametrize("reason", [Reason.SEARCHING, Reason.LOW_PERFUSION, Reason.UNSURE])
    def test_reasons(self, bedside: Bedside, reason: Reason) -> None:
        bedside.set(pr=reason).to(100)
        assert bedside.at("P5") == [20]

    @pytest.mark.parametrize("reason", [Reason.PROBE_OFF, Reason.SENSOR_FAULT, Reason.NOT_MEASURABLE])
    def test_other_reasons(self, bedside: Bedside, reason: Reason) -> None:
        bedside.set(pr=reason).to(100)
        assert bedside.changes("P5") == []

    def test_a_doubted_pulse_does_not_end_it(self, bedside: Bedside) -> None:
        bedside.set(pr=Reason.SEARCHING).to(25).doubt(pr=75).to(60)
        assert bedside.state("P5").presence is Presence.PRESENT
        bedside.set(pr=75).wait(5)
        assert bedside.at("P5", Change.LATCHED) == [65]

    def test_a_doubted_pulse_is_a_pulse(self, bedside: Bedside) -> None:
        bedside.set(pr=Reason.SEARCHING).to(15).doubt(pr=75).to(60)
        assert bedside.changes("P5") == []


class TestCuffOnTheProbeLimb:
    def _bedside(self, *, same_limb: bool = True) -> Bedside:
        return Bedside(cuff_on_probe_limb=same_limb).to(10)

    def test_waits_thirty_seconds(self) -> None:
        bedside = self._bedside().set(nibp_state=NibpState.INFLATING).wait(5)
        bedside.set(pr=Reason.SEARCHING).to(15 + 30 - MS)
        assert bedside.changes("P5") == []
        bedside.wait(MS)
        assert bedside.changes("P5") == [(45, "raised")]

    def test_pulse_that_comes_back_with_the_cuff_down(self) -> None:
        bedside = self._bedside().set(nibp_state=NibpState.INFLATING, pr=Reason.SEARCHING).wait(25)
        bedside.set(nibp_state=NibpState.IDLE, pr=75).wait(60)
        assert bedside.changes("P5") == []

    def test_still_thirty_seconds_with_the_cuff_down_again(self) -> None:
        bedside = self._bedside().set(nibp_state=NibpState.DEFLATING, pr=Reason.SEARCHING).wait(20)
        bedside.set(nibp_state=NibpState.IDLE).wait(30)
        assert bedside.at("P5") == [40]

    def test_inflation_after_the_loss(self) -> None:
        bedside = (
            self._bedside().set(pr=Reason.SEARCHING).wait(5).set(nibp_state=NibpState.INFLATING).wait(60)
        )
        assert bedside.at("P5") == [40]

    def test_cuff_already_down(self) -> None:
        bedside = self._bedside().set(nibp_state=NibpState.INFLATING).wait(5)
        bedside.set(nibp_state=NibpState.COMPLETE).wait(1).set(pr=Reason.SEARCHING).wait(60)
        assert bedside.at("P5") == [26]

    def test_other_limb(self) -> None:
        bedside = self._bedside(same_limb=False).set(nibp_state=NibpState.INFLATING)
        bedside.set(pr=Reason.SEARCHING).wait(60)
        assert bedside.at("P5") == [20]

    def test_a_cuff_that_is_not_heard_excuses_nothing(self) -> None:
        bedside = self._bedside().set(nibp_state=NibpState.INFLATING).cut("nibp").wait(20)
        bedside.set(pr=Reason.SEARCHING).wait(60)
        assert bedside.at("P5") == [40]

    def test_never_above_sixty_seconds(self) -> None:
        bedside = self._bedside().set(nibp_state=NibpState.INFLATING, pr=Reason.SEARCHING)
        for _ in range(20):
            bedside.wait(3).set(nibp_state=NibpState.DEFLATING).wait(3).set(nibp_state=NibpState.INFLATING)
        assert bedside.at("P5") == [40]


class TestPressure:
    def test_first_high_is_repeated_after_a_minute(self) -> None:
        bedside = Bedside(nibp_by_agent=True).to(300)
        bedside.set(nibp_state=NibpState.IDLE).measure(150, 80)
        bedside.to(430).measure(185, 100)
        assert bedside.changes("B2") == [(430, "raised")]
        before = bedside.measured()
        bedside.to(490 - MS)
        assert bedside.measured() == before
        bedside.to(490)
        assert bedside.measured() == [*before, 490]

    @pytest.mark.parametrize(
        ("reading", "after_s"), [((170, 80, 110), 120), ((88, 60, 70), 60), ((75, 40, 50), 60)]
    )
    def test_repeats(self, reading: tuple[float, float, float], after_s: float) -> None:
        bedside = Bedside(nibp_by_agent=True).to(10).measure().to(131).measure().dose()
        bedside.to(200).measure(*reading)
        before = bedside.measured()
        bedside.to(200 + after_s - MS)
        assert bedside.measured() == before
        bedside.wait(MS)
        assert bedside.measured() == [*before, 200 + after_s]

    def test_acknowledged_it_sounds_again_ten_higher(self, bedside: Bedside) -> None:
        bedside.measure(168, 90).wait(120).measure(168, 90).acknowledge()
        bedside.wait(60).measure(177, 90)
        assert bedside.at("B1", Change.RESOUNDED) == []
        bedside.wait(60).measure(178, 90)
        assert bedside.at("B1", Change.RESOUNDED) == [bedside.s]
        assert bedside.state("B1").acknowledged is None
        assert bedside.level().sound is MEDIUM

    @pytest.mark.parametrize(
        ("seen", "then", "again"),
        [
            ((150, 101), (150, 110), False),
            ((150, 99), (150, 109), False),
            ((150, 101), (165, 101), True),
            ((160, 101), (166, 101), False),
            ((170, 97), (170, 106), False),
            ((170, 97), (170, 107), True),
            ((170, 105), (165, 105), False),
        ],
    )
    def test_systolic_and_diastolic_are_compared_each_with_its_own(
        self, bedside: Bedside, seen: tuple[float, float], then: tuple[float, float], *, again: bool
    ) -> None:
        first = (seen[0], max(seen[1], 100)) if seen[0] < 165 else seen
        bedside.measure(*first).wait(120).measure(*first).acknowledge("B1")
        bedside.wait(60).measure(*then)
        assert (bedside.at("B1", Change.RESOUNDED) != []) is again

    def test_acknowledged_it_sounds_again_after_ten_minutes(self, bedside: Bedside) -> None:
        bedside.measure(168, 90).wait(120).measure(168, 90).acknowledge()
        bedside.wait(600 - MS)
        assert bedside.at("B1", Change.RESOUNDED) == []
        bedside.wait(MS)
        assert bedside.at("B1", Change.RESOUNDED) == [730]
        bedside.acknowledge().wait(600)
        assert bedside.at("B1", Change.RESOUNDED) == [730, 1330]

    def test_only_b1_sounds_again(self, bedside: Bedside) -> None:
        bedside.measure(85, 60, 70).wait(60).measure(85, 60, 70).acknowledge().wait(700)
        assert [word for _, word in bedside.changes("B3")] == ["raised", "acknowledged"]

    def test_half_a_repeat_confirms_nothing(self, bedside: Bedside) -> None:
        bedside.measure(170, 80).wait(120).measure(Reason.FAILED, 80).wait(60 - MS)
        assert bedside.changes("B1") == []
        bedside.wait(MS)
        assert bedside.at("B1") == [190]

    def test_another_cuff_confirms_nothing(self) -> None:
        other = Source("second", NIBP_RESULT, SILENCE)
        bedside = Bedside(*ALL, other).to(10).measure(170, 80).wait(60)
        bedside.tell("second", Frame("result"), Measurement((Reading(Vital.NIBP_SYS, 120),)))
        assert bedside.changes("B1") == []
        bedside.wait(60).measure(120, 80).wait(100)
        assert bedside.changes("B1") == []

    def test_severe_latches_and_returns(self, bedside: Bedside) -> None:
        bedside.measure(185, 90).wait(60).measure(150, 80).wait(60).measure(190, 90)
        assert [word for _, word in bedside.changes("B2")] == ["raised", "latched", "ended", "raised"]
        assert len({t.state.episode for t in bedside.transitions("B2")}) == 2

    def test_site_limits(self) -> None:
        bedside = Bedside(limits={"b2_sys_very_high": 170, "b1_sys_high": 150}).to(10).measure(171, 80)
        assert bedside.state("B2").limit == 170


class TestOldPressure:
    def test_grey_then_blank(self) -> None:
        bedside = Bedside().to(10).dose().measure(120, 75)
        board = bedside.system.board
        for s, word in ((900 - MS, "good"), (900, "questionable"), (1800 - MS, "questionable")):
            bedside.to(10 + s)
            look = board.look(Vital.NIBP_SYS, bedside.now)
            assert getattr(look, "quality", None) == word
        bedside.to(10 + 1800)
        assert getattr(board.look(Vital.NIBP_SYS, bedside.now), "reason", None) is Reason.STALE

    def test_told_as_an_indication(self) -> None:
        bedside = Bedside().to(10).dose().measure(120, 75).to(10 + 900 - MS)
        assert bedside.changes("T10") == []
        bedside.wait(MS)
        assert bedside.changes("T10") == [(910, "raised")]
        assert bedside.priority("T10") is None
        bedside.to(1900)
        assert bedside.state("T10").presence is Presence.PRESENT
        bedside.measure(120, 75)
        assert bedside.at("T10", Change.ENDED) == [1900]

    def test_an_indication_neither_sounds_nor_lights(self) -> None:
        bedside = Bedside().to(10).dose().measure(120, 75).to(600).measure(120, 75).finish()
        bedside.to(600 + 900 + 450)
        bedside.acknowledge()
        assert "T10" in bedside.states()
        level = Bedside().level()
        assert (level.sound, level.lamp) == (None, None)

    def test_an_interval_that_grows_makes_nothing_young_again(self) -> None:
        """At the end of the first hour of observation the interval doubles."""
        bedside = Bedside(CUFF, PUMP).to(1).dose().to(2).finish().hush().to(1800)
        bedside.measure(120, 75).to(3700)
        assert bedside.at("T10") == [1800 + 1350]
        assert bedside.at("T10", Change.ENDED) == []

    def test_what_was_blank_stays_blank(self) -> None:
        bedside = Bedside(CUFF, PUMP).to(10).dose().measure(120, 75).to(10 + 1800)
        board = bedside.system.board
        assert board.look(Vital.NIBP_SYS, bedside.now) == Absent(Reason.STALE)
        bedside.finish().wait(1)
        assert board.look(Vital.NIBP_SYS, bedside.now) == Absent(Reason.STALE)


class TestNoSaturation:
    """A missing SpO2 always has an owner: the probe, the pulse, movement, or values that do not renew."""

    @pytest.mark.parametrize("reason", [Reason.SEARCHING, Reason.LOW_PERFUSION, Reason.UNSURE])
    def test_missing_beside_a_known_pulse(self, bedside: Bedside, reason: Reason) -> None:
        bedside.set(spo2=reason).to(60)
        assert bedside.at("T6") == [20]

    @pytest.mark.parametrize("reason", [Reason.SEARCHING, Reason.LOW_PERFUSION, Reason.UNSURE])
    def test_not_found_since_the_probe_was_applied(self, bedside: Bedside, reason: Reason) -> None:
        bedside.set(spo2=Reason.PROBE_OFF, pr=Reason.PROBE_OFF).to(15).set(spo2=reason, pr=reason).to(60)
        assert bedside.at("T1") == [20]
        assert bedside.changes("P5") == bedside.changes("T6") == []


class TestNewPatient:
    def test_what_rested_on_the_last_ones_pressure_is_void(self, bedside: Bedside) -> None:
        bedside.measure(185, 90).wait(5).ask(SetPatient("another", None, None))
        assert [word for _, word in bedside.changes("B2")] == ["raised", "ended"]
        bedside.wait(300)
        assert bedside.changes("B1") == []
        assert bedside.system.board.look(Vital.NIBP_SYS, bedside.now) == Absent(Reason.NEVER)

    def test_what_was_acknowledged_for_the_last_one_sounds_again(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).acknowledge("P1")
        bedside.ask(SetPatient("another", None, None))
        assert [word for _, word in bedside.changes("P1")] == ["raised", "acknowledged", "resounded"]
        assert bedside.level().sound is MEDIUM

    def test_more_known_of_the_same_one_changes_nothing(self, bedside: Bedside) -> None:
        bedside.ask(SetPatient("one", None, None))
        bedside.measure(185, 90).wait(5).ask(SetPatient("one", 70, 40))
        assert [word for _, word in bedside.changes("B2")] == ["raised"]


class TestMeasurements:
    def test_one_without_a_pressure_is_a_failure(self, bedside: Bedside) -> None:
        bedside.tell("nibp", Measurement((Reading(Vital.NIBP_PR, 80),)))
        assert bedside.at("T8") == [10]

    def test_one_of_unknown_age_satisfies_no_plan(self, bedside: Bedside) -> None:
        parts = (Reading(Vital.NIBP_SYS, 120), Reading(Vital.NIBP_DIA, 75))
        bedside.tell("nibp", Measurement(parts, dated=False))
        bedside.dose().to(2000)
        assert bedside.at("T9") == [10 + (10 + 2) * 60]
        assert bedside.at("T9", Change.ENDED) == []


class TestPressureOverdue:
    def _told(self, bedside: Bedside, due_s: float, priority: Priority) -> None:
        bedside.to(due_s - MS)
        assert bedside.changes("T9") == []
        bedside.wait(MS)
        assert bedside.changes("T9") == [(due_s, "raised")]
        assert bedside.priority("T9") is priority

    def test_before(self) -> None:
        self._told(Bedside().to(10).measure(), 10 + (2 + 2) * 60, LOW)

    def test_before_and_complete(self) -> None:
        bedside = Bedside().to(10).measure().to(130).measure().to(2000)
        assert bedside.changes("T9") == []

    def test_dosing(self) -> None:
        self._told(Bedside().to(10).measure().dose(), 10 + (10 + 2) * 60, MEDIUM)

    def test_dosing_after_hypertension(self) -> None:
        bedside = Bedside().to(10).dose().measure(170, 90).to(130).measure(170, 90).to(200).measure()
        self._told(bedside, 200 + (5 + 2) * 60, MEDIUM)

    def test_first_hour_of_observation(self) -> None:
        bedside = Bedside().to(10).dose().to(20).finish().measure()
        self._told(bedside, 20 + (15 + 2) * 60, MEDIUM)

    def test_later_observation(self) -> None:
        bedside = Bedside(CUFF, PUMP).to(10).dose().to(20).finish()
        for minute in range(0, 61, 12):
            bedside.to(20 + minute * 60).measure()
        self._told(bedside, 20 + (60 + 30 + 2) * 60, LOW)

    def test_pressure_alarm_in_observation_without_another_event(self) -> None:
        bedside = Bedside(CUFF, PUMP).to(10).dose().to(20).finish().to(100).hush().to(300)
        bedside.measure(170, 90)
        self._told(bedside, 300 + (5 + 2) * 60, MEDIUM)

    def test_becomes_medium_when_dosing_begins(self) -> None:
        bedside = Bedside().to(10).measure().to(1000)
        assert bedside.priority("T9") is LOW
        bedside.dose().wait(1)
        assert bedside.priority("T9") is MEDIUM

    def test_a_valid_reading_ends_it(self) -> None:
        bedside = Bedside().to(10).measure().dose().to(900).fail_measure()
        assert bedside.at("T9", Change.ENDED) == []
        bedside.measure()
        assert bedside.at("T9", Change.ENDED) == [900]


class TestFailedPressure:
    def test_second_failure(self, bedside: Bedside) -> None:
        bedside.fail_measure()
        assert bedside.changes("T8") == [(10, "raised")]
        assert bedside.priority("T8") is LOW
        bedside.wait(60).fail_measure()
        assert bedside.changes("T8")[1:] == [(70, "escalated")]
        assert bedside.priority("T8") is MEDIUM
        bedside.wait(60).fail_measure().wait(30).measure()
        assert bedside.changes("T8")[2:] == [(160, "ended")]

    def test_failures_in_a_row(self, bedside: Bedside) -> None:
        bedside.fail_measure().wait(60).measure().wait(60).fail_measure()
        assert bedside.priority("T8") is LOW
        assert [word for _, word in bedside.changes("T8")] == ["raised", "ended", "raised"]


class TestProbe:
    def test_medium_after_two_minutes(self, bedside: Bedside) -> None:
        bedside.set(spo2=Reason.PROBE_OFF).to(20 + 120 - MS)
        assert bedside.priority("T1") is LOW
        bedside.wait(MS)
        assert bedside.changes("T1") == [(20, "raised"), (140, "escalated")]
        assert bedside.priority("T1") is MEDIUM

    def test_medium_when_dosing_begins(self, bedside: Bedside) -> None:
        bedside.set(spo2=Reason.PROBE_OFF).to(30).dose()
        assert bedside.changes("T1") == [(20, "raised"), (30, "escalated")]

    def test_stays_medium_when_dosing_ends(self, bedside: Bedside) -> None:
        bedside.dose().set(spo2=Reason.PROBE_OFF).to(30).finish().to(40)
        assert bedside.priority("T1") is MEDIUM

    def test_dosing_becomes_high_as_i8(self, bedside: Bedside) -> None:
        bedside.dose().set(spo2=Reason.PROBE_OFF).to(10 + 120)
        assert bedside.priority("I8") is HIGH
        assert bedside.priority("T1") is MEDIUM

    def test_link_lost_is_not_probe_off(self, bedside: Bedside) -> None:
        bedside.cut("oximeter").to(200)
        assert bedside.changes("T1") == []


class TestUnwatchedInfusion:
    def test_medium_then_high(self, bedside: Bedside) -> None:
        bedside.dose().set(spo2=Reason.PROBE_OFF).to(130 - MS)
        assert bedside.changes("I8") == [(40, "raised")]
        assert bedside.priority("I8") is MEDIUM
        bedside.wait(MS)
        assert bedside.changes("I8") == [(40, "raised"), (130, "escalated")]
        assert bedside.priority("I8") is HIGH

    def test_from_the_start_of_the_pump(self, bedside: Bedside) -> None:
        bedside.set(spo2=Reason.PROBE_OFF).to(50).dose().to(100)
        assert bedside.at("I8") == [80]

    def test_stale_counts(self, bedside: Bedside) -> None:
        bedside.dose().to(20).freeze("oximeter").to(100)
        assert bedside.at("I8") == [20 + 6 + 30]

    def test_lost_link_counts(self, bedside: Bedside) -> None:
        bedside.dose().to(20).cut("oximeter").to(100)
        assert bedside.at("I8") == [20 + 6 + 30]

    @pytest.mark.parametrize("state", [PumpState.STOPPED, PumpState.PAUSED, PumpState.KVO, PumpState.ALARM])
    def test_a_pump_that_does_not_deliver(self, bedside: Bedside, state: PumpState) -> None:
        bedside.set(pump_state=state, spo2=Reason.PROBE_OFF).to(200)
        assert bedside.changes("I8") == []

    def test_bolus_delivers(self, bedside: Bedside) -> None:
        bedside.set(pump_state=PumpState.BOLUS, spo2=Reason.PROBE_OFF).to(40)
        assert bedside.at("I8") == [40]

    def test_ends_with_the_infusion(self, bedside: Bedside) -> None:
        bedside.dose().set(spo2=Reason.PROBE_OFF).to(60).finish().to(70)
        assert bedside.at("I8", Change.ENDED) == [65]

    def test_pump_lost_keeps_it_and_its_escalation(self, bedside: Bedside) -> None:
        bedside.dose().set(spo2=Reason.PROBE_OFF).to(50).cut("pump").to(200)
        assert bedside.changes("I8") == [(40, "raised"), (130, "escalated")]

    def test_pump_lost_while_pending(self, bedside: Bedside) -> None:
        bedside.dose().set(spo2=Reason.PROBE_OFF).to(20).cut("pump").to(200)
        assert bedside.changes("I8") == []
        assert bedside.at("T12") == [30]


class TestLinks:
    @pytest.mark.parametrize("lost_s", [5, 9.999, 10, 60])
    def test_lost_and_back_is_never_not_renewed(self, bedside: Bedside, lost_s: float) -> None:
        bedside.cut("oximeter").wait(lost_s).plug("oximeter").wait(30)
        assert bedside.changes("T6") == []

    def test_first_heard_late_is_never_not_renewed(self) -> None:
        bedside = Bedside(talk=False).to(60).plug("oximeter").to(90)
        assert bedside.changes("T6") == []
        assert bedside.changes("T5") == [(10, "raised"), (65, "ended")]

    def test_one_frame_now_and_then_is_a_lost_line(self) -> None:
        bedside = Bedside().to(10)
        for _ in range(4):
            bedside.cut("oximeter").wait(8.5).plug("oximeter").wait(0.1)
        assert bedside.at("T5") == [40]

    def test_a_line_that_comes_back_for_good_in_time_is_not_lost(self) -> None:
        bedside = Bedside().to(10).cut("oximeter").wait(9).plug("oximeter").wait(3)
        bedside.cut("oximeter").wait(3).plug("oximeter").wait(60)
        assert bedside.changes("T5") == []

    def test_frames_without_numbers_after_a_loss(self, bedside: Bedside) -> None:
        bedside.cut("oximeter").wait(30).freeze("oximeter").plug("oximeter").wait(30)
        assert bedside.at("T6") == [50]

    def test_frozen_then_cut_hands_over(self, bedside: Bedside) -> None:
        bedside.freeze("oximeter").to(30)
        assert bedside.at("T6") == [20]
        bedside.cut("oximeter").to(60)
        assert bedside.at("T5") == bedside.at("T6", Change.ENDED) == [40]

    def test_never_both(self, bedside: Bedside) -> None:
        bedside.freeze("oximeter")
        for _ in range(6):
            bedside.cut("oximeter").wait(13).plug("oximeter").wait(14)
            assert not {"T5", "T6"} <= set(bedside.states())
        here = {"T5": False, "T6": False}
        for s in sorted({s for id_ in here for s, _ in bedside.changes(id_)}):
            for id_ in here:
                for at, word in bedside.changes(id_):
                    if at == s:
                        here[id_] = word == "raised"
            assert not all(here.values())

    def test_rejected_numbers_are_shown_at_most_ten_seconds(self, bedside: Bedside) -> None:
        bedside.freeze("oximeter").to(20)
        assert getattr(bedside.system.board.look(Vital.SPO2, bedside.now), "reason", None) is Reason.STALE

    def test_occlusion_outlives_a_lost_link(self, bedside: Bedside) -> None:
        bedside.flag("pump", FlagName.OCCLUSION, on=True).to(20).cut("pump").to(40).plug("pump").to(60)
        assert bedside.changes("I1") == [(10, "raised")]

    def test_occlusion_said_later_than_the_first_frame_after_a_loss(self, bedside: Bedside) -> None:
        bedside.flag("pump", FlagName.OCCLUSION, on=True).to(20).cut("pump").to(40)
        bedside.talkers["pump"].flags.clear()
        bedside.plug("pump").to(42).flag("pump", FlagName.OCCLUSION, on=True).to(60)
        assert bedside.changes("I1") == [(10, "raised")]

    def test_occlusion_over_while_the_link_was_lost(self, bedside: Bedside) -> None:
        bedside.flag("pump", FlagName.OCCLUSION, on=True).to(20).cut("pump").to(40)
        bedside.talkers["pump"].flags[FlagName.OCCLUSION] = (
            bedside.talkers["pump"].flags[FlagName.OCCLUSION].__class__(FlagName.OCCLUSION, on=False)
        )
        bedside.plug("pump")
        assert bedside.changes("I1") == [(10, "raised"), (40, "ended")]

    def test_artefact_with_the_probe_off_is_no_news(self, bedside: Bedside) -> None:
        bedside.flag("oximeter", FlagName.ARTEFACT, on=True).to(45)
        bedside.set(spo2=Reason.PROBE_OFF).flag("oximeter", FlagName.ARTEFACT, on=False).to(100)
        assert bedside.changes("T4") == [(40, "raised")]

    def test_pump_lost_just_before_dosing_would_end(self, bedside: Bedside) -> None:
        bedside.dose().to(20).cut("pump").to(29.999)
        assert "T12" not in bedside.states()
        bedside.to(30)
        assert bedside.priority("T12") is MEDIUM

    def test_nibp_link_becomes_medium_in_dosing(self, bedside: Bedside) -> None:
        bedside.cut("nibp").to(50)
        assert bedside.priority("T7") is LOW
        bedside.dose().wait(1)
        assert bedside.priority("T7") is MEDIUM


class TestRespiratoryDepression:
    @pytest.mark.parametrize(("rr", "spo2"), [(10, 91), (9, 92), (10, 92)])
    def test_one_part_alone(self, bedside: Bedside, rr: float, spo2: float) -> None:
        bedside.set(rr=rr, spo2=spo2).to(100)
        assert bedside.changes("C1") == []

    def test_the_younger_part_counts(self, bedside: Bedside) -> None:
        bedside.set(rr=9).to(20).set(spo2=91).to(100)
        assert bedside.at("C1") == [35]

    @pytest.mark.parametrize("better", [{"rr": 14}, {"spo2": 97}])
    def test_over_when_a_part_is(self, bedside: Bedside, better: dict[str, float]) -> None:
        bedside.set(rr=9, spo2=91).to(30).set(**better).to(35)
        assert bedside.at("C1", Change.LATCHED) == [35]

    def test_a_source_gone_silent(self, bedside: Bedside) -> None:
        bedside.set(spo2=91).cut("monitor").to(100)
        assert bedside.at("C1") == [10 + 6 + 15]

    def test_a_rate_no_longer_measured(self, bedside: Bedside) -> None:
        bedside.set(spo2=91, rr=Reason.UNSURE).to(100)
        assert bedside.at("C1") == [25]

    @pytest.mark.parametrize("heard", [True, False])
    def test_a_source_that_never_spoke_has_not_gone_silent(self, *, heard: bool) -> None:
        bedside = Bedside(talk=False)
        bedside.set(rr=Reason.SENSOR_FAULT, spo2=91)
        bedside.plug("oximeter", *(["monitor"] if heard else [])).to(100)
        assert bedside.changes("C1") == []

    def test_pleth_gone_silent(self) -> None:
        bedside = Bedside(OXIMETER, PLETH_MONITOR, CUFF, PUMP).to(10)
        bedside.set(spo2=91).cut("monitor").to(100)
        assert bedside.changes("C1") == []

    def test_pleth_rate(self) -> None:
        bedside = Bedside(OXIMETER, PLETH_MONITOR, CUFF, PUMP).to(10)
        bedside.set(spo2=91, rr=9).to(100)
        assert bedside.at("C1") == [25]

    def test_both_lost_keep_it(self, bedside: Bedside) -> None:
        bedside.set(rr=9, spo2=91).to(30).cut("monitor", "oximeter").to(300)
        assert bedside.state("C1").presence is Presence.PRESENT


class TestInfusion:
    def test_stop_before_the_end(self, bedside: Bedside) -> None:
        bedside.dose().to(20).set(pump_state=PumpState.STOPPED).to(35)
        assert bedside.at("I7") == [35]
        assert bedside.state("I7").value == 50

    def test_stop_before_the_dose(self, bedside: Bedside) -> None:
        bedside.to(100)
        assert bedside.changes("I7") == []

    @pytest.mark.parametrize("state", [PumpState.COMPLETE, PumpState.KVO])
    def test_complete(self, bedside: Bedside, state: PumpState) -> None:
        bedside.dose().to(20).set(pump_state=state).to(100)
        assert bedside.changes("I7") == []

    def test_nothing_left(self, bedside: Bedside) -> None:
        bedside.dose().to(20).set(volume_remaining=0.0).set(pump_state=PumpState.STOPPED).to(100)
        assert bedside.changes("I7") == []

    def test_nothing_left_said_after_the_stop(self, bedside: Bedside) -> None:
        bedside.dose().to(21).set(pump_state=PumpState.STOPPED).to(23)
        bedside.tell("pump", Frame("volume"), Reading(Vital.VOLUME_REMAINING, 0))
        bedside.talkers["pump"].knows[Vital.VOLUME_REMAINING] = Reading(Vital.VOLUME_REMAINING, 0)
        bedside.to(100)
        assert bedside.changes("I7") == []

    def test_volume_unknown(self, bedside: Bedside) -> None:
        bedside.dose().set(volume_remaining=Reason.NOT_MEASURABLE).to(20)
        bedside.set(pump_state=PumpState.ALARM).to(100)
        assert bedside.at("I7") == [35]

    def test_pump_lost_keeps_it(self, bedside: Bedside) -> None:
        bedside.dose().to(20).set(pump_state=PumpState.STOPPED).to(40).cut("pump").to(600)
        assert bedside.state("I7").presence is Presence.PRESENT

    def test_pump_silent_is_not_stopped(self, bedside: Bedside) -> None:
        bedside.dose().to(20).cut("pump").to(100)
        assert bedside.changes("I7") == []

    def test_unknown_is_not_stopped(self, bedside: Bedside) -> None:
        bedside.dose().to(20).set(pump_state=PumpState.UNKNOWN).to(100)
        assert bedside.changes("I7") == []

    def test_acknowledged_it_is_meant(self, bedside: Bedside) -> None:
        bedside.dose().to(20).set(pump_state=PumpState.STOPPED).to(40).acknowledge("I7")
        assert bedside.system.session.phase.value == "observe"
        assert [word for _, word in bedside.changes("I7")] == ["raised", "acknowledged", "ended"]

    @pytest.mark.parametrize(
        ("id_", "values"),
        [
            ("S1", {"spo2": 89}),
            ("S2", {"spo2": 80}),
            ("R1", {"rr": 8}),
            ("R2", {"rr": 5}),
            ("C1", {"rr": 9, "spo2": 91}),
        ],
    )
    def test_running_in_the_text(self, bedside: Bedside, id_: str, values: dict[str, float]) -> None:
        bedside.set(**values).to(100)
        assert "infusion running" not in bedside.state(id_).text
        bedside.dose()
        assert "infusion running" in bedside.state(id_).text
        bedside.set(pump_state=PumpState.PAUSED)
        assert "infusion running" not in bedside.state(id_).text

    @pytest.mark.parametrize(("id_", "reading"), [("B2", (190, 90, 120)), ("B4", (70, 40, 50))])
    def test_running_in_the_text_of_a_pressure(
        self, bedside: Bedside, id_: str, reading: tuple[float, float, float]
    ) -> None:
        bedside.dose().measure(*reading)
        assert "infusion running" in bedside.state(id_).text

    def test_running_in_no_other_text(self, bedside: Bedside) -> None:
        bedside.dose().set(pr=160).measure(170, 90).to(500)
        for id_ in ("P1", "P2", "B1"):
            assert "infusion" not in bedside.state(id_).text

    def test_a_pump_not_heard_may_run(self, bedside: Bedside) -> None:
        bedside.dose().set(spo2=80).to(20).cut("pump").to(30)
        assert "pump not heard, infusion may be running" in bedside.state("S2").text

    def test_a_pump_not_heard_before_the_dose(self, bedside: Bedside) -> None:
        bedside.set(spo2=80).cut("pump").to(30)
        assert "infusion" not in bedside.state("S2").text


class TestStations:
    def test_none_named(self) -> None:
        bedside = Bedside().to(10)
        bedside.take(bedside.system.broker_session(up=False, now=bedside.now))
        bedside.to(400)
        assert bedside.changes("T13") == []
        assert ("T13", "no station is named in the settings") in [
            (item.condition, item.reason) for item in bedside.system.not_monitored
        ]

    @pytest.mark.parametrize("beginning", [0, 10**12])
    def test_no_broker(self, beginning: int) -> None:
        bedside = Bedside(stations=("desk",), beginning=beginning)
        bedside.to(20)
        bedside.take(bedside.system.broker_session(up=False, now=bedside.now))
        bedside.to(30 - MS)
        assert bedside.changes("T13") == []
        bedside.to(120 - MS)
        assert bedside.changes("T13") == [(30, "raised")]
        assert bedside.priority("T13") is LOW
        bedside.to(120)
        assert bedside.changes("T13") == [(30, "raised"), (120, "escalated")]
        assert bedside.priority("T13") is MEDIUM

    def _broker(self, bedside: Bedside, *, up: bool) -> None:
        bedside.take(bedside.system.broker_session(up=up, now=bedside.now))

    def _station(self, bedside: Bedside, name: str, *, online: bool) -> None:
        bedside.take(bedside.system.station_seen(name, online=online, now=bedside.now))

    def test_broker_without_station(self) -> None:
        bedside = Bedside(stations=("desk",)).to(5)
        self._broker(bedside, up=True)
        bedside.to(50)
        assert bedside.at("T13") == [30]

    def test_one_of_two_is_enough(self) -> None:
        bedside = Bedside(stations=("desk", "hall")).to(5)
        self._broker(bedside, up=True)
        self._station(bedside, "desk", online=True)
        self._station(bedside, "hall", online=True)
        self._station(bedside, "desk", online=False)
        bedside.to(100)
        assert bedside.changes("T13") == []
        self._station(bedside, "hall", online=False)
        self._station(bedside, "hall", online=False)
        bedside.to(131)
        assert bedside.at("T13") == [130]
        self._station(bedside, "desk", online=True)
        assert bedside.at("T13", Change.ENDED) == [131]

    def test_a_stranger_does_not_count(self) -> None:
        bedside = Bedside(stations=("desk",)).to(5)
        self._broker(bedside, up=True)
        self._station(bedside, "cellar", online=True)
        bedside.to(31)
        assert bedside.at("T13") == [30]

    def test_broker_lost_and_back(self) -> None:
        bedside = Bedside(stations=("desk",)).to(5)
        self._broker(bedside, up=True)
        self._station(bedside, "desk", online=True)
        bedside.to(100)
        self._broker(bedside, up=False)
        self._broker(bedside, up=False)
        bedside.to(129)
        self._broker(bedside, up=True)
        self._station(bedside, "desk", online=True)
        bedside.to(300)
        assert bedside.changes("T13") == []


class TestPanel:
    def test_sounder_not_known_before_the_panel_is_there(self) -> None:
        assert Bedside(panel=False).system.setup().sounder == "not connected"

    def test_panel_lost(self, bedside: Bedside) -> None:
        bedside.take(bedside.system.panel_lost(bedside.now))
        assert bedside.changes("T19") == [(10, "raised")]
        assert bedside.priority("T19") is HIGH
        assert bedside.system.setup().sounder == "not connected"
        bedside.to(12)
        bedside.take(bedside.system.panel_connected("mock", (), bedside.now))
        assert bedside.state("T19").presence is Presence.LATCHED
        assert bedside.acknowledge().states() == {}

    def test_fault_found_by_the_self_test(self, bedside: Bedside) -> None:
        bedside.take(bedside.system.panel_connected("mock", ("red lamp", "buzzer"), bedside.now))
        assert bedside.at("T19") == [10]
        assert "red lamp, buzzer" in bedside.state("T19").text

    def test_wrong_drive(self, bedside: Bedside) -> None:
        bedside.take(bedside.system.panel_drives(as_asked=False, now=bedside.now))
        assert bedside.at("T19") == [10]
        bedside.to(12)
        bedside.take(bedside.system.panel_drives(as_asked=True, now=bedside.now))
        assert bedside.at("T19", Change.LATCHED) == [12]

    def test_a_panel_that_comes_back_drives_anew(self, bedside: Bedside) -> None:
        bedside.take(bedside.system.panel_drives(as_asked=False, now=bedside.now))
        bedside.take(bedside.system.panel_lost(bedside.now))
        bedside.take(bedside.system.panel_connected("mock", (), bedside.now))
        assert bedside.state("T19").presence is Presence.LATCHED


NEVER = {"R3", "S4"}
"""No device tells single breaths; high SpO2 is off."""


class TestNotMonitored:
    def _ids(self, *sources: Source) -> set[str]:
        return {item.condition for item in Bedside(*sources).system.not_monitored}

    def test_all_there(self) -> None:
        assert self._ids(*ALL) == {"R5", "T13"} | NEVER

    def test_pleth_cannot_prove_apnea(self) -> None:
        assert self._ids(OXIMETER, PLETH_MONITOR, CUFF, PUMP) == {"R2", "T13"} | NEVER

    def test_no_breathing(self) -> None:
        assert self._ids(OXIMETER, CUFF, PUMP) == {"R1", "R2", "R4", "R5", "C1", "T13"} | NEVER

    def test_no_cuff(self) -> None:
        pressure = {"P6", "B1", "B2", "B3", "B4", "C2", "C3", "T7", "T8", "T9", "T10", "T11"}
        assert self._ids(OXIMETER, MONITOR, PUMP) == pressure | {"R5", "T13"} | NEVER

    def test_no_pump(self) -> None:
        assert self._ids(OXIMETER, MONITOR, CUFF) == {
            *("I1", "I2", "I5", "I6", "I7", "I8", "I10", "R5", "T12", "T13"),
            *NEVER,
        }

    def test_no_oximeter(self) -> None:
        oxygen = {"S1", "S2", "P1", "P2", "P3", "P4", "P5", "P6", "C1", "C2", "C3", "T1", "T2", "T3"}
        oxygen |= {"T4", "T5", "T6"}
        assert self._ids(MONITOR, CUFF, PUMP) == oxygen | {"R5", "T13"} | NEVER

    def test_unwatched_infusion_without_any_oximeter(self) -> None:
        bedside = Bedside(PUMP).to(10).dose().to(40)
        assert bedside.at("I8") == [40]

    def test_reasons_are_told(self) -> None:
        items = {item.condition: item.reason for item in Bedside(PLETH_MONITOR).system.not_monitored}
        assert items["S1"] == "no device gives spo2"
        assert items["R2"] == "not where the source of breathing is pleth"
        assert items["S4"].startswith("SpO2 high is off")


def test_link_up_and_numbers_in_one_frame() -> None:
    bedside = Bedside(talk=False).to(5)
    bedside.tell("oximeter", LinkUp(), Frame("all"), Reading(Vital.SPO2, 97))
    assert bedside.system.board.number(Vital.SPO2, bedside.now) == 97
