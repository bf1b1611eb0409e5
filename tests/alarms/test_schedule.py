"""When the agent starts the cuff (clinical basis, 7.4), and the session's phases as the pump tells them."""

import pytest

from alarms.board import Absent, Known
from alarms.session import Phase
from bedside.commands import SetPatient
from bedside.facts import Quality, Reason
from bedside.instants import MINUTE, SECOND
from bedside.vitals import NibpState, PumpState, Vital
from tests.alarms.bedsides import CUFF, PUMP, Bedside

MS = 0.001


class Plan(Bedside):
    """A bed whose agent starts the cuff, and a cuff that takes 30 s for a reading."""

    def __init__(self) -> None:
        super().__init__(CUFF, PUMP, nibp_by_agent=True)

    def next(
        self, reading: tuple[float, float, float] | None = (120, 75, 90), within_s: float = 4000
    ) -> float:
        """Play until the agent starts the cuff; the reading comes (or fails) at once. When it started."""
        count, end = len(self.measured()), self.s + within_s
        while len(self.measured()) == count:
            assert self.s < end, "not started"
            due = self.system.deadline
            talk = min(t.next_at for t in self.talkers.values() if t.next_at is not None)
            self.to((min(talk, due if due is not None else talk) - self.beginning) / 10**9)
        start = self.s
        if reading is None:
            self.fail_measure()
        else:
            self.measure(*reading)
        return start

    def dosing(self) -> "Plan":
        """Both readings before the dose are done, and the pump begins now."""
        self.next()
        self.next()
        self.wait(100).dose()
        return self

    def observing(self) -> "Plan":
        self.dosing()
        self.next()
        self.wait(100).finish().measure()
        return self


class TestBefore:
    def test_two_readings_two_minutes_apart(self) -> None:
        plan = Plan()
        assert plan.next() == 60
        assert plan.next() == 180
        plan.wait(3000)
        assert plan.measured() == [60, 180]

    def test_they_last_until_the_dose_begins(self) -> None:
        plan = Plan()
        plan.next()
        plan.next()
        board, read_at = plan.system.board, plan.beginning + 180 * SECOND
        aged = [board.look(Vital.NIBP_SYS, read_at + minutes * MINUTE) for minutes in (14, 15, 29, 30)]
        assert aged == [
            Known(120, Quality.GOOD, read_at),
            Known(120, Quality.QUESTIONABLE, read_at),
            Known(120, Quality.QUESTIONABLE, read_at),
            Absent(Reason.STALE),
        ]

    def test_again_for_a_new_patient(self) -> None:
        plan = Plan()
        plan.next()
        plan.next()
        plan.to(300).ask(SetPatient("p-2", None, None))
        assert plan.measured() == [60, 180, 300]
        plan.measure()
        assert plan.next() == 420

    def test_a_new_patient_does_not_shorten_the_rest(self) -> None:
        plan = Plan()
        plan.next()
        plan.next()
        plan.to(200).ask(SetPatient("p-2", None, None))
        assert plan.next() == 240


class TestDosing:
    def test_every_ten_minutes(self) -> None:
        plan = Plan().dosing()
        assert [plan.next() for _ in range(3)] == [180 + 600, 180 + 1200, 180 + 1800]

    def test_every_five_minutes_after_hypertension(self) -> None:
        plan = Plan().dosing()
        first = plan.next((170, 90, 110))
        assert plan.next((170, 90, 110)) == first + 120
        assert plan.at("B1") == [first + 120]
        assert [plan.next() for _ in range(2)] == [first + 120 + 300, first + 120 + 600]

    def test_one_unconfirmed_reading_is_not_hypertension(self) -> None:
        plan = Plan().dosing()
        first = plan.next((170, 90, 110))
        assert plan.next() == first + 120
        assert plan.next() == first + 120 + 600

    def test_every_five_minutes_by_choice_of_the_site(self) -> None:
        plan = Plan().dosing()
        plan.system.schedule._dosing_interval = 5 * 60 * 10**9
        assert plan.next() == 180 + 300

    def test_forced_at_the_end(self) -> None:
        plan = Plan().dosing()
        last = plan.next()
        plan.to(last + 200).finish()
        assert plan.measured()[-1] == last + 200

    def test_at_the_end_but_not_within_a_minute(self) -> None:
        plan = Plan().dosing()
        last = plan.next()
        plan.to(last + 20).finish()
        assert plan.next() == last + 60

    def test_not_forced_before_the_end(self) -> None:
        plan = Plan().dosing()
        last = plan.next()
        plan.to(last + 200).set(pump_state=PumpState.PAUSED).to(last + 600 - MS)
        assert plan.measured()[-1] == last


class TestObserving:
    def test_fifteen_then_thirty(self) -> None:
        plan = Plan().observing()
        since = plan.s
        starts = [plan.next() - since for _ in range(7)]
        assert starts == [900, 1800, 2700, 4500, 6300, 8100, 9900]

    def test_five_while_a_pressure_alarm_is_present(self) -> None:
        plan = Plan().observing()
        first = plan.next((190, 100, 130))
        assert plan.next((190, 100, 130)) == first + 60
        assert plan.next((190, 100, 130)) == first + 360
        assert plan.next((120, 80, 90)) == first + 660
        assert plan.next() == first + 660 + 900


class TestFailing:
    def test_one_retry_after_a_minute(self) -> None:
        plan = Plan().dosing()
        first = plan.next(None)
        assert plan.next(None) == first + 60
        assert plan.next(None) == first + 60 + 600
        assert plan.next() == first + 60 + 1200
        assert plan.next(None) == first + 60 + 1800
        assert plan.next() == first + 120 + 1800

    def test_before_the_dose_at_most_every_five_minutes(self) -> None:
        plan = Plan()
        assert [plan.next(None) for _ in range(4)] == [60, 120, 420, 720]

    def test_failing_does_not_put_off_overdue(self) -> None:
        plan = Plan()
        plan.next()
        for _ in range(3):
            plan.next(None)
        assert plan.at("T9") == [60 + 240]

    def test_a_start_without_an_end_is_tried_again_at_the_interval(self) -> None:
        plan = Plan()
        plan.to(60)
        assert plan.measured() == [60]
        assert plan.next() == 180


class TestRest:
    def test_not_by_itself_unless_the_settings_say_so(self) -> None:
        bedside = Bedside(CUFF, PUMP).dose().to(5000)
        assert bedside.measured() == []

    def test_waits_for_the_line(self) -> None:
        bedside = Bedside(CUFF, PUMP, nibp_by_agent=True, talk=False).to(100)
        assert bedside.measured() == []
        bedside.plug("nibp")
        assert bedside.measured() == [100]

    def test_waits_for_the_cuff_and_then_a_minute(self) -> None:
        bedside = Bedside(CUFF, PUMP, nibp_by_agent=True).to(30).set(nibp_state=NibpState.INFLATING).to(100)
        assert bedside.measured() == []
        bedside.measure().set(nibp_state=NibpState.COMPLETE).to(300)
        assert bedside.measured() == [220]

    def test_never_within_a_minute(self) -> None:
        """Whatever alarms ask for: pressures that are now high, now low, now not there."""
        plan = Plan().dosing()
        ends: list[float] = []
        readings = [
            (190, 120, 140),
            (70, 40, 50),
            None,
            (85, 60, 70),
            (170, 90, 110),
            None,
            None,
            (120, 80, 90),
        ]
        for index in range(40):
            start = plan.next(readings[index % len(readings)])
            assert not ends or start >= ends[-1] + 60
            ends.append(plan.s)
            if index == 25:
                plan.finish()


class TestPhases:
    @pytest.fixture
    def bedside(self) -> Bedside:
        return Bedside(PUMP).to(10)

    def _phase(self, bedside: Bedside) -> str:
        return bedside.system.session.phase.value

    @pytest.mark.parametrize("state", [state for state in PumpState if not state.delivering])
    def test_a_pump_that_does_not_deliver_begins_nothing(self, bedside: Bedside, state: PumpState) -> None:
        assert self._phase(bedside.set(pump_state=state).to(60)) == "pre"

    @pytest.mark.parametrize("state", [PumpState.INFUSING, PumpState.BOLUS])
    def test_dosing_begins_with_delivery(self, bedside: Bedside, state: PumpState) -> None:
        assert self._phase(bedside.set(pump_state=state)) == "dosing"

    @pytest.mark.parametrize("state", [PumpState.COMPLETE, PumpState.KVO])
    def test_ends_when_the_pump_says_so(self, bedside: Bedside, state: PumpState) -> None:
        assert self._phase(bedside.dose().set(pump_state=state)) == "observe"

    def test_ends_with_nothing_left(self, bedside: Bedside) -> None:
        bedside.dose().set(volume_remaining=0.0).set(pump_state=PumpState.STOPPED)
        assert self._phase(bedside) == "observe"

    def test_a_stop_half_way_waits_a_quarter_of_an_hour(self, bedside: Bedside) -> None:
        bedside.dose().to(20).set(pump_state=PumpState.PAUSED).to(920 - MS)
        assert self._phase(bedside) == "dosing"
        assert self._phase(bedside.to(920)) == "observe"
        assert bedside.system.session.since == bedside.now

    def test_resumed(self, bedside: Bedside) -> None:
        bedside.dose().to(20).set(pump_state=PumpState.PAUSED).to(500).dose().to(600)
        bedside.set(pump_state=PumpState.ALARM).to(1499)
        assert self._phase(bedside) == "dosing"

    @pytest.mark.parametrize("state", [PumpState.UNKNOWN, Reason.UNSURE])
    def test_unknown_is_neither(self, bedside: Bedside, state: PumpState | Reason) -> None:
        assert self._phase(bedside.dose().set(pump_state=state).to(3000)) == "dosing"

    def test_not_heard_is_neither(self, bedside: Bedside) -> None:
        assert self._phase(bedside.dose().cut("pump").to(3000)) == "dosing"

    def test_a_second_infusion(self, bedside: Bedside) -> None:
        assert self._phase(bedside.dose().to(20).finish().to(30).dose()) == "dosing"

    def test_confirming_when_nothing_stopped(self, bedside: Bedside) -> None:
        bedside.dose().system.session.confirm_stop(bedside.now)
        assert bedside.system.session.phase is Phase.DOSING
