"""`vigil demo`: what it shows and counts, and the whole of it as a real process."""

import dataclasses
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.panel.signals import Lamp
from bedside.effects import (
    AlarmsReport,
    Change,
    ConditionState,
    Presence,
    StatusReport,
    VitalKnown,
    VitalMissing,
    VitalsReport,
)
from bedside.facts import Quality, Reason
from bedside.instants import SECOND, milliseconds
from bedside.priorities import Audio, Kind, Priority
from bedside.vitals import NibpState, PumpState, Vital
from bedside.wire import Scribe, Topics, read_report
from cli import demo
from cli.__main__ import main
from cli.demo.stage import Picture, clock, draw
from cli.demo.tally import AlarmNews, Tally
from cli.demo.trace import Edge, Signals, Tail, parsed
from cli.screen import BedView
from tests.recordings import ROOT

TOPICS = Topics("clinic", "demo")

# At speed 20 two seconds are 40 of the story: SpO2 is under 90 % from about 60 s to 110 s, and S1 ends.
STORY = """
name = "short"
text = "A dip"
duration_s = 600
weight_kg = 70
pump = { rate_ml_per_h = 75, volume_ml = 50, concentration_mg_per_ml = 0.7, start_s = 5 }
[[step]]
at_s = 50
over_s = 5
spo2 = 87
text = "SpO2 dips"
[[step]]
at_s = 110
over_s = 5
spo2 = 97
"""


# --- the sounder and the lamps -------------------------------------------------------------------


def pulse(at_ms: int, on_ms: int, frequency_hz: int) -> tuple[Edge, Edge]:
    """One tone of the sounder, switched a millisecond late each time."""
    due, end = milliseconds(at_ms), milliseconds(at_ms + on_ms)
    late = milliseconds(1)
    return Edge("sounder", True, due + late, due, frequency_hz), Edge("sounder", False, end + late, end)


@pytest.mark.parametrize(
    ("on_ms", "gap_ms", "tones", "word"),
    [
        (120, 100, (523, 494, 440), "high"),  # 60601-1-8: short pulses, and only there
        (200, 200, (523, 494, 440), "medium"),
        (200, 200, (330, 262), "low"),
    ],
)
def test_a_burst_is_known_by_its_first_tone(
    on_ms: int, gap_ms: int, tones: tuple[int, ...], word: str
) -> None:
    signals = Signals()
    news = [
        text
        for index, tone in enumerate(tones)
        for edge in pulse(1_000 + index * (on_ms + gap_ms), on_ms, tone)
        for text in signals.on(edge)
    ]
    assert news == [f"sounder: {word} burst"]
    assert signals.edges["sounder"] == 2 * len(tones)
    assert signals.priority is Priority.from_word(word)


def test_melody_is_as_wide_as_it_was_long() -> None:
    signals = Signals()
    for edge in pulse(1_000, 120, 523):
        signals.on(edge)
    row = signals.melody(milliseconds(1_300), 10, milliseconds(60))
    # The last column begins at 1260 ms; the tone filled the two that begin at 1020 and 1080.
    assert len(row) == 10
    assert row.strip() == "██"
    assert not signals.melody(milliseconds(5_000), 10, milliseconds(60)).strip()


def test_a_flashing_lamp_is_news_once() -> None:
    signals = Signals()
    news = []
    for index in range(6):  # MEDIUM: one second on, one off
        news += signals.tick(index * SECOND)
        news += signals.on(Edge("yellow", index % 2 == 0, index * SECOND, index * SECOND))
    assert news == ["yellow lamp on"]
    assert not signals.lit(Lamp.YELLOW)
    assert signals.tick(6 * SECOND) == []
    assert signals.tick(7 * SECOND) == ["yellow lamp off"]
    assert signals.edges == {"yellow": 6}


def test_a_dead_panel_gives_no_light() -> None:
    signals = Signals()
    signals.on(Edge("red", True, SECOND, SECOND))
    assert signals.lit(Lamp.RED)
    signals.panel_gone(2 * SECOND)
    assert not signals.lit(Lamp.RED)
    assert signals.tick(4 * SECOND) == ["red lamp off"]


def test_trace_is_read_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    tail = Tail(path)
    assert list(tail.edges()) == []
    line = b'{"at_ns": 7, "due_ns": 5, "output": "red", "on": true}\n'
    path.write_bytes(line + line[:10])
    assert list(tail.edges()) == [Edge("red", True, 7, 5)]
    with path.open("ab") as file:
        file.write(line[10:] + b'{"at_ns": {"at_ns": 1}\n')  # as a killed panel may leave it
    assert list(tail.edges()) == [Edge("red", True, 7, 5)]
    assert parsed(b"[]") is None


# --- counting ------------------------------------------------------------------------------------


class Bed:
    """What a bed says, fed to a tally or a view."""

    def __init__(self, boot: str = "boot-1") -> None:
        self.scribe = Scribe(TOPICS, boot, "0.1.0")

    def said(self, report: AlarmsReport | StatusReport | VitalsReport) -> Any:
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        message = self.scribe.write(report, mono=10 * SECOND, wall=moment, clock="unset")
        read = read_report(message.topic, message.payload)
        assert read is not None
        return read


def low_spo2(**differing: Any) -> ConditionState:
    state = ConditionState(
        "S1", None, "boot-1-7", "SpO2 low", Kind.PHYSIOLOGICAL, Priority.MEDIUM, Presence.PRESENT,
        None, 8 * SECOND, 87, 90, "SpO2 low: 87 %",
    )  # fmt: skip
    return dataclasses.replace(state, **differing)


def alarms(*conditions: ConditionState) -> AlarmsReport:
    return AlarmsReport(None, Audio.ON, None, conditions)


def test_tally_tells_each_change_once() -> None:
    bed, tally = Bed(), Tally()
    told = [
        tally.on(*bed.said(report))
        for report in (
            alarms(),
            alarms(low_spo2()),
            alarms(low_spo2()),
            alarms(low_spo2(priority=Priority.HIGH)),
            alarms(low_spo2(priority=Priority.HIGH, presence=Presence.ENDED)),
            alarms(),
        )
    ]
    assert [[item.change for item in news] for news in told] == [
        [], [Change.RAISED], [], [Change.ESCALATED], [Change.ENDED], [],
    ]  # fmt: skip
    assert told[1] == [AlarmNews(Change.RAISED, "S1", Priority.MEDIUM, "SpO2 low: 87 %")]
    assert tally.messages == {"alarms": 6}


def test_what_leaves_the_list_has_ended_but_not_with_its_agent() -> None:
    tally = Tally()
    tally.on(*Bed().said(alarms(low_spo2())))
    assert [news.change for news in tally.on(*Bed().said(alarms()))] == [Change.ENDED]
    tally.on(*Bed().said(alarms(low_spo2())))
    assert tally.on(*Bed("boot-2").said(alarms())) == []


def test_values_are_counted_by_their_device() -> None:
    tally = Tally()
    tally.on(*Bed().said(VITALS))
    assert tally.vitals == {"oximeter": 1, "nibp": 2, "pump": 3}


VITALS = VitalsReport(
    (
        VitalKnown(Vital.SPO2, "oximeter", True, 87, 0, Quality.GOOD),
        VitalMissing(Vital.PR, "oximeter", True, Reason.PROBE_OFF),
        VitalKnown(Vital.NIBP_STATE, "nibp", True, NibpState.INFLATING, 0, Quality.GOOD),
        VitalKnown(Vital.CUFF_PRESSURE, "nibp", True, 104, 0, Quality.GOOD),
        VitalKnown(Vital.PUMP_STATE, "pump", True, PumpState.INFUSING, 0, Quality.GOOD),
        VitalKnown(Vital.INFUSION_RATE, "pump", True, 75.0, 0, Quality.GOOD),
        VitalKnown(Vital.VOLUME_INFUSED, "pump", True, 6.1, 0, Quality.GOOD),
    )
)


# --- the picture ---------------------------------------------------------------------------------


def picture(width: int, height: int) -> Picture:
    bed, view, signals = Bed(), BedView("demo"), Signals()
    view.take(bed.said(StatusReport(()))[1], SECOND)
    view.take(bed.said(VITALS)[1], SECOND)
    view.take(bed.said(alarms(low_spo2()))[1], SECOND)
    signals.on(Edge("yellow", True, SECOND, SECOND))
    return Picture(
        now=2 * SECOND,
        size=(width, height),
        title="A dip",
        story_s=754.2,
        length_s=3600,
        speed=20,
        happening="SpO2 slides below 90 %",
        coming=(900.0, "a deep breath"),
        view=view,
        signals=signals,
        panel_text="\x1b[1;30;43m**  S1 SpO2 low: 87 %\x1b[0m\r\nphase dosing",
        running={"agent": True, "panel": True},
        host="127.0.0.1",
        port=1883,
        news=["12:30 alarm   raised ** S1"],
        has_keys=True,
    )


def plain(scene: Picture) -> list[str]:
    width, height = scene.size
    console = Console(file=io.StringIO(), width=width, height=height)
    console.print(draw(scene), height=height)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_all_that_matters_fits_the_smallest_terminal() -> None:
    rows = plain(picture(80, 24))
    assert len(rows) == 24
    text = "\n".join(rows)
    for part in (
        "12:34 of 60:00, speed 20", "SpO2 slides below 90 %", "next 15:00 a deep breath", "87 %", "probe-off",
        "cuff 104 mmHg", "infusing 75 mL/h", "6.1 mL given", "yellow", "**  S1 SpO2 low: 87 %",
        "phase dosing", "agent up", "mosquitto_sub -h 127.0.0.1 -p 1883 -t 'vigil/v1/#' -v",
        "./vigil watch --broker mqtt://127.0.0.1:1883", "a  acknowledge", "p  pause sound",
        "k  kill agent", "q  quit",
    ):  # fmt: skip
        assert part in text, part
    assert "what happened" not in text


@pytest.mark.parametrize("size", [(80, 40), (120, 24), (200, 60)])
def test_more_room_shows_what_happened(size: tuple[int, int]) -> None:
    text = "\n".join(plain(picture(*size)))
    assert "12:30 alarm   raised ** S1" in text
    assert "q  quit" in text


def test_what_is_old_is_not_shown_as_current() -> None:
    scene = dataclasses.replace(picture(80, 24), now=20 * SECOND, running={"agent": False, "panel": False})
    text = "\n".join(plain(scene))
    assert "NOT CURRENT" in text
    assert "agent DOWN" in text
    assert "the panel is not running" in text


@pytest.mark.parametrize(("story_s", "shown"), [(0, "00:00"), (59.9, "00:59"), (3_600, "60:00")])
def test_clock(story_s: float, shown: str) -> None:
    assert clock(story_s) == shown


# --- the whole -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--speed", "0"], ["--speed", "nan"], ["--duration", "-1"], ["--speed", "x"]]
)
def test_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["demo", *words])
    assert left.value.code == 2


def test_unknown_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scenario", "demmo"]) == demo.WRONG_USE
    assert "did you mean demo" in capsys.readouterr().err


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the demo makes its temporary folder."""
    place = tmp_path / "t"
    place.mkdir()
    return place


def command(place: Path, *words: str) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "cli", "demo", *words], {**os.environ, "TMPDIR": str(place)}


def family(place: Path) -> list[str]:
    """Every process that was told of this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={place}\0".encode() in path.read_bytes() + b"\0":
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_a_short_session(place: Path) -> None:
    story = place.parent / "story.toml"
    story.write_text(STORY, encoding="utf-8")
    words, environment = command(
        place, "--no-tui", "--speed", "20", "--duration", "12", "--scenario", str(story)
    )
    done = subprocess.run(
        words, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["healthy"], summary["reasons"]) == (0, True, [])
    assert summary["speed"] == 20
    assert 11 <= summary["duration_s"] <= 14
    assert {"oximeter", "nibp", "pump", "monitor"} == {name for name, n in summary["vitals"].items() if n > 0}
    assert summary["alarms"]["by_condition"]["S1"]["raised"] == 1
    assert summary["alarms"]["raised"] >= 1
    assert summary["alarms"]["ended"] >= 1
    assert summary["lamp_edges"] > 0
    assert summary["sounder_edges"] > 0
    assert {"status", "setup", "vitals", "pleth", "alarms", "line"} <= summary["mqtt"]["by_topic"].keys()
    assert summary["refused_by_devices"] == 0
    assert summary["restarts"] == {"by_key": {}, "unexpected": {}}
    for part in ("mosquitto_sub -h 127.0.0.1 -p", "story   SpO2 dips", "alarm   raised", "lamp on", "burst"):
        assert part in done.stderr, part
    assert list(place.iterdir()) == []
    assert family(place) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_early_end_leaves_nothing(place: Path, number: signal.Signals) -> None:
    words, environment = command(place, "--no-tui", "--speed", "20")
    with subprocess.Popen(
        words, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        # All five: the demo and its four children.
        assert len(family(place)) == 5
        process.send_signal(number)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(out)["healthy"]
    assert list(place.iterdir()) == []
    assert family(place) == []


class Terminal:
    """The demo in a terminal of its own, 100 x 30; stdout goes elsewhere."""

    def __init__(self, place: Path, *words: str) -> None:
        self.outer, self.inner = pty.openpty()
        self.before = termios.tcgetattr(self.inner)
        self.seen = ""
        line, environment = command(place, *words)
        self.process = subprocess.Popen(
            line,
            stdin=self.inner,
            stdout=subprocess.PIPE,
            stderr=self.inner,
            cwd=ROOT,
            env={**environment, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        )

    def until(self, is_seen: Callable[[str], bool], limit_s: float = 15.0) -> None:
        end = time.monotonic() + limit_s
        while not is_seen(self.seen):
            assert time.monotonic() < end, self.seen[-3_000:]
            if select.select([self.outer], [], [], 0.1)[0]:
                self.seen += os.read(self.outer, 65_536).decode(errors="replace")

    def type(self, key: str) -> None:
        self.seen = ""
        os.write(self.outer, key.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self.outer)
        os.close(self.inner)


def test_keys_and_screen(place: Path) -> None:
    terminal = Terminal(place, "--speed", "20")
    try:
        terminal.until(lambda seen: "phase dosing" in seen and "mL given" in seen)
        terminal.type("p")
        terminal.until(lambda seen: "AUDIO PAUSED" in seen)
        terminal.type("l")
        # The new panel shows what the agent says of the old one's death, so it holds the agent's lease.
        terminal.until(lambda seen: "T19 sounder or lamp fault" in seen)
        terminal.type("k")
        terminal.until(lambda seen: "MONITORING STOPPED: agent not running" in seen)
        terminal.type("q")
        terminal.until(lambda seen: "\x1b[?1049l" in seen and "\x1b[?25h" in seen)
        out, _ = terminal.process.communicate(timeout=20)
        assert terminal.process.returncode == 0
        summary = json.loads(out)
        assert summary["restarts"] == {"by_key": {"panel": 1, "agent": 1}, "unexpected": {}}
        assert summary["alarms"]["by_condition"]["T19"]["raised"] == 1
        assert termios.tcgetattr(terminal.inner) == terminal.before
        assert family(place) == []
    finally:
        terminal.close()


def test_an_unexpected_death_is_a_reason(place: Path) -> None:
    words, environment = command(place, "--no-tui", "--speed", "20", "--duration", "4")
    with subprocess.Popen(
        words, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        panel = [pid for pid in family(place) if b"panel\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(int(panel[0]), signal.SIGKILL)
        out, told = process.communicate(timeout=30)
    summary = json.loads(out)
    assert (process.returncode, summary["healthy"]) == (1, False)
    assert summary["reasons"] == ["panel ended by itself with code -9"]
    assert "panel started again" in told
