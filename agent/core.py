"""The pure whole of one bed: bytes, presses and requests in; effects out. Time is an argument.

It routes bytes to lines, facts to the alarm system, and what follows to the panel and the stations.
Deadlines that have passed are taken first, in order, each at its own instant: what is decided does not
depend on when the loop found the time to ask.
"""

from collections.abc import Iterable, Mapping
from typing import Final, assert_never

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
from agent.plan import BedPlan
from agent.requests import Doorkeeper
from alarms.board import Known, Source
from alarms.limits import in_force
from alarms.session import Phase
from alarms.system import AlarmSystem, Declined, MeasureNow, Outcome, Settings
from bedside.commands import AcknowledgeSounding, PauseAudio, Reply, Request, ResumeAudio, Unreadable
from bedside.effects import (
    AlarmsReport,
    Annunciate,
    DeviceEntry,
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
from bedside.facts import Fact, LinkDown, LinkUp, Waveform
from bedside.instants import MINUTE, SECOND, Instant, earliest, in_seconds, milliseconds
from bedside.level import Level, Press
from bedside.vitals import Vital
from drivers.contract import (
    Closed,
    Driver,
    LineEvent,
    Opened,
    Output,
    Received,
    StartNibp,
    Transmit,
)
from drivers.line import Line

VITALS_EVERY: Final = 1 * SECOND
ALARMS_EVERY: Final = 5 * SECOND
LINES_EVERY: Final = 10 * SECOND
MOST_STEPS: Final = 100_000
"""A deadline that stays due after being taken would be taken for ever: this many steps at once are our fault.
"""

BUTTON: Final = "bedside"
"""Who acknowledged, when it was the button."""


class Core:
    """One bed."""

    def __init__(self, plan: BedPlan, drivers: Mapping[str, Driver], boot: str, now: Instant) -> None:
        self._plan = plan
        self._lines = {device.name: Line(drivers[device.driver]) for device in plan.devices}
        self._ports = {device.name: device.port for device in plan.devices}
        self.alarms = AlarmSystem(
            Settings(
                boot=boot,
                sources=tuple(_source(name, line.driver) for name, line in self._lines.items()),
                limits=in_force(plan.limits),
                stations=plan.stations,
                nibp_by_agent=plan.nibp.start_by_agent,
                cuff_on_probe_limb=plan.nibp.cuff_on_probe_limb,
                dosing_interval=plan.nibp.dosing_interval_min * MINUTE,
            ),
            now,
        )
        self._doorkeeper = Doorkeeper(boot, remote_pause_audio=plan.remote_pause_audio)
        self._pleth_source = self.alarms.board.primary.get(Vital.SPO2, "")
        self._pleth_samples = 0
        self._bytes_reported = dict.fromkeys(self._lines, (0, now))
        self._level: Level | None = None
        self._seen = 0, 0
        self._essence: object = None
        self._setup: SetupReport | None = None
        self._vitals_at = now
        self._alarms_at = now
        self._lines_at = now

    @property
    def deadline(self) -> Instant | None:
        """When `tick` is needed next; there is always a report to make."""
        return earliest(
            self._vitals_at,
            self._alarms_at,
            self._lines_at,
            self.alarms.deadline,
            *(line.deadline for line in self._lines.values()),
        )

    @property
    def in_session(self) -> bool:
        """Whether a patient is being dosed or observed: then stopping must be loud."""
        return self.alarms.session.phase is not Phase.PRE

    def on(self, event: Event, now: Instant) -> list[Effect]:
        """Take one event, after everything that was due before it."""
        effects = self._catch_up(now)
        effects += self._take(event, now)
        return effects + self._show(now)

    def tick(self, now: Instant) -> list[Effect]:
        """Take everything that is due by `now`."""
        return self._catch_up(now)

    # Time

    def _catch_up(self, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        steps = 0
        while (due := self.deadline) is not None and due <= now:
            steps += 1
            if steps > MOST_STEPS:
                raise AssertionError(f"a deadline stays due at {due}")
            effects += self._due(due, now)
            effects += self._show(due)
        return effects

    def _due(self, at: Instant, now: Instant) -> list[Effect]:
        """What is due at this instant. Of reports missed while nobody asked, only the last is made."""
        effects: list[Effect] = []
        for name, line in self._lines.items():
            if line.deadline is not None and line.deadline <= at:
                effects += self._listen(name, line.tick(at), at)
        if (due := self.alarms.deadline) is not None and due <= at:
            effects += self._follow(self.alarms.tick(at), at)
        if self._vitals_at <= at:
            self._vitals_at, last = _next(self._vitals_at, VITALS_EVERY, now)
            effects += [self._vitals(at)] if last else []
        if self._alarms_at <= at:
            self._alarms_at, last = _next(self._alarms_at, ALARMS_EVERY, now)
            effects += [self.alarms.report(at)] if last else []
        if self._lines_at <= at:
            self._lines_at, last = _next(self._lines_at, LINES_EVERY, now)
            effects += [self._line_report(name, at) for name in self._lines] if last else []
        return effects

    # Events

    def _take(self, event: Event, now: Instant) -> list[Effect]:
        match event:
            case PortData(device, data):
                return self._on_line(device, Received(data), now)
            case PortOpened(device):
                return [*self._on_line(device, Opened(), now), self._line_report(device, now)]
            case PortClosed(device, detail):
                note = Note("port lost", (("device", device), ("detail", detail)))
                return [note, *self._on_line(device, Closed(), now), self._line_report(device, now)]
            case ButtonPressed(press):
                return self._press(press, now)
            case Asked(message):
                return self._answer(message, now)
            case BrokerUp():
                return [
                    *self._follow(self.alarms.broker_session(up=True, now=now), now),
                    *self._everything(now),
                ]
            case PanelUp(pins, sounder, faults, remarks):
                notes = [Note("panel", (("pins", pins), ("remark", remark))) for remark in remarks]
                return [*notes, *self._follow(self.alarms.panel_connected(sounder, faults, now), now)]
            case _:
                return self._follow(self._notice(event, now), now)

    def _notice(
        self, event: StationSeen | BrokerDown | PanelDown | PanelDrives, now: Instant
    ) -> list[Outcome]:
        """What became of the bed's own limbs."""
        match event:
            case StationSeen(station, online):
                return self.alarms.station_seen(station, online=online, now=now)
            case BrokerDown():
                return self.alarms.broker_session(up=False, now=now)
            case PanelDown():
                return self.alarms.panel_lost(now)
            case PanelDrives(as_asked):
                return self.alarms.panel_drives(as_asked=as_asked, now=now)
            case _ as never:
                assert_never(never)

    def _press(self, press: Press, now: Instant) -> list[Effect]:
        if press is Press.SHORT:
            return self._follow(self.alarms.obey(AcknowledgeSounding(), BUTTON, now), now)
        paused = self.alarms.surroundings.audio_paused
        return self._follow(self.alarms.obey(ResumeAudio() if paused else PauseAudio(), BUTTON, now), now)

    def _answer(self, message: Request | Unreadable, now: Instant) -> list[Effect]:
        if isinstance(message, Unreadable):
            return [Reply(message.id, message.station, message.refusal, message.detail)]
        if (objection := self._doorkeeper.objection(message, now)) is not None:
            return [Reply(message.id, message.station, *objection)]
        outcomes = self.alarms.obey(message.action, message.by or message.station, now)
        declined = next((outcome for outcome in outcomes if isinstance(outcome, Declined)), None)
        reply = (
            Reply(message.id, message.station, None, "done")
            if declined is None
            else Reply(message.id, message.station, declined.refusal, declined.detail)
        )
        return [*self._follow(outcomes, now), reply]

    # Bytes and facts

    def _on_line(self, device: str, event: LineEvent, now: Instant) -> list[Effect]:
        return self._listen(device, self._lines[device].on(event, now), now)

    def _listen(self, device: str, outputs: list[Output], now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        facts: list[Fact] = []
        for output in outputs:
            match output:
                case Transmit(data):
                    effects.append(Write(device, data, now))
                case Waveform() as waveform:
                    effects += self._pleth(device, waveform)
                case _:
                    facts.append(output)
        effects += self._follow(self.alarms.told(device, facts, now), now)
        if any(isinstance(fact, LinkUp | LinkDown) for fact in facts):
            line = self._lines[device]
            word = "line up" if line.up else "line down"
            effects += [Note(word, (("device", device),)), self._line_report(device, now)]
        return effects

    def _follow(self, outcomes: Iterable[Outcome], now: Instant) -> list[Effect]:
        """What the alarm system decided, as effects."""
        effects: list[Effect] = []
        for outcome in outcomes:
            match outcome:
                case Transition():
                    effects.append(outcome)
                case MeasureNow():
                    device = self.alarms.board.primary[Vital.NIBP_SYS]
                    effects += self._on_line(device, StartNibp(), now)
                case Declined():
                    pass
                case _ as never:
                    assert_never(never)
        return effects

    def _pleth(self, device: str, waveform: Waveform) -> list[Effect]:
        if device != self._pleth_source:
            return []
        first = self._pleth_samples
        self._pleth_samples += len(waveform.samples)
        return [PlethReport(device, waveform.rate_hz, first, waveform.samples)]

    # What goes out

    def _show(self, now: Instant) -> list[Effect]:
        """The panel's level, the alarm state and the setup, where they changed; the bedside first.

        Nothing of them changes without a walk of the alarm system, but the seconds left of an audio pause.
        """
        effects: list[Effect] = []
        seen = self.alarms.walks, now // SECOND if self.alarms.surroundings.audio_paused else 0
        if seen == self._seen:
            return effects
        self._seen = seen
        level = self.alarms.level(self._status_lines(), now)
        if level != self._level:
            self._level = level
            effects.append(Annunciate(level))
        report = self.alarms.report(now)
        if (essence := _essence(report)) != self._essence:
            self._essence = essence
            effects.append(report)
        setup = self.alarms.setup()
        if setup != self._setup:
            self._setup = setup
            effects.append(setup)
        return effects

    def _everything(self, now: Instant) -> list[Effect]:
        """All that is retained, said again: a broker may have forgotten it."""
        return [
            self.status(),
            self.alarms.setup(),
            self.alarms.report(now),
            *(self._line_report(name, now) for name in self._lines),
        ]

    def status(self) -> StatusReport:
        """This bed's birth message."""
        return StatusReport(
            tuple(
                DeviceEntry(name, line.driver.name, line.driver.kind.value)
                for name, line in self._lines.items()
            )
        )

    def _status_lines(self) -> tuple[str, ...]:
        limits = self.alarms.settings.limits
        low, high = limits["s1_spo2_low"], limits["b1_sys_high"]
        fast, slow = limits["p1_pulse_high"], limits["p3_pulse_low"]
        pulse = f"pulse {slow.value:g} to {fast.value:g}"
        limits_line = f"limits: SpO2 {low.value:g} %, {pulse}, systolic {high.value:g} mmHg"
        return f"phase {self.alarms.session.phase.value}", limits_line

    def _vitals(self, now: Instant) -> VitalsReport:
        board = self.alarms.board
        return VitalsReport(
            tuple(
                self._vital(vital, source, now)
                for source in board.sources.values()
                for vital in source.vitals
            )
        )

    def _vital(self, vital: Vital, source: Source, now: Instant) -> VitalKnown | VitalMissing:
        board = self.alarms.board
        primary = board.primary[vital] == source.name
        look = board.look(vital, now, source.name)
        if isinstance(look, Known):
            respiration = source.respiration if vital is Vital.RR else None
            return VitalKnown(
                vital, source.name, primary, look.value, now - look.at, look.quality, respiration
            )
        return VitalMissing(vital, source.name, primary, look.reason)

    def _line_report(self, name: str, now: Instant) -> DeviceLine:
        line = self._lines[name]
        before, at = self._bytes_reported[name]
        elapsed = in_seconds(now - at)
        self._bytes_reported[name] = (line.bytes_received, now)
        return DeviceLine(
            device=name,
            driver=line.driver.name,
            port=self._ports[name],
            up=line.up,
            down_reason="" if line.up else line.down_reason.value,
            frames=line.frames,
            rejected=tuple(sorted(line.rejected.items())),
            bytes_received=line.bytes_received,
            bytes_per_second=(line.bytes_received - before) / elapsed if elapsed > 0 else 0.0,
            quiet=None if line.heard_at is None else now - line.heard_at,
            opened=line.opened,
        )


def _source(name: str, driver: Driver) -> Source:
    return Source(
        name=name,
        vitals=driver.vitals,
        stale_after=milliseconds(driver.stale_after_ms),
        respiration=driver.sources.get(Vital.RR),
        starts_nibp=driver.starts_nibp,
    )


def _next(due: Instant, period: Instant, now: Instant) -> tuple[Instant, bool]:
    """After what was due: when it is due again, and whether it was the last one up to `now`."""
    latest = due + period * ((now - due) // period)
    return (latest + period, True) if latest == due else (latest, False)


def _essence(report: AlarmsReport) -> object:
    """What makes an alarm report news: everything but the numbers in it, which the heartbeat renews."""
    states = tuple((s.episode, s.priority, s.presence, s.acknowledged) for s in report.conditions)
    return report.audio, states
