"""Every row of the alarm tables (clinical basis, 7.1 to 7.3): raised at its exact instant, not before.

The numbers here are copied from the clinical tables, never from the catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from alarms.catalogue import CATALOGUE
from bedside.effects import Change, Presence
from bedside.facts import FlagName, Reason
from bedside.priorities import Priority
from bedside.vitals import PumpState
from tests.alarms.bedsides import Bedside

LOW, MEDIUM, HIGH = Priority.LOW, Priority.MEDIUM, Priority.HIGH
MS = 0.001
START_S = 10.0
"""Nothing special: the bed has been watched for a while, on good signals."""

Act = Callable[[Bedside], object]


@dataclass(frozen=True, slots=True)
class Sign:
    """A continuous sign: `bad` is one step past the limit; `kept` and `clear` lie around the end."""

    id: str
    name: str
    bad: float
    limit: float
    kept: float
    clear: float
    delay_s: float
    priority: Priority
    latching: bool

    def set(self, bedside: Bedside, value: float) -> None:
        bedside.set(**{self.name: value})


SIGNS = (
    #    id    vital   bad  limit kept clear delay priority latching
    Sign("S1", "spo2", 89, 90, 91, 92, 15, MEDIUM, False),
    Sign("S2", "spo2", 84, 85, 86, 87, 5, HIGH, True),
    Sign("R1", "rr", 8, 9, 10, 11, 30, MEDIUM, False),
    Sign("R2", "rr", 5, 6, 7, 8, 15, HIGH, True),
    Sign("R4", "rr", 31, 30, 28, 27, 30, MEDIUM, False),
    Sign("P1", "pr", 121, 120, 116, 115, 10, MEDIUM, False),
    Sign("P2", "pr", 151, 150, 146, 145, 5, HIGH, True),
    Sign("P3", "pr", 49, 50, 52, 53, 10, MEDIUM, False),
    Sign("P4", "pr", 39, 40, 42, 43, 5, HIGH, True),
)
CLEAR_S = 5


def _by_id(row: "Sign | Event | Pressure") -> str:
    return row.id


@pytest.fixture
def bedside() -> Bedside:
    return Bedside().to(START_S)


@pytest.mark.parametrize("sign", SIGNS, ids=_by_id)
class TestSigns:
    def test_raised_at_its_instant(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s - MS)
        assert bedside.changes(sign.id) == []
        bedside.wait(MS)
        assert bedside.changes(sign.id) == [(START_S + sign.delay_s, "raised")]
        state = bedside.state(sign.id)
        assert (state.priority, state.value, state.limit) == (sign.priority, sign.bad, sign.limit)

    @pytest.mark.parametrize("back", ["limit", "kept", "clear"])
    def test_back_a_moment_before(self, bedside: Bedside, sign: Sign, back: str) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s - MS)
        sign.set(bedside, getattr(sign, back))
        bedside.wait(100)
        assert bedside.changes(sign.id) == []

    def test_the_limit_itself_is_fine(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.limit)
        bedside.wait(100)
        assert bedside.changes(sign.id) == []

    def test_a_doubted_value_raises(self, bedside: Bedside, sign: Sign) -> None:
        bedside.doubt(**{sign.name: sign.bad}).wait(sign.delay_s)
        assert bedside.at(sign.id) == [START_S + sign.delay_s]

    def test_hysteresis(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s)
        for value in (sign.limit, sign.kept):
            sign.set(bedside, value)
            bedside.wait(60)
        assert bedside.state(sign.id).presence is Presence.PRESENT

    def test_ends_after_five_good_seconds(self, bedside: Bedside, sign: Sign) -> None:
        over = Change.LATCHED if sign.latching else Change.ENDED
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s)
        sign.set(bedside, sign.clear)
        bedside.wait(CLEAR_S - MS)
        assert bedside.at(sign.id, over) == []
        bedside.wait(MS)
        assert bedside.changes(sign.id) == [
            (START_S + sign.delay_s, "raised"),
            (START_S + sign.delay_s + CLEAR_S, over.value),
        ]

    @pytest.mark.parametrize("back", ["kept", "bad"])
    def test_five_good_seconds_in_a_row(self, bedside: Bedside, sign: Sign, back: str) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s)
        for _ in range(3):
            sign.set(bedside, sign.clear)
            bedside.wait(CLEAR_S - MS)
            sign.set(bedside, getattr(sign, back))
            bedside.wait(MS)
        assert len(bedside.changes(sign.id)) == 1

    def test_a_doubted_value_ends_nothing(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s)
        bedside.doubt(**{sign.name: sign.clear}).wait(40)
        assert len(bedside.changes(sign.id)) == 1

    def test_good_seconds_must_be_seen(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s)
        sign.set(bedside, sign.clear)
        bedside.wait(4.5)
        bedside.set(**{sign.name: Reason.UNSURE}).wait(40)
        assert bedside.at(sign.id, Change.ENDED) + bedside.at(sign.id, Change.LATCHED) == []
        sign.set(bedside, sign.clear)
        again_at = bedside.s
        bedside.wait(10)
        over = Change.LATCHED if sign.latching else Change.ENDED
        assert bedside.at(sign.id, over) == [pytest.approx(again_at + CLEAR_S)]

    @pytest.mark.parametrize("gap_s", [0.001, 1, 4.999, 5])
    def test_a_short_gap_freezes_the_delay(self, bedside: Bedside, sign: Sign, gap_s: float) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s - 2)
        bedside.set(**{sign.name: Reason.UNSURE}).wait(gap_s)
        sign.set(bedside, sign.bad)
        bedside.wait(60)
        assert bedside.at(sign.id) == [pytest.approx(START_S + sign.delay_s + gap_s)]

    def test_a_long_gap_begins_anew(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s - 2)
        bedside.set(**{sign.name: Reason.UNSURE}).wait(CLEAR_S + MS)
        sign.set(bedside, sign.bad)
        again_at = bedside.s
        bedside.wait(60)
        assert bedside.at(sign.id) == [pytest.approx(again_at + sign.delay_s)]

    def test_good_after_a_short_gap(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s - 2)
        bedside.set(**{sign.name: Reason.UNSURE}).wait(2)
        sign.set(bedside, sign.clear)
        bedside.wait(60)
        assert bedside.changes(sign.id) == []

    @pytest.mark.parametrize("loss", ["missing", "cut", "frozen"])
    def test_never_ended_by_a_loss(self, bedside: Bedside, sign: Sign, loss: str) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s)
        source = bedside.vital_of[next(v for v in bedside.vital_of if v.value == sign.name)].source.name
        match loss:
            case "missing":
                bedside.set(**{sign.name: Reason.PROBE_OFF})
            case "cut":
                bedside.cut(source)
            case _:
                bedside.freeze(source)
        bedside.wait(150)
        assert bedside.state(sign.id).presence is Presence.PRESENT
        assert bedside.at(sign.id, Change.ENDED) + bedside.at(sign.id, Change.LATCHED) == []

    def test_latching(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s)
        sign.set(bedside, sign.clear)
        bedside.wait(100)
        if sign.latching:
            assert bedside.state(sign.id).presence is Presence.LATCHED
            assert bedside.level().lamp is HIGH
            bedside.acknowledge(sign.id)
            assert bedside.changes(sign.id)[2:] == [(bedside.s, "ended")]
        assert sign.id not in bedside.states()

    def test_acknowledged_it_does_not_latch(self, bedside: Bedside, sign: Sign) -> None:
        sign.set(bedside, sign.bad)
        bedside.wait(sign.delay_s).acknowledge(sign.id)
        sign.set(bedside, sign.clear)
        bedside.wait(CLEAR_S)
        assert [word for _, word in bedside.changes(sign.id)] == ["raised", "acknowledged", "ended"]


def _sets(**values: float | Reason | PumpState) -> Act:
    return lambda bedside: bedside.set(**values)


def _flag(source: str, name: FlagName, *, on: bool) -> Act:
    return lambda bedside: bedside.flag(source, name, on=on)


def _flagged(source: str, name: FlagName) -> tuple[Act, Act]:
    return _flag(source, name, on=True), _flag(source, name, on=False)


def _cut(source: str) -> Act:
    return lambda bedside: bedside.cut(source)


def _plug(source: str) -> Act:
    return lambda bedside: bedside.plug(source)


def _frozen(bedside: Bedside) -> None:
    bedside.set(spo2=97).freeze("oximeter")


def _thawed(bedside: Bedside) -> None:
    bedside.talkers["oximeter"].numbers = True
    bedside.set(spo2=97)


def _breathless(bedside: Bedside) -> None:
    bedside.set(rr=9, spo2=91)


def _faint(bedside: Bedside) -> None:
    bedside.measure(89, 60, 70).set(pr=49)


def _shocked(bedside: Bedside) -> None:
    bedside.measure(105, 60, 75).set(pr=126, spo2=93)


STEADY_S = 5
"""A line counts as back after five seconds without another loss."""


@dataclass(frozen=True, slots=True)
class Event:
    """A condition that begins and ends with an act; `clear_s` after the good act it is over."""

    id: str
    begin: Act
    end: Act
    delay_s: float
    priority: Priority
    latching: bool = False
    clear_s: float = 0
    dosing: bool = False
    case: str = ""


EVENTS = (
    Event("P5", _sets(pr=Reason.SEARCHING), _sets(pr=75), 10, HIGH, latching=True, clear_s=5),
    Event("C1", _breathless, _sets(rr=14), 15, HIGH, latching=True, clear_s=5),
    Event("C2", _faint, _sets(pr=53), 0, HIGH, latching=True, clear_s=5),
    Event("C3", _shocked, _sets(spo2=96), 15, HIGH, latching=True, clear_s=5),
    Event(
        "I1",
        _flag("pump", FlagName.OCCLUSION, on=True),
        _flag("pump", FlagName.OCCLUSION, on=False),
        0,
        HIGH,
    ),
    Event("I2", *_flagged("pump", FlagName.AIR_IN_LINE), 0, MEDIUM, case="air"),
    Event("I2", *_flagged("pump", FlagName.FLOW_ERROR), 0, MEDIUM, case="flow"),
    Event(
        "I6", Bedside.finish, _sets(volume_remaining=10.0, pump_state=PumpState.STOPPED), 0, LOW, dosing=True
    ),
    Event("I10", *_flagged("pump", FlagName.LOW_BATTERY), 0, LOW, case="battery"),
    Event("I10", *_flagged("pump", FlagName.CONTAINER_EMPTY), 0, MEDIUM, case="container"),
    Event("I10", *_flagged("pump", FlagName.BATTERY_EMPTY), 0, MEDIUM, case="empty battery"),
    Event("T2", _sets(spo2=Reason.SENSOR_FAULT), _sets(spo2=97), 2, MEDIUM, clear_s=5),
    Event("T3", *_flagged("oximeter", FlagName.LOW_PERFUSION), 30, LOW, clear_s=5),
    Event("T11", *_flagged("nibp", FlagName.CUFF_OVERPRESSURE), 0, HIGH, case="over-pressure"),
    Event("T11", *_flagged("nibp", FlagName.CUFF_NOT_DEFLATED), 0, HIGH, case="not deflated"),
    Event(
        "I7",
        _sets(pump_state=PumpState.PAUSED),
        _sets(pump_state=PumpState.INFUSING),
        15,
        MEDIUM,
        dosing=True,
    ),
    Event("I8", _sets(spo2=Reason.UNSURE), _sets(spo2=97), 30, MEDIUM, clear_s=5, dosing=True),
    Event("T1", _sets(spo2=Reason.PROBE_OFF), _sets(spo2=97), 10, LOW, clear_s=5, case="before"),
    Event("T1", _sets(spo2=Reason.PROBE_OFF), _sets(spo2=97), 10, MEDIUM, clear_s=5, dosing=True),
    Event(
        "T4",
        _flag("oximeter", FlagName.ARTEFACT, on=True),
        _flag("oximeter", FlagName.ARTEFACT, on=False),
        30,
        LOW,
        clear_s=5,
        case="artefact",
    ),
    Event(
        "T4",
        _flag("oximeter", FlagName.WEAK_SIGNAL, on=True),
        _flag("oximeter", FlagName.WEAK_SIGNAL, on=False),
        30,
        LOW,
        clear_s=5,
        case="weak",
    ),
    Event("T5", _cut("oximeter"), _plug("oximeter"), 10, MEDIUM, clear_s=STEADY_S),
    Event("T6", _frozen, _thawed, 10, MEDIUM),
    Event("T7", _cut("nibp"), _plug("nibp"), 30, LOW, clear_s=STEADY_S, case="before"),
    Event("T7", _cut("nibp"), _plug("nibp"), 30, MEDIUM, clear_s=STEADY_S, dosing=True),
    Event("T12", _cut("pump"), _plug("pump"), 60, LOW, clear_s=STEADY_S, case="before"),
    Event("T12", _cut("pump"), _plug("pump"), 10, MEDIUM, clear_s=STEADY_S, dosing=True),
)


@pytest.mark.parametrize(
    "event", EVENTS, ids=lambda event: f"{event.id}{event.case}{'dosing' if event.dosing else ''}"
)
class TestEvents:
    def test_raised_at_its_instant(self, bedside: Bedside, event: Event) -> None:
        _prepare(bedside, event)
        event.begin(bedside)
        if event.delay_s:
            bedside.wait(event.delay_s - MS)
            assert bedside.changes(event.id) == []
            bedside.wait(MS)
        assert bedside.changes(event.id) == [(START_S + event.delay_s, "raised")]
        assert bedside.priority(event.id) is event.priority

    def test_over_a_moment_before(self, bedside: Bedside, event: Event) -> None:
        if not event.delay_s:
            return
        _prepare(bedside, event)
        event.begin(bedside)
        bedside.wait(event.delay_s - MS)
        event.end(bedside)
        bedside.wait(100)
        assert bedside.changes(event.id) == []

    def test_ends(self, bedside: Bedside, event: Event) -> None:
        over = "latched" if event.latching else "ended"
        _prepare(bedside, event)
        event.begin(bedside)
        bedside.wait(event.delay_s)
        event.end(bedside)
        if event.clear_s:
            bedside.wait(event.clear_s - MS)
            assert len(bedside.changes(event.id)) == 1
            bedside.wait(MS)
        assert bedside.changes(event.id)[1:] == [(START_S + event.delay_s + event.clear_s, over)]


def _prepare(bedside: Bedside, event: Event) -> None:
    if event.dosing:
        bedside.dose()


@dataclass(frozen=True, slots=True)
class Pressure:
    """A pressure row: readings (systolic, diastolic, mean) that just are, are not, do not end, and end it."""

    id: str
    bad: tuple[tuple[float, float, float], ...]
    fine: tuple[float, float, float]
    kept: tuple[float, float, float]
    clear: tuple[float, float, float]
    priority: Priority
    latching: bool
    confirm_s: float | None
    """When a repeat is due that must confirm it; None when the first reading counts."""


PRESSURES = (
    Pressure(
        "B1",
        ((165, 80, 105), (140, 100, 115)),
        (164, 99, 115),
        (161, 80, 100),
        (160, 95, 115),
        MEDIUM,
        False,
        120,
    ),
    Pressure(
        "B2",
        ((180, 90, 120), (150, 110, 120)),
        (179, 109, 120),
        (171, 90, 110),
        (170, 100, 120),
        HIGH,
        True,
        None,
    ),
    Pressure(
        "B3", ((89, 60, 70), (100, 50, 59)), (90, 60, 60), (94, 60, 70), (95, 60, 65), MEDIUM, False, 60
    ),
    Pressure("B4", ((79, 50, 60), (85, 40, 54)), (80, 50, 55), (84, 50, 60), (85, 50, 60), HIGH, True, None),
)


@pytest.mark.parametrize("row", PRESSURES, ids=_by_id)
class TestPressures:
    def _raise(self, bedside: Bedside, row: Pressure) -> None:
        bedside.measure(*row.bad[0])
        if row.confirm_s is not None:
            bedside.wait(row.confirm_s).measure(*row.bad[0])
        assert [word for _, word in bedside.changes(row.id)] == ["raised"]

    def test_raised(self, bedside: Bedside, row: Pressure) -> None:
        for reading in row.bad:
            bedside = Bedside().to(START_S)
            bedside.measure(*reading)
            if row.confirm_s is None:
                assert bedside.changes(row.id) == [(START_S, "raised")]
            else:
                bedside.wait(row.confirm_s)
                assert bedside.changes(row.id) == []
                bedside.measure(*reading)
                assert bedside.changes(row.id) == [(START_S + row.confirm_s, "raised")]
            assert bedside.priority(row.id) is row.priority

    def test_fine(self, bedside: Bedside, row: Pressure) -> None:
        for _ in range(4):
            bedside.measure(*row.fine).wait(60)
        assert bedside.changes(row.id) == []

    def test_unconfirmed_without_a_valid_repeat(self, bedside: Bedside, row: Pressure) -> None:
        if row.confirm_s is None:
            return
        bedside.measure(*row.bad[0]).wait(60).fail_measure()
        bedside.wait(180 - 60 - MS)
        assert bedside.changes(row.id) == []
        bedside.wait(MS)
        assert bedside.changes(row.id) == [(START_S + 180, "raised")]

    @pytest.mark.parametrize("repeat", ["fine", "kept", "clear"])
    def test_a_repeat_that_does_not_confirm(self, bedside: Bedside, row: Pressure, repeat: str) -> None:
        if row.confirm_s is None:
            return
        bedside.measure(*row.bad[0]).wait(row.confirm_s).measure(*getattr(row, repeat)).wait(100)
        assert bedside.changes(row.id) == []

    def test_hysteresis(self, bedside: Bedside, row: Pressure) -> None:
        self._raise(bedside, row)
        for reading in (row.fine, row.kept):
            bedside.wait(60).measure(*reading)
        assert bedside.state(row.id).presence is Presence.PRESENT

    def test_ends_at_the_next_valid_reading(self, bedside: Bedside, row: Pressure) -> None:
        self._raise(bedside, row)
        bedside.wait(60).measure(*row.clear)
        assert bedside.changes(row.id)[1:] == [(bedside.s, "latched" if row.latching else "ended")]

    def test_never_ended_by_age_or_loss(self, bedside: Bedside, row: Pressure) -> None:
        self._raise(bedside, row)
        bedside.wait(60).fail_measure().wait(60).fail_measure().cut("nibp").wait(2_000)
        assert bedside.state(row.id).presence is Presence.PRESENT


def test_every_row_in_scope_is_there() -> None:
    scope = "S1 S2 R1 R2 R4 R5 P1 P2 P3 P4 P5 P6 B1 B2 B3 B4 C1 C2 C3 "
    scope += "I1 I2 I5 I6 I7 I8 I10 "
    scope += "T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T19 T22"
    assert list(CATALOGUE) == scope.split()


def test_every_row_of_the_tables_has_its_story() -> None:
    told = {row.id for row in (*SIGNS, *EVENTS, *PRESSURES)}
    by_hand = {"R5", "P6", "I5", "T8", "T9", "T10", "T13", "T19", "T22"}
    assert told | by_hand == set(CATALOGUE)
