"""The panel's one loop: socket, button, signals and clock around the pure machine.

It waits in one place, for the next edge that is due or for news. Nothing else in it may block, and
nothing that a peer, a disk, a terminal or a wire does may end it. Two things do: SIGTERM (or SIGINT),
with all outputs off and exit code 0, and another panel that already serves the socket.
"""

import json
import os
import selectors
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO, assert_never

from agent.panel import messages
from agent.panel.door import Door, Taken, Visitor
from agent.panel.lease import Closed
from agent.panel.machine import Draw, Forward, Machine, Output, PanelEvent, Ready
from agent.panel.pins import SOUNDER, Pins
from agent.panel.player import Edge, Hush, Light, Shown, Tone
from agent.panel.presses import Finger
from agent.panel.screen import Console, ansi, rows
from agent.panel.settings import PanelSettings
from agent.panel.signals import DUTY, LAMP_SIGNALS
from bedside.instants import SECOND, Instant, earliest, in_seconds, milliseconds
from bedside.level import Press

_MEND: Final = 2 * SECOND
"""How often what is broken (socket path, wires) is tried again."""

_SHORT_KEY: Final = milliseconds(150)
_KEY_GAP: Final = milliseconds(150)
_KEYS_LIMIT: Final = 16
"""Key presses that may wait for the mock button."""

_WAKE_BYTES: Final = {Finger.DOWN: b"\xf1", Finger.UP: b"\xf2"}
"""What the button's thread writes into the wake-up pipe; signals write their number, always smaller."""


def serve(
    settings: PanelSettings, faults: tuple[str, ...], trace: Path | None = None, keys: TextIO | None = None
) -> int:
    """Run the panel until it is told to stop; the exit code."""
    try:
        panel = Panel(settings, faults, trace, keys)
    except Taken as problem:
        complain(f"another panel serves {problem}")
        return 1
    panel.run()
    return 0


def complain(text: str) -> None:
    """To whoever reads the log, if anybody does."""
    try:
        print(f"panel: {text}", file=sys.stderr, flush=True)  # noqa: T201 - structlog is not for this process
    except (OSError, ValueError):
        return


class Panel:
    """The process. Taken when the socket has another panel."""

    def __init__(
        self, settings: PanelSettings, faults: tuple[str, ...], trace: Path | None, keys: TextIO | None
    ) -> None:
        self._settings = settings
        self._settings_faults = faults
        self._visitor: Visitor | None = None
        self._lines = messages.Lines()
        self._refused = 0
        self._is_stopping = False
        self._reported: tuple[str, ...] = ()
        self._mend_at: Instant | None = None
        # select() rather than epoll: it waits with microseconds, epoll only with whole milliseconds.
        self._selector = selectors.SelectSelector()
        self._door: Door | None = None
        self._door_fault = ""
        self._open_door()
        self._wake = _Pipe()
        self._listen(self._wake.reading, self._woken)
        signal.set_wakeup_fd(self._wake.writing, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # the number in the wake-up pipe is the news
        self._pins = Pins(settings, lambda finger: self._wake.put(_WAKE_BYTES[finger]))
        self._console = Console(settings.screen)
        self._trace = Trace(trace)
        self._keys = Keys(milliseconds(settings.long_press_ms))
        if keys is not None:
            self._listen(keys.fileno(), lambda: self._read_keys(keys.fileno()))
        self._machine = Machine(time.monotonic_ns(), milliseconds(settings.long_press_ms))

    def run(self) -> None:
        self._draw()
        while not self._is_stopping:
            now = time.monotonic_ns()
            self._perform(self._machine.tick(now))
            for finger in self._keys.tick(now):
                self._pins.move_button(finger)
            if self._mend_at is not None and self._mend_at <= now:
                self._mend()
            for key, _ in self._selector.select(self._timeout_s()):
                if key.fd in self._selector.get_map():  # not after an earlier one in this turn has closed it
                    key.data()
        self._close()

    # Waiting and waking

    def _timeout_s(self) -> float | None:
        due = earliest(self._machine.deadline, self._keys.deadline, self._mend_at)
        return None if due is None else max(0.0, in_seconds(due - time.monotonic_ns()))

    def _listen(self, descriptor: int, callback: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, callback)

    def _woken(self) -> None:
        for byte in self._wake.take():
            if byte in (signal.SIGTERM, signal.SIGINT):
                self._is_stopping = True
            for finger, mark in _WAKE_BYTES.items():
                if byte == mark[0]:
                    self._happen(finger)

    def _read_keys(self, descriptor: int) -> None:
        chunk = os.read(descriptor, 4_096)
        if not chunk:
            self._selector.unregister(descriptor)
            return
        for word in chunk.decode(errors="replace").split():
            try:
                self._keys.press(Press(word), time.monotonic_ns())
            except ValueError:
                complain(f"key {word!r}: expected short or long")

    # The agent

    def _knocked(self) -> None:
        visitor = self._door.open() if self._door else None
        if visitor is None:
            return
        self._part()  # replaced, not lost: what the lease still allows is allowed
        self._visitor = visitor
        self._lines = messages.Lines()
        self._listen(visitor.connection.fileno(), self._hear)
        if self._machine.is_ready:
            self._introduce()

    def _hear(self) -> None:
        visitor = self._visitor
        if visitor is None:
            return
        if visitor.has_unsent:
            self._send()
        chunk = visitor.receive()
        if chunk is None:
            self._part()
            self._happen(Closed())
            return
        for line in self._lines.feed(chunk):
            message = line if isinstance(line, messages.Refused) else messages.parse(line)
            if isinstance(message, messages.Refused):
                self._refuse(message)
            else:
                self._happen(message)

    def _refuse(self, message: messages.Refused) -> None:
        self._refused += 1
        if self._refused & (self._refused - 1) == 0:  # 1st, 2nd, 4th, 8th: a flood does not fill the log
            complain(f"message refused ({self._refused} so far): {message.reason}")

    def _part(self) -> None:
        if self._visitor is not None:
            self._selector.unregister(self._visitor.connection.fileno())
            self._visitor.close()
            self._visitor = None

    def _introduce(self) -> None:
        works = "not verified" if self._pins.works(SOUNDER) else "missing"
        self._send(
            messages.hello(self._pins.factory_name, works, self._pins.faults.values(), self._remarks())
        )
        self._send(messages.shown(self._driven(self._machine.shown)))

    def _send(self, line: bytes = b"") -> None:
        visitor = self._visitor
        if visitor is None:
            return
        visitor.send(line)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if visitor.has_unsent else 0)
        if self._selector.get_key(visitor.connection.fileno()).events != wanted:
            self._selector.modify(visitor.connection.fileno(), wanted, self._hear)

    # The machine's outputs

    def _happen(self, event: PanelEvent) -> None:
        self._perform(self._machine.on(event, time.monotonic_ns()))

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Tone() | Hush() | Light():
                    self._drive(output)
                case Draw():
                    self._draw()
                case Ready():
                    self._introduce()
                case Forward(press=press):
                    self._send(messages.button(press))
                case Shown():
                    self._send(messages.shown(self._driven(output)))
                case _:
                    assert_never(output)

    def _drive(self, edge: Edge) -> None:
        if self._pins.write(edge):
            self._trace.write(edge, time.monotonic_ns())
        else:
            self._report()

    def _driven(self, meant: Shown) -> Shown:
        """What is meant to be driven, less what has no wire."""
        lamp = meant.lamp if meant.lamp and self._pins.works(LAMP_SIGNALS[meant.lamp].lamp) else None
        return Shown(meant.sound if self._pins.works(SOUNDER) else None, lamp)

    def _draw(self) -> None:
        self._console.show(ansi(rows(self._machine.level, self._faults())))
        self._report()

    # What is broken

    def _faults(self) -> list[str]:
        return [*self._pins.faults.values(), *self._remarks()]

    def _remarks(self) -> list[str]:
        """What is wrong with anything but the wires to sounder, lamps and button."""
        found = (*self._settings_faults, self._door_fault, self._console.fault, self._trace.fault)
        return [remark for remark in found if remark]

    def _report(self) -> None:
        """Say what is newly broken, in the log and to the agent; look again in a while."""
        faults = tuple(self._faults())
        if faults != self._reported:
            for fault in faults:
                if fault not in self._reported:
                    complain(fault)
            self._reported = faults
            if self._machine.is_ready:
                self._introduce()
        if self._mend_at is None and (self._pins.faults or self._door is None):
            self._mend_at = time.monotonic_ns() + _MEND

    def _mend(self) -> None:
        self._mend_at = None
        for edge in self._pins.mend():
            self._trace.write(edge, time.monotonic_ns())
        if self._door is None:
            self._open_door()
        self._draw()

    def _open_door(self) -> None:
        try:
            self._door = Door(Path(self._settings.socket))
        except OSError as problem:
            self._door_fault = f"socket {self._settings.socket}: {problem.strerror or problem}"
            return
        self._door_fault = ""
        self._listen(self._door.listener.fileno(), self._knocked)

    def _close(self) -> None:
        self._perform(self._machine.stop(time.monotonic_ns()))
        self._part()
        if self._door:
            self._door.leave()
        self._pins.close()
        self._console.close()
        self._trace.close()
        signal.set_wakeup_fd(-1)
        self._selector.close()
        self._wake.close()


class _Pipe:
    """Brings the button's thread and the signals into the loop."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def put(self, mark: bytes) -> None:
        try:
            os.write(self.writing, mark)
        except OSError:
            return  # full: thousands of presses wait already; or closed: the panel is ending

    def take(self) -> bytes:
        return os.read(self.reading, 1_024)

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


class Trace:
    """Every output edge as one line of JSON, flushed at once. A restarted panel adds to the same file."""

    def __init__(self, path: Path | None) -> None:
        self.fault = ""
        self._file: TextIO | None = None
        if path is not None:
            try:
                self._file = path.open("a", encoding="utf-8")
            except OSError as problem:
                self._fail(problem)

    def write(self, edge: Edge, at: Instant) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(traced(edge, at)) + "\n")
            self._file.flush()
        except OSError as problem:
            self._fail(problem)

    def close(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as problem:
                self._fail(problem)

    def _fail(self, problem: OSError) -> None:
        self._file = None
        self.fault = f"trace: {problem.strerror or problem}"


def traced(edge: Edge, at: Instant) -> dict[str, str | int | float | bool]:
    """The trace's object of an edge that was written at an instant."""
    stamps = {"at_ns": at, "due_ns": edge.due}
    match edge:
        case Tone(frequency_hz=frequency_hz):
            return {**stamps, "output": SOUNDER, "on": True, "frequency_hz": frequency_hz, "duty": DUTY}
        case Hush():
            return {**stamps, "output": SOUNDER, "on": False}
        case Light(lamp=lamp, on=on):
            return {**stamps, "output": lamp.value, "on": on}


class Keys:
    """Presses typed on a keyboard, turned into what a finger would do to the button, one after the other."""

    def __init__(self, long_press: Instant) -> None:
        self._lengths = {Press.SHORT: _SHORT_KEY, Press.LONG: long_press + _SHORT_KEY}
        self._queue: deque[tuple[Instant, Finger]] = deque()

    @property
    def deadline(self) -> Instant | None:
        return self._queue[0][0] if self._queue else None

    def press(self, press: Press, now: Instant) -> None:
        if len(self._queue) >= 2 * _KEYS_LIMIT:
            complain("key dropped: too many wait")
            return
        down = max(now, self._queue[-1][0] + _KEY_GAP) if self._queue else now
        self._queue += [(down, Finger.DOWN), (down + self._lengths[press], Finger.UP)]

    def tick(self, now: Instant) -> list[Finger]:
        """At most one movement a turn, so that the loop sees each before the next."""
        if self._queue and self._queue[0][0] <= now:
            return [self._queue.popleft()[1]]
        return []
