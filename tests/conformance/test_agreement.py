"""Every simulated device and its codec agree: what the bed is like is what the facts say.

The two were written apart from the same description, so that they can disagree. Time is virtual; bytes travel
for two milliseconds each way.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import pytest

from bedside.facts import Fact, Measurement, MeasurementFailed, Missing, Reading, Reason, Rejected, Waveform
from bedside.instants import MILLISECOND, SECOND, Instant, earliest, in_seconds, seconds
from bedside.vitals import NIBP_RESULT, NibpState, PumpState, Vital
from drivers import DRIVERS
from drivers.contract import DeviceKind, LineEvent, Opened, Received, StartNibp, Transmit
from drivers.line import Line
from simulators import SIMULATORS
from simulators.bed import Bed
from simulators.infusion import Course, Infusion
from simulators.patient import Body
from simulators.scenario import parse

TRAVEL: Final = 2 * MILLISECOND
START: Final = 500 * SECOND
PUMP: Final = {"rate_ml_per_h": 75, "volume_ml": 50, "concentration_mg_per_ml": 0.7, "start_s": 20}

Heard = list[tuple[Instant, Fact]]


class Truth(NamedTuple):
    """What a vital should be, and how far averages, rounding and the beat-to-beat wobble may take it."""

    of: Callable[[Body, Infusion], float]
    within: float


TRUTHS: Final[Mapping[Vital, Truth]] = {
    Vital.SPO2: Truth(lambda body, _: body.spo2_percent, 1.5),
    Vital.PR: Truth(lambda body, _: body.pulse_per_min, 4),
    Vital.HR: Truth(lambda body, _: body.pulse_per_min, 4),
    Vital.RR: Truth(lambda body, _: body.respiration_per_min, 2),
    Vital.NIBP_SYS: Truth(lambda body, _: body.systolic_mmhg, 5),
    Vital.NIBP_DIA: Truth(lambda body, _: body.diastolic_mmhg, 5),
    Vital.NIBP_MEAN: Truth(lambda body, _: body.mean_mmhg, 5),
    Vital.NIBP_PR: Truth(lambda body, _: body.pulse_per_min, 5),
    Vital.INFUSION_RATE: Truth(lambda _, pump: pump.rate_ml_per_h, 0.01),
    Vital.VOLUME_INFUSED: Truth(lambda _, pump: pump.infused_ml, 0.05),
    Vital.VOLUME_REMAINING: Truth(lambda _, pump: pump.remaining_ml or 0.0, 0.25),
}
PUMP_STATES: Final[Mapping[Course, set[PumpState]]] = {
    Course.READY: {PumpState.STOPPED, PumpState.PAUSED},
    Course.INFUSING: {PumpState.INFUSING},
    Course.HELD: {PumpState.STOPPED, PumpState.PAUSED},
    Course.COMPLETE: {PumpState.COMPLETE, PumpState.KVO},
}
VARIANTS: Final = [(name, option) for name, made in SIMULATORS.items() for option in made.options]
WITHOUT_CUFF: Final = "nibp-off"
every_variant = pytest.mark.parametrize(("name", "option"), VARIANTS)


def bed_of(name: str, option: str, *steps: Mapping[str, object]) -> Bed:
    table = {"name": "test", "duration_s": 600, "weight_kg": 70, "pump": PUMP, "step": list(steps)}
    return Bed(parse(table), seed=3, start=START, options={name: option})


def listen(bed: Bed, name: str, for_s: float, ask: Mapping[float, LineEvent] | None = None) -> Heard:
    """Driver and device in talk; every fact with its instant."""
    line, device, until = Line(DRIVERS[name]), bed.devices[name], START + seconds(for_s)
    order = itertools.count()
    post: list[tuple[Instant, int, LineEvent | Transmit]] = [(START, next(order), Opened())]
    post += [(START + seconds(at_s), next(order), event) for at_s, event in (ask or {}).items()]
    heapq.heapify(post)
    heard: Heard = []
    while (now := earliest(line.deadline, device.deadline, post[0][0] if post else None)) is not None:
        if now > until:
            break
        told, said = line.tick(now), device.tick(now)
        while post and post[0][0] <= now:
            event = heapq.heappop(post)[2]
            if isinstance(event, Transmit):
                said += device.on(event.data, now)
            else:
                told += line.on(event, now)
        for output in told:
            if isinstance(output, Transmit):
                heapq.heappush(post, (now + TRAVEL, next(order), output))
            else:
                heard.append((now, output))
        for data in said:
            heapq.heappush(post, (now + TRAVEL, next(order), Received(data)))
    return heard


def parts(heard: Heard) -> Iterator[tuple[Instant, Reading | Missing]]:
    for at, fact in heard:
        if isinstance(fact, Reading | Missing):
            yield at, fact
        elif isinstance(fact, Measurement):
            yield from ((at, part) for part in fact.parts)


def readings(heard: Heard) -> Iterator[tuple[Instant, Reading]]:
    return ((at, fact) for at, fact in parts(heard) if isinstance(fact, Reading))


@every_variant
@pytest.mark.parametrize(
    "targets",
    [
        {"spo2": 97, "pulse": 72},
        {"spo2": 91, "pulse": 150, "sys": 165, "dia": 102, "rr": 24},
        {"spo2": 84, "pulse": 44, "sys": 92, "dia": 58, "rr": 8},
    ],
    ids=["usual", "fast", "slow"],
)
def test_what_is_said_is_what_is_heard(name: str, option: str, targets: dict[str, float]) -> None:
    bed, driver = bed_of(name, option, {"at_s": 0, **targets}), DRIVERS[name]
    heard = listen(bed, name, 120, {5.0: StartNibp()} if driver.starts_nibp else {})
    told = list(readings(heard))
    absent = NIBP_RESULT if option == WITHOUT_CUFF else ()
    assert {reading.vital for _, reading in told} == {*driver.vitals} - {*absent}
    for at, reading in told:
        # What a device says may be up to a second old.
        lately = [(bed.body(then), bed.infusion(then)) for then in (at, at - SECOND)]
        truth = TRUTHS.get(reading.vital)
        if truth is not None:
            assert isinstance(reading.value, int | float)
            off_by = min(abs(reading.value - truth.of(body, pump)) for body, pump in lately)
            assert off_by <= truth.within, (in_seconds(at - START), reading)
        elif reading.vital is Vital.PUMP_STATE:
            assert any(reading.value in PUMP_STATES[pump.course] for _, pump in lately)
    assert [fact for _, fact in heard if isinstance(fact, Rejected | MeasurementFailed)] == []
    assert list(bed.devices[name].violations) == []


@pytest.mark.parametrize(("name", "option"), [v for v in VARIANTS if Vital.SPO2 in DRIVERS[v[0]].vitals])
@pytest.mark.parametrize("probe", ["off", "unplugged"])
def test_a_probe_that_is_off_gives_no_number(name: str, option: str, probe: str) -> None:
    bed = bed_of(name, option, {"at_s": 40, "probe": probe}, {"at_s": 70, "probe": "on"})
    heard = [item for item in parts(listen(bed, name, 110)) if item[1].vital in (Vital.SPO2, Vital.PR)]
    # Two seconds to notice it: formats with one frame a second, and what was on the way.
    gone = [fact for at, fact in heard if START + 42 * SECOND <= at <= START + 70 * SECOND]
    assert {type(fact) for fact in gone} == {Missing}
    assert {fact.vital for fact in gone} == {Vital.SPO2, Vital.PR}
    back = [fact for at, fact in heard if at > START + 85 * SECOND]
    assert {type(fact) for fact in back} == {Reading}


@pytest.mark.parametrize(
    ("name", "option"), [v for v in VARIANTS if DRIVERS[v[0]].kind is DeviceKind.OXIMETER]
)
def test_a_heart_that_stops_under_motion_is_not_explained_by_it(name: str, option: str) -> None:
    stops = {"at_s": 43, "pulse": 0, "spo2": 40}
    bed = bed_of(name, option, {"at_s": 40, "motion": True}, stops, {"at_s": 46, "motion": False})
    heard = [item for item in parts(listen(bed, name, 90)) if item[1].vital is Vital.PR]
    # The pulse is out of every average within 30 s at the latest.
    late = {fact for at, fact in heard if at >= START + 75 * SECOND}
    assert late == {Missing(Vital.PR, Reason.SEARCHING)}


@every_variant
def test_the_waveform_has_its_rate(name: str, option: str) -> None:
    driver = DRIVERS[name]
    heard = listen(bed_of(name, option), name, 60)
    samples = sum(len(fact.samples) for _, fact in heard if isinstance(fact, Waveform))
    # Format 8 of the Nonin has no waveform; all others send theirs without a gap from the first frames on.
    expected = 0 if option == "df8" else driver.pleth_rate_hz * 60
    assert abs(samples - expected) <= 2 * driver.pleth_rate_hz


@pytest.mark.parametrize("name", [name for name in SIMULATORS if DRIVERS[name].starts_nibp])
def test_a_measurement_is_told_once_and_ends_at_rest(name: str) -> None:
    heard = listen(bed_of(name, SIMULATORS[name].options[0]), name, 120, {5.0: StartNibp()})
    measurements = [fact for _, fact in heard if isinstance(fact, Measurement)]
    assert len(measurements) == 1
    assert {part.vital for part in measurements[0].parts} == {*NIBP_RESULT}
    states = [reading.value for _, reading in readings(heard) if reading.vital is Vital.NIBP_STATE]
    seen = [state for state, _ in itertools.groupby(states)]
    assert seen[:4] == [NibpState.IDLE, NibpState.INFLATING, NibpState.DEFLATING, NibpState.COMPLETE]


def test_every_simulator_has_a_driver() -> None:
    assert [name for name in SIMULATORS if name not in DRIVERS] == []
