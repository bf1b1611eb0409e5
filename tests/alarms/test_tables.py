"""The tables themselves: every cell of the two machines is walked, every row of the catalogue is whole."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from alarms.annunciation import describe
from alarms.catalogue import CATALOGUE, During, OnUnknown, Row
from alarms.limits import LIMITS
from alarms.machine import CONDITION, SIGNAL, Condition, Happening, News, Signal, Stage, Step
from alarms.session import Phase
from alarms.verdicts import (
    Above,
    AllOf,
    AnyOf,
    AsJudged,
    AtLeast,
    Below,
    Judgement,
    Lately,
    PulsesApart,
    RatioAtLeast,
    Rule,
    Scene,
    Verdict,
    WhereGiven,
)
from bedside.effects import Change, Presence
from bedside.instants import SECOND
from bedside.priorities import Category, Kind, Priority
from bedside.vitals import Vital
from tests.alarms.bedsides import ALL, BEGINNING, Bedside

N, W, A, U = Verdict.NORMAL, Verdict.WITHIN, Verdict.ABNORMAL, Verdict.UNKNOWN


@dataclass(slots=True)
class Told:
    """A rule that concludes what it is told to."""

    verdict: Verdict = N

    def judge(self, scene: Scene, now: int) -> Judgement:
        return Judgement(self.verdict)


def changes_of(happenings: list[Happening]) -> list[Change]:
    return [happening.change for happening in happenings]


@dataclass(slots=True)
class Bench:
    """One row with a rule of our own, 10 s of delay and 5 s to clear."""

    latching: bool = False
    unknown: OnUnknown = OnUnknown.FREEZES
    rule: Told = field(default_factory=Told)
    now: int = BEGINNING
    scene: Scene = field(init=False)
    condition: Condition = field(init=False)

    def __post_init__(self) -> None:
        pattern = CATALOGUE["P2"]
        self.scene = Bedside(*ALL).system._scene(BEGINNING)
        self.condition = Condition(
            Row(
                **{
                    name: getattr(pattern, name)
                    for name in ("id", "name", "kind", "category", "mdc", "steps", "needs", "reason")
                },
                rule=self.rule,
                delay=type(pattern.delay)(10),
                latching=self.latching,
                unknown=self.unknown,
            )
        )

    def walk(self, verdict: Verdict, after_s: float = 1) -> list[Change]:
        self.now += round(after_s * SECOND)
        self.rule.verdict = verdict
        return changes_of(self.condition.walk(self.scene, 1, self.now))

    def brought_to(self, stage: Stage) -> "Bench":
        paths = {
            Stage.ABSENT: [(N, 1)],
            Stage.PENDING: [(A, 1)],
            Stage.FROZEN: [(A, 1), (U, 1)],
            Stage.PRESENT: [(A, 1), (A, 10)],
            Stage.CLEARING: [(A, 1), (A, 10), (N, 1)],
        }
        for verdict, after_s in paths[stage]:
            self.walk(verdict, after_s)
        assert self.condition.stage is stage
        return self


MOVES = {
    # From the rules in the clinical basis, section 7: evidence raises and ends, a loss does neither.
    Stage.ABSENT: {N: Stage.ABSENT, W: Stage.ABSENT, A: Stage.PENDING, U: Stage.ABSENT},
    Stage.PENDING: {N: Stage.ABSENT, W: Stage.ABSENT, A: Stage.PENDING, U: Stage.FROZEN},
    Stage.FROZEN: {N: Stage.ABSENT, W: Stage.ABSENT, A: Stage.PENDING, U: Stage.FROZEN},
    Stage.PRESENT: {N: Stage.CLEARING, W: Stage.PRESENT, A: Stage.PRESENT, U: Stage.PRESENT},
    Stage.CLEARING: {N: Stage.CLEARING, W: Stage.PRESENT, A: Stage.PRESENT, U: Stage.PRESENT},
}


class TestConditionTable:
    @pytest.mark.parametrize("verdict", Verdict)
    @pytest.mark.parametrize("stage", Stage)
    def test_every_cell(self, stage: Stage, verdict: Verdict) -> None:
        bench = Bench().brought_to(stage)
        assert bench.walk(verdict) == []
        assert bench.condition.stage is MOVES[stage][verdict]

    def test_the_table_has_every_cell(self) -> None:
        assert {(s, v) for s, row in CONDITION.items() for v in row} == {
            (s, v) for s in Stage for v in Verdict
        }
        assert {step for row in CONDITION.values() for step in row.values()} == set(Step)

    def test_no_evidence_lets_a_spot_value_run_on(self) -> None:
        bench = Bench(unknown=OnUnknown.RUNS_ON).brought_to(Stage.PENDING)
        bench.walk(U, 5)
        assert bench.condition.stage is Stage.PENDING
        assert bench.walk(U, 5) == [Change.RAISED]

    def test_nothing_is_due_when_nothing_is_there(self) -> None:
        assert Bench().brought_to(Stage.ABSENT).condition.deadline is None

    @pytest.mark.parametrize(
        ("stage", "after_s"), [(Stage.PENDING, 10), (Stage.FROZEN, 5.000000001), (Stage.CLEARING, 5)]
    )
    def test_deadlines(self, stage: Stage, after_s: float) -> None:
        bench = Bench().brought_to(stage)
        assert bench.condition.deadline == bench.now + round(after_s * SECOND)


SIGNALS = {
    (Signal.OFF, News.RAISED): (Signal.SOUNDING, Change.RAISED),
    (Signal.SOUNDING, News.RISEN): (Signal.SOUNDING, Change.ESCALATED),
    (Signal.SOUNDING, News.ACKNOWLEDGED): (Signal.ACKNOWLEDGED, Change.ACKNOWLEDGED),
    (Signal.ACKNOWLEDGED, News.RISEN): (Signal.SOUNDING, Change.ESCALATED),
    (Signal.ACKNOWLEDGED, News.ENDED): (Signal.OFF, Change.ENDED),
    (Signal.LATCHED, News.ACKNOWLEDGED): (Signal.OFF, Change.ENDED),
    (Signal.LATCHED, News.ENDED): (Signal.OFF, Change.ENDED),
}


class TestSignalTable:
    @pytest.mark.parametrize(("signal", "news"), SIGNALS)
    def test_every_entry(self, signal: Signal, news: News) -> None:
        bench = Bench(latching=True)
        condition = bench.condition
        if signal is not Signal.OFF:
            bench.brought_to(Stage.PRESENT)
        if signal is Signal.ACKNOWLEDGED:
            condition.acknowledge("nurse", bench.now)
        if signal is Signal.LATCHED:
            bench.walk(N)
            bench.walk(N, 5)
        before = condition.episode
        assert before.signal is signal
        changes: list[Change] = []
        match news:
            case News.RAISED:
                changes = bench.walk(A) + bench.walk(A, 10)
            case News.RISEN:
                before.priority = Priority.MEDIUM
                changes = bench.walk(A)
            case News.ACKNOWLEDGED:
                changes = changes_of(condition.acknowledge("nurse", bench.now))
            case News.ENDED if signal is Signal.LATCHED:
                changes = bench.walk(A) + bench.walk(A, 10)
            case News.ENDED:
                changes = bench.walk(N) + bench.walk(N, 5)
        after, change = SIGNALS[signal, news]
        assert changes[0] is change
        assert before.signal is after or condition.episode.signal is after

    def test_a_latched_one_that_comes_back_is_a_new_episode(self) -> None:
        bench = Bench(latching=True).brought_to(Stage.PRESENT)
        bench.walk(N)
        bench.walk(N, 5)
        before = bench.condition.episode
        bench.walk(A)
        bench.now += 10 * SECOND
        happenings = bench.condition.walk(bench.scene, 2, bench.now)
        after = bench.condition.episode
        assert happenings == [Happening(Change.ENDED, before), Happening(Change.RAISED, after)]
        assert (before.number, after.number) == (1, 2)
        assert (before.signal, after.signal) == (Signal.OFF, Signal.SOUNDING)

    def test_the_table_is_this_one(self) -> None:
        assert SIGNAL == SIGNALS

    @pytest.mark.parametrize(
        ("latching", "signal", "change"),
        [(True, Signal.LATCHED, Change.LATCHED), (False, Signal.OFF, Change.ENDED)],
    )
    def test_sounding_and_over(self, signal: Signal, change: Change, *, latching: bool) -> None:
        bench = Bench(latching=latching).brought_to(Stage.PRESENT)
        bench.walk(N)
        assert bench.walk(N, 5) == [change]
        assert bench.condition.episode.signal is signal

    def test_nothing_to_acknowledge(self) -> None:
        assert Bench().condition.acknowledge("nurse", BEGINNING) == []
        over = Bench().brought_to(Stage.CLEARING)
        over.walk(N, 5)
        assert over.condition.acknowledge("nurse", over.now) == []

    def test_presence(self) -> None:
        bench = Bench(latching=True).brought_to(Stage.CLEARING)
        seen = [bench.condition.episode.presence]
        bench.walk(N, 5)
        seen.append(bench.condition.episode.presence)
        bench.condition.acknowledge("nurse", bench.now)
        seen.append(bench.condition.episode.presence)
        assert seen == [Presence.PRESENT, Presence.LATCHED, Presence.ENDED]


def _limits(rule: Rule) -> Iterator[str]:
    match rule:
        case Below(limit) | Above(limit) | AtLeast(limit) | PulsesApart(limit):
            yield limit
        case RatioAtLeast(limit, _, per):
            assert LIMITS[limit].per is per
            yield limit
        case AnyOf(parts) | AllOf(parts):
            for part in parts:
                yield from _limits(part)
        case WhereGiven(_, part):
            yield from _limits(part)
        case _:
            pass


def _others(rule: Rule) -> Iterator[str]:
    match rule:
        case AsJudged(other) | Lately(other):
            yield other
        case AnyOf(parts) | AllOf(parts):
            for part in parts:
                yield from _others(part)
        case _:
            pass


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=CATALOGUE)
class TestCatalogue:
    def test_looks_only_at_rows_above_it_that_the_same_bed_sees(self, row: Row) -> None:
        order = list(CATALOGUE)
        for other in _others(row.rule):
            assert order.index(other) < order.index(row.id)
            assert set(CATALOGUE[other].needs) <= set(row.needs)
            assert CATALOGUE[other].blind <= row.blind

    def test_whole(self, row: Row) -> None:
        assert row.name
        assert row.reason
        assert row.mdc // 65536 == 3, "an event term of ISO/IEEE 11073-10101"
        assert CATALOGUE[row.id] is row
        assert row.name[0].islower() or row.name.startswith("SpO2")
        assert isinstance(row.category, Category)

    def test_kind_follows_from_the_id(self, row: Row) -> None:
        physiological = row.id[0] in "SRPBC"
        assert row.kind is (Kind.PHYSIOLOGICAL if physiological else Kind.TECHNICAL)
        assert (row.category is Category.EQUIPMENT) is (row.id[0] == "T")

    def test_steps_rise(self, row: Row) -> None:
        first = row.steps[:1]
        assert all((step.after_s, step.grade, step.during) == (0, 1, During.ALWAYS) for step in first)
        assert [step.priority for step in row.steps] == sorted(step.priority for step in row.steps)
        assert len({(step.after_s, step.grade, step.during) for step in row.steps}) == len(row.steps)

    def test_only_high_conditions_latch(self, row: Row) -> None:
        if row.latching:
            assert row.steps[0].priority is Priority.HIGH

    def test_limits_are_its_own(self, row: Row) -> None:
        used = list(_limits(row.rule))
        assert all(LIMITS[key].condition == row.id for key in used)
        assert all(LIMITS[key].vital in row.needs or row.id[0] == "B" or row.id == "T3" for key in used)
        assert set(used) == {key for key, limit in LIMITS.items() if limit.condition == row.id}

    def test_described(self, row: Row) -> None:
        text = describe(row, Judgement(Verdict.ABNORMAL), pump="")
        assert text.startswith(row.name)
        told = describe(row, Judgement(A), pump="drug flows")
        assert told.endswith(", drug flows") is row.tells_infusion
        assert row.tells_infusion is (row.id[0] in "SRC" or row.id in ("B2", "B4"))


def test_descriptions() -> None:
    row = CATALOGUE["S2"]
    judgement = Judgement(A, value=80, limit=85, vital=Vital.SPO2)
    expected = "SpO2 very low: 80 % (limit 85 %), infusion running"
    assert describe(row, judgement, pump="infusion running") == expected
    lost = Judgement(U, limit=85, vital=Vital.SPO2)
    assert describe(row, lost, pump="") == "SpO2 very low: no value now (limit 85 %)"
    left = Judgement(A, value=12.34, vital=Vital.VOLUME_REMAINING)
    expected = "infusion stopped before its end: 12.3 mL left, acknowledge if the stop was meant"
    assert describe(CATALOGUE["I7"], left, pump="") == expected
    fault = Judgement(A, detail="red lamp")
    assert describe(CATALOGUE["T19"], fault, pump="") == "sounder or lamp fault: red lamp"


def test_steps_that_depend_on_the_session() -> None:
    """R5, T1, T7, T12 are MEDIUM in dosing; T9 in dosing and the first hour after it (7.3)."""
    during = {row.id: {step.during for step in row.steps} - {During.ALWAYS} for row in CATALOGUE.values()}
    assert {id_: kinds for id_, kinds in during.items() if kinds} == {
        "R5": {During.DOSING},
        "T1": {During.DOSING},
        "T7": {During.DOSING},
        "T12": {During.DOSING},
        "T9": {During.AT_RISK},
    }


def test_phases_are_the_words_of_the_clinic() -> None:
    assert [phase.value for phase in Phase] == ["pre", "dosing", "observe"]
