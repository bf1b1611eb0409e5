"""A whole bedside of real processes: mosquitto, `vigil panel`, `vigil run`, and whatever is on the ports."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bedside.wire import Alarms, Condition, Indication, Line, Subject, Vitals, parse_topic, read_report
from simulators.listener import BrokerAddress, Listener
from tests.edge.mosquitto import Mosquitto
from tests.recordings import ROOT

PATIENCE_S = 20.0
OUTPUTS = ("sounder", "red", "yellow", "cyan", "blue")
BED = "bed-1"
SITE = "clinic"

Found = TypeVar("Found")

SETTINGS = """\
[bed]
site = "clinic"
bed = "bed-1"

[mqtt]
host = "127.0.0.1"
port = {port}

[panel]
socket = "{socket}"
pins = "mock"
"""
DEVICE = """
[[device]]
name = "{name}"
driver = "{driver}"
port = "{link}"
"""


def eventually(look: Callable[[], Found | None], what: str, patience_s: float = PATIENCE_S) -> Found:
    """The first answer that is not None or False, looked for until patience ends."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if answer := look():
            return answer
        time.sleep(0.01)
    raise AssertionError(f"waited {patience_s:g} s in vain for {what}")


@dataclass(slots=True)
class Bedside:
    """The processes of one bed, and a station that hears it."""

    folder: Path
    broker: Mosquitto
    devices: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    alarms: list[Alarms] = field(default_factory=list)
    vitals: list[Vitals] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    topics: dict[str, int] = field(default_factory=dict)
    tested_edges: int = 0

    @property
    def settings(self) -> Path:
        return self.folder / "settings.toml"

    @property
    def trace(self) -> Path:
        return self.folder / "trace.jsonl"

    def link(self, device: str) -> Path:
        return self.folder / f"tty-{device}"

    def write_settings(self) -> None:
        text = SETTINGS.format(port=self.broker.port, socket=self.folder / "panel.sock")
        if "suntech" in self.devices.values():
            text += "\n[nibp]\nstart_by_agent = true\n"
        for name, driver in self.devices.items():
            text += DEVICE.format(name=name, driver=driver, link=self.link(name))
        self.settings.write_text(text, encoding="utf-8")

    def start(self, name: str, *arguments: object) -> None:
        """A `vigil` process, under a name of ours; its output goes to a file of that name."""
        log = (self.folder / f"{name}.log").open("ab")
        command = [sys.executable, "-m", "cli", *(str(argument) for argument in arguments)]
        self.running[name] = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        log.close()

    def start_panel(self, *, tested: bool = True) -> None:
        """Start the panel; `tested` waits until its self-test is over."""
        self.start("panel", "panel", self.settings, "--trace", self.trace)
        if tested:
            eventually(self._self_tested, "the end of the self-test")
            self.tested_edges = len(self.edges())

    def _self_tested(self) -> bool:
        """Each lamp and the sounder was on once, and all are off."""
        state = {edge["output"]: edge["on"] for edge in self.edges()}
        return len(state) == len(OUTPUTS) and not any(state.values())

    def start_agent(self, speed: float = 1.0) -> None:
        self.start("agent", "run", self.settings, "--speed", speed)

    def play(self, device: str, recording: Path, rate: float = 1.0, *, hold: bool = False) -> None:
        self.start("play", "play", recording, "--link", self.link(device), "--rate", rate, *["--hold"] * hold)
        eventually(self.link(device).exists, "the played port")

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        process = self.running.pop(name)
        process.send_signal(number)
        process.wait(PATIENCE_S)

    def kill(self, name: str) -> None:
        self.stop(name, signal.SIGKILL)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def edges(self, output: str | None = None, *, after_self_test: bool = False) -> list[dict[str, Any]]:
        """The panel's trace: every edge, or those of one output."""
        if not self.trace.exists():
            return []
        lines = self.trace.read_text(encoding="utf-8").splitlines(keepends=True)
        edges = [json.loads(line) for line in lines if line.endswith("\n")]
        edges = edges[self.tested_edges if after_self_test else 0 :]
        return [edge for edge in edges if output in (None, edge["output"])]

    def hear(self, topic: str, payload: bytes) -> None:
        place = parse_topic(topic)
        if place is not None:
            self.topics[place.subject] = self.topics.get(place.subject, 0) + 1
        read = read_report(topic, payload)
        match read[1] if read else None:
            case Alarms() as alarms:
                self.alarms.append(alarms)
            case Vitals() as vitals:
                self.vitals.append(vitals)
            case Line() as line:
                self.lines.append(line)
            case _:
                pass

    def condition(self, id_: str, *presence: str) -> Condition | None:
        """A condition as last told, when it stands so."""
        for condition in self.alarms[-1].conditions if self.alarms else []:
            if condition.id == id_ and condition.presence.value in presence:
                return condition
        return None

    def wait_for(self, id_: str, *presence: str, patience_s: float = PATIENCE_S) -> Condition:
        wanted = presence or ("present",)
        return eventually(lambda: self.condition(id_, *wanted), f"{id_} {wanted}", patience_s)


@contextmanager
def bedside(folder: Path, **devices: str) -> Iterator[Bedside]:
    """A bed with these devices (name=driver); mosquitto and a listener run, nothing else yet."""
    with Mosquitto(folder) as broker:
        bed = Bedside(folder, broker, devices)
        bed.write_settings()
        address = BrokerAddress(port=broker.port)
        try:
            with Listener(address, SITE, on_heard=lambda heard: bed.hear(heard.topic, heard.payload)):
                yield bed
        finally:
            for name in list(bed.running):
                bed.stop(name, signal.SIGTERM if name != "panel" else signal.SIGKILL)


__all__ = ["BED", "SITE", "Bedside", "Indication", "Subject", "bedside", "eventually"]
