"""The body: ramps, the drug's published effect, the wobble and the waves."""

import math
from itertools import pairwise

from bedside.instants import MINUTE, SECOND
from simulators.bed import Bed
from simulators.patient import Body, Patient, Waves
from simulators.serve import load_scenario
from tests.simulators.beds import PUMP, bed_of, story


def test_targets_are_reached_along_a_ramp() -> None:
    patient = Patient(story({"at_s": 100, "over_s": 60, "spo2": 87}))
    spo2 = [patient.at(second * SECOND).spo2_percent for second in (0, 99, 130, 160, 500)]
    for value, expected in zip(spo2, (97, 97, 92, 87, 87), strict=True):
        assert abs(value - expected) < 0.5


def test_an_overtaken_ramp_goes_on_from_where_it_is() -> None:
    patient = Patient(story({"at_s": 0, "over_s": 100, "spo2": 77}, {"at_s": 50, "over_s": 100, "spo2": 97}))
    values = [patient.at(second * SECOND).spo2_percent for second in range(160)]
    assert abs(values[50] - 87) < 0.5
    assert max(abs(b - a) for a, b in pairwise(values)) < 0.5


def test_the_drug_raises_pressure_as_published() -> None:
    # 75 ml/h of 0.7 mg/ml for 40 minutes are 35 mg, 0.5 mg/kg for 70 kg: mean peak +16/+11 mmHg.
    infusing, empty = bed_of(pump=PUMP).patient, bed_of().patient

    def rise(minutes: float) -> tuple[float, float, float]:
        at = round(minutes * MINUTE)
        with_drug, without = infusing.at(at), empty.at(at)
        return (
            with_drug.systolic_mmhg - without.systolic_mmhg,
            with_drug.diastolic_mmhg - without.diastolic_mmhg,
            with_drug.pulse_per_min - without.pulse_per_min,
        )

    sys, dia, pulse = rise(40)
    assert abs(sys - 16) < 0.5
    assert abs(dia - 11) < 0.5
    assert 2 < pulse < 6
    assert rise(20)[0] < rise(30)[0] < sys
    assert rise(60)[0] < sys
    assert rise(130)[0] < 1


def test_only_what_reaches_the_patient_acts() -> None:
    paused = bed_of({"at_s": 60, "pump": "pause"}, pump=PUMP).patient
    shut = bed_of({"at_s": 60, "occlusion": True}, pump=PUMP).patient
    assert paused.effect(40 * MINUTE) < 0.05
    assert math.isclose(shut.effect(40 * MINUTE), paused.effect(40 * MINUTE))


def test_the_same_seed_is_the_same_body_and_another_is_another() -> None:
    one, same, other = (Patient(story(), seed) for seed in (1, 1, 2))
    instants = [n * 7 * SECOND for n in range(100)]
    assert [one.at(at) for at in instants] == [same.at(at) for at in instants]
    assert [one.at(at) for at in instants] != [other.at(at) for at in instants]


def test_absent_pulse_and_breath_do_not_wobble() -> None:
    body = Patient(story({"at_s": 0, "pulse": 0, "rr": 0})).at(33 * SECOND)
    assert (body.pulse_per_min, body.respiration_per_min) == (0, 0)


def test_mean_lies_between_systolic_and_diastolic() -> None:
    body = Patient(story({"at_s": 0, "sys": 120, "dia": 90})).at(0)
    assert math.isclose(body.mean_mmhg, body.diastolic_mmhg + (body.systolic_mmhg - body.diastolic_mmhg) / 3)
    assert abs(Patient(story({"at_s": 0, "sys": 120, "dia": 60, "mean": 95})).at(0).mean_mmhg - 95) < 2


def test_waves_follow_pulse_and_breath() -> None:
    body = Body(97, 80, 12, 120, 80, 93, 4)
    waves = Waves(seed=3)
    moments = [waves.step(body, 0.01) for _ in range(6000)]
    assert sum(moment.beat for moment in moments) in range(78, 83)
    rising = sum(a.breath < 0 <= b.breath for a, b in pairwise(moments))
    assert rising in range(11, 14)


def test_respiratory_depression_falls_in_the_order_that_its_story_promises() -> None:
    bed = Bed(load_scenario("respiratory-depression"), seed=5)
    seconds = range(1800)

    def first(low: float, of: list[float]) -> int:
        return next(second for second in seconds if of[second] < low)

    spo2 = [bed.body(second * SECOND).spo2_percent for second in seconds]
    rr = [bed.body(second * SECOND).respiration_per_min for second in seconds]
    assert first(10, rr) < first(9, rr) < first(92, spo2) < first(90, spo2) < first(85, spo2)
    # C1 (SpO2 < 92, RR < 10, 15 s) is due no later than S1 (SpO2 < 90, 15 s).
    assert all(value < 10 for value in rr[first(92, spo2) : first(85, spo2) + 20])
    assert spo2[1700] > 95
