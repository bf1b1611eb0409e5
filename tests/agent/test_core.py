"""The pure whole of a bed, with devices that speak a toy language: what goes in, what comes out, and when.

A toy frame is a line of words: `spo2=97 pr=75`, `spo2=-searching`, `flag=occlusion`, `wave=1,2,3`,
`measured=120/75/90`, `failed`. An empty line is a frame without news; `x` is refused.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core import Core
from agent.events import (
    Asked,
    BrokerDown,
    BrokerUp,
    ButtonPressed,
    Event,
    PanelDown,
    PanelDrives,
    PanelUp,
    PortClosed,
    PortData,
    PortOpened,
    StationSeen,
)
from agent.plan import BedPlan, DevicePlan, NibpPlan
from bedside.commands import (
    Acknowledge,
    MeasureNibp,
    PauseAudio,
    Refusal,
    Reply,
    Request,
    SetPatient,
    Unreadable,
)
from bedside.effects import (
    AlarmsReport,
    Annunciate,
    Change,
    DeviceLine,
    Effect,
    Note,
    PlethReport,
    SetupReport,
    StatusReport,
    Transition,
    VitalKnown,
    VitalMissing,
    VitalsReport,
    Write,
)
from bedside.facts import (
    Fact,
    Flag,
    FlagName,
    Frame,
    Measurement,
    MeasurementFailed,
    Missing,
    Reading,
    Reason,
    Rejected,
    RejectReason,
    Waveform,
)
from bedside.instants import MILLISECOND, SECOND, Instant, seconds
from bedside.level import Press
from bedside.priorities import Audio, Priority
from bedside.vitals import NIBP_RESULT, NibpState, PumpState, RespirationSource, Vital
from drivers.contract import (
    DeviceKind,
    Driver,
    LineEvent,
    LineSettings,
    Output,
    Received,
    StartNibp,
    Transmit,
)

BEGINNING = 1_000 * SECOND


@dataclass(slots=True)
class Toy:
    """The codec of the toy language."""

    deadline: Instant | None = None
    _held: bytes = b""

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        match event:
            case Received(data):
                *lines, self._held = (self._held + data).split(b"\n")
                return [output for line in lines for output in _read(line.decode())]
            case StartNibp():
                return [Transmit(b"start\n")]
            case _:
                self._held = b""
                return []

    def tick(self, now: Instant) -> list[Output]:
        return []


def _read(line: str) -> Iterator[Output]:
    if line == "x":
        yield Rejected(RejectReason.SANITY, 2)
        return
    yield Frame("line")
    for word in line.split():
        yield _fact(*word.partition("=")[::2])


def _fact(name: str, value: str) -> Fact:
    match name:
        case "wave":
            return Waveform(75, tuple(int(count) for count in value.split(",")))
        case "flag":
            return Flag(FlagName(value.lstrip("-")), on=not value.startswith("-"))
        case "measured":
            parts = zip(NIBP_RESULT, value.split("/"), strict=False)
            return Measurement(tuple(Reading(vital, float(number)) for vital, number in parts))
        case "failed":
            return MeasurementFailed("2", "movement")
        case _:
            vital = Vital(name)
            if value.startswith("-"):
                return Missing(vital, Reason(value[1:]))
            if vital is Vital.PUMP_STATE:
                return Reading(vital, PumpState(value))
            return Reading(vital, NibpState(value) if vital is Vital.NIBP_STATE else float(value))


def _driver(name: str, kind: DeviceKind, *vitals: Vital, codec: Callable[[], Toy] = Toy) -> Driver:
    return Driver(
        name=name,
        title=name,
        kind=kind,
        vitals=vitals,
        line=LineSettings(9600),
        silence_limit_ms=20_000,
        stale_after_ms=15_000,
        speaks_unasked=True,
        starts_nibp=True,
        confidence="",
        new_codec=codec,
        sources={Vital.RR: RespirationSource.THORACIC},
    )


DRIVERS = {
    driver.name: driver
    for driver in (
        _driver("toy-oximeter", DeviceKind.OXIMETER, Vital.SPO2, Vital.PR),
        _driver("toy-monitor", DeviceKind.MONITOR, Vital.RR, Vital.SPO2),
        _driver("toy-cuff", DeviceKind.NIBP, *NIBP_RESULT, Vital.NIBP_STATE),
        _driver("toy-pump", DeviceKind.PUMP, Vital.PUMP_STATE, Vital.VOLUME_REMAINING),
    )
}
PLAN = BedPlan(
    site="clinic",
    bed="bed-1",
    devices=tuple(
        DevicePlan(name, f"toy-{name}", f"/dev/{name}") for name in ("oximeter", "monitor", "cuff", "pump")
    ),
    nibp=NibpPlan(start_by_agent=True),
    stations=("desk",),
)
T = TypeVar("T")


@dataclass(slots=True)
class Run:
    """A core and everything it wanted, each with the second at which it was asked."""

    plan: BedPlan = PLAN
    core: Core = field(init=False)
    now: Instant = BEGINNING
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.core = Core(self.plan, DRIVERS, "boot", BEGINNING)

    def at(self, s: float, *events: Event) -> list[Effect]:
        """Only these events, at this second; nothing before them."""
        self.now = BEGINNING + seconds(s)
        new = [effect for event in events for effect in self.core.on(event, self.now)]
        self.effects += new
        return new

    def tick(self, s: float) -> list[Effect]:
        self.now = BEGINNING + seconds(s)
        new = self.core.tick(self.now)
        self.effects += new
        return new

    def say(self, s: float, device: str, *lines: str) -> list[Effect]:
        return self.at(s, PortData(device, "".join(f"{line}\n" for line in lines).encode()))


def _of(effects: list[Effect], kind: type[T]) -> list[T]:
    return [effect for effect in effects if isinstance(effect, kind)]


@pytest.fixture
def run() -> Run:
    return Run()


class TestReports:
    def test_vitals_every_second(self, run: Run) -> None:
        counts = [len(_of(run.tick(quarter / 4), VitalsReport)) for quarter in range(9)]
        assert counts == [1, 0, 0, 0, 1, 0, 0, 0, 1]

    def test_missed_reports_are_made_once(self, run: Run) -> None:
        run.tick(0)
        assert len(_of(run.tick(3600), VitalsReport)) == 1
        assert run.core.deadline == BEGINNING + seconds(3601)

    def test_alarm_heartbeat_and_lines(self, run: Run) -> None:
        run.tick(0)
        heartbeats = [s for s in range(1, 21) if _of(run.tick(s), AlarmsReport)]
        assert {5, 10, 15, 20} <= set(heartbeats)
        lines = [s for s in range(21, 41) if _of(run.tick(s), DeviceLine)]
        assert lines == [30, 40]

    def test_vitals(self, run: Run) -> None:
        run.say(0.25, "oximeter", "spo2=97 pr=-searching")
        run.say(0.25, "monitor", "rr=14 spo2=95")
        vitals = {(v.vital, v.source): v for v in _of(run.tick(1), VitalsReport)[0].vitals}
        spo2 = vitals[Vital.SPO2, "oximeter"]
        assert isinstance(spo2, VitalKnown)
        assert (spo2.value, spo2.primary, spo2.age) == (97, True, 750 * MILLISECOND)
        second = vitals[Vital.SPO2, "monitor"]
        assert isinstance(second, VitalKnown)
        assert (second.value, second.primary, second.respiration_source) == (95, False, None)
        rate = vitals[Vital.RR, "monitor"]
        assert isinstance(rate, VitalKnown)
        assert rate.respiration_source is RespirationSource.THORACIC
        pulse = vitals[Vital.PR, "oximeter"]
        assert isinstance(pulse, VitalMissing)
        assert pulse.reason is Reason.SEARCHING
        cuff = vitals[Vital.NIBP_SYS, "cuff"]
        assert isinstance(cuff, VitalMissing)
        assert cuff.reason is Reason.NEVER
        assert len(vitals) == 2 + 2 + 5 + 2

    def test_pleth_of_the_primary_oximeter_only(self, run: Run) -> None:
        assert _of(run.say(1, "oximeter", "wave=1,2,3"), PlethReport) == [
            PlethReport("oximeter", 75, 0, (1, 2, 3))
        ]
        assert _of(run.say(1, "oximeter", "wave=4"), PlethReport) == [PlethReport("oximeter", 75, 3, (4,))]
        assert _of(run.say(1, "monitor", "wave=5"), PlethReport) == []

    def test_line(self, run: Run) -> None:
        run.tick(0)
        run.at(1, PortOpened("pump"))
        run.say(2, "pump", "pump_state=stopped")
        run.say(5, "pump", "x")
        line = {line.device: line for line in _of(run.tick(10), DeviceLine)}["pump"]
        assert (line.driver, line.port, line.up, line.down_reason) == ("toy-pump", "/dev/pump", True, "")
        assert (line.frames, line.rejected, line.opened, line.quiet) == (1, (("sanity", 1),), 1, seconds(8))
        assert line.bytes_received == len("pump_state=stopped\nx\n")
        assert line.bytes_per_second == pytest.approx(2 / 8)

    def test_line_never_heard(self, run: Run) -> None:
        line = _of(run.tick(0), DeviceLine)[0]
        assert (line.up, line.down_reason, line.quiet, line.bytes_per_second) == (False, "closed", None, 0)

    def test_only_what_changed_is_shown(self, run: Run) -> None:
        run.at(1, PanelUp("mock", "not verified", ()))
        again = run.at(1, PanelUp("mock", "not verified", ()))
        assert _of(again, Annunciate) + _of(again, AlarmsReport) + _of(again, SetupReport) == []
        assert _of(run.at(1, PanelUp("mock", "verified", ())), SetupReport)[0].sounder == "verified"

    def test_numbers_alone_are_no_news_of_alarms(self, run: Run) -> None:
        run.say(1, "oximeter", "spo2=80 pr=75")
        run.say(5, "oximeter", "spo2=80 pr=75")
        assert _of(run.tick(6), AlarmsReport)[-1].highest is Priority.HIGH
        worse = run.say(6.5, "oximeter", "spo2=79 pr=75")
        assert _of(worse, AlarmsReport) == []
        assert "79 %" in _of(worse, Annunciate)[0].level.lines[0].text


class TestEvents:
    def test_port(self, run: Run) -> None:
        opened = run.at(1, PortOpened("oximeter"))
        assert [(line.device, line.opened, line.down_reason) for line in _of(opened, DeviceLine)[-1:]] == [
            ("oximeter", 1, "silent")
        ]
        up = run.say(2, "oximeter", "spo2=97")
        assert Note("line up", (("device", "oximeter"),)) in up
        assert any(line.up for line in _of(up, DeviceLine) if line.device == "oximeter")
        lost = run.at(3, PortClosed("oximeter", "unplugged"))
        assert Note("port lost", (("device", "oximeter"), ("detail", "unplugged"))) in lost
        assert Note("line down", (("device", "oximeter"),)) in lost
        assert _of(lost, DeviceLine)[-1].down_reason == "closed"

    def test_silence_is_noticed_at_its_instant(self, run: Run) -> None:
        run.say(1, "oximeter", "spo2=97")
        run.tick(21 - 0.001)
        assert Note("line down", (("device", "oximeter"),)) not in run.effects
        run.tick(21)
        assert Note("line down", (("device", "oximeter"),)) in run.effects

    def test_button(self, run: Run) -> None:
        run.say(0, "oximeter", "spo2=97 pr=155")
        run.tick(6)
        acknowledged = _of(run.at(6, ButtonPressed(Press.SHORT)), Transition)[0]
        assert acknowledged.change is Change.ACKNOWLEDGED
        assert acknowledged.state.acknowledged is not None
        assert acknowledged.state.acknowledged.by == "bedside"
        paused = _of(run.at(7, ButtonPressed(Press.LONG)), Annunciate)[0].level
        assert paused.audio is Audio.PAUSED
        resumed = _of(run.at(8, ButtonPressed(Press.LONG)), Annunciate)[-1].level
        assert resumed.audio is Audio.ON

    def test_broker(self, run: Run) -> None:
        up = run.at(1, BrokerUp())
        assert [device.device for device in _of(up, StatusReport)[0].devices] == [
            "oximeter",
            "monitor",
            "cuff",
            "pump",
        ]
        assert _of(up, SetupReport)
        assert _of(up, AlarmsReport)
        assert len(_of(up[-8:], DeviceLine)) >= 4
        run.at(2, StationSeen("desk", online=True))
        run.tick(100)
        assert not [t for t in _of(run.effects, Transition) if t.state.id == "T13"]
        run.at(100, BrokerDown("gone"))
        run.tick(130)
        t13 = [t for t in _of(run.effects, Transition) if t.state.id == "T13"]
        assert [(t.change, t.at) for t in t13] == [(Change.RAISED, BEGINNING + seconds(130))]

    def test_panel(self, run: Run) -> None:
        up = run.at(1, PanelUp("mock", "not verified", (), ("no screen", "slow")))
        assert Note("panel", (("pins", "mock"), ("remark", "no screen"))) in up
        assert Note("panel", (("pins", "mock"), ("remark", "slow"))) in up
        for event in (PanelDrives(as_asked=False), PanelDown()):
            other = Run()
            other.at(1, PanelUp("mock", "not verified", ()))
            raised = _of(other.at(2, event), Transition)
            assert [(t.state.id, t.change) for t in raised] == [("T19", Change.RAISED)]

    def test_session(self, run: Run) -> None:
        seen = [run.core.in_session]
        for s, state in ((1, "infusing"), (2, "complete")):
            run.say(s, "pump", f"pump_state={state}")
            seen.append(run.core.in_session)
        assert seen == [False, True, True]
        assert "phase observe" in [line.text for line in _of(run.effects, Annunciate)[-1].level.lines]

    def test_the_agent_starts_the_cuff(self, run: Run) -> None:
        run.say(1, "cuff", "nibp_state=idle")
        for s in range(10, 60, 10):
            assert _of(run.say(s, "cuff", "nibp_state=idle"), Write) == []
        assert [(w.device, w.data) for w in _of(run.tick(60), Write)] == [("cuff", b"start\n")]

    def test_limits_on_the_screen(self, run: Run) -> None:
        run.tick(0)
        lines = [line.text for line in _of(run.effects, Annunciate)[0].level.lines]
        assert "phase pre" in lines
        assert "limits: SpO2 90 %, pulse 50 to 120, systolic 165 mmHg" in lines


class TestRequests:
    def _ask(self, run: Run, s: float, id_: str, action: object, by: str = "nurse") -> list[Effect]:
        until = BEGINNING + seconds(s + 10)
        return run.at(s, Asked(Request(id_, "desk", by, "boot", until, action)))  # type: ignore[arg-type]  # any action

    def test_done(self, run: Run) -> None:
        effects = self._ask(run, 1, "a", SetPatient("p-1", 70, None))
        assert _of(effects, Reply) == [Reply("a", "desk", None, "done")]
        assert _of(effects, SetupReport)[-1].patient == "p-1"

    def test_objection(self, run: Run) -> None:
        reply = _of(self._ask(run, 1, "a", PauseAudio()), Reply)[0]
        assert (reply.id, reply.station, reply.refusal) == ("a", "desk", Refusal.NOT_ALLOWED)

    def test_declined(self, run: Run) -> None:
        reply = _of(self._ask(run, 1, "a", Acknowledge("S1", "boot-9", Priority.HIGH)), Reply)[0]
        assert reply.refusal is Refusal.NO_SUCH_EPISODE
        reply = _of(self._ask(run, 1, "b", MeasureNibp()), Reply)[0]
        assert reply.refusal is Refusal.NOT_POSSIBLE

    def test_unreadable(self, run: Run) -> None:
        message = Unreadable("", "desk", Refusal.MALFORMED, "not JSON")
        assert Reply("", "desk", Refusal.MALFORMED, "not JSON") in run.at(1, Asked(message))

    @pytest.mark.parametrize(("by", "named"), [("nurse", "nurse"), ("", "desk")])
    def test_acknowledged_by(self, run: Run, by: str, named: str) -> None:
        run.say(0, "oximeter", "spo2=97 pr=155")
        run.tick(6)
        episode = next(t.state.episode for t in _of(run.effects, Transition) if t.state.id == "P2")
        effects = self._ask(run, 6, "a", Acknowledge("P2", episode, Priority.HIGH), by)
        state = next(t.state for t in _of(effects, Transition) if t.state.id == "P2")
        assert state.acknowledged is not None
        assert state.acknowledged.by == named
        assert Reply("a", "desk", None, "done") in effects

    def test_cuff_on_request(self, run: Run) -> None:
        plan = BedPlan("clinic", "bed-1", PLAN.devices, stations=("desk",))
        run = Run(plan)
        for s in range(0, 61, 10):
            run.say(s, "cuff", "nibp_state=idle")
        effects = self._ask(run, 61, "a", MeasureNibp())
        assert [(w.device, w.data) for w in _of(effects, Write)] == [("cuff", b"start\n")]
        assert Reply("a", "desk", None, "done") in effects


class TestBed:
    def test_without_an_oximeter(self) -> None:
        plan = BedPlan("clinic", "bed-1", (DevicePlan("pump", "toy-pump", "/dev/pump"),))
        assert _of(Run(plan).say(1, "pump", "wave=1"), PlethReport) == []

    def test_a_deadline_that_stays_due_is_our_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agent.core.MOST_STEPS", 50)
        stuck = _driver("toy-pump", DeviceKind.PUMP, codec=lambda: Toy(deadline=BEGINNING))
        plan = BedPlan("clinic", "bed-1", (DevicePlan("pump", "toy-pump", "/dev/pump"),))
        with pytest.raises(AssertionError, match="stays due"):
            Core(plan, {"toy-pump": stuck}, "boot", BEGINNING).tick(BEGINNING)


# --- How punctual the loop is, and how bytes are cut, changes nothing ------------------------------

Story: TypeAlias = list[tuple[int, Event]]


def _words() -> st.SearchStrategy[Event]:
    oximeter = st.sampled_from(
        (
            "spo2=97 pr=75",
            "spo2=89 pr=75",
            "spo2=84 pr=121",
            "spo2=91 pr=39",
            "spo2=-probe-off pr=-probe-off",
            "spo2=-searching pr=-searching",
            "wave=1,2 spo2=97 pr=152",
            "flag=artefact",
            "flag=-artefact",
            "",
            "x",
        )
    )
    monitor = st.sampled_from(("rr=14", "rr=8", "rr=5", "rr=-unsure", ""))
    cuff = st.sampled_from(
        (
            "measured=120/75/90",
            "measured=170/90/110",
            "measured=190/120/140",
            "measured=75/40/50",
            "nibp_state=idle",
            "nibp_state=inflating",
            "failed",
            "",
        )
    )
    pump = st.sampled_from(
        (
            "pump_state=infusing volume_remaining=9",
            "pump_state=paused",
            "pump_state=complete",
            "flag=occlusion",
            "",
        )
    )
    words = (
        ("oximeter", oximeter),
        ("oximeter", oximeter),
        ("monitor", monitor),
        ("cuff", cuff),
        ("pump", pump),
    )

    def data(device: str, lines: st.SearchStrategy[str]) -> st.SearchStrategy[Event]:
        several = st.lists(lines, min_size=1, max_size=3)
        return several.map(lambda said: PortData(device, "".join(f"{line}\n" for line in said).encode()))

    return st.one_of(
        *(data(device, lines) for device, lines in words),
        st.sampled_from(
            (
                PortClosed("oximeter", "gone"),
                PortOpened("oximeter"),
                PortClosed("pump", "gone"),
                ButtonPressed(Press.SHORT),
                ButtonPressed(Press.LONG),
                BrokerUp(),
                BrokerDown("gone"),
                StationSeen("desk", online=True),
                PanelDown(),
                PanelUp("mock", "", ()),
            )
        ),
    )


@st.composite
def _stories(draw: st.DrawFn) -> Story:
    waits = st.sampled_from((0, 1, 500, 1_000, 4_999, 5_001, 10_000, 14_999, 15_001, 20_000, 31_000))
    story: Story = []
    at = 0
    for wait, event in draw(st.lists(st.tuples(waits, _words()), max_size=25)):
        at += wait
        story.append((at, event))
    return [*story, (at + 65_000, BrokerUp())]


def _decided(effects: list[Effect]) -> list[object]:
    """Transitions with their instants, and what was written to the cuff."""
    return [
        (e.at, e.change, e.state.id, e.state.episode, e.state.priority) if isinstance(e, Transition) else e
        for e in effects
        if isinstance(e, Transition | Write)
    ]


def _punctual(story: Story) -> list[object]:
    run = Run()
    for ms, event in story:
        while run.core.deadline is not None and run.core.deadline <= BEGINNING + ms * MILLISECOND:
            run.effects += run.core.tick(run.core.deadline)
        run.at(ms / 1000, event)
    return _decided(run.effects)


def _late(story: Story) -> list[object]:
    run = Run()
    for ms, event in story:
        run.at(ms / 1000, event)
    return _decided(run.effects)


def _in_steps(story: Story, step_ms: int) -> list[object]:
    run = Run()
    now_ms = 0
    for ms, event in story:
        while now_ms < ms:
            run.tick(now_ms / 1000)
            now_ms += step_ms
        run.at(ms / 1000, event)
    return _decided(run.effects)


def _cut_up(story: Story, rng: random.Random) -> list[object]:
    run = Run()
    for ms, event in story:
        if isinstance(event, PortData):
            rest = event.data
            while rest:
                size = rng.randint(1, 12)
                run.at(ms / 1000, PortData(event.device, rest[:size]))
                rest = rest[size:]
        else:
            run.at(ms / 1000, event)
    return _decided(run.effects)


@settings(max_examples=80)
@given(_stories(), st.integers(0, 1_000))
def test_punctuality_and_cuts_change_nothing(story: Story, seed: int) -> None:
    expected = _punctual(story)
    assert _late(story) == expected
    assert _in_steps(story, 1_000) == expected
    assert _cut_up(story, random.Random(seed)) == expected


@settings(max_examples=20)
@given(_stories())
def test_ten_millisecond_steps_change_nothing(story: Story) -> None:
    assert _in_steps(story, 10) == _punctual(story)


@pytest.mark.long
@settings(max_examples=500)
@given(_stories(), st.integers(0, 1_000))
def test_punctuality_and_cuts_change_nothing_long(story: Story, seed: int) -> None:
    expected = _punctual(story)
    assert _late(story) == expected
    for step_ms in (10, 333, 1_000):
        assert _in_steps(story, step_ms) == expected
    assert _cut_up(story, random.Random(seed)) == expected
