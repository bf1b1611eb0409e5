"""A bedside without wires: the alarm system in virtual time, fed with facts as devices would say them.

Every device says all that it knows every five seconds. A story changes what it knows, at any instant, and
plays on; the alarm system is ticked at each of its deadlines, before whatever happens at the same instant.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from alarms.board import Source
from alarms.limits import in_force
from alarms.system import AlarmSystem, Declined, MeasureNow, Outcome, Settings
from bedside.commands import Acknowledge, AcknowledgeSounding, Action
from bedside.effects import Change, ConditionState, Presence, Transition
from bedside.facts import (
    DownReason,
    Fact,
    Flag,
    FlagName,
    Frame,
    LinkDown,
    LinkUp,
    Measurement,
    MeasurementFailed,
    Missing,
    Quality,
    Reading,
    Reason,
    Value,
)
from bedside.instants import SECOND, Instant, earliest, in_seconds, seconds
from bedside.level import Level
from bedside.priorities import Priority
from bedside.vitals import NIBP_RESULT, NibpState, PumpState, RespirationSource, Vital

PERIOD: Final = 5 * SECOND
SILENCE: Final = 6 * SECOND
"""A silent line counts as lost after this long, and a value that is not renewed as stale."""

BEGINNING: Final = 1_000 * SECOND

OXIMETER: Final = Source("oximeter", (Vital.SPO2, Vital.PR), SILENCE)
MONITOR: Final = Source("monitor", (Vital.RR,), SILENCE, RespirationSource.THORACIC)
PLETH_MONITOR: Final = Source("monitor", (Vital.RR,), SILENCE, RespirationSource.PLETH)
CUFF: Final = Source("nibp", (*NIBP_RESULT, Vital.NIBP_STATE), 12 * SECOND, starts_nibp=True)
PUMP: Final = Source("pump", (Vital.PUMP_STATE, Vital.VOLUME_REMAINING, Vital.INFUSION_RATE), SILENCE)
ALL: Final = (OXIMETER, MONITOR, CUFF, PUMP)

HEALTHY: Final[dict[Vital, Value]] = {
    Vital.SPO2: 97,
    Vital.PR: 75,
    Vital.RR: 14,
    Vital.NIBP_STATE: NibpState.IDLE,
    Vital.PUMP_STATE: PumpState.STOPPED,
    Vital.VOLUME_REMAINING: 50.0,
    Vital.INFUSION_RATE: 75.0,
}


@dataclass(slots=True)
class Talker:
    """What one device would say now, and whether its line carries it."""

    source: Source
    knows: dict[Vital, Reading | Missing]
    flags: dict[FlagName, Flag] = field(default_factory=dict)
    next_at: Instant | None = None
    up: bool = False
    lost_at: Instant | None = None
    numbers: bool = True


class Bedside:
    """A bed, its devices and a clock that only a story moves. Times are in seconds since the beginning."""

    def __init__(
        self,
        *sources: Source,
        beginning: Instant = BEGINNING,
        limits: dict[str, float] | None = None,
        stations: tuple[str, ...] = (),
        nibp_by_agent: bool = False,
        cuff_on_probe_limb: bool = False,
        talk: bool = True,
        panel: bool = True,
    ) -> None:
        self.beginning = self.now = beginning
        self.system = AlarmSystem(
            Settings(
                boot="boot",
                sources=sources or ALL,
                limits=in_force(limits or {}),
                stations=stations,
                nibp_by_agent=nibp_by_agent,
                cuff_on_probe_limb=cuff_on_probe_limb,
            ),
            beginning,
        )
        self.outcomes: list[tuple[float, Outcome]] = []
        self.talkers = {
            source.name: Talker(
                source, {vital: Reading(vital, HEALTHY[vital]) for vital in source.vitals if vital in HEALTHY}
            )
            for source in sources or ALL
        }
        self.vital_of = {vital: talker for talker in self.talkers.values() for vital in talker.knows}
        if panel:
            self.take(self.system.panel_connected("mock", (), self.now))
        if talk:
            for name in self.talkers:
                self.plug(name)

    # Time

    @property
    def s(self) -> float:
        return in_seconds(self.now - self.beginning)

    def to(self, s: float) -> "Bedside":
        """Play up to this second, with everything that is due at it."""
        end = self.beginning + seconds(s)
        assert end >= self.now
        while (due := self._due()) is not None and due <= end:
            assert due >= self.now, "a deadline that stays due"
            self.now = due
            if (deadline := self.system.deadline) is not None and deadline <= due:
                self.take(self.system.tick(due))
                assert self.system.deadline is None or self.system.deadline > due
            else:
                self._talk()
        self.now = end
        return self

    def wait(self, s: float) -> "Bedside":
        return self.to(self.s + s)

    def _due(self) -> Instant | None:
        talkers = self.talkers.values()
        return earliest(self.system.deadline, *(t.next_at for t in talkers), *(t.lost_at for t in talkers))

    def _talk(self) -> None:
        for talker in self.talkers.values():
            if talker.lost_at is not None and talker.lost_at <= self.now:
                talker.lost_at, talker.up = None, False
                self.tell(talker.source.name, LinkDown(DownReason.SILENT))
            if talker.next_at is not None and talker.next_at <= self.now:
                talker.next_at = self.now + PERIOD
                self._say(talker)

    def _say(self, talker: Talker) -> None:
        facts: list[Fact] = []
        if not talker.up:
            facts.append(LinkUp())
        facts.append(Frame("all"))
        if talker.numbers:
            facts += talker.knows.values()
        if not talker.up:
            facts += talker.flags.values()
        talker.up = True
        self.tell(talker.source.name, *facts)

    # What happens

    def set(self, **values: Value | Reason) -> "Bedside":
        """Vitals are now so, good or missing, and the devices say so at once."""
        return self._change(Quality.GOOD, values)

    def doubt(self, **values: Value | Reason) -> "Bedside":
        """Vitals are now so, but the device doubts them."""
        return self._change(Quality.QUESTIONABLE, values)

    def _change(self, quality: Quality, values: dict[str, Value | Reason]) -> "Bedside":
        changed = []
        for name, value in values.items():
            vital = Vital(name)
            talker = self.vital_of[vital]
            talker.knows[vital] = (
                Missing(vital, value) if isinstance(value, Reason) else Reading(vital, value, quality)
            )
            changed.append(talker)
        for talker in changed:
            if talker.next_at is not None:
                talker.next_at = self.now + PERIOD
                self._say(talker)
        return self

    def flag(self, source: str, name: FlagName, *, on: bool, detail: str = "") -> "Bedside":
        talker = self.talkers[source]
        talker.flags[name] = Flag(name, on, detail)
        if talker.up:
            self.tell(source, Frame("flags"), talker.flags[name])
        return self

    def measure(
        self, sys: float | Reason = 120, dia: float = 75, mean: float = 90, pulse: float = 75
    ) -> "Bedside":
        """A cuff measurement is finished."""
        parts: list[Reading | Missing] = [
            Missing(Vital.NIBP_SYS, sys) if isinstance(sys, Reason) else Reading(Vital.NIBP_SYS, sys),
            Reading(Vital.NIBP_DIA, dia),
            Reading(Vital.NIBP_MEAN, mean),
            Reading(Vital.NIBP_PR, pulse),
        ]
        self.tell("nibp", Frame("result"), Measurement(tuple(parts)))
        return self

    def fail_measure(self) -> "Bedside":
        self.tell("nibp", Frame("result"), MeasurementFailed("2", "movement"))
        return self

    def dose(self) -> "Bedside":
        """The pump begins to deliver."""
        return self.set(pump_state=PumpState.INFUSING)

    def finish(self) -> "Bedside":
        """The pump has given all."""
        return self.set(pump_state=PumpState.COMPLETE, volume_remaining=0.0)

    def cut(self, *names: str) -> "Bedside":
        """The last frame comes now, then nothing: the line is lost after its silence limit."""
        for name in names:
            talker = self.talkers[name]
            self._say(talker)
            talker.next_at, talker.lost_at = None, self.now + SILENCE
        return self

    def plug(self, *names: str) -> "Bedside":
        """The device is heard from now on."""
        for name in names:
            talker = self.talkers[name]
            talker.next_at, talker.lost_at = self.now + PERIOD, None
            self._say(talker)
        return self

    def freeze(self, name: str) -> "Bedside":
        """Frames come on, but without any number."""
        self.talkers[name].numbers = False
        return self

    def hush(self) -> "Bedside":
        """No device says anything from now on, and no line is lost: only deadlines move the alarms."""
        for talker in self.talkers.values():
            talker.next_at = None
        return self

    def ask(self, action: Action, by: str = "nurse") -> list[Outcome]:
        return self.take(self.system.obey(action, by, self.now))

    def acknowledge(self, id_: str | None = None) -> "Bedside":
        """Somebody acknowledges one condition as it stands now, or all that sounds."""
        if id_ is None:
            self.ask(AcknowledgeSounding())
        else:
            state = self.state(id_)
            assert state.priority is not None
            self.ask(Acknowledge(id_, state.episode, state.priority))
        return self

    def tell(self, source: str, *facts: Fact) -> None:
        self.take(self.system.told(source, facts, self.now))

    def take(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        taken = list(outcomes)
        for outcome in taken:
            assert not isinstance(outcome, Transition) or outcome.at == self.now
        self.outcomes += [(self.s, outcome) for outcome in taken]
        return taken

    # What came of it

    def changes(self, id_: str) -> list[tuple[float, str]]:
        """Everything that happened to a condition: second and word."""
        return [
            (s, outcome.change.value)
            for s, outcome in self.outcomes
            if isinstance(outcome, Transition) and outcome.state.id == id_
        ]

    def at(self, id_: str, change: Change = Change.RAISED) -> list[float]:
        """When this happened to a condition."""
        return [s for s, word in self.changes(id_) if word == change.value]

    def transitions(self, id_: str) -> list[Transition]:
        return [
            outcome
            for _, outcome in self.outcomes
            if isinstance(outcome, Transition) and outcome.state.id == id_
        ]

    def measured(self) -> list[float]:
        """When the agent started the cuff."""
        return [s for s, outcome in self.outcomes if isinstance(outcome, MeasureNow)]

    def states(self) -> dict[str, ConditionState]:
        """The conditions that are not over."""
        report = self.system.report(self.now)
        return {state.id: state for state in report.conditions if state.presence is not Presence.ENDED}

    def state(self, id_: str) -> ConditionState:
        return self.states()[id_]

    def priority(self, id_: str) -> Priority | None:
        return self.state(id_).priority

    def level(self) -> Level:
        return self.system.level((), self.now)


def refusals(outcomes: Iterable[Outcome]) -> list[str]:
    """The words with which something was declined."""
    return [outcome.refusal.value for outcome in outcomes if isinstance(outcome, Declined)]
