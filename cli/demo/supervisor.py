"""Keeps child processes running as systemd would, and leaves none behind.

    supervisor = Supervisor(folder)
    supervisor.start(Program("panel", "cli", ("panel", "settings.toml"), back_after_s=0.2))
    supervisor.tick()      several times a second: notices ends, starts again what may come back
    supervisor.stop()      in the order that it is given

Each child is a session of its own: Ctrl-C and a closing terminal reach only us, and we end them in order.
Each dies with us whatever happens (`cli.demo.child`). What they say goes to <folder>/<name>.log. To be used
from the main thread only: the kernel counts the starting thread as the parent.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

STOP_S: Final = 3.0
"""How long a child may take to end after SIGTERM."""
KILLED_S: Final = 5.0
POLL_S: Final = 0.02
MOST_UNASKED: Final = 5
"""Deaths of one program after which it is given up."""
TAIL_BYTES: Final = 4096
CHECKOUT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Program:
    """A Python module and its arguments. `back_after_s` None: it is not started again when it ends."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    back_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A program ended by itself, or because somebody `asked`; a negative code is a signal's number."""

    name: str
    code: int
    asked: bool


@dataclass(frozen=True, slots=True)
class Returned:
    """A program was started again."""

    name: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A program ended for good."""

    name: str


News: TypeAlias = Ended | Returned | GivenUp


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    is_running: bool = True
    was_asked: bool = False
    due: float | None = None


class Supervisor:
    """The children of this process. `clock` counts real seconds."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.asked: Counter[str] = Counter()
        """How often each program was killed on request."""
        self.unasked: Counter[str] = Counter()
        """How often each program ended by itself."""
        self._folder = folder
        self._clock = clock
        self._children: dict[str, _Child] = {}

    def start(self, program: Program) -> None:
        self._children[program.name] = _Child(program, self._spawn(program))

    def tick(self) -> list[News]:
        """What has happened since the last look, and what was done about it."""
        news: list[News] = []
        for child in self._children.values():
            if child.is_running:
                news += self._look(child)
            if child.due is not None and child.due <= self._clock():
                child.process, child.is_running = self._spawn(child.program), True
                child.was_asked, child.due = False, None
                news.append(Returned(child.program.name))
        return news

    def runs(self, name: str) -> bool:
        return name in self._children and self._children[name].process.poll() is None

    def waits(self, name: str) -> bool:
        """Whether a program is down and will be started again."""
        return name in self._children and self._children[name].due is not None

    def pid(self, name: str) -> int:
        return self._children[name].process.pid

    def kill(self, name: str) -> bool:
        """Kill a program on purpose, without a chance to say goodbye. False when it does not run."""
        if not self.runs(name):
            return False
        child = self._children[name]
        child.was_asked = True
        child.process.kill()
        return True

    def tell(self, name: str, line: bytes) -> bool:
        """Write to a program's stdin. False when nobody reads there."""
        child = self._children.get(name)
        if child is None or child.process.stdin is None or child.process.stdin.closed:
            return False
        try:
            os.write(child.process.stdin.fileno(), line)
        except OSError:
            return False
        return True

    def tail(self, name: str) -> str:
        """The last words of a program."""
        return self.log(name)[-TAIL_BYTES:].decode(errors="replace")

    def log(self, name: str) -> bytes:
        """All that a program has said; nothing when it never ran."""
        try:
            return self._log_path(name).read_bytes()
        except FileNotFoundError:
            return b""

    def stop(self, order: Iterable[str] = ()) -> None:
        """End every child, first those named, one after the other. Takes seconds when one does not listen."""
        names = [*order, *self._children]
        for name in dict.fromkeys(names):
            child = self._children.pop(name, None)
            if child is not None:
                _end(child.process)

    def _look(self, child: _Child) -> list[News]:
        code = child.process.poll()
        if code is None:
            return []
        name = child.program.name
        child.is_running = False
        _close_stdin(child.process)
        (self.asked if child.was_asked else self.unasked)[name] += 1
        ended = Ended(name, code, child.was_asked)
        if child.program.back_after_s is None or self.unasked[name] > MOST_UNASKED:
            return [ended, GivenUp(name)]
        child.due = self._clock() + child.program.back_after_s
        return [ended]

    def _log_path(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "cli.demo.child", str(os.getpid()), program.module]
        # The checkout first, so that the children find it however we found it.
        paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._log_path(program.name).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
                [*command, *program.arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"},
            )
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    if process.poll() is None:
        process.kill()
        with contextlib.suppress(
            subprocess.TimeoutExpired
        ):  # a kernel that holds it; it is dead all the same
            process.wait(KILLED_S)
    _close_stdin(process)


def _close_stdin(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
