"""`vigil send` and `vigil watch` against a bed on a real broker."""

import argparse
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from agent.broker import Broker, translate
from agent.events import Asked, BrokerUp, MessageArrived, News
from agent.plan import BrokerPlan
from bedside.commands import Acknowledge, Refusal, Reply, Request, SetPatient, Unreadable
from bedside.effects import (
    Acknowledgement,
    AlarmsReport,
    ConditionState,
    DeviceLine,
    NotMonitored,
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
from bedside.vitals import RespirationSource, Vital
from bedside.wire import Scribe, Subject, Topics
from cli import send, watch
from cli.screen import BedView, Ward, one_line, sparkline
from simulators.listener import BrokerAddress, Listener
from tests.edge.mosquitto import Mosquitto, amqtt_broker
from tests.recordings import ROOT

TOPICS = Topics("clinic", "bed-1")
LOW_SPO2 = ConditionState(
    "S2", None, "boot-1-7", "SpO2 low", Kind.PHYSIOLOGICAL, Priority.HIGH, Presence.PRESENT,
    None, 8 * SECOND, 82, 85, "SpO2 82 < 85",
)  # fmt: skip
ALARMS = AlarmsReport(Priority.HIGH, Audio.ON, None, (LOW_SPO2,))
VITALS = VitalsReport(
    (
        VitalKnown(Vital.SPO2, "oximeter", True, 82, 420_000_000, Quality.QUESTIONABLE),
        VitalKnown(Vital.RR, "monitor", True, 9, 0, Quality.GOOD, RespirationSource.THORACIC),
        VitalMissing(Vital.PR, "oximeter", True, Reason.PROBE_OFF),
    )
)
LINE = DeviceLine("oximeter", "d", "p", False, "silent", 300, (("checksum", 2),), 900, 0.0, None, 1)
SETUP = SetupReport("IV", "infusion", "p-17", 70, (), (NotMonitored("R2", "no source"),), "not verified")


class Bed:
    """A bed that says what it is told to, acknowledges S2, and refuses the rest."""

    def __init__(self, port: int, *, answers: bool = True) -> None:
        self.asked: list[Request | Unreadable] = []
        self.answers = answers
        self._scribe = Scribe(TOPICS, "boot-1", "0.1.0")
        self.link = Broker(BrokerPlan(port=port, protocol="3.1.1"), TOPICS, self._scribe.will(), self._hear)

    def say(self, report: Report) -> None:
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        self.link.publish(self._scribe.write(report, mono=10 * SECOND, wall=moment, clock="synchronised"))

    def stop(self) -> None:
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        self.link.stop(self._scribe.stopped(mono=11 * SECOND, wall=moment, clock="synchronised"))

    def _hear(self, news: News) -> None:
        if news == BrokerUp():
            self.say(StatusReport(()))
            self.say(ALARMS)
        event = translate(news, TOPICS) if isinstance(news, MessageArrived) else None
        if isinstance(event, Asked):
            self.asked.append(event.message)
            request = event.message
            done = isinstance(request, Request) and isinstance(request.action, Acknowledge)
            if self.answers:
                refusal = None if done else Refusal.NOT_ALLOWED
                self.say(Reply(request.id, request.station, refusal, "so it is"))


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with Mosquitto(tmp_path) as broker:
        yield broker.port


@pytest.fixture
def bed(port: int) -> Iterator[Bed]:
    bed = Bed(port)
    bed.link.start()
    yield bed
    bed.stop()


def parsed(module: object, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    vars(module)["add_arguments"](parser)
    return parser.parse_args(words)


def sent(port: int, *words: str) -> int:
    return send.run(parsed(send, "--broker", f"mqtt://127.0.0.1:{port}", "--timeout", "1", *words))


def test_acknowledge_needs_only_the_alarm(bed: Bed, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert sent(port, "--by", "Ann", "bed-1", "acknowledge", "alarm=S2") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["done"], printed["detail"]) == (True, "so it is")
    request = bed.asked[0]
    assert isinstance(request, Request)
    assert request.action == Acknowledge("S2", "boot-1-7", Priority.HIGH)
    assert (request.station, request.by, request.boot) == ("vigil-send", "Ann", "boot-1")
    # Half a minute from the bed's last word, give or take what this test has taken so far.
    assert 40 * SECOND <= request.until <= 45 * SECOND


def test_a_refusal_is_printed_and_exits_1(bed: Bed, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert sent(port, "bed-1", "set-patient", "reference=17", "weight_kg=70", "age_years=40") == 1
    assert json.loads(capsys.readouterr().out)["refusal"] == "not-allowed"
    request = bed.asked[0]
    assert isinstance(request, Request)
    assert request.action == SetPatient("17", 70.0, 40)


def test_an_action_that_this_version_lacks_is_refused_by_name(bed: Bed, port: int) -> None:
    assert sent(port, "bed-1", "note", "text=x") == 1
    assert isinstance(bed.asked[0], Unreadable)
    assert bed.asked[0].refusal is Refusal.UNSUPPORTED_ACTION


def test_an_alarm_that_is_not_there(bed: Bed, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert sent(port, "bed-1", "acknowledge", "alarm=C1") == 1
    assert "C1 is not present" in capsys.readouterr().err
    assert bed.asked == []


def test_no_such_bed(bed: Bed, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert sent(port, "bed-2", "pause-audio") == 3
    assert "no bed bed-2" in capsys.readouterr().err


def test_a_stopped_bed(bed: Bed, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert sent(port, "bed-1", "acknowledge", "alarm=S2") == 0
    bed.stop()
    assert sent(port, "bed-1", "pause-audio") == 3
    assert "bed-1 is stopped" in capsys.readouterr().err


def test_a_bed_that_does_not_answer(bed: Bed, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    bed.answers = False
    assert sent(port, "bed-1", "pause-audio") == 3
    assert "did not answer" in capsys.readouterr().err


def test_no_broker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sent(Mosquitto(tmp_path).port, "bed-1", "pause-audio") == 3
    assert "refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["bed-1", "fly"],
        ["Bed 1", "pause-audio"],
        ["bed-1", "set-patient", "reference"],
        ["bed-1", "set-patient", "weight_kg=heavy"],
        ["--broker", "http://x", "bed-1", "pause-audio"],
        ["--broker", "mqtt://", "bed-1", "pause-audio"],
        ["--broker", "mqtt://x:port", "bed-1", "pause-audio"],
    ],
)
def test_wrong_use(words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parsed(send, *words)
    assert left.value.code == 2


def test_send_works_on_the_embedded_broker_too() -> None:
    with amqtt_broker() as port:
        bed = Bed(port)
        bed.link.start()
        assert sent(port, "bed-1", "acknowledge", "alarm=S2") == 0
        bed.stop()


def test_broker_addresses() -> None:
    assert BrokerAddress.from_url("mqtt://ward") == BrokerAddress("ward", 1883)
    assert BrokerAddress.from_url("mqtt://a:b%40c@[::1]:99") == BrokerAddress("::1", 99, "a", "b@c")
    secure = BrokerAddress.from_url("mqtts://ward")
    assert (secure.port, secure.tls is not None) == (8883, True)


# --- watch --------------------------------------------------------------------------------------


def test_watch_without_a_terminal_prints_lines(
    bed: Bed, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with Listener(BrokerAddress(port=port), "clinic") as station:
        # What `watch` shall find retained must have reached the broker before it comes.
        assert station.find("bed-1", Subject.ALARMS) is not None
    url = f"mqtt://127.0.0.1:{port}"
    assert watch.run(parsed(watch, "--broker", url, "--duration", "1", "bed-1")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "bed-1 status: online (retained)" in lines
    assert "bed-1 alarms: audio on; *** SpO2 82 < 85 (retained)" in lines


def test_watch_in_a_terminal(bed: Bed, port: int) -> None:
    outer, inner = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "cli",
        "watch",
        "--broker",
        f"mqtt://127.0.0.1:{port}",
        "--duration",
        "1.5",
    ]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(command, stdout=inner, stderr=subprocess.PIPE, cwd=ROOT, env=environment)
    os.close(inner)
    seen = b""
    try:
        while chunk := os.read(outer, 4096):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(outer)
    assert process.communicate()[1] == b""
    assert process.returncode == 0
    assert b"SpO2 82 < 85" in seen


def test_watch_without_a_broker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch.run(parsed(watch, "--broker", f"mqtt://127.0.0.1:{Mosquitto(tmp_path).port}")) == 3
    assert "refused" in capsys.readouterr().err


# --- the screen, without any broker ---------------------------------------------------------------


class Source:
    """Messages of one bed, one boot."""

    def __init__(self) -> None:
        self.scribe = Scribe(TOPICS, "boot-1", "0.1.0")

    def __call__(self, report: Report) -> tuple[str, bytes]:
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        message = self.scribe.write(report, mono=10 * SECOND, wall=moment, clock="synchronised")
        return message.topic, message.payload


def plain(renderable: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=110)
    console.print(renderable)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.fixture
def view() -> BedView:
    view, source = BedView("bed-1"), Source()
    for report in (StatusReport(()), SETUP, ALARMS, VITALS, LINE, PlethReport("o", 75, 0, tuple(range(180)))):
        assert view.feed(*source(report), 100 * SECOND)
    return view


def test_screen_shows_everything(view: BedView) -> None:
    text = plain(view.render(100 * SECOND))
    for part in (
        "bed-1", "online", "audio on", "*** SpO2 82 < 85", "82 % ?", "-- probe-off", "monitor, thoracic",
        "DOWN silent", "300 frames, 2 rejected", "IV, infusion", "patient p-17",
        "R2 not monitored: no source", "▁▁",
    ):  # fmt: skip
        assert part in text, part
    assert "NOT CURRENT" not in text


def test_ages_go_on_counting(view: BedView) -> None:
    # 420 ms old on arrival.
    assert "5 s" in plain(view.render(105 * SECOND))


def test_a_bed_not_heard_for_15_s_is_marked(view: BedView) -> None:
    assert "NOT CURRENT" not in plain(view.render(115 * SECOND - 1))
    assert "NOT CURRENT: last heard 15 s ago" in plain(view.render(115 * SECOND))


def test_what_is_retained_is_no_sign_of_life() -> None:
    view, source = BedView("bed-1"), Source()
    view.feed(*source(StatusReport(())), 100 * SECOND, retained=True)
    view.feed(*source(ALARMS), 100 * SECOND, retained=True)
    assert "NOT CURRENT: last heard never" in plain(view.render(100 * SECOND))


def test_offline_and_stopped_are_loud(view: BedView) -> None:
    will = Source().scribe.will()
    view.feed(will.topic, will.payload, 101 * SECOND)
    assert "OFFLINE" in plain(view.render(101 * SECOND))
    stopped = Source().scribe.stopped(mono=1, wall=datetime(2026, 3, 1, tzinfo=UTC), clock="unset")
    view.feed(stopped.topic, stopped.payload, 101 * SECOND)
    assert "STOPPED" in plain(view.render(101 * SECOND))


def test_a_pause_counts_down_and_an_acknowledgement_is_named(view: BedView) -> None:
    seen = ConditionState(
        "S2", None, "e", "SpO2 low", Kind.PHYSIOLOGICAL, Priority.HIGH, Presence.LATCHED,
        Acknowledgement("Ann", 9 * SECOND, Priority.HIGH), 8 * SECOND, None, None, "SpO2 was low",
    )  # fmt: skip
    paused = AlarmsReport(Priority.HIGH, Audio.PAUSED, 130 * SECOND, (seen,))
    view.feed(*Source()(paused), 100 * SECOND)
    text = plain(view.render(103 * SECOND))
    assert "AUDIO PAUSED 117 s" in text
    assert "SpO2 was low (latched) acknowledged by Ann" in text


def test_text_from_the_wire_cannot_drive_the_terminal(view: BedView) -> None:
    evil = ConditionState(
        "S2", None, "e", "n", Kind.PHYSIOLOGICAL, Priority.LOW, Presence.PRESENT,
        None, 0, None, None, "\x1b]0;x\x07[red]y[/red]",
    )  # fmt: skip
    topic, payload = Source()(AlarmsReport(Priority.LOW, Audio.ON, None, (evil,)))
    view.feed(topic, payload, 100 * SECOND)
    assert "?]0;x?[red]y[/red]" in plain(view.render(100 * SECOND))
    line = one_line(topic, payload)
    assert line is not None
    assert line.isprintable()


def test_a_ward_is_bounded_and_skips_what_it_cannot_read() -> None:
    ward = Ward()
    assert "no bed" in plain(ward.render(0))
    assert not ward.feed("vigil/v1/clinic/bed-1/vitals", b"{}", 0)
    payload = Source()(VITALS)[1]
    for number in range(300):
        ward.feed(f"vigil/v1/clinic/b{number}/vitals", payload, 0)
    assert len(ward.views) == 200


def test_sparkline() -> None:
    assert sparkline([0, 50, 100]) == "▁▄█"
    assert sparkline([7, 7]) == "▁▁"


def test_one_line_each() -> None:
    source = Source()
    lines = [
        one_line(*source(report))
        for report in (VITALS, LINE, SETUP, Reply("x", "desk", Refusal.REPEATED, "y"))
    ]
    assert lines == [
        "bed-1 vitals: spo2 82 %, rr 9 {breath}/min, pr -- (probe-off)",
        "bed-1 line oximeter: down, 300 frames, 2 rejected",
        "bed-1 setup: preset IV, phase infusion, 0 limits",
        "bed-1 reply desk: refused repeated: y",
    ]
    assert one_line(*source(PlethReport("o", 75, 0, (1,)))) is None
