"""The alarm system of one bed: facts, requests and the state of its own limbs in; transitions out.

It owns the board, the session, the cuff's schedule and every condition of the catalogue, and walks all of
them after each event and at each deadline. Whoever runs it must call `tick` at `deadline`, and before any
later event: then the story does not depend on how punctual they were.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from alarms.annunciation import INFUSION_RUNNING, PUMP_NOT_HEARD, Sound, annunciate, describe, highest
from alarms.board import SPOT, Board, Source
from alarms.catalogue import CATALOGUE, UNWATCHED, Row
from alarms.limits import Threshold
from alarms.machine import Condition, Episode, Happening, Signal, Stage
from alarms.schedule import NibpSchedule
from alarms.session import Phase, Session
from alarms.verdicts import Scene, Surroundings, Witness
from bedside.commands import (
    Acknowledge,
    AcknowledgeSounding,
    Action,
    MeasureNibp,
    PauseAudio,
    Refusal,
    ResumeAudio,
    SetPatient,
)
from bedside.effects import (
    AlarmsReport,
    Change,
    ConditionState,
    LimitInForce,
    NotMonitored,
    Presence,
    SetupReport,
    Transition,
)
from bedside.facts import Fact, Frame, Measurement, MeasurementFailed, Missing, Reading
from bedside.instants import MINUTE, Instant, earliest, seconds
from bedside.level import AUDIO_PAUSE, Level
from bedside.priorities import Audio, Kind, Priority
from bedside.vitals import NibpState, PumpState, Vital

ENDED_KEPT: Final = 8
"""So many ended episodes stay listed: a short alarm must not vanish unseen."""

PRESSURE_ALARMS: Final = tuple(row.id for row in CATALOGUE.values() if row.repeat_after_s is not None)
PRESSURES: Final = frozenset({Vital.NIBP_SYS, Vital.NIBP_DIA, Vital.NIBP_MEAN})
RESTS_ON_CUFF: Final = frozenset(
    row.id for row in CATALOGUE.values() if row.kind is Kind.PHYSIOLOGICAL and not SPOT.isdisjoint(row.needs)
)
"""Void for the next patient: these go by the last one's cuff readings."""

NO_PATIENT: Final = SetPatient("", None, None)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one bed's alarm system goes by."""

    boot: str
    sources: tuple[Source, ...]
    limits: Mapping[str, Threshold]
    stations: tuple[str, ...] = ()
    nibp_by_agent: bool = False
    cuff_on_probe_limb: bool = False
    dosing_interval: Instant = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class MeasureNow:
    """The schedule, an alarm or a person wants a cuff measurement to start now."""


@dataclass(frozen=True, slots=True)
class Declined:
    """A request that was not carried out."""

    refusal: Refusal
    detail: str


Outcome: TypeAlias = Transition | MeasureNow | Declined


class AlarmSystem:
    """One bed's alarms."""

    def __init__(self, settings: Settings, now: Instant) -> None:
        self.settings = settings
        self.board = Board(settings.sources, now)
        self.session = Session(now)
        self.schedule = NibpSchedule(now, dosing_interval=settings.dosing_interval)
        self.surroundings = Surroundings(stations_named=settings.stations)
        if settings.stations:
            self.surroundings.broker_lost_at = self.surroundings.stations_lost_at = now
        self.patient = NO_PATIENT
        self.sounder = "not connected"
        self.blind = {row.id: why for row in CATALOGUE.values() if (why := self._cannot_see(row))}
        self.blind |= UNWATCHED
        self._witnesses: dict[str, Witness] = {}
        self.conditions = {row.id: Condition(row) for row in CATALOGUE.values() if row.id not in self.blind}
        self._ended: deque[ConditionState] = deque(maxlen=ENDED_KEPT)
        self.walks = 0
        self._due: Instant | None = None
        self._deadline: Instant | None = None
        self._episodes = 0
        self._paused_until: Instant | None = None
        self._highest_at_press: Priority | None = None
        self._walk(now)

    def _cannot_see(self, row: Row) -> str:
        """Why this bed's devices cannot see a condition; empty when they can."""
        missing = [vital.value for vital in row.needs if not self.board.offers(vital)]
        if missing:
            return f"no device gives {', '.join(missing)}"
        if row.needs_station and not self.settings.stations:
            return "no station is named in the settings"
        if row.blind and Vital.RR in row.needs:
            source = self.board.sources[self.board.primary[Vital.RR]].respiration
            if source in row.blind:
                return f"not where the source of breathing is {source}"
        return ""

    # The one face

    @property
    def deadline(self) -> Instant | None:
        """The next instant at which time alone changes anything; known since the last walk."""
        return self._deadline

    def tick(self, now: Instant) -> list[Outcome]:
        """Do what is due at this instant."""
        if self._paused_until is not None and self._paused_until <= now:
            self._end_pause()
        self.session.tick(now)
        return self._walk(now)

    def told(self, source: str, facts: Iterable[Fact], now: Instant) -> list[Outcome]:
        """Take what a device said. Judged frame by frame, so that how bytes were cut cannot matter."""
        outcomes: list[Outcome] = []
        pending = False
        for fact in facts:
            if isinstance(fact, Frame):
                if pending:
                    outcomes += self._walk(now)
                self.board.heard(source, now)
            self._take(source, fact, now)
            pending = True
        return outcomes + (self._walk(now) if pending else [])

    def obey(self, action: Action, by: str, now: Instant) -> list[Outcome]:
        """Do what a person asks, or say why not."""
        outcomes: list[Outcome] = []
        match action:
            case AcknowledgeSounding():
                for condition in self.conditions.values():
                    outcomes += self._acknowledge(condition, by, now)
            case Acknowledge():
                outcomes += self._acknowledge_one(action, by, now)
            case PauseAudio():
                self._paused_until = now + AUDIO_PAUSE
                self._highest_at_press = self._highest()
                self.surroundings.audio_paused = True
            case ResumeAudio():
                self._end_pause()
            case SetPatient():
                outcomes += self._set_patient(action, now)
            case MeasureNibp():
                outcomes += self._measure_on_demand(now)
            case _ as never:
                assert_never(never)
        return outcomes + self._walk(now)

    def station_seen(self, station: str, *, online: bool, now: Instant) -> list[Outcome]:
        """A station said that it is there, or the broker said that it is gone."""
        around = self.surroundings
        if station in around.stations_named:
            around.stations_online = (
                around.stations_online | {station} if online else around.stations_online - {station}
            )
            if around.stations_online:
                around.stations_lost_at = None
            elif around.stations_lost_at is None:
                around.stations_lost_at = now
        return self._walk(now)

    def broker_session(self, *, up: bool, now: Instant) -> list[Outcome]:
        """The broker session was made or lost. Who is online is learnt anew after each loss."""
        around = self.surroundings
        if around.stations_named:
            if up:
                around.broker_lost_at = None
            else:
                around.stations_online = frozenset()
                if around.broker_lost_at is None:
                    around.broker_lost_at = now
                if around.stations_lost_at is None:
                    around.stations_lost_at = now
        return self._walk(now)

    def panel_connected(self, sounder: str, faults: tuple[str, ...], now: Instant) -> list[Outcome]:
        """The panel is there and has tested itself."""
        around = self.surroundings
        around.panel_lost = False
        around.panel_faults, self.sounder = faults, sounder
        return self._walk(now)

    def panel_lost(self, now: Instant) -> list[Outcome]:
        """The panel is gone: nobody at the bedside sees or hears an alarm."""
        self.surroundings.panel_lost = True
        self.surroundings.panel_drives_as_asked = True
        self.sounder = "not connected"
        return self._walk(now)

    def panel_drives(self, *, as_asked: bool, now: Instant) -> list[Outcome]:
        """Whether what the panel says it drives is what it was asked to."""
        self.surroundings.panel_drives_as_asked = as_asked
        return self._walk(now)

    # What can be told of it

    def level(self, status: tuple[str, ...], now: Instant) -> Level:
        """What the panel must show and sound now; `status` lines go below the alarms."""
        states = [
            (self._state(condition, condition.episode, now), condition.row.category)
            for condition in self._open()
        ]
        states += [(state, CATALOGUE[state.id].category) for state in reversed(self._ended)]
        return annunciate(
            states,
            Sound(self._audio, self._paused_until),
            self.not_monitored,
            status,
            now,
        )

    def report(self, now: Instant) -> AlarmsReport:
        """The whole alarm state."""
        states = [self._state(condition, condition.episode, now) for condition in self._open()]
        return AlarmsReport(
            highest(states), self._audio, self._paused_until, (*states, *reversed(self._ended))
        )

    def setup(self) -> SetupReport:
        """What the alarms go by."""
        return SetupReport(
            preset="iv-racemic-ketamine",
            phase=self.session.phase.value,
            patient=self.patient.reference,
            weight_kg=self.patient.weight_kg,
            limits=tuple(
                LimitInForce(t.row.condition, t.row.key, t.row.vital, t.value, t.row.unit, t.origin)
                for t in self.settings.limits.values()
            ),
            not_monitored=self.not_monitored,
            sounder=self.sounder,
        )

    @property
    def not_monitored(self) -> tuple[NotMonitored, ...]:
        """Conditions that this bed cannot see, each with its reason."""
        return tuple(NotMonitored(id_, why) for id_, why in self.blind.items())

    @property
    def _audio(self) -> Audio:
        return Audio.ON if self._paused_until is None else Audio.PAUSED

    def _open(self) -> list[Condition]:
        return [
            condition for condition in self.conditions.values() if condition.episode.signal is not Signal.OFF
        ]

    def _state(self, condition: Condition, episode: Episode, now: Instant) -> ConditionState:
        row, judgement = condition.row, condition.judgement
        return ConditionState(
            id=row.id,
            mdc=row.mdc,
            episode=f"{self.settings.boot}-{episode.number}",
            name=row.name,
            kind=row.kind,
            priority=episode.priority,
            presence=episode.presence,
            acknowledged=episode.acknowledged,
            since=episode.since,
            value=judgement.value,
            limit=judgement.limit,
            text=describe(row, judgement, pump=self._pump_text(now)),
        )

    def _pump_text(self, now: Instant) -> str:
        """What an alarm says of the pump: a pump that should be heard and is not may well be running."""
        state = self.board.pump(now)
        if state is not None:
            return INFUSION_RUNNING if state.delivering else ""
        return PUMP_NOT_HEARD if self.session.phase is Phase.DOSING else ""

    # What changes it

    def _take(self, source: str, fact: Fact, now: Instant) -> None:
        self.board.on(source, fact, now)
        if source == self.board.primary.get(Vital.NIBP_SYS):
            match fact:
                case Measurement(parts, dated):
                    self._take_measurement(parts, now, dated=dated)
                case MeasurementFailed():
                    self.schedule.on_failed(now)
                case Reading(Vital.NIBP_STATE, NibpState.INFLATING):
                    self.schedule.on_started(now)
                case _:
                    pass
        match fact:
            case Reading(Vital.PUMP_STATE, PumpState() as state) if source == self.board.primary.get(
                Vital.PUMP_STATE
            ):
                remaining = self.board.number(Vital.VOLUME_REMAINING, now)
                self.session.on_pump(state, remaining, now)
            case _:
                pass

    def _take_measurement(self, parts: tuple[Reading | Missing, ...], now: Instant, *, dated: bool) -> None:
        """A reading that may be of any age satisfies no plan; one without a pressure is none."""
        if not any(isinstance(part, Reading) and part.vital in PRESSURES for part in parts):
            self.schedule.on_failed(now)
        elif dated:
            self.schedule.on_measured(now)

    @property
    def _pressure_alarm(self) -> bool:
        return any(
            condition.present
            for id_ in PRESSURE_ALARMS
            if (condition := self.conditions.get(id_)) is not None
        )

    @property
    def _measure_at(self) -> Instant | None:
        """When the agent should start the next cuff measurement by itself."""
        if not self.settings.nibp_by_agent or not self.board.link_up(Vital.NIBP_SYS):
            return None
        if self.board.cuff_inflated:
            return None
        return self._due

    def _walk(self, now: Instant) -> list[Outcome]:
        """Move every condition as far as it goes at this instant, then see whether the cuff is due."""
        self.walks += 1
        outcomes = self._walk_conditions(now)
        if self._shelf_life(now) != self.board.nibp_interval:
            # A pressure alarm changes the interval by which readings are old or overdue: judge those anew.
            outcomes += self._walk_conditions(now)
        self._due = self.schedule.due_at(self.session, now, pressure_alarm=self._pressure_alarm)
        if (due := self._measure_at) is not None and due <= now:
            self.schedule.on_started(now)
            self._due = self.schedule.due_at(self.session, now, pressure_alarm=self._pressure_alarm)
            outcomes.append(MeasureNow())
        self._deadline = earliest(
            self._paused_until,
            self.session.deadline,
            self.session.calmer_at(now),
            self._measure_at,
            *(condition.deadline for condition in self.conditions.values()),
        )
        return outcomes

    def _walk_conditions(self, now: Instant) -> list[Outcome]:
        scene = self._scene(now)
        outcomes: list[Outcome] = []
        for condition in self.conditions.values():
            before = condition.stage
            happenings = condition.walk(scene, self._episodes + 1, now)
            self._witnesses[condition.row.id] = Witness(condition.judgement, condition.abnormal_until)
            outcomes += self._transitions(condition, happenings, now)
            self._ask_for_repeat(condition, before, now)
        return outcomes

    def _shelf_life(self, now: Instant) -> Instant:
        return self.schedule.shelf_life(self.session, now, pressure_alarm=self._pressure_alarm)

    def _scene(self, now: Instant) -> Scene:
        self.board.nibp_interval = interval = self._shelf_life(now)
        expected_by = self.schedule.expected_by(self.session, now, pressure_alarm=self._pressure_alarm)
        return Scene(
            board=self.board,
            limits=self.settings.limits,
            session=self.session,
            surroundings=self.surroundings,
            nibp_failures=self.schedule.failures,
            nibp_expected_by=expected_by,
            nibp_interval=interval,
            cuff_blanks_pulse=self.settings.cuff_on_probe_limb,
            others=self._witnesses,
        )

    def _transitions(
        self, condition: Condition, happenings: Iterable[Happening], now: Instant
    ) -> list[Transition]:
        return [self._transition(condition, happening, now) for happening in happenings]

    def _transition(self, condition: Condition, happening: Happening, now: Instant) -> Transition:
        change = happening.change
        if change is Change.RAISED:
            self._episodes += 1
            if condition.row.watched_closely:
                self.schedule.watch_closely()
        state = self._state(condition, happening.episode, now)
        if state.presence is Presence.ENDED:
            # What is over keeps its name and loses its number, which would look like one of now.
            self._ended.append(replace(state, value=None, text=state.name))
        if change in (Change.RAISED, Change.ESCALATED):
            self._maybe_end_pause(state.priority)
        return Transition(change, now, state)

    def _ask_for_repeat(self, condition: Condition, before: Stage, now: Instant) -> None:
        """A pressure that has just become abnormal is measured again soon, once."""
        row = condition.row
        if row.repeat_after_s is not None and before is Stage.ABSENT and condition.stage is not Stage.ABSENT:
            self.schedule.repeat(now + seconds(row.repeat_after_s))

    # Acknowledging and pausing

    def _acknowledge(self, condition: Condition, by: str, now: Instant) -> list[Outcome]:
        happenings = condition.acknowledge(by, now)
        if happenings and condition.row.confirms_stop:
            self.session.confirm_stop(now)
        return [*self._transitions(condition, happenings, now)]

    def _acknowledge_one(self, action: Acknowledge, by: str, now: Instant) -> list[Outcome]:
        condition = self.conditions.get(action.condition)
        if condition is None or condition not in self._open():
            return [Declined(Refusal.NO_SUCH_EPISODE, f"{action.condition} is not present")]
        state = self._state(condition, condition.episode, now)
        if state.episode != action.episode:
            return [Declined(Refusal.NO_SUCH_EPISODE, f"the present episode is {state.episode}")]
        if state.priority is None or action.priority < state.priority:
            word = state.priority.word if state.priority else "none"
            return [Declined(Refusal.LOWER_PRIORITY, f"the condition's priority is now {word}")]
        return self._acknowledge(condition, by, now)

    def _highest(self) -> Priority | None:
        return max(
            (
                condition.episode.priority
                for condition in self._open()
                if condition.episode.priority is not None
            ),
            default=None,
        )

    def _maybe_end_pause(self, priority: Priority | None) -> None:
        """A pause ends with any new HIGH, and with anything above what was there at the press."""
        above = self._highest_at_press is None or (priority is not None and priority > self._highest_at_press)
        if priority is not None and (priority is Priority.HIGH or above):
            self._end_pause()

    def _end_pause(self) -> None:
        self._paused_until = self._highest_at_press = None
        self.surroundings.audio_paused = False

    # Patient and cuff

    def _set_patient(self, patient: SetPatient, now: Instant) -> list[Outcome]:
        """Another patient: the last one's readings, what rests on them and what was acknowledged are void."""
        new = patient.reference != self.patient.reference
        self.patient = patient
        if not new:
            return []
        self.session.new_patient(now)
        self.schedule.new_patient(now)
        self.board.forget_patient()
        outcomes: list[Outcome] = []
        for condition in self.conditions.values():
            void = condition.row.id in RESTS_ON_CUFF
            happenings = condition.end() if void else condition.forget_acknowledgement()
            outcomes += self._transitions(condition, happenings, now)
        return outcomes

    def _measure_on_demand(self, now: Instant) -> list[Outcome]:
        if not self.board.offers(Vital.NIBP_SYS):
            return [Declined(Refusal.NOT_POSSIBLE, "no device of this bed measures blood pressure")]
        if not self.board.sources[self.board.primary[Vital.NIBP_SYS]].starts_nibp:
            return [Declined(Refusal.NOT_POSSIBLE, "this bed's device cannot be started from outside")]
        if not self.board.link_up(Vital.NIBP_SYS):
            return [Declined(Refusal.NOT_POSSIBLE, "the blood-pressure monitor is not heard")]
        if self.board.cuff_inflated:
            return [Declined(Refusal.NOT_POSSIBLE, "a measurement is under way")]
        if self.schedule.resting(now):
            return [Declined(Refusal.NOT_POSSIBLE, "the cuff rests for a minute after each start and end")]
        self.schedule.on_started(now)
        return [MeasureNow()]
