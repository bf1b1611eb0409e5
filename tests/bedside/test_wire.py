"""Every topic and payload of contract version 1, against the words of the contract."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bedside.commands import (
    Acknowledge,
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
    Acknowledgement,
    AlarmsReport,
    ConditionState,
    DeviceEntry,
    DeviceLine,
    LimitInForce,
    NotMonitored,
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
from bedside.instants import SECOND
from bedside.priorities import Audio, Kind, Priority
from bedside.vitals import NibpState, PumpState, RespirationSource, Vital
from bedside.wire import (
    ACTIONS,
    TOPICS,
    UNSUPPORTED_ACTIONS,
    Alarms,
    Answer,
    Birth,
    Command,
    Line,
    Message,
    Place,
    Pleth,
    Scribe,
    Setup,
    Subject,
    Topics,
    Vitals,
    command_message,
    is_station_status,
    parse_command,
    parse_station,
    parse_topic,
    read_report,
    schema,
    station_message,
    station_topic,
    subscription,
)

BED = Topics("clinic", "bed-1")
COMMAND_TOPIC = "vigil/v1/clinic/bed-1/command/desk"
WALL = datetime(2026, 3, 1, 9, 30, 0, 250_999, tzinfo=UTC)
MONO = 100 * SECOND
ID = "123e4567-e89b-12d3-a456-426614174000"

LOW_SPO2 = ConditionState(
    id="S2",
    mdc=None,
    episode="boot-1-7",
    name="SpO2 low",
    kind=Kind.PHYSIOLOGICAL,
    priority=Priority.HIGH,
    presence=Presence.PRESENT,
    acknowledged=None,
    since=98 * SECOND,
    value=82.0,
    limit=85.0,
    text="SpO2 82 < 85",
)
LINE = DeviceLine(
    "oximeter",
    "nonin-8000q",
    "/dev/oximeter",
    True,
    "",
    300,
    (("checksum", 2),),
    9000,
    375.04,
    SECOND // 3,
    1,
)


def scribe() -> Scribe:
    return Scribe(BED, "boot-1", "0.1.0")


def written(report: Report, by: Scribe | None = None) -> tuple[Message, dict[str, Any]]:
    message = (by or scribe()).write(report, mono=MONO, wall=WALL, clock="holdover")
    payload = json.loads(message.payload)
    assert isinstance(payload, dict)
    return message, payload


def test_every_message_is_dated_and_counted_per_topic() -> None:
    by = scribe()
    status = StatusReport((DeviceEntry("oximeter", "nonin-8000q", "oximeter"),))
    _, first = written(status, by)
    assert first == {
        "contract": 1,
        "boot": "boot-1",
        "n": 1,
        "at": "2026-03-01T09:30:00.250Z",
        "mono_ms": 100_000,
        "clock": "holdover",
        "state": "online",
        "version": "0.1.0",
        "devices": [{"name": "oximeter", "driver": "nonin-8000q", "kind": "oximeter"}],
    }
    assert [written(report, by)[1]["n"] for report in (status, LINE, status, LINE)] == [2, 1, 3, 2]


def test_counts_are_bounded_whatever_stations_call_themselves() -> None:
    by = scribe()
    for number in range(2000):
        written(Reply(ID, f"s{number}", None, ""), by)
    assert len(by._reply_counts) == 256
    assert written(Reply(ID, "s1999", None, ""), by)[1]["n"] == 2


@pytest.mark.parametrize("report", [StatusReport(()), LINE])
def test_no_number_of_stations_makes_the_bed_s_own_counts_begin_again(report: Report) -> None:
    by = scribe()
    written(report, by)
    for number in range(2000):
        written(Reply(ID, f"s{number}", None, ""), by)
    assert written(report, by)[1]["n"] == 2


def test_will_and_clean_stop() -> None:
    will = scribe().will()
    assert will[:1] == ("vigil/v1/clinic/bed-1/status",)
    assert will[2:] == (1, True)
    assert json.loads(will.payload) == {"contract": 1, "boot": "boot-1", "state": "offline"}
    stopped = scribe().stopped(mono=MONO, wall=WALL, clock="unset")
    assert stopped.retained
    assert json.loads(stopped.payload)["state"] == "stopped"
    assert isinstance(read_report(stopped.topic, stopped.payload), tuple)


SENT: list[tuple[Report, str, int, bool, type[object]]] = [
    (StatusReport(()), "status", 1, True, Birth),
    (SetupReport("IV", "idle", "", None, (), (), "not verified"), "setup", 1, True, Setup),
    (VitalsReport(()), "vitals", 0, False, Vitals),
    (PlethReport("oximeter", 75, 150, (1, 2, 3)), "pleth", 0, False, Pleth),
    (AlarmsReport(None, Audio.ON, None, ()), "alarms", 1, True, Alarms),
    (LINE, "line/oximeter", 1, True, Line),
    (Reply(ID, "desk", None, ""), "reply/desk", 1, False, Answer),
]


@pytest.mark.parametrize(("report", "topic", "qos", "retained", "model"), SENT)
def test_topic_qos_and_retained_are_the_contracts(
    report: Report, topic: str, qos: int, *, retained: bool, model: type[object]
) -> None:
    message, _ = written(report)
    assert message.topic == f"vigil/v1/clinic/bed-1/{topic}"
    assert message.qos == qos
    assert message.retained is retained
    read = read_report(message.topic, message.payload)
    assert read is not None
    assert type(read[1]) is model


def test_every_report_of_the_core_is_in_the_table() -> None:
    sent = {type(report) for report, *_ in SENT}
    assert sent == set(Report.__args__)


def test_vitals() -> None:
    _, payload = written(
        VitalsReport(
            (
                VitalKnown(Vital.SPO2, "oximeter", True, 97.0, 420_999_999, Quality.GOOD),
                VitalKnown(Vital.PI, "oximeter", True, 1.2345, 0, Quality.QUESTIONABLE),
                VitalKnown(Vital.PUMP_STATE, "pump", True, PumpState.KVO, 0, Quality.GOOD),
                VitalKnown(Vital.NIBP_STATE, "cuff", True, NibpState.IDLE, 0, Quality.GOOD),
                VitalKnown(Vital.RR, "monitor", True, 14.6, 0, Quality.GOOD, RespirationSource.THORACIC),
                VitalMissing(Vital.PR, "oximeter", False, Reason.PROBE_OFF),
            )
        )
    )
    assert payload["vitals"] == [
        {
            "name": "spo2",
            "source": "oximeter",
            "primary": True,
            "value": 97,
            "unit": "%",
            "age_ms": 420,
            "quality": "good",
        },
        {
            "name": "pi",
            "source": "oximeter",
            "primary": True,
            "value": 1.23,
            "unit": "%",
            "age_ms": 0,
            "quality": "questionable",
        },
        {
            "name": "pump_state",
            "source": "pump",
            "primary": True,
            "value": "kvo",
            "age_ms": 0,
            "quality": "good",
        },
        {
            "name": "nibp_state",
            "source": "cuff",
            "primary": True,
            "value": "idle",
            "age_ms": 0,
            "quality": "good",
        },
        {
            "name": "rr",
            "source": "monitor",
            "primary": True,
            "value": 15,
            "unit": "{breath}/min",
            "age_ms": 0,
            "quality": "good",
            "rr_source": "thoracic",
        },
        {"name": "pr", "source": "oximeter", "primary": False, "missing": "probe-off"},
    ]
    assert isinstance(payload["vitals"][0]["value"], int)


def test_every_vital_and_reason_survives_the_wire() -> None:
    for vital in Vital:
        for reason in Reason:
            entry = VitalMissing(vital, "x", True, reason)
            message, payload = written(VitalsReport((entry,)))
            assert payload["vitals"][0]["missing"] == reason.value
            assert read_report(message.topic, message.payload) is not None


def test_a_number_that_is_none_is_our_own_error() -> None:
    entry = VitalKnown(Vital.PI, "oximeter", True, float("nan"), 0, Quality.GOOD)
    with pytest.raises(ValueError, match="finite"):
        written(VitalsReport((entry,)))


def test_alarms() -> None:
    acknowledged = Acknowledgement("Ann", 99 * SECOND, Priority.HIGH)
    known = ConditionState(
        "T1", 196_670, "boot-1-3", "probe off", Kind.TECHNICAL, Priority.LOW, Presence.LATCHED,
        acknowledged, 90 * SECOND, None, None, "probe off",
    )  # fmt: skip
    shown = ConditionState(
        "I1", None, "boot-1-2", "near end", Kind.TECHNICAL, None, Presence.PRESENT,
        None, 97 * SECOND, 1.23456, None, "near end",
    )  # fmt: skip
    report = AlarmsReport(Priority.HIGH, Audio.PAUSED, 120 * SECOND, (LOW_SPO2, known, shown))
    _, payload = written(report)
    assert payload["as_of"] == payload["at"]
    assert payload["highest"] == "high"
    assert payload["audio"] == "paused"
    assert payload["audio_until_mono_ms"] == 120_000
    assert payload["conditions"][0] == {
        "id": "S2",
        "mdc": None,
        "episode": "boot-1-7",
        "name": "SpO2 low",
        "kind": "physiological",
        "presence": "present",
        "acknowledged": None,
        "since": "2026-03-01T09:29:58.250Z",
        "since_mono_ms": 98_000,
        "value": 82,
        "limit": 85,
        "text": "SpO2 82 < 85",
        "priority": "high",
    }
    second = payload["conditions"][1]
    assert second["acknowledged"] == {
        "by": "Ann",
        "at": "2026-03-01T09:29:59.250Z",
        "at_mono_ms": 99_000,
        "priority": "high",
    }
    assert not {"value", "limit"} & second.keys()
    assert [indication["id"] for indication in payload["indications"]] == ["I1"]
    assert "priority" not in payload["indications"][0]
    assert payload["indications"][0]["value"] == 1.235


def test_quiet_alarms_say_so() -> None:
    _, payload = written(AlarmsReport(None, Audio.ON, None, ()))
    assert payload["highest"] is None
    assert payload["conditions"] == []
    assert "audio_until_mono_ms" not in payload


def test_setup() -> None:
    limit = LimitInForce("S2", "spo2_low", Vital.SPO2, 85, "%", Origin.SITE)
    report = SetupReport(
        "IV", "infusion", "p-17", 70.5, (limit,), (NotMonitored("R2", "no source"),), "not verified"
    )
    _, payload = written(report)
    assert payload["patient"] == {"reference": "p-17", "weight_kg": 70.5}
    assert payload["limits"] == [
        {"condition": "S2", "key": "spo2_low", "vital": "spo2", "value": 85.0, "unit": "%", "origin": "site"}
    ]
    assert payload["not_monitored"] == [{"condition": "R2", "reason": "no source"}]
    assert payload["sounder"] == "not verified"
    assert "patient" not in written(SENT[1][0])[1]


def test_line() -> None:
    _, up = written(LINE)
    assert up["state"] == "up"
    assert up["rejected"] == {"checksum": 2}
    assert up["bytes_per_second"] == 375.0
    assert up["quiet_ms"] == 333
    assert "down_reason" not in up
    lost = DeviceLine("oximeter", "d", "p", False, "silent", 0, (), 0, 0.0, None, 1)
    _, down = written(lost)
    assert down["state"] == "down"
    assert down["down_reason"] == "silent"
    assert "quiet_ms" not in down


def test_reply() -> None:
    _, done = written(Reply(ID, "desk", None, "acknowledged"))
    assert (done["id"], done["done"], done["detail"]) == (ID, True, "acknowledged")
    assert "refusal" not in done
    _, refused = written(Reply(ID, "desk", Refusal.OUT_OF_TIME, "too late"))
    assert (refused["done"], refused["refusal"]) == (False, "out-of-time")


# --- topics -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Bed", "bed 1", "a/b", "+", "#", "x" * 33, "bed\n", "bett-ä"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="expected 1 to 32"):
        Topics("clinic", name)
    with pytest.raises(ValueError, match="expected 1 to 32"):
        Topics(name, "bed-1")
    with pytest.raises(ValueError, match="expected 1 to 32"):
        BED.of(Subject.LINE, name)


def test_no_bed_is_called_station() -> None:
    with pytest.raises(ValueError, match="taken"):
        Topics("clinic", "station")


@pytest.mark.parametrize("subject", Subject)
def test_topics_come_apart_as_they_were_made(subject: Subject) -> None:
    part = "x1" if "{part}" in TOPICS[subject].path else ""
    bed = "" if subject is Subject.STATION_STATUS else "bed-1"
    assert parse_topic(BED.of(subject, part)) == Place("clinic", bed, subject, part)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "vigil/v1/clinic/bed-1",
        "vigil/v2/clinic/bed-1/status",
        "vigil/v1/clinic/bed-1/status/",
        "vigil/v1/clinic/bed-1/status/x",
        "vigil/v1/clinic/bed-1/line",
        "vigil/v1/clinic/bed-1/session",
        "vigil/v1/Clinic/bed-1/status",
        "vigil/v1/clinic/station/line/x",
        "vigil/v1/clinic/station/status",
        "x/vigil/v1/clinic/bed-1/status",
    ],
)
def test_topics_of_nothing_here(topic: str) -> None:
    assert parse_topic(topic) is None


@pytest.mark.parametrize("subject", Subject)
def test_only_a_station_s_own_topic_is_its_status(subject: Subject) -> None:
    topic = BED.of(subject, "desk" if "{part}" in TOPICS[subject].path else "")
    assert is_station_status(topic) is (subject is Subject.STATION_STATUS)
    assert not is_station_status(topic.upper())


def test_filters() -> None:
    assert BED.subscriptions == (
        ("vigil/v1/clinic/bed-1/command/+", 1),
        ("vigil/v1/clinic/station/+/status", 1),
    )
    assert subscription("clinic") == "vigil/v1/clinic/#"
    assert subscription("clinic", "bed-1") == "vigil/v1/clinic/bed-1/#"
    assert station_topic("clinic", "desk") == "vigil/v1/clinic/station/desk/status"


# --- commands -----------------------------------------------------------------------------------


def command(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "id": ID,
        "action": "pause-audio",
        "args": {},
        "by": "Ann",
        "boot": "boot-1",
        "until_mono_ms": 130_000,
    }
    return {key: value for key, value in {**plain, **changes}.items() if value is not ...}


def parsed(fields: object, *, retained: bool = False) -> Request | Unreadable:
    return parse_command(COMMAND_TOPIC, json.dumps(fields).encode(), retained=retained)


@pytest.mark.parametrize(
    ("action", "args", "expected"),
    [
        (
            "acknowledge",
            {"alarm": "S2", "episode": "boot-1-7", "priority": "high"},
            Acknowledge("S2", "boot-1-7", Priority.HIGH),
        ),
        ("pause-audio", {}, PauseAudio()),
        ("resume-audio", {}, ResumeAudio()),
        ("measure-nibp", {}, MeasureNibp()),
        ("set-patient", {"reference": "p-17"}, SetPatient("p-17", None, None)),
        (
            "set-patient",
            {"reference": "p-17", "weight_kg": 20, "age_years": 120},
            SetPatient("p-17", 20.0, 120),
        ),
    ],
)
def test_commands_as_the_contract_has_them(action: str, args: dict[str, object], expected: object) -> None:
    request = parsed(command(action=action, args=args))
    assert request == Request(ID, "desk", "Ann", "boot-1", 130 * SECOND, expected)  # type: ignore[arg-type]  # a table of cases


def test_every_action_of_the_contract_is_known_by_name() -> None:
    contract = (
        "acknowledge pause-audio resume-audio start-session end-session set-patient set-order device-given "
        "confirm-gate checklist set-limit measure-nibp stop-nibp delegate-sound resend note"
    )
    assert ACTIONS.keys() | UNSUPPORTED_ACTIONS == set(contract.split())
    for action in UNSUPPORTED_ACTIONS:
        refused = parsed(command(action=action, args={"anything": [1]}))
        assert isinstance(refused, Unreadable)
        assert refused.refusal is Refusal.UNSUPPORTED_ACTION
        assert action in refused.detail


def test_a_station_may_date_its_commands() -> None:
    dated = command(contract=1, n=4, at="2026-03-01T09:30:00.250Z", mono_ms=5, clock="synchronised")
    assert isinstance(parsed(dated), Request)


MALFORMED: list[object] = [
    command(id=...),
    command(id="17"),
    command(id=17),
    command(id=ID + "\n"),
    command(action=...),
    command(action=""),
    command(action=["pause-audio"]),
    command(args=...),
    command(args=None),
    command(args=[]),
    command(args={"for_s": 600}),
    command(by=...),
    command(by=""),
    command(by=" "),
    command(by="Ann\x1b[2J"),
    command(by="x" * 65),
    command(boot=...),
    command(boot=1),
    command(until_mono_ms=...),
    command(until_mono_ms="130000"),
    command(until_mono_ms=130_000.0),
    command(until_mono_ms=True),
    command(until_mono_ms=None),
    command(until_mono_ms=2**53 + 1),
    command(contract=2),
    command(clock="fine"),
    command(untilmono_ms=1),
    command(action="acknowledge"),
    command(action="acknowledge", args={"alarm": "S2", "episode": "e", "priority": "HIGH"}),
    command(action="acknowledge", args={"alarm": "S2", "episode": "e", "priority": 3}),
    command(action="acknowledge", args={"alarm": "S 2", "episode": "e", "priority": "high"}),
    command(action="set-patient", args={}),
    command(action="set-patient", args={"reference": ""}),
    command(action="set-patient", args={"reference": "p", "weight_kg": 19.9}),
    command(action="set-patient", args={"reference": "p", "weight_kg": 301}),
    command(action="set-patient", args={"reference": "p", "weight_kg": "70"}),
    command(action="set-patient", args={"reference": "p", "weight_kg": None}),
    command(action="set-patient", args={"reference": "p", "age_years": 17}),
    command(action="set-patient", args={"reference": "p", "age_years": 30.5}),
    command(action="set-patient", args={"reference": "p", "name": "Ann"}),
    [],
    "pause-audio",
    None,
    17,
]


@pytest.mark.parametrize("fields", MALFORMED)
def test_malformed_commands(fields: object) -> None:
    refused = parsed(fields)
    assert isinstance(refused, Unreadable)
    assert refused.refusal is Refusal.MALFORMED
    assert refused.station == "desk"
    assert 0 < len(refused.detail) <= 250


def test_the_asker_hears_of_it_whenever_there_is_an_id() -> None:
    refused = parsed(command(by=...))
    assert isinstance(refused, Unreadable)
    assert refused.id == ID
    assert refused.detail == "by: Field required"


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        (command(action="open-valve"), Refusal.UNKNOWN_ACTION),
        (command(action="Acknowledge"), Refusal.UNKNOWN_ACTION),
        (command(by="x" * 5000), Refusal.TOO_LARGE),
    ],
)
def test_other_refusals(fields: object, refusal: Refusal) -> None:
    refused = parsed(fields)
    assert isinstance(refused, Unreadable)
    assert refused.refusal is refusal


@pytest.mark.parametrize("payload", [json.dumps(command()).encode(), b"", b"\xff", b"x" * 5000])
def test_retained_comes_before_every_other_complaint(payload: bytes) -> None:
    refused = parse_command(COMMAND_TOPIC, payload, retained=True)
    assert isinstance(refused, Unreadable)
    assert refused.refusal is Refusal.RETAINED


def test_the_size_bound_is_exact() -> None:
    padded = json.dumps(command()).encode().ljust(4096)
    assert isinstance(parse_command(COMMAND_TOPIC, padded, retained=False), Request)
    assert isinstance(parse_command(COMMAND_TOPIC, padded + b" ", retained=False), Unreadable)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    payload=st.binary(max_size=300)
    | JSON_VALUES.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(sorted(command())), JSON_VALUES).map(
        lambda changes: json.dumps({**command(), **changes}).encode()
    ),
    topic=st.sampled_from([COMMAND_TOPIC, "vigil/v1/clinic/station/desk/status"]) | st.text(),
    retained=st.booleans(),
)
@example(payload=b"[" * 4096, topic=COMMAND_TOPIC, retained=False)
@example(payload=b'{"id":"\\ud800"}', topic=COMMAND_TOPIC, retained=False)
@example(payload=b'{"until_mono_ms":1e999}', topic=COMMAND_TOPIC, retained=False)
@example(payload=b'{"until_mono_ms":' + b"9" * 4000 + b"}", topic=COMMAND_TOPIC, retained=False)
def test_nothing_that_arrives_raises(payload: bytes, topic: str, *, retained: bool) -> None:
    result = parse_command(topic, payload, retained=retained)
    if isinstance(result, Unreadable):
        assert len(result.detail) <= 250
        assert result.detail.isprintable()
        assert re.fullmatch(r"[a-z0-9-]{0,32}", result.station)
    parse_station(topic, payload)
    read_report(topic, payload)


# --- the station's side ---------------------------------------------------------------------------


def test_a_stations_birth_and_will() -> None:
    for online in (True, False):
        message = station_message("clinic", "desk", online=online)
        assert message.topic == "vigil/v1/clinic/station/desk/status"
        assert message[2:] == (1, True)
        assert parse_station(message.topic, message.payload) == ("desk", online)
    assert parse_station("vigil/v1/clinic/station/desk/status", b"") == ("desk", False)


@pytest.mark.parametrize(
    "payload", [b"online", b'{"state":"asleep"}', b'{"state":"online","x":1}', b"x" * 5000]
)
def test_a_station_that_cannot_be_read_is_not_seen(payload: bytes) -> None:
    assert parse_station("vigil/v1/clinic/station/desk/status", payload) is None


def test_what_a_station_sends_a_bed_can_read() -> None:
    message = command_message(BED, "desk", Command.model_validate(command()))
    assert message[2:] == (1, False)
    assert isinstance(parse_command(message.topic, message.payload, retained=False), Request)


def test_a_station_overlooks_what_a_later_version_adds() -> None:
    message, payload = written(VitalsReport(()))
    assert read_report(message.topic, json.dumps({**payload, "later": 1}).encode()) is not None
    assert read_report(message.topic, json.dumps({**payload, "contract": 2}).encode()) is None
    assert read_report(BED.of(Subject.COMMAND, "desk"), message.payload) is None


# --- the schema -----------------------------------------------------------------------------------


def test_the_schema_holds_everything_and_resolves() -> None:
    document = schema()
    text = json.dumps(document)
    for name in re.findall(r'"#/definitions/([^"]+)"', text):
        assert name in document["definitions"]
    assert document["topics"]["line"]["address"] == "vigil/v1/{site}/{bed}/line/{device}"
    assert document["topics"]["station-status"]["address"] == "vigil/v1/{site}/station/{station}/status"
    assert document["vitals"].keys() == {vital.value for vital in Vital}
    assert document["vitals"]["spo2"]["mdc"] == 150456
    assert document["vitals"]["spo2"]["ucum"] == "%"
    assert "59408-5" in document["vitals"]["spo2"]["loinc"]
    assert document["vitals"]["pump_state"]["enum"] == [
        "infusing", "stopped", "paused", "bolus", "kvo", "complete", "alarm", "unknown",
    ]  # fmt: skip
    known = document["definitions"]["KnownVital"]["properties"]["unit"]
    assert known["type"] == "string"
    assert document["definitions"]["Command"]["additionalProperties"] is False
