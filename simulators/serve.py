"""Puts the devices of a bed on pseudo-terminals, in real time or faster. Also finds stories by name.

A pseudo-terminal stands for the serial port: whoever opens the link reads the device's bytes and may write
to it. Bytes for which nobody has opened the port are lost, as on a wire. When the story pulls a cable, the
terminal is closed and its link removed; plugged in again it is a new terminal under the same link.

One loop serves all devices. It is the only thing here that waits, and the files and the clock are only here.
"""

import difflib
import errno
import os
import select
import threading
import time
import tomllib
import tty
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, Self

from bedside.instants import SECOND, Instant, earliest
from simulators import SIMULATORS
from simulators.bed import Bed
from simulators.faults import Cable, Fault
from simulators.scenario import Scenario, ScenarioError, parse

SCENARIOS: Final = Path(__file__).with_name("scenarios")
LONGEST_WAIT_S: Final = 0.02
"""How soon the loop notices that a port was opened, a signal came or a story's step began."""
READ_BYTES: Final = 4096


class Clock(Protocol):
    """The bed's time: the agent's clock has this face too, so that both can be given the same one."""

    def now(self) -> Instant:
        """The instant it is."""

    def real_wait(self, duration: Instant) -> float:
        """How many real seconds a duration of the bed takes."""


class ScaledClock:
    """Monotonic time at a rate. Two processes with the same rate agree on every instant."""

    def __init__(self, rate: float = 1.0) -> None:
        if not rate > 0:
            raise ValueError(f"speed {rate:g}: expected a number above 0")
        self._numerator, self._denominator = rate.as_integer_ratio()

    def now(self) -> Instant:
        """The instant it is."""
        return time.monotonic_ns() * self._numerator // self._denominator

    def real_wait(self, duration: Instant) -> float:
        """How many real seconds a duration of the bed takes; 0 for one that is over."""
        return max(0, duration) * self._denominator / self._numerator / SECOND


def scenario_names() -> list[str]:
    """The stories that come with the simulators."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def load_scenario(name: str) -> Scenario:
    """A story by its name, or from a file: with a slash or ".toml". ScenarioError when it is not one."""
    path = Path(name) if "/" in name or name.endswith(".toml") else SCENARIOS / f"{name}.toml"
    try:
        with path.open("rb") as file:
            return parse(tomllib.load(file))
    except FileNotFoundError:
        nearest = difflib.get_close_matches(name, scenario_names(), n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        known = ", ".join(scenario_names())
        raise ScenarioError(f"no scenario {name}{hint} (there are: {known}; or give a file)") from None
    except OSError as problem:
        raise ScenarioError(f"{name}: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ScenarioError) as problem:
        raise ScenarioError(f"{name}: {problem}") from None


class Terminal:
    """One pseudo-terminal in raw mode under a link. OSError when the link cannot be made."""

    def __init__(self, link: Path) -> None:
        if link.exists() and not link.is_symlink():
            raise FileExistsError(errno.EEXIST, "exists and is not a link", str(link))
        if not link.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such directory", str(link.parent))
        self._link = link
        self._master, slave = os.openpty()
        try:
            tty.setraw(slave)
            self._name = os.ttyname(slave)
            os.set_blocking(self._master, False)
            fresh = link.with_name(f".{link.name}.{os.getpid()}")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self._name)
            fresh.replace(link)
        except OSError:
            os.close(self._master)
            raise
        finally:
            # With nobody at the other end the master reports a hang-up: so an opened port is noticed.
            os.close(slave)

    def fileno(self) -> int:
        """For a poll."""
        return self._master

    @property
    def opened(self) -> bool:
        """Whether somebody has the port open."""
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def write(self, data: bytes) -> int:
        """How many bytes the port took: none while nobody has it open, fewer while nobody reads."""
        if not self.opened:
            return 0
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        """What the host has written."""
        try:
            return os.read(self._master, READ_BYTES)
        except OSError:  # nothing there, or nobody
            return b""

    @property
    def all_read(self) -> bool:
        """Whether the host has taken every byte, or has gone."""
        if not self.opened:
            return True
        poll = select.poll()
        slave = os.open(self._name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            poll.register(slave, select.POLLIN)
            return not poll.poll(0)
        finally:
            os.close(slave)

    def close(self) -> None:
        """Hang up, and remove the link if it is still ours."""
        if self._link.is_symlink() and str(self._link.readlink()) == self._name:
            self._link.unlink()
        os.close(self._master)


@dataclass(slots=True)
class Wire:
    """One device's connection: where its port is, and how bad the cable."""

    device: str
    link: Path
    faults: Sequence[Fault] = ()
    cable: Cable = field(init=False)
    terminal: Terminal | None = field(init=False, default=None)
    told: int = field(init=False, default=0)


class Ports:
    """The ports of a bed's devices: open once made, gone once closed. OSError when a link cannot be made."""

    def __init__(self, bed: Bed, wires: Iterable[Wire], clock: Clock) -> None:
        self._bed = bed
        self._clock = clock
        self._wires = list(wires)
        for wire in self._wires:
            wire.cable = Cable(wire.faults, bed.seed, bed.start)
        try:
            self._plug(clock.now())
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up everywhere."""
        for wire in self._wires:
            _unplug(wire)

    def serve(self, stop: threading.Event, say: Callable[[str], None] = lambda _: None) -> None:
        """Run the devices until `stop` is set. `say` hears of each thing that the host must never send."""
        while not stop.is_set():
            now = self._clock.now()
            self._plug(now)
            for wire in self._wires:
                self._exchange(wire, now, say)
            self._wait()

    def _plug(self, now: Instant) -> None:
        for wire in self._wires:
            plugged = self._bed.cable(wire.device, now)
            if plugged and wire.terminal is None:
                wire.terminal = Terminal(wire.link)
            elif not plugged:
                _unplug(wire)

    def _exchange(self, wire: Wire, now: Instant, say: Callable[[str], None]) -> None:
        device = self._bed.devices[wire.device]
        out = device.tick(now)
        heard = wire.terminal.read() if wire.terminal else b""
        if heard:
            out += device.on(heard, now)
        carried = wire.cable.tick(now)
        for data in out:
            carried += wire.cable.on(data, now)
        if wire.terminal:
            for data in carried:
                wire.terminal.write(data)
        for violation in device.violations[wire.told :]:
            say(f"{wire.device}: refused what the host sent: {violation}")
        wire.told = len(device.violations)

    def _wait(self) -> None:
        poll = select.poll()
        due: Instant | None = None
        for wire in self._wires:
            due = earliest(due, self._bed.devices[wire.device].deadline, wire.cable.deadline)
            if wire.terminal and wire.terminal.opened:
                poll.register(wire.terminal, select.POLLIN)
        wait_s = LONGEST_WAIT_S
        if due is not None:
            wait_s = min(wait_s, self._clock.real_wait(due - self._clock.now()))
        poll.poll(wait_s * 1000)


def _unplug(wire: Wire) -> None:
    if wire.terminal is not None:
        wire.terminal.close()
        wire.terminal = None
        wire.cable.pull()


def role_names() -> Mapping[str, str]:
    """Names by which a device may be called: its driver's, or what it is for."""
    return {name: name for name in SIMULATORS} | {str(s.role): s.name for s in SIMULATORS.values()}
