"""Contract version 1 over MQTT: every topic and every payload, both ways. No other file spells a topic.

    vigil/v1/<site>/<bed>/status                 bed      birth, will, clean stop
                          setup                           what the alarms go by
                          vitals                          once a second
                          pleth                           waveform in batches
                          alarms                          the whole alarm state
                          line/<device>                   one device's link
                          reply/<station>                 the answer to one command
                          command/<station>      station  a person's request
    vigil/v1/<site>/station/<station>/status     station  birth and will of a station

A bed reads what comes in as hostile: bounded, every key known, no value converted, and nothing raises. A
station reads what a bed says tolerantly: a key that it does not know is a later addition to the contract.

Times: `mono_ms` is the bed's own monotonic time within the start `boot`, and is what to compute with. `at`,
`since` and the other ISO times are labels, made from the wall clock of the moment of publishing.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, TypeVar, assert_never

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema, models_json_schema
from pydantic_core import from_json

from bedside.commands import (
    Acknowledge,
    Action,
    MeasureNibp,
    PauseAudio,
    Refusal,
    Reply,
    Request,
    ResumeAudio,
    SetPatient,
    Unreadable,
)
from bedside.effects import (
    AlarmsReport,
    ConditionState,
    DeviceLine,
    Origin,
    PlethReport,
    Presence,
    Report,
    SetupReport,
    StatusReport,
    VitalKnown,
    VitalMissing,
    VitalsReport,
)
from bedside.facts import Quality, Reason
from bedside.instants import Instant, in_milliseconds, milliseconds
from bedside.priorities import Audio, Kind, Priority
from bedside.vitals import (
    PLETH,
    QUANTITIES,
    STATES,
    NibpState,
    PumpState,
    Quantity,
    RespirationSource,
    Vital,
    describe,
)

CONTRACT: Final = 1

MAXIMUM_COMMAND_BYTES: Final = 4096
"""A longer command is refused unread; the longest real one is a tenth of it."""

MAXIMUM_REPORT_BYTES: Final = 256 * 1024
"""What a station reads of one message of a bed."""

_PREFIX: Final = "vigil/v1"
_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")
_STATION_LEVEL: Final = "station"
_COUNTED_REPLY_TOPICS: Final = 256


ClockQuality: TypeAlias = Literal["synchronised", "holdover", "unset"]
"""How far the wall clock behind `at` can be trusted."""


# --- What payloads are made of --------------------------------------------------------------------


def _priority(word: object) -> Priority:
    if isinstance(word, Priority):
        return word
    for priority in Priority:
        if word == priority.word:
            return priority
    raise ValueError("expected low, medium or high")


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("expected printable text")
    return text


def _is_none(value: object) -> bool:
    return value is None


PriorityWord = Annotated[
    Priority,
    PlainValidator(_priority),
    PlainSerializer(lambda priority: priority.word, return_type=str),
    WithJsonSchema({"type": "string", "enum": [priority.word for priority in Priority]}),
]
Name = Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]
Label = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
CommandId = Annotated[
    str, Field(pattern="^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$")
]
Milliseconds = Annotated[int, Field(ge=-(2**53), le=2**53)]
Utc = Annotated[
    str, Field(description="UTC, ISO 8601 with milliseconds and Z", examples=["2026-03-01T09:30:00.250Z"])
]
T = TypeVar("T")
MayBeAbsent = Annotated[T | SkipJsonSchema[None], Field(exclude_if=_is_none)]
"""A key that is left out when there is nothing to say; it is never null."""


class Outgoing(BaseModel):
    """A part of what a bed says."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Incoming(BaseModel):
    """A part of what a bed is told."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, read: object) -> object:
        if isinstance(read, dict) and None in read.values():
            raise ValueError("a key without a value is left out, not null")
        return read


class BedMessage(Outgoing):
    """What every message of a bed carries, the will aside. `n` counts from 1 per topic within the boot."""

    contract: Literal[1] = CONTRACT
    boot: str
    n: int = Field(ge=1)
    at: Utc
    mono_ms: Milliseconds
    clock: ClockQuality


class StationMessage(Incoming):
    """A station may date its messages as a bed does. Nothing is decided by it, so it may be left out."""

    contract: Literal[1] = CONTRACT
    n: MayBeAbsent[int] = None
    at: MayBeAbsent[Annotated[str, Field(max_length=40)]] = None
    mono_ms: MayBeAbsent[Milliseconds] = None
    clock: MayBeAbsent[ClockQuality] = None


# --- From the bed ---------------------------------------------------------------------------------


class Device(Outgoing):
    name: str
    driver: str
    kind: str


class Birth(BedMessage):
    """The bed is online. Sent again on every connect."""

    state: Literal["online"] = "online"
    version: str
    devices: list[Device]


class Stopped(BedMessage):
    """A clean stop: nobody watches at this bed, and on purpose."""

    state: Literal["stopped"] = "stopped"


class Will(Outgoing):
    """What the broker says for a bed that went away without a word; written before, so it has no time."""

    contract: Literal[1] = CONTRACT
    boot: str
    state: Literal["offline"] = "offline"


class Limit(Outgoing):
    """`key` is the limit's name in the settings: a condition may go by several."""

    condition: str
    key: str
    vital: Vital
    value: float
    unit: str
    origin: Origin


class Unmonitored(Outgoing):
    condition: str
    reason: str


class Patient(Outgoing):
    reference: str
    weight_kg: MayBeAbsent[float] = None


class Setup(BedMessage):
    """What the alarms go by. `patient` is left out while nobody is named; the reference is never a name."""

    preset: str
    phase: str
    patient: MayBeAbsent[Patient] = None
    limits: list[Limit]
    not_monitored: list[Unmonitored]
    sounder: str


class KnownVital(Outgoing):
    """A vital that has a value. States have no unit; `rr_source` is there for `rr` only."""

    name: Vital
    source: str
    primary: bool
    value: int | float | NibpState | PumpState
    unit: MayBeAbsent[str] = None
    age_ms: int
    quality: Quality
    rr_source: MayBeAbsent[RespirationSource] = None


class MissingVital(Outgoing):
    """A vital that has no value now, and why."""

    name: Vital
    source: str
    primary: bool
    missing: Reason


class Vitals(BedMessage):
    """Every vital that the bed's devices could give, unique by name and source."""

    vitals: list[KnownVital | MissingVital]


class Pleth(BedMessage):
    """Consecutive samples, oldest first, in the device's counts; `first` is the ordinal of the first one."""

    source: str
    rate_hz: int
    first: int
    samples: list[int]


class Acknowledged(Outgoing):
    by: str
    at: Utc
    at_mono_ms: Milliseconds
    priority: PriorityWord


class Indication(Outgoing):
    """Something shown and never sounded."""

    id: str
    mdc: int | None
    episode: str
    name: str
    kind: Kind
    presence: Presence
    acknowledged: Acknowledged | None
    since: Utc
    since_mono_ms: Milliseconds
    value: MayBeAbsent[int | float] = None
    limit: MayBeAbsent[int | float] = None
    text: str


class Condition(Indication):
    """One episode of an alarm condition as it stands."""

    priority: PriorityWord


class Alarms(BedMessage):
    """The whole alarm state. A message older than its heartbeat says nothing about now: see `as_of`."""

    as_of: Utc
    highest: PriorityWord | None
    audio: Audio
    audio_until_mono_ms: MayBeAbsent[Milliseconds] = None
    conditions: list[Condition]
    indications: list[Indication]


class Line(BedMessage):
    """A device's link. Counters run since the bed's start; `quiet_ms` since the last valid frame, if any."""

    device: str
    driver: str
    port: str
    state: Literal["up", "down"]
    down_reason: MayBeAbsent[str] = None
    frames: int
    rejected: dict[str, int]
    bytes_received: int
    bytes_per_second: float
    quiet_ms: MayBeAbsent[int] = None
    opened: int


class Answer(BedMessage):
    """The answer to one command: done, or refused with a word and a sentence."""

    id: str
    done: bool
    refusal: MayBeAbsent[Refusal] = None
    detail: str


# --- From a station -------------------------------------------------------------------------------


class Command(StationMessage):
    """A person's request. `boot` and `until_mono_ms` are the bed's, so that no two clocks need agree."""

    id: CommandId
    action: Annotated[str, Field(min_length=1, max_length=40)]
    args: dict[str, Any]
    by: Label
    boot: Label
    until_mono_ms: Milliseconds


class StationStatus(StationMessage):
    """Birth and will of a station."""

    state: Literal["online", "offline"]
    boot: MayBeAbsent[Label] = None


class NoArguments(Incoming):
    pass


class AcknowledgeArguments(Incoming):
    """`priority` is what the asker saw: an acknowledgement covers no higher one."""

    alarm: Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,16}$")]
    episode: Label
    priority: PriorityWord


class SetPatientArguments(Incoming):
    reference: Label
    weight_kg: MayBeAbsent[Annotated[float, Field(ge=20, le=300)]] = None
    age_years: MayBeAbsent[Annotated[int, Field(ge=18, le=120)]] = None


Arguments: TypeAlias = NoArguments | AcknowledgeArguments | SetPatientArguments

ACTIONS: Final[Mapping[str, type[Arguments]]] = {
    "acknowledge": AcknowledgeArguments,
    "pause-audio": NoArguments,
    "resume-audio": NoArguments,
    "set-patient": SetPatientArguments,
    "measure-nibp": NoArguments,
}

UNSUPPORTED_ACTIONS: Final = frozenset(
    (
        "start-session",
        "end-session",
        "set-order",
        "device-given",
        "confirm-gate",
        "checklist",
        "set-limit",
        "stop-nibp",
        "delegate-sound",
        "resend",
        "note",
    )
)
"""In the contract, but this version of the bed does not offer them; it says so by name."""


def _action(name: str, arguments: Arguments) -> Action:
    match arguments:
        case AcknowledgeArguments():
            return Acknowledge(arguments.alarm, arguments.episode, arguments.priority)
        case SetPatientArguments():
            return SetPatient(arguments.reference, arguments.weight_kg, arguments.age_years)
        case NoArguments():
            return _PLAIN_ACTIONS[name]
        case _ as never:
            assert_never(never)


_PLAIN_ACTIONS: Final[Mapping[str, Action]] = {
    "pause-audio": PauseAudio(),
    "resume-audio": ResumeAudio(),
    "measure-nibp": MeasureNibp(),
}


# --- Topics ---------------------------------------------------------------------------------------


class Subject(StrEnum):
    """What a topic is about."""

    STATUS = "status"
    SETUP = "setup"
    VITALS = "vitals"
    PLETH = "pleth"
    ALARMS = "alarms"
    LINE = "line"
    REPLY = "reply"
    COMMAND = "command"
    STATION_STATUS = "station-status"


@dataclass(frozen=True, slots=True)
class TopicRow:
    """How one kind of topic is spelt below the bed (or, for a station's own, below the site) and sent."""

    path: str
    sender: Literal["bed", "station"]
    qos: Literal[0, 1]
    retained: bool
    models: tuple[type[BaseModel], ...]


TOPICS: Final[Mapping[Subject, TopicRow]] = {
    Subject.STATUS: TopicRow("status", "bed", 1, retained=True, models=(Birth, Will, Stopped)),
    Subject.SETUP: TopicRow("setup", "bed", 1, retained=True, models=(Setup,)),
    Subject.VITALS: TopicRow("vitals", "bed", 0, retained=False, models=(Vitals,)),
    Subject.PLETH: TopicRow("pleth", "bed", 0, retained=False, models=(Pleth,)),
    Subject.ALARMS: TopicRow("alarms", "bed", 1, retained=True, models=(Alarms,)),
    Subject.LINE: TopicRow("line/{part}", "bed", 1, retained=True, models=(Line,)),
    Subject.REPLY: TopicRow("reply/{part}", "bed", 1, retained=False, models=(Answer,)),
    Subject.COMMAND: TopicRow("command/{part}", "station", 1, retained=False, models=(Command,)),
    Subject.STATION_STATUS: TopicRow(
        f"{_STATION_LEVEL}/{{part}}/status", "station", 1, retained=True, models=(StationStatus,)
    ),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A topic taken apart. `part` is the device or station in it; `bed` is empty in a station's own."""

    site: str
    bed: str
    subject: Subject
    part: str


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one bed. Names match `[a-z0-9-]{1,32}`; ValueError names the one that does not."""

    site: str
    bed: str

    def __post_init__(self) -> None:
        _check_name("site", self.site)
        _check_name("bed", self.bed)
        if self.bed == _STATION_LEVEL:
            raise ValueError(f"bed {self.bed!r}: this name is taken by the stations' own topics")

    def of(self, subject: Subject, part: str = "") -> str:
        """The topic of this subject, about this device or station."""
        row = TOPICS[subject]
        if "{part}" in row.path:
            _check_name(subject.value, part)
        middle = "" if subject is Subject.STATION_STATUS else f"{self.bed}/"
        return f"{_PREFIX}/{self.site}/{middle}{row.path.format(part=part)}"

    @property
    def subscriptions(self) -> tuple[tuple[str, int], ...]:
        """What a bed listens to: filters, each with its QoS."""
        row = TOPICS[Subject.STATION_STATUS]
        return (
            (f"{_PREFIX}/{self.site}/{self.bed}/command/+", TOPICS[Subject.COMMAND].qos),
            (f"{_PREFIX}/{self.site}/{row.path.format(part='+')}", row.qos),
        )


def subscription(site: str, bed: str | None = None) -> str:
    """What a station listens to: everything of one bed, or of a whole site."""
    _check_name("site", site)
    if bed is None:
        return f"{_PREFIX}/{site}/#"
    _check_name("bed", bed)
    return f"{_PREFIX}/{site}/{bed}/#"


def station_topic(site: str, station: str) -> str:
    """Where a station says that it is there."""
    _check_name("site", site)
    _check_name("station", station)
    return f"{_PREFIX}/{site}/{TOPICS[Subject.STATION_STATUS].path.format(part=station)}"


def parse_topic(topic: str) -> Place | None:
    """The topic taken apart, or None when it is not one of this contract."""
    if not topic.startswith(f"{_PREFIX}/"):
        return None
    words = topic.removeprefix(f"{_PREFIX}/").split("/")
    if not all(_NAME.fullmatch(word) for word in words):
        return None
    match words:
        case [site, "station", station, "status"]:
            return Place(site, "", Subject.STATION_STATUS, station)
        case [_, "station", *_]:
            return None
        case [site, bed, ("line" | "reply" | "command") as subject, part]:
            return Place(site, bed, Subject(subject), part)
        case [site, bed, ("status" | "setup" | "vitals" | "pleth" | "alarms") as subject]:
            return Place(site, bed, Subject(subject), "")
        case _:
            return None


def is_station_status(topic: str) -> bool:
    """Whether this is where a station says that it is there."""
    place = parse_topic(topic)
    return place is not None and place.subject is Subject.STATION_STATUS


def is_name(text: str) -> bool:
    """Whether this may be the name of a site, bed, device or station."""
    return _NAME.fullmatch(text) is not None


def _check_name(what: str, name: str) -> None:
    if not is_name(name):
        raise ValueError(f"{what} {name!r}: expected 1 to 32 of a-z, 0-9 and -")


# --- What a bed sends -----------------------------------------------------------------------------


class Message(NamedTuple):
    """What goes to the broker."""

    topic: str
    payload: bytes
    qos: int
    retained: bool


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message is dated with. `wall` is UTC, as good as `clock` says."""

    boot: str
    n: int
    mono: Instant
    wall: datetime
    clock: ClockQuality

    def utc(self, instant: Instant) -> str:
        """The label of an instant of the bed's own time."""
        return utc(self.wall - timedelta(milliseconds=in_milliseconds(self.mono - instant)))

    @property
    def fields(self) -> dict[str, Any]:
        """The envelope as the payloads name it."""
        return {
            "boot": self.boot,
            "n": self.n,
            "at": utc(self.wall),
            "mono_ms": in_milliseconds(self.mono),
            "clock": self.clock,
        }


def utc(wall: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return wall.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Scribe:
    """Writes all messages of one start of one bed, and counts them per topic."""

    topics: Topics
    boot: str
    version: str
    _counts: Counter[str] = field(default_factory=Counter)
    _reply_counts: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def write(self, report: Report, *, mono: Instant, wall: datetime, clock: ClockQuality) -> Message:
        """The report as a message, dated."""
        topic = topic_of(report, self.topics)
        n = self._next_reply(topic) if isinstance(report, Reply) else self._next(topic)
        return render(report, Envelope(self.boot, n, mono, wall, clock), self.topics, self.version)

    def stopped(self, *, mono: Instant, wall: datetime, clock: ClockQuality) -> Message:
        """The last word of a clean stop."""
        topic = self.topics.of(Subject.STATUS)
        envelope = Envelope(self.boot, self._next(topic), mono, wall, clock)
        return _message(Subject.STATUS, topic, Stopped(**envelope.fields))

    def will(self) -> Message:
        """What the broker shall say when this bed goes away without a word."""
        return _message(Subject.STATUS, self.topics.of(Subject.STATUS), Will(boot=self.boot))

    def _next(self, topic: str) -> int:
        # As many topics as the bed has subjects and devices.
        self._counts[topic] += 1
        return self._counts[topic]

    def _next_reply(self, topic: str) -> int:
        # Stations choose their names, and so the number of reply topics: bounded, the least recent goes.
        count = self._reply_counts.pop(topic, 0) + 1
        self._reply_counts[topic] = count
        if len(self._reply_counts) > _COUNTED_REPLY_TOPICS:
            self._reply_counts.popitem(last=False)
        return count


def topic_of(report: Report, topics: Topics) -> str:
    """Where a report goes."""
    match report:
        case StatusReport():
            return topics.of(Subject.STATUS)
        case SetupReport():
            return topics.of(Subject.SETUP)
        case VitalsReport():
            return topics.of(Subject.VITALS)
        case PlethReport():
            return topics.of(Subject.PLETH)
        case AlarmsReport():
            return topics.of(Subject.ALARMS)
        case DeviceLine():
            return topics.of(Subject.LINE, report.device)
        case Reply():
            return topics.of(Subject.REPLY, report.station)
        case _ as never:
            assert_never(never)


def render(report: Report, envelope: Envelope, topics: Topics, version: str) -> Message:
    """The report as a message: topic, JSON, QoS, retained."""
    subject, payload = _payload(report, envelope, version)
    return _message(subject, topic_of(report, topics), payload)


def _message(subject: Subject, topic: str, payload: BaseModel) -> Message:
    row = TOPICS[subject]
    return Message(topic, payload.model_dump_json().encode(), row.qos, row.retained)


def _payload(report: Report, envelope: Envelope, version: str) -> tuple[Subject, BedMessage]:
    dated = envelope.fields
    match report:
        case StatusReport():
            devices = [Device(name=d.device, driver=d.driver, kind=d.kind) for d in report.devices]
            return Subject.STATUS, Birth(**dated, version=version, devices=devices)
        case SetupReport():
            return Subject.SETUP, _setup(report, dated)
        case VitalsReport():
            return Subject.VITALS, Vitals(**dated, vitals=[_vital(vital) for vital in report.vitals])
        case PlethReport():
            return Subject.PLETH, Pleth(
                **dated,
                source=report.source,
                rate_hz=report.rate_hz,
                first=report.first,
                samples=list(report.samples),
            )
        case AlarmsReport():
            return Subject.ALARMS, _alarms(report, envelope)
        case DeviceLine():
            return Subject.LINE, _line(report, dated)
        case Reply():
            return Subject.REPLY, Answer(
                **dated,
                id=report.id,
                done=report.refusal is None,
                refusal=report.refusal,
                detail=report.detail,
            )
        case _ as never:
            assert_never(never)


def _setup(report: SetupReport, dated: dict[str, Any]) -> Setup:
    patient = Patient(reference=report.patient, weight_kg=report.weight_kg) if report.patient else None
    return Setup(
        **dated,
        preset=report.preset,
        phase=report.phase,
        patient=patient,
        limits=[
            Limit(
                condition=x.condition, key=x.key, vital=x.vital, value=x.value, unit=x.unit, origin=x.origin
            )
            for x in report.limits
        ],
        not_monitored=[Unmonitored(condition=x.condition, reason=x.reason) for x in report.not_monitored],
        sounder=report.sounder,
    )


def _vital(entry: VitalKnown | VitalMissing) -> KnownVital | MissingVital:
    if isinstance(entry, VitalMissing):
        return MissingVital(
            name=entry.vital, source=entry.source, primary=entry.primary, missing=entry.reason
        )
    row = describe(entry.vital)
    value: int | float | NibpState | PumpState
    if isinstance(entry.value, NibpState | PumpState):
        value = entry.value
    else:
        value = _rounded(entry.value, row.decimals if isinstance(row, Quantity) else 0)
    return KnownVital(
        name=entry.vital,
        source=entry.source,
        primary=entry.primary,
        value=value,
        unit=row.unit if isinstance(row, Quantity) else None,
        age_ms=in_milliseconds(entry.age),
        quality=entry.quality,
        rr_source=entry.respiration_source,
    )


def _alarms(report: AlarmsReport, envelope: Envelope) -> Alarms:
    dated = envelope.fields
    until = report.audio_until
    return Alarms(
        **dated,
        as_of=dated["at"],
        highest=report.highest,
        audio=report.audio,
        audio_until_mono_ms=None if until is None else in_milliseconds(until),
        conditions=[
            Condition(**_condition(state, envelope), priority=state.priority)
            for state in report.conditions
            if state.priority is not None
        ],
        indications=[
            Indication(**_condition(state, envelope)) for state in report.conditions if state.priority is None
        ],
    )


def _condition(state: ConditionState, envelope: Envelope) -> dict[str, Any]:
    by = state.acknowledged
    return {
        "id": state.id,
        "mdc": state.mdc,
        "episode": state.episode,
        "name": state.name,
        "kind": state.kind,
        "presence": state.presence,
        "acknowledged": by
        and Acknowledged(
            by=by.by, at=envelope.utc(by.at), at_mono_ms=in_milliseconds(by.at), priority=by.priority
        ),
        "since": envelope.utc(state.since),
        "since_mono_ms": in_milliseconds(state.since),
        "value": None if state.value is None else _plain(state.value),
        "limit": None if state.limit is None else _plain(state.limit),
        "text": state.text,
    }


def _line(report: DeviceLine, dated: dict[str, Any]) -> Line:
    return Line(
        **dated,
        device=report.device,
        driver=report.driver,
        port=report.port,
        state="up" if report.up else "down",
        down_reason=None if report.up else report.down_reason or None,
        frames=report.frames,
        rejected=dict(report.rejected),
        bytes_received=report.bytes_received,
        bytes_per_second=round(report.bytes_per_second, 1),
        quiet_ms=None if report.quiet is None else in_milliseconds(report.quiet),
        opened=report.opened,
    )


def _rounded(value: float, decimals: int) -> float:
    """To the vital's resolution; a whole number when it has no decimals."""
    return round(value, decimals) if decimals else round(value)


def _plain(value: float) -> float:
    """An alarm's number, of whichever vital: at most three decimals, and 85 rather than 85.0."""
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


# --- What a bed reads -----------------------------------------------------------------------------


def parse_command(topic: str, payload: bytes, *, retained: bool) -> Request | Unreadable:
    """What arrived on a command topic, read as hostile. Never raises, whatever the bytes."""
    place = parse_topic(topic)
    if place is None or place.subject is not Subject.COMMAND:
        return Unreadable("", "", Refusal.MALFORMED, "not a command topic")
    station = place.part
    if len(payload) > MAXIMUM_COMMAND_BYTES:
        refusal = Refusal.RETAINED if retained else Refusal.TOO_LARGE
        return Unreadable("", station, refusal, f"a command has at most {MAXIMUM_COMMAND_BYTES} bytes")
    try:
        read = from_json(payload, allow_inf_nan=False)
    except ValueError:
        read = None
    identity = _command_id(read)
    if retained:
        return Unreadable(identity, station, Refusal.RETAINED, "a command is never retained")
    if not isinstance(read, dict):
        return Unreadable(identity, station, Refusal.MALFORMED, "not a JSON object in UTF-8")
    try:
        # From JSON again: strictness differs there, an enumeration is a string.
        command = Command.model_validate_json(payload)
    except ValidationError as error:
        return Unreadable(identity, station, Refusal.MALFORMED, _complaint(error))
    if command.action in UNSUPPORTED_ACTIONS:
        detail = f"{command.action} is not offered by this version of the bed"
        return Unreadable(identity, station, Refusal.UNSUPPORTED_ACTION, detail)
    arguments_model = ACTIONS.get(command.action)
    if arguments_model is None:
        detail = f"unknown action; known: {' '.join(sorted(ACTIONS))}"
        return Unreadable(identity, station, Refusal.UNKNOWN_ACTION, detail)
    try:
        arguments = arguments_model.model_validate(command.args)
    except ValidationError as error:
        return Unreadable(identity, station, Refusal.MALFORMED, f"args: {_complaint(error)}")
    return Request(
        id=command.id,
        station=station,
        by=command.by,
        boot=command.boot,
        until=milliseconds(command.until_mono_ms),
        action=_action(command.action, arguments),
    )


def parse_station(topic: str, payload: bytes) -> tuple[str, bool] | None:
    """A station and whether it is there; None for what cannot be read. A cleared topic is a goodbye."""
    place = parse_topic(topic)
    if place is None or place.subject is not Subject.STATION_STATUS or len(payload) > MAXIMUM_COMMAND_BYTES:
        return None
    if not payload:
        return place.part, False
    try:
        status = StationStatus.model_validate_json(payload)
    except ValidationError:
        return None
    return place.part, status.state == "online"


_COMMAND_ID: Final = TypeAdapter[str](CommandId)


def _command_id(read: object) -> str:
    """The id to answer to, if there is a proper one; whatever else is wrong, the asker should hear of it."""
    identity = read.get("id") if isinstance(read, dict) else None
    try:
        return _COMMAND_ID.validate_python(identity, strict=True)
    except ValidationError:
        return ""


def _complaint(error: ValidationError) -> str:
    """The first thing wrong, in a sentence of bounded length; of what was sent it repeats keys only."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(ascii(word)[1:-1][:40] if isinstance(word, str) else str(word) for word in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    return (f"{where}: {what}" if where else what)[:200]


# --- What a station sends and reads ---------------------------------------------------------------

BedPayload: TypeAlias = Birth | Will | Stopped | Setup | Vitals | Pleth | Alarms | Line | Answer

_READERS: Final[Mapping[Subject, TypeAdapter[BedPayload]]] = {
    Subject.STATUS: TypeAdapter(Annotated[Birth | Will | Stopped, Field(discriminator="state")]),
    Subject.SETUP: TypeAdapter(Setup),
    Subject.VITALS: TypeAdapter(Vitals),
    Subject.PLETH: TypeAdapter(Pleth),
    Subject.ALARMS: TypeAdapter(Alarms),
    Subject.LINE: TypeAdapter(Line),
    Subject.REPLY: TypeAdapter(Answer),
}


def read_report(topic: str, payload: bytes) -> tuple[Place, BedPayload] | None:
    """What a bed said, or None for anything else."""
    place = parse_topic(topic)
    if place is None or place.subject not in _READERS or len(payload) > MAXIMUM_REPORT_BYTES:
        return None
    try:
        return place, _READERS[place.subject].validate_json(payload)
    except ValidationError:
        return None


def command_message(topics: Topics, station: str, command: Command) -> Message:
    """A station's command, ready to send."""
    return _message(Subject.COMMAND, topics.of(Subject.COMMAND, station), command)


def station_message(site: str, station: str, *, online: bool) -> Message:
    """A station's birth, or its will."""
    status = StationStatus(state="online" if online else "offline")
    return _message(Subject.STATION_STATUS, station_topic(site, station), status)


# --- The contract as a document -------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """The whole contract, JSON-ready: topics, payload schemas (JSON Schema 2020-12), vitals with their codes.

    Keys: `contract`; `topics`, by subject, each with `address`, `sender`, `qos`, `retained` and `payloads`
    (references); `actions`, by name; `vitals`, by name; `definitions`.
    """
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (model, "serialization" if row.sender == "bed" else "validation")
        for row in TOPICS.values()
        for model in row.models
    ]
    models += [(model, "validation") for model in dict.fromkeys(ACTIONS.values())]
    references, definitions = models_json_schema(models, ref_template="#/definitions/{model}")
    by_model = {model: reference for (model, _), reference in references.items()}
    return {
        "contract": CONTRACT,
        "topics": {
            subject.value: {
                "address": _address(subject, row),
                "sender": row.sender,
                "qos": row.qos,
                "retained": row.retained,
                "payloads": [by_model[model] for model in row.models],
            }
            for subject, row in TOPICS.items()
        },
        "actions": {name: by_model[model] for name, model in ACTIONS.items()},
        "vitals": {vital.value: _vital_schema(vital) for vital in Vital},
        "pleth": {"mdc": PLETH.mdc, "reference_id": PLETH.reference_id},
        "definitions": definitions["$defs"],
    }


def _address(subject: Subject, row: TopicRow) -> str:
    below = "" if subject is Subject.STATION_STATUS else "{bed}/"
    part = "{device}" if subject is Subject.LINE else "{station}"
    return f"{_PREFIX}/{{site}}/{below}{row.path.format(part=part)}"


def _vital_schema(vital: Vital) -> dict[str, Any]:
    if vital in QUANTITIES:
        row = QUANTITIES[vital]
        return {
            "title": row.name,
            "mdc": row.code.mdc,
            "reference_id": row.code.reference_id,
            "loinc": list(row.loinc),
            "ucum": row.unit,
            "decimals": row.decimals,
            "minimum": row.lowest,
            "maximum": row.highest,
        }
    state = STATES[vital]
    coded = {"mdc": state.code.mdc, "reference_id": state.code.reference_id} if state.code else {}
    return {"title": state.name, **coded, "enum": [word.value for word in state.words]}
