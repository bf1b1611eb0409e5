"""The real process: mock pins, a real Unix socket, real time.

Nothing here asserts what virtual time proves already. What is left is that the edges come out, soon enough,
and that the process outlives its peers. Real time on a busy machine is allowed SLACK_MS on each edge; half of
the edges are within a few ms all the same.
"""

import argparse
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.panel import process
from agent.panel.settings import DEFAULTS, PanelSettings
from bedside.instants import MILLISECOND, SECOND
from bedside.level import SILENT, Level, ScreenLine, to_message
from bedside.priorities import Audio, Category, Priority
from cli import panel
from tests.recordings import ROOT

SLACK_MS = 40.0
PATIENCE_S = 15.0

HIGH_LEVEL = Level(Priority.HIGH, Category.OXYGENATION, Priority.HIGH, Audio.ON, (ScreenLine("SpO2 low"),))


def eventually(what: Callable[[], Any]) -> Any:
    """The first true answer, looked for until patience ends."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        if answer := what():
            return answer
        time.sleep(0.005)
    raise AssertionError("waited in vain")


@dataclass
class Agent:
    """The other end of the socket, as far as the panel can tell."""

    connection: socket.socket
    heard: list[dict[str, Any]] = field(default_factory=list)
    _rest: bytes = b""

    def say(self, message: object) -> None:
        self.connection.sendall(json.dumps(message).encode() + b"\n")

    def renew(self, level: Level) -> None:
        self.say({"level": to_message(level)})

    def hears(self, key: str) -> list[Any]:
        """What has come under this key so far."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while chunk := self.connection.recv(65_536, socket.MSG_DONTWAIT):
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                self.heard += [json.loads(line) for line in lines]
        return [message[key] for message in self.heard if key in message]


@dataclass
class Bedside:
    """A folder with settings, socket and trace, and the panels that are started in it."""

    folder: Path
    panels: list[subprocess.Popen[str]] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.folder / "panel.sock"

    def start(self, *more: str, panel_settings: str = 'pins = "mock"') -> subprocess.Popen[str]:
        settings = self.folder / "settings.toml"
        settings.write_text(f'[panel]\nsocket = "{self.socket}"\n{panel_settings}\n', encoding="utf-8")
        command = [sys.executable, "-W", "error", "-m", "cli", "panel", str(settings)]
        running = subprocess.Popen(
            [*command, "--trace", str(self.folder / "trace"), *more],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.panels.append(running)
        return running

    def connect(self) -> Agent:
        def attempt() -> socket.socket | None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(self.socket))
            except OSError:
                connection.close()
                return None
            return connection

        self.agents.append(Agent(eventually(attempt)))
        return self.agents[-1]

    def trace(self) -> list[dict[str, Any]]:
        path = self.folder / "trace"
        if not path.exists():
            return []
        whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def tones_since(self, instant: int) -> list[dict[str, Any]]:
        return [e for e in self.trace() if e["output"] == "sounder" and e["on"] and e["at_ns"] >= instant]

    def leave(self) -> None:
        for agent in self.agents:
            agent.connection.close()
        for running in self.panels:
            running.kill()
            running.communicate()


@pytest.fixture
def bedside(tmp_path: Path) -> Iterator[Bedside]:
    place = Bedside(tmp_path)
    yield place
    place.leave()


def stop(running: subprocess.Popen[str]) -> str:
    """SIGTERM; what it had to say."""
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, said
    return said


def test_high_level_comes_out_as_ten_pulses_inside_the_bounds(bedside: Bedside) -> None:
    running = bedside.start()
    agent = bedside.connect()
    asked = time.monotonic_ns()

    def enough() -> bool:
        agent.renew(HIGH_LEVEL)
        return len([e for e in bedside.trace() if e["output"] == "sounder"]) >= 20

    eventually(enough)
    assert stop(running) == ""
    edges = [e for e in bedside.trace() if e["output"] == "sounder"][:20]
    assert [e["on"] for e in edges] == [True, False] * 10
    assert [e["frequency_hz"] for e in edges[::2]] == [523, 494, 440, 392, 349] * 2
    assert {e["duty"] for e in edges[::2]} == {0.25}
    assert edges[0]["at_ns"] - asked < SECOND
    at_ms = [e["at_ns"] / MILLISECOND for e in edges]
    durations = [off - on for on, off in zip(at_ms[::2], at_ms[1::2], strict=True)]
    gaps = [on - off for off, on in zip(at_ms[1::2], at_ms[2::2], strict=False)]
    assert all(75 - SLACK_MS <= duration <= 200 + SLACK_MS for duration in durations)
    # The gaps called x, then 3-4 and 8-9, then 5-6 (IEC 60601-1-8, table 3).
    assert all(50 - SLACK_MS <= gaps[i] <= 125 + SLACK_MS for i in (0, 1, 3, 5, 6, 8))
    assert all(175 - SLACK_MS <= gaps[i] <= 450 + SLACK_MS for i in (2, 7))
    assert 350 - SLACK_MS <= gaps[4] <= 1_300 + SLACK_MS
    assert all(e["at_ns"] >= e["due_ns"] for e in edges)
    lateness = sorted(e["at_ns"] - e["due_ns"] for e in edges)
    assert lateness[len(lateness) // 2] < 5 * MILLISECOND


def test_self_test_comes_first_then_hello(bedside: Bedside) -> None:
    running = bedside.start()
    agent = bedside.connect()
    (hello,) = eventually(lambda: agent.hears("hello"))
    assert hello == {"pins": "mock", "sounder": "not verified", "faults": [], "remarks": []}
    lit = [e["output"] for e in bedside.trace() if e["on"]]
    assert lit == ["red", "yellow", "cyan", "blue", "sounder"]
    agent.renew(HIGH_LEVEL)
    assert eventually(lambda: {"sound": "high", "lamp": "high"} in agent.hears("shown"))
    newer = bedside.connect()
    assert eventually(lambda: newer.hears("hello")) == [hello]
    assert newer.hears("shown")[-1] == {"sound": "high", "lamp": "high"}
    stop(running)
    driven = {e["output"]: e["on"] for e in bedside.trace()}
    assert not any(driven.values()), "all outputs off at the end"
    assert not bedside.socket.exists()


def test_closed_connection_sounds_at_once(bedside: Bedside) -> None:
    bedside.start()
    agent = bedside.connect()
    eventually(lambda: agent.hears("hello"))
    agent.renew(SILENT)
    agent.connection.close()
    closed = time.monotonic_ns()
    (tone, *_) = eventually(lambda: bedside.tones_since(closed))
    assert tone["at_ns"] - closed < SECOND


def test_silent_agent_is_sounded_for_within_3_s(bedside: Bedside) -> None:
    """Also when it sends what is no level: only a level renews the lease."""
    bedside.start()
    agent = bedside.connect()
    eventually(lambda: agent.hears("hello"))
    agent.renew(SILENT)
    renewed = time.monotonic_ns()

    def sounded() -> list[dict[str, Any]]:
        agent.connection.sendall(b'{"level": {"sound": "loud"}}\n\xff\n' + b"x" * 50_000 + b"\n")
        return bedside.tones_since(renewed)

    (tone, *_) = eventually(sounded)
    assert 2.5 * SECOND - 50 * MILLISECOND <= tone["at_ns"] - renewed <= 3 * SECOND


def test_button_arrives_at_the_agent(bedside: Bedside) -> None:
    running = bedside.start("--keys", panel_settings='pins = "mock"\nlong_press_ms = 500')
    agent = bedside.connect()
    eventually(lambda: agent.hears("hello"))
    assert running.stdin
    running.stdin.write("short\nlong\nhard\n")
    running.stdin.flush()

    def both() -> list[Any]:
        agent.renew(SILENT)
        presses = agent.hears("button")
        return presses if len(presses) == 2 else []

    assert eventually(both) == ["short", "long"]
    assert "'hard'" in stop(running)


def test_killed_panel_is_back_with_the_current_level_within_3_s(bedside: Bedside) -> None:
    first = bedside.start()
    agent = bedside.connect()
    eventually(lambda: agent.hears("hello"))
    first.kill()
    killed = time.monotonic_ns()
    first.communicate()
    assert bedside.socket.exists(), "what a killed panel leaves behind"
    bedside.start()
    bedside.connect().renew(HIGH_LEVEL)
    (tone, *_) = eventually(lambda: bedside.tones_since(killed))
    assert tone["at_ns"] - killed < 3 * SECOND
    assert tone["frequency_hz"] == 523


def test_second_panel_leaves_the_first_in_peace(bedside: Bedside) -> None:
    bedside.start()
    agent = bedside.connect()
    eventually(lambda: agent.hears("hello"))
    second = bedside.start()
    _, said = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 1
    assert "another panel" in said
    agent.renew(HIGH_LEVEL)
    assert eventually(lambda: {"sound": "high", "lamp": "high"} in agent.hears("shown"))


def test_wires_that_cannot_be_opened_are_told_and_do_not_stop_the_panel(bedside: Bedside) -> None:
    """Here there is no GPIO chip, with or without lgpio installed."""
    if list(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has GPIO lines")
    bedside.start(panel_settings='pins = "lgpio"')
    agent = bedside.connect()
    (hello,) = eventually(lambda: agent.hears("hello"))
    assert hello["pins"] == "lgpio"
    assert hello["sounder"] == "missing"
    assert any(fault.startswith("sounder:") for fault in hello["faults"])
    agent.renew(HIGH_LEVEL)
    assert eventually(lambda: agent.hears("shown"))[-1] == {"sound": None, "lamp": None}
    assert bedside.trace() == []


def test_missing_settings_are_a_fault_and_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[PanelSettings, tuple[str, ...]]] = []

    def serve(settings: PanelSettings, faults: tuple[str, ...], *_: object) -> int:
        served.append((settings, faults))
        return 0

    monkeypatch.setattr(process, "serve", serve)
    parser = argparse.ArgumentParser()
    panel.add_arguments(parser)
    assert panel.run(parser.parse_args([str(tmp_path / "missing.toml")])) == 0
    ((settings, (fault,)),) = served
    assert settings == DEFAULTS
    assert "No such file" in fault


def test_keys_are_refused_without_mock_pins(bedside: Bedside) -> None:
    running = bedside.start("--keys", panel_settings='pins = "lgpio"')
    _, said = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 2
    assert "mock" in said


def test_the_panel_does_without_the_agents_libraries(bedside: Bedside) -> None:
    """The whole way of `vigil panel` to its loop, told to stop before it begins."""
    settings = bedside.folder / "settings.toml"
    settings.write_text(f'[panel]\nsocket = "{bedside.socket}"\npins = "mock"\n', encoding="utf-8")
    code = (
        "import os, sys, threading;"
        "from cli.__main__ import main;"
        "threading.Timer(1.0, os.kill, (os.getpid(), 15)).start();"
        "code = main(['panel', sys.argv[1]]);"
        "print(code, sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", code, str(settings)]
    done = subprocess.run(command, cwd=ROOT, check=True, timeout=60, capture_output=True, text=True)
    code_said, _, modules = done.stdout.partition(" ")
    assert code_said == "0"
    assert "'gpiozero'" in modules
    for name in ("pydantic", "paho", "structlog", "numpy", "serial"):
        assert f"'{name}'" not in modules


def test_panel_survives_what_peers_do(bedside: Bedside) -> None:
    running = bedside.start()
    for junk in (b"", b"\n" * 5_000, b"\x00" * 100_000, b"[" * 30_000 + b"\n", b'{"level":{}}\n' * 2_000):
        agent = bedside.connect()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            agent.connection.sendall(junk)
        agent.connection.close()
    crowd = [bedside.connect() for _ in range(8)]
    crowd[-1].renew(HIGH_LEVEL)
    assert eventually(lambda: {"sound": "high", "lamp": "high"} in crowd[-1].hears("shown"))
    assert running.poll() is None
    assert bedside.socket.stat().st_mode & 0o007 == 0, "strangers may not connect"
