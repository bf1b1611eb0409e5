"""The programs of the demo, where each finds the others, and the settings file that says so.

Everything is in one folder: the devices' links, the panel's socket, its trace and its screen (a pipe that
we read), the settings and the logs.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.demo.supervisor import Program

HOST: Final = "127.0.0.1"
SITE: Final = "clinic"
BED: Final = "demo"
USUAL_PORT: Final = 1883

DEVICES: Final = {
    "oximeter": "nonin",
    "nibp": "suntech",
    "pump": "alaris-gh",
    "monitor": "ivy-450c",
}
"""Names at this bed, and their drivers, which are also the simulators' names."""

AGENT: Final = "agent"
PANEL: Final = "panel"
SIMULATORS: Final = "simulators"
BROKER: Final = "broker"

STOP_ORDER: Final = (AGENT, PANEL, SIMULATORS, BROKER)
"""The agent first: it says goodbye to the panel and over the broker."""

AGENT_BACK_S: Final = 3.0
"""As systemd is told to; the panel is heard meanwhile."""
PANEL_BACK_S: Final = 0.1


class Cast:
    """All that the programs are told."""

    def __init__(self, folder: Path, *, story: str, seed: int, speed: float) -> None:
        self.folder = folder
        self.socket = folder / "panel.sock"
        self.trace = folder / "trace.jsonl"
        self.screen = folder / "screen"
        self.settings = folder / "settings.toml"
        self.links = {name: folder / name for name in DEVICES}
        self._story = story
        self._seed = seed
        self._speed = speed

    def write_settings(self, port: int) -> None:
        blocks = [f'[bed]\nsite = "{SITE}"\nbed = "{BED}"']
        blocks += [
            f'[[device]]\nname = "{name}"\ndriver = "{driver}"\nport = {_quoted(self.links[name])}'
            for name, driver in DEVICES.items()
        ]
        blocks += [
            "[nibp]\nstart_by_agent = true",
            f'[mqtt]\nhost = "{HOST}"\nport = {port}\nprotocol = "3.1.1"',  # all that amqtt speaks
            f'[panel]\npins = "mock"\nsocket = {_quoted(self.socket)}\nscreen = {_quoted(self.screen)}',
        ]
        self.settings.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")

    def broker(self, port: int) -> Program:
        return Program(BROKER, "cli.demo.broker", (str(port),))

    def panel(self) -> Program:
        words = ("panel", str(self.settings), "--trace", str(self.trace), "--keys")
        return Program(PANEL, "cli", words, PANEL_BACK_S)

    def simulators(self) -> Program:
        links = (f"{driver}={self.links[name]}" for name, driver in DEVICES.items())
        told = ("--scenario", self._story, "--seed", str(self._seed), "--speed", str(self._speed))
        return Program(SIMULATORS, "cli", ("simulate", *links, *told))

    def agent(self) -> Program:
        words = ("run", str(self.settings), "--speed", str(self._speed))
        return Program(AGENT, "cli", words, AGENT_BACK_S)


def _quoted(path: Path) -> str:
    return json.dumps(str(path))  # a string in JSON is one in TOML


def ports() -> Iterator[int]:
    """Ports to try for the broker: the usual one if nobody has it, then any that is free."""
    for wanted in (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, wanted))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
        yield port
