"""What people do: acknowledging, pausing the audio, and what the panel shows and sounds for it."""

from dataclasses import replace

import pytest

from alarms.annunciation import Sound, annunciate
from bedside.commands import (
    Acknowledge,
    AcknowledgeSounding,
    MeasureNibp,
    PauseAudio,
    Refusal,
    ResumeAudio,
    SetPatient,
)
from bedside.effects import Change, Presence
from bedside.facts import Reason
from bedside.level import Level
from bedside.priorities import Audio, Category, Priority
from bedside.vitals import NibpState, PumpState, Vital
from tests.alarms.bedsides import BEGINNING, CUFF, OXIMETER, PUMP, Bedside, refusals

LOW, MEDIUM, HIGH = Priority.LOW, Priority.MEDIUM, Priority.HIGH
MS = 0.001


@pytest.fixture
def bedside() -> Bedside:
    return Bedside().to(10)


def _signals(level: Level) -> tuple[Priority | None, Priority | None, Audio]:
    return level.sound, level.lamp, level.audio


def _text(bedside: Bedside) -> list[str]:
    return [line.text for line in bedside.level().lines]


class TestAcknowledging:
    def test_silences_and_keeps_the_lamp(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(30)
        assert _signals(bedside.level()) == (MEDIUM, MEDIUM, Audio.ON)
        bedside.acknowledge()
        assert _signals(bedside.level()) == (None, MEDIUM, Audio.ON)
        state = bedside.state("S1")
        assert state.acknowledged is not None
        assert (state.acknowledged.by, state.acknowledged.priority) == ("nurse", MEDIUM)
        assert any("acknowledged by nurse" in text for text in _text(bedside))

    def test_covers_only_what_was_there(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(30).acknowledge().set(pr=125).to(41)
        assert bedside.level().sound is MEDIUM
        assert bedside.level().category is Category.CARDIOVASCULAR

    def test_escalation_sounds_again(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(30).acknowledge().to(85)
        assert _signals(bedside.level()) == (HIGH, HIGH, Audio.ON)
        assert bedside.state("S1").acknowledged is None

    def test_holds_while_present(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).acknowledge().to(200)
        assert bedside.level().sound is None

    def test_next_episode_sounds(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).acknowledge().set(pr=80).to(40).set(pr=125).to(60)
        assert bedside.level().sound is MEDIUM
        assert len({t.state.episode for t in bedside.transitions("P1")}) == 2

    def test_wrong_episode(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30)
        first = bedside.state("P1").episode
        bedside.set(pr=80).to(40).set(pr=125).to(60)
        assert refusals(bedside.ask(Acknowledge("P1", first, MEDIUM))) == ["no-such-episode"]
        assert bedside.state("P1").acknowledged is None

    def test_ended(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30)
        episode = bedside.state("P1").episode
        bedside.set(pr=80).to(40)
        assert refusals(bedside.ask(Acknowledge("P1", episode, MEDIUM))) == ["no-such-episode"]

    @pytest.mark.parametrize("id_", ["P1", "T13", "X9"])
    def test_never_there(self, bedside: Bedside, id_: str) -> None:
        assert refusals(bedside.ask(Acknowledge(id_, "boot-1", HIGH))) == ["no-such-episode"]

    def test_lower_priority(self, bedside: Bedside) -> None:
        bedside.set(spo2=89).to(85)
        episode = bedside.state("S1").episode
        assert refusals(bedside.ask(Acknowledge("S1", episode, MEDIUM))) == ["lower-priority"]
        assert bedside.level().sound is HIGH
        assert refusals(bedside.ask(Acknowledge("S1", episode, HIGH))) == []
        assert bedside.level().sound is None

    def test_an_indication_cannot_be_acknowledged(self, bedside: Bedside) -> None:
        bedside.ask(PauseAudio())
        episode = bedside.state("T22").episode
        assert refusals(bedside.ask(Acknowledge("T22", episode, HIGH))) == ["lower-priority"]
        bedside.acknowledge()
        assert bedside.state("T22").acknowledged is None

    def test_twice_is_once(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).acknowledge("P1").acknowledge("P1")
        assert [word for _, word in bedside.changes("P1")] == ["raised", "acknowledged"]

    def test_latched(self, bedside: Bedside) -> None:
        bedside.set(pr=155).to(16).set(pr=80).to(60)
        assert bedside.state("P2").presence is Presence.LATCHED
        assert _signals(bedside.level()) == (HIGH, HIGH, Audio.ON)
        bedside.acknowledge()
        assert bedside.states() == {}
        assert _signals(bedside.level()) == (None, None, Audio.ON)

    def test_latched_that_returns(self, bedside: Bedside) -> None:
        bedside.set(pr=155).to(16).set(pr=80).to(60).set(pr=155).to(65)
        assert [word for _, word in bedside.changes("P2")] == ["raised", "latched", "ended", "raised"]
        assert bedside.state("P2").presence is Presence.PRESENT
        assert bedside.state("P2").since == bedside.beginning + 65 * 10**9
        assert len({t.state.episode for t in bedside.transitions("P2")}) == 2

    def test_acknowledging_the_latched_one_does_not_silence_its_return(self, bedside: Bedside) -> None:
        bedside.set(pr=155).to(16).set(pr=80).to(60)
        latched = bedside.state("P2")
        bedside.set(pr=155).to(65)
        outcomes = bedside.ask(Acknowledge("P2", latched.episode, Priority.HIGH))
        assert refusals(outcomes) == [Refusal.NO_SUCH_EPISODE]
        assert bedside.level().sound is Priority.HIGH

    def test_acknowledged_after_its_return(self, bedside: Bedside) -> None:
        bedside.set(pr=155).to(16).set(pr=80).to(60).set(pr=155).to(65).acknowledge("P2")
        bedside.set(pr=80).to(80)
        assert [word for _, word in bedside.changes("P2")][4:] == ["acknowledged", "ended"]

    def test_all_that_sounds(self, bedside: Bedside) -> None:
        bedside.set(pr=155, spo2=89, rr=8).to(60)
        assert {"P1", "P2", "S1", "R1"} <= set(bedside.states())
        bedside.ask(AcknowledgeSounding(), by="bedside")
        assert bedside.level().sound is None
        assert all(state.acknowledged is not None for state in bedside.states().values())

    def test_ended_ones_stay_listed(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).set(pr=80).to(60)
        assert any(text.startswith("P1") and "[ended]" in text for text in _text(bedside))
        assert [s.id for s in bedside.system.report(bedside.now).conditions] == ["P1"]

    def test_at_most_eight_ended_ones(self, bedside: Bedside) -> None:
        for _ in range(12):
            bedside.set(pr=125).wait(11).set(pr=80).wait(6)
        assert len(bedside.system.report(bedside.now).conditions) == 8


class TestPause:
    def test_lasts_two_minutes(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).ask(PauseAudio())
        assert _signals(bedside.level()) == (None, MEDIUM, Audio.PAUSED)
        report = bedside.system.report(bedside.now)
        assert (report.audio, report.audio_until) == (Audio.PAUSED, bedside.now + 120 * 10**9)
        bedside.to(150 - MS)
        assert bedside.level().audio is Audio.PAUSED
        bedside.wait(MS)
        assert _signals(bedside.level()) == (MEDIUM, MEDIUM, Audio.ON)
        assert bedside.changes("T22") == [(30, "raised"), (150, "ended")]

    def test_shown_all_the_time(self, bedside: Bedside) -> None:
        bedside.ask(PauseAudio())
        assert _text(bedside)[0] == "sound returns in 120 s"
        bedside.wait(100)
        assert _text(bedside)[0] == "sound returns in 20 s"
        assert "T22" in bedside.states()

    def test_ended_by_a_person(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).ask(PauseAudio())
        bedside.ask(ResumeAudio())
        assert _signals(bedside.level()) == (MEDIUM, MEDIUM, Audio.ON)
        assert bedside.changes("T22") == [(30, "raised"), (30, "ended")]

    def test_ended_by_a_new_high(self, bedside: Bedside) -> None:
        bedside.set(pr=155).to(30).ask(PauseAudio())
        assert bedside.level().sound is None
        bedside.set(spo2=80).to(35)
        assert _signals(bedside.level()) == (HIGH, HIGH, Audio.ON)
        assert bedside.at("T22", Change.ENDED) == [35]

    def test_ended_by_an_escalation_to_high(self, bedside: Bedside) -> None:
        bedside.set(pr=155, spo2=89).to(30).ask(PauseAudio())
        bedside.to(84)
        assert bedside.level().audio is Audio.PAUSED
        bedside.to(85)
        assert bedside.level().sound is HIGH

    def test_ended_by_a_return(self, bedside: Bedside) -> None:
        bedside.set(pr=155).to(16).set(pr=80).to(30).ask(PauseAudio())
        bedside.set(pr=155).wait(5)
        assert bedside.level().sound is HIGH

    def test_ended_by_more_than_was_there(self, bedside: Bedside) -> None:
        bedside.set(spo2=Reason.PROBE_OFF).to(20).ask(PauseAudio())
        assert bedside.level().lamp is LOW
        bedside.set(pr=125).to(30)
        assert _signals(bedside.level()) == (MEDIUM, MEDIUM, Audio.ON)

    def test_ended_by_anything_when_nothing_was_there(self, bedside: Bedside) -> None:
        bedside.ask(PauseAudio())
        bedside.set(spo2=Reason.PROBE_OFF).to(20)
        assert _signals(bedside.level()) == (LOW, LOW, Audio.ON)

    def test_not_ended_by_as_much_as_was_there(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).ask(PauseAudio())
        bedside.set(rr=8).to(70)
        assert "R1" in bedside.states()
        assert _signals(bedside.level()) == (None, MEDIUM, Audio.PAUSED)

    def test_what_is_acknowledged_was_there_too(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).acknowledge().ask(PauseAudio())
        bedside.set(rr=8).to(70)
        assert bedside.level().audio is Audio.PAUSED

    def test_not_ended_by_less(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).ask(PauseAudio())
        bedside.set(spo2=Reason.PROBE_OFF).to(45)
        assert bedside.level().audio is Audio.PAUSED

    def test_paused_again_begins_again(self, bedside: Bedside) -> None:
        bedside.ask(PauseAudio())
        bedside.to(70).ask(PauseAudio())
        bedside.to(190 - MS)
        assert bedside.level().audio is Audio.PAUSED
        bedside.wait(MS)
        assert bedside.level().audio is Audio.ON

    def test_acknowledging_in_a_pause(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30).ask(PauseAudio())
        bedside.acknowledge().to(151)
        assert _signals(bedside.level()) == (None, MEDIUM, Audio.ON)


class TestLevel:
    def test_highest_wins(self, bedside: Bedside) -> None:
        bedside.set(spo2=Reason.PROBE_OFF, rr=8, pr=155).to(41)
        level = bedside.level()
        assert _signals(level) == (HIGH, HIGH, Audio.ON)
        assert level.category is Category.CARDIOVASCULAR
        priorities = [line.priority for line in level.lines if line.priority is not None]
        assert priorities == sorted(priorities, reverse=True)
        assert level.lines[0].text.startswith("P2 ")

    def test_newest_first_within_a_priority(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(25).set(rr=8).to(60)
        assert [text.split()[0] for text in _text(bedside)[:2]] == ["R1", "P1"]

    def test_falls_back_when_two_end_at_once(self, bedside: Bedside) -> None:
        bedside.dose().set(pump_state=PumpState.PAUSED, pr=125, spo2=89).to(86).set(spo2=97, pr=75).to(90.999)
        assert bedside.level().sound is HIGH
        bedside.to(91)
        assert bedside.at("S1", Change.ENDED) == bedside.at("P1", Change.ENDED) == [91]
        assert _signals(bedside.level()) == (MEDIUM, MEDIUM, Audio.ON)
        assert bedside.level().category is Category.DRUG_DELIVERY
        bedside.dose()
        assert _signals(bedside.level()) == (None, None, Audio.ON)

    def test_sound_falls_to_the_next_that_is_not_acknowledged(self, bedside: Bedside) -> None:
        bedside.set(pr=155, rr=8).to(60).acknowledge("P2").acknowledge("P1")
        assert _signals(bedside.level()) == (MEDIUM, HIGH, Audio.ON)
        assert bedside.level().category is Category.VENTILATION

    def test_lost_value_in_the_text(self, bedside: Bedside) -> None:
        bedside.set(spo2=80).to(20).set(spo2=Reason.PROBE_OFF).to(21)
        assert "no value now" in bedside.state("S2").text

    def test_number_and_limit_in_the_text(self, bedside: Bedside) -> None:
        bedside.set(spo2=80).to(20)
        assert "80 % (limit 85 %)" in bedside.state("S2").text

    def test_what_is_left_in_the_text(self, bedside: Bedside) -> None:
        bedside.dose().to(20).set(pump_state=PumpState.STOPPED).to(40)
        text = bedside.state("I7").text
        assert "50.0 mL left" in text
        assert "acknowledge if the stop was meant" in text

    def test_hint_only_while_it_is_seen(self, bedside: Bedside) -> None:
        bedside.set(pr=Reason.SEARCHING).to(21)
        assert "check the patient" in bedside.state("P5").text

    def test_not_monitored_is_shown(self) -> None:
        assert "not monitored: S1 (no device gives spo2)" in _text(Bedside(PUMP))

    def test_status_below_the_alarms(self, bedside: Bedside) -> None:
        bedside.set(pr=125).to(30)
        lines = [line.text for line in bedside.system.level(("phase pre",), bedside.now).lines]
        assert lines[0].startswith("P1 ")
        assert lines[1] == "phase pre"


def test_audio_off_is_shown() -> None:
    level = annunciate([], Sound(Audio.OFF), [], (), BEGINNING)
    assert _signals(level) == (None, None, Audio.OFF)
    assert level.lines == ()


class TestPatient:
    def test_new_patient(self, bedside: Bedside) -> None:
        bedside.measure(120, 80).ask(SetPatient("p-17", 70.5, 44))
        assert (bedside.system.setup().patient, bedside.system.setup().weight_kg) == ("p-17", 70.5)
        look = bedside.system.board.look(Vital.NIBP_SYS, bedside.now)
        assert getattr(look, "reason", None) is Reason.NEVER

    def test_same_patient_keeps_readings(self, bedside: Bedside) -> None:
        bedside.ask(SetPatient("p-17", None, None))
        bedside.measure(120, 80).ask(SetPatient("p-17", 70.5, None))
        assert bedside.system.board.number(Vital.NIBP_SYS, bedside.now) == 120

    def test_begins_before_the_dose(self, bedside: Bedside) -> None:
        bedside.dose().to(20).finish().to(30).ask(SetPatient("p-18", None, None))
        assert bedside.system.setup().phase == "pre"

    def test_a_pump_that_delivers_doses_the_new_patient(self, bedside: Bedside) -> None:
        bedside.dose().to(20).ask(SetPatient("p-18", None, None))
        assert bedside.system.setup().phase == "dosing"

    def test_without_a_cuff(self) -> None:
        bedside = Bedside(OXIMETER).to(10)
        assert refusals(bedside.ask(SetPatient("p-17", None, None))) == []


class TestMeasureNow:
    def _measured(self, bedside: Bedside) -> tuple[list[str], list[float]]:
        return refusals(bedside.ask(MeasureNibp())), bedside.measured()

    def test_on_request(self, bedside: Bedside) -> None:
        bedside.to(60)
        assert self._measured(bedside) == ([], [60])

    def test_not_where_the_device_cannot_be_started(self) -> None:
        bedside = Bedside(replace(CUFF, starts_nibp=False)).to(100)
        assert self._measured(bedside) == (["not-possible"], [])

    def test_waits_a_minute_after_a_restart(self) -> None:
        bedside = Bedside().to(60 - MS)
        assert self._measured(bedside) == (["not-possible"], [])

    @pytest.mark.parametrize("act", ["start", "end", "fail"])
    def test_never_within_a_minute_of_the_last(self, act: str) -> None:
        bedside = Bedside().to(100)
        match act:
            case "start":
                bedside.set(nibp_state=NibpState.INFLATING).set(nibp_state=NibpState.IDLE)
            case "end":
                bedside.measure()
            case _:
                bedside.fail_measure()
        bedside.to(160 - MS)
        assert self._measured(bedside) == (["not-possible"], [])
        bedside.to(160)
        assert self._measured(bedside) == ([], [160])
        assert self._measured(bedside) == (["not-possible"], [160])

    def test_under_way(self) -> None:
        bedside = Bedside().to(100).set(nibp_state=NibpState.INFLATING).to(170)
        assert self._measured(bedside) == (["not-possible"], [])

    def test_not_heard(self) -> None:
        bedside = Bedside().to(100).cut("nibp").to(107)
        assert self._measured(bedside) == (["not-possible"], [])

    def test_no_cuff(self) -> None:
        assert self._measured(Bedside(OXIMETER).to(100)) == (["not-possible"], [])

    def test_once_although_the_plan_is_due_too(self) -> None:
        bedside = Bedside(CUFF, nibp_by_agent=True, talk=False).to(70)
        bedside.plug("nibp")
        assert bedside.measured() == [70]
