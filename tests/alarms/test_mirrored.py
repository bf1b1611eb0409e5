"""What devices tell of themselves, and the end of an infusion (clinical basis, 7.1 to 7.3).

The numbers here are copied from the clinical tables, never from the catalogue.
"""

from dataclasses import replace

import pytest

from bedside.effects import Change, Presence
from bedside.facts import FlagName, Reason
from bedside.priorities import Priority
from bedside.vitals import PumpState, Vital
from tests.alarms import bedsides
from tests.alarms.bedsides import CUFF, OXIMETER, PLETH_MONITOR, PUMP, Bedside

MS = 0.001


@pytest.fixture
def bedside() -> Bedside:
    return Bedside().to(10)


class TestBreathingFromThePleth:
    """R5: no value for 60 s is LOW, in dosing MEDIUM after 180 s; ended by a value for 15 s."""

    @pytest.fixture
    def bedside(self) -> Bedside:
        return Bedside(OXIMETER, PLETH_MONITOR, CUFF, PUMP).to(10)

    def test_low_after_a_minute(self, bedside: Bedside) -> None:
        bedside.set(rr=Reason.UNSURE).wait(60 - MS)
        assert bedside.changes("R5") == []
        bedside.wait(MS)
        assert bedside.changes("R5") == [(70, "raised")]
        bedside.wait(600)
        assert bedside.priority("R5") is Priority.LOW

    def test_medium_in_dosing_after_three(self, bedside: Bedside) -> None:
        bedside.dose().set(rr=Reason.UNSURE).wait(180 - MS)
        assert bedside.priority("R5") is Priority.LOW
        bedside.wait(MS)
        assert bedside.at("R5", Change.ESCALATED) == [190]
        assert bedside.priority("R5") is Priority.MEDIUM

    def test_ended_by_a_value_for_fifteen_seconds(self, bedside: Bedside) -> None:
        bedside.set(rr=Reason.UNSURE).wait(60).set(rr=14).wait(15 - MS)
        assert bedside.state("R5").presence is Presence.PRESENT
        bedside.wait(MS)
        assert bedside.at("R5", Change.ENDED) == [85]

    @pytest.mark.parametrize("reason", [Reason.PROBE_OFF, Reason.SENSOR_FAULT])
    def test_not_when_the_probe_is_the_cause(self, bedside: Bedside, reason: Reason) -> None:
        bedside.set(rr=reason).wait(300)
        assert bedside.changes("R5") == []

    def test_not_when_the_link_is_the_cause(self, bedside: Bedside) -> None:
        bedside.cut("monitor").wait(300)
        assert bedside.changes("R5") == []


class TestNearEnd:
    """I5: three minutes or less remain: shown, never sounded."""

    def test_by_what_is_left(self, bedside: Bedside) -> None:
        bedside.dose().set(volume_remaining=3.76).wait(5)
        assert bedside.changes("I5") == []
        bedside.set(volume_remaining=3.75)
        assert bedside.changes("I5") == [(15, "raised")], "3.75 mL at 75 mL/h are three minutes"
        assert bedside.priority("I5") is None
        assert bedside.level().sound is None

    def test_by_the_pumps_word(self, bedside: Bedside) -> None:
        bedside.dose().set(volume_remaining=Reason.NOT_MEASURABLE)
        bedside.flag("pump", FlagName.NEAR_END, on=True)
        assert bedside.changes("I5") == [(10, "raised")]
        bedside.flag("pump", FlagName.NEAR_END, on=False)
        assert bedside.changes("I5")[1:] == [(10, "ended")]

    def test_over_when_the_pump_is_done(self, bedside: Bedside) -> None:
        bedside.dose().set(volume_remaining=2.0).wait(5).finish()
        assert bedside.at("I5", Change.ENDED) == [15]

    @pytest.mark.parametrize("state", [PumpState.PAUSED, PumpState.UNKNOWN])
    def test_only_while_it_delivers(self, bedside: Bedside, state: PumpState) -> None:
        bedside.set(volume_remaining=2.0, pump_state=state).wait(60)
        assert bedside.changes("I5") == []

    def test_a_pump_that_stands_has_no_end(self, bedside: Bedside) -> None:
        bedside.dose().set(volume_remaining=2.0, infusion_rate=0.0).wait(60)
        assert bedside.changes("I5") == []


class TestComplete:
    """I6: the volume to be infused is reached."""

    @pytest.mark.parametrize(
        ("state", "left"), [(PumpState.COMPLETE, 0.0), (PumpState.KVO, 0.0), (PumpState.STOPPED, 0.0)]
    )
    def test_in_whatever_way_the_pump_says_it(self, bedside: Bedside, state: PumpState, left: float) -> None:
        bedside.dose().wait(5).set(volume_remaining=left).set(pump_state=state).wait(5)
        assert bedside.at("I6") == [15]
        assert bedside.system.session.phase.value == "observe"

    @pytest.mark.parametrize("state", [PumpState.STOPPED, PumpState.INFUSING])
    def test_not_with_volume_left_or_while_it_flows(self, bedside: Bedside, state: PumpState) -> None:
        bedside.dose().wait(5).set(pump_state=state).wait(60)
        assert bedside.changes("I6") == []

    def test_not_before_the_dose(self, bedside: Bedside) -> None:
        bedside.finish().wait(60)
        assert bedside.changes("I6") == []

    def test_no_loss_ends_it(self, bedside: Bedside) -> None:
        bedside.dose().wait(5).finish().wait(5).cut("pump").wait(300)
        assert bedside.state("I6").presence is Presence.PRESENT


class TestGrades:
    def test_an_empty_container_is_worse_than_a_low_battery(self, bedside: Bedside) -> None:
        bedside.flag("pump", FlagName.LOW_BATTERY, on=True).wait(5)
        bedside.flag("pump", FlagName.CONTAINER_EMPTY, on=True)
        assert bedside.changes("I10") == [(10, "raised"), (15, "escalated")]
        bedside.flag("pump", FlagName.CONTAINER_EMPTY, on=False)
        assert bedside.priority("I10") is Priority.MEDIUM, "never lowered while present"


class TestSensorFault:
    def test_another_reason_ends_it(self, bedside: Bedside) -> None:
        bedside.set(spo2=Reason.SENSOR_FAULT).wait(5).set(spo2=Reason.PROBE_OFF).wait(5)
        assert bedside.changes("T2") == [(12, "raised"), (20, "ended")]

    def test_silence_ends_nothing(self, bedside: Bedside) -> None:
        bedside.set(spo2=Reason.SENSOR_FAULT).wait(5).cut("oximeter").wait(100)
        assert bedside.state("T2").presence is Presence.PRESENT


class TestPerfusion:
    """T3: PI below 0.3 % for 30 s."""

    @pytest.fixture
    def bedside(self, monkeypatch: pytest.MonkeyPatch) -> Bedside:
        monkeypatch.setitem(bedsides.HEALTHY, Vital.PI, 4.0)
        source = replace(OXIMETER, vitals=(*OXIMETER.vitals, Vital.PI))
        return Bedside(source, CUFF).to(10)

    def test_below_its_limit(self, bedside: Bedside) -> None:
        bedside.set(pi=0.29).wait(30 - MS)
        assert bedside.changes("T3") == []
        bedside.wait(MS)
        assert bedside.changes("T3") == [(40, "raised")]
        assert bedside.priority("T3") is Priority.LOW

    def test_at_its_limit(self, bedside: Bedside) -> None:
        bedside.set(pi=0.3).wait(100)
        assert bedside.changes("T3") == []

    def test_ends(self, bedside: Bedside) -> None:
        bedside.set(pi=0.29).wait(30).set(pi=0.5).wait(5)
        assert bedside.at("T3", Change.ENDED) == [45]

    def test_no_loss_ends_it(self, bedside: Bedside) -> None:
        bedside.set(pi=0.29).wait(30).set(pi=Reason.UNSURE).wait(60).cut("oximeter").wait(60)
        assert bedside.state("T3").presence is Presence.PRESENT
