"""The agent's end of the panel's socket, against a socket that plays the panel."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import Clock
from agent.events import ButtonPressed, News, PanelDown, PanelDrives, PanelUp
from agent.inbox import Inbox
from agent.panel.messages import Refused
from agent.panel_link import PanelLink, Shown, read
from bedside.instants import SECOND
from bedside.level import (
    FIRST_LEASE,
    MAXIMUM_MESSAGE_BYTES,
    SILENT,
    Level,
    Press,
    ScreenLine,
    from_message,
    to_message,
)
from bedside.priorities import Audio, Category, Priority

PATIENCE_S = 10.0
HELLO = b'{"hello":{"pins":"mock","sounder":"unproven","faults":[],"remarks":[]}}\n'
UP = PanelUp("mock", "unproven", ())
ALARM = Level(
    Priority.HIGH, Category.OXYGENATION, Priority.HIGH, Audio.ON, (ScreenLine("SpO₂ 82 %", Priority.HIGH),)
)


class Time:
    """The machine's clock, moved by hand. Stopped, it holds the link as a stopped process would."""

    def __init__(self) -> None:
        self.ns = 0
        self.goes = threading.Event()
        self.goes.set()

    def __call__(self) -> int:
        if threading.current_thread().name == "panel link":
            assert self.goes.wait(PATIENCE_S)
        return self.ns


class Bench:
    """The link under test and a panel that listens, or does not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = Time()
        clock = Clock(monotonic_ns=self.time)
        self.inbox = Inbox(clock)
        self.link = PanelLink(str(path), self.inbox, clock)
        self.sockets: list[socket.socket] = []
        self._text = b""

    def listen(self) -> socket.socket:
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.settimeout(PATIENCE_S)
        listener.bind(str(self.path))
        listener.listen()
        self.sockets.append(listener)
        return listener

    def accept(self, listener: socket.socket) -> socket.socket:
        panel = listener.accept()[0]
        panel.settimeout(PATIENCE_S)
        self.sockets.append(panel)
        self._text = b""
        return panel

    def up(self) -> socket.socket:
        """A panel that has said hello."""
        listener = self.listen()
        self.link.start()
        panel = self.accept(listener)
        panel.sendall(HELLO)
        assert self.next() == UP
        return panel

    def next(self, patience_s: float = PATIENCE_S) -> News | None:
        stamped = self.inbox.get(patience_s)
        return None if stamped is None else stamped.event

    def message(self, panel: socket.socket) -> Any:
        while b"\n" not in self._text:
            data = panel.recv(65_536)
            assert data, "the link closed the connection"
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        return json.loads(line)

    def close(self) -> None:
        for each in self.sockets:
            each.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "panel.sock")
    yield bench
    bench.close()
    if bench.link._thread.ident is not None:
        assert bench.link.goodbye(session=False)


def test_what_is_given_is_sent_once_and_as_it_was_given(bench: Bench) -> None:
    panel = bench.up()
    bench.link.renew(ALARM)
    assert from_message(bench.message(panel)["level"]) == ALARM
    bench.link.renew(SILENT)
    assert bench.message(panel) == {"level": to_message(SILENT)}


def test_a_loop_that_gives_nothing_has_nothing_sent_for_it(bench: Bench) -> None:
    panel = bench.up()
    bench.link.renew(ALARM)
    bench.message(panel)
    panel.settimeout(1)
    with pytest.raises(TimeoutError):
        panel.recv(1)


def test_no_panel_is_said_once_and_one_that_comes_is_found(bench: Bench) -> None:
    bench.link.start()
    bench.time.ns += FIRST_LEASE - SECOND
    assert bench.next(0.5) is None
    bench.time.ns += SECOND
    assert bench.next() == PanelDown()
    assert bench.next(0.5) is None
    bench.accept(bench.listen()).sendall(HELLO)
    assert bench.next() == UP


def test_a_new_panel_is_given_the_present_level_at_once(bench: Bench) -> None:
    first = bench.up()
    bench.link.renew(ALARM)
    bench.message(first)
    listener = bench.listen()
    first.close()
    assert bench.next() == PanelDown()
    second = bench.accept(listener)
    assert from_message(bench.message(second)["level"]) == ALARM
    second.sendall(HELLO)
    assert bench.next() == UP


def test_a_new_panel_is_not_given_an_old_level(bench: Bench) -> None:
    first = bench.up()
    bench.link.renew(ALARM)
    bench.message(first)
    bench.time.ns += 2 * SECOND
    listener = bench.listen()
    first.close()
    second = bench.accept(listener)
    second.settimeout(0.5)
    with pytest.raises(TimeoutError):
        second.recv(1)


def test_button_and_shown_come_in_between_anything_else(bench: Bench) -> None:
    panel = bench.up()
    bench.link.renew(ALARM)
    panel.sendall(b'{"button":"short"}\nrubbish\n{"but')
    panel.sendall(b"x" * (MAXIMUM_MESSAGE_BYTES + 1) + b"\n")
    panel.sendall(b'{"button":"long"}\n')
    assert [bench.next() for _ in range(2)] == [ButtonPressed(Press.SHORT), ButtonPressed(Press.LONG)]
    assert bench.link.refused == 2


def test_a_press_without_a_fresh_level_answers_nothing(bench: Bench) -> None:
    panel = bench.up()
    panel.sendall(b'{"button":"short"}\n')
    assert bench.next(0.5) is None
    bench.link.renew(ALARM)
    bench.message(panel)
    bench.time.ns += SECOND + 1
    assert bench.next(0.5) is None  # the link sees the time pass, and goes on
    panel.sendall(b'{"button":"short"}\n')
    assert bench.next(0.5) is None
    assert bench.link.late_presses == 2
    bench.link.renew(ALARM)
    panel.sendall(b'{"button":"long"}\n')
    assert bench.next() == ButtonPressed(Press.LONG)


@pytest.mark.parametrize("before", [b"", b'{"shown":{"sound":"high","lamp":"high"}}\n' * 300])
def test_a_press_that_waited_while_the_process_was_stopped_answers_nothing(
    bench: Bench, before: bytes
) -> None:
    panel = bench.up()
    bench.link.renew(SILENT)
    bench.message(panel)
    bench.time.goes.clear()
    panel.sendall(before + b'{"button":"short"}\n')
    bench.time.ns += 20 * SECOND
    bench.link.renew(ALARM)  # the loop came first: an alarm fell due meanwhile
    bench.time.goes.set()
    assert from_message(bench.message(panel)["level"]) == ALARM
    assert bench.next(0.5) is None
    assert bench.link.late_presses == 1
    panel.sendall(b'{"button":"short"}\n')
    assert bench.next() == ButtonPressed(Press.SHORT)


def test_a_panel_that_drives_something_else_is_told_of_after_three_seconds(bench: Bench) -> None:
    panel = bench.up()
    bench.link.renew(ALARM)
    bench.message(panel)
    panel.sendall(b'{"shown":{"sound":null,"lamp":null}}\n')
    assert bench.next(0.5) is None
    bench.time.ns += 3 * SECOND
    assert bench.next() == PanelDrives(as_asked=False)
    panel.sendall(b'{"shown":{"sound":"high","lamp":"high"}}\n')
    assert bench.next() == PanelDrives(as_asked=True)


def test_a_panel_without_hello_counts_as_lost_but_is_waited_for(bench: Bench) -> None:
    listener = bench.listen()
    bench.link.start()
    panel = bench.accept(listener)
    assert bench.next(0.3) is None
    bench.time.ns += FIRST_LEASE
    assert bench.next() == PanelDown()
    panel.sendall(HELLO)
    assert bench.next() == UP


def test_a_panel_that_takes_nothing_any_more_counts_as_lost(bench: Bench) -> None:
    bench.up()
    for _ in range(600):  # five minutes of renewals; its buffer holds the first few
        bench.link.renew(ALARM)
        if bench.next(0.005) is not None:
            break
        bench.time.ns += SECOND // 2
    else:
        pytest.fail("never noticed")
    assert bench.time.ns < 60 * SECOND


@pytest.mark.parametrize("session", [True, False])
def test_goodbye_is_the_last_word(bench: Bench, session: bool) -> None:  # noqa: FBT001 - one parameter of a table
    panel = bench.up()
    assert bench.link.goodbye(session=session)
    bench.link.renew(ALARM)
    assert bench.message(panel) == {"goodbye": {"session": session}}
    assert panel.recv(1) == b""
    assert bench.next(0) is None


def test_goodbye_without_a_panel_is_quick(bench: Bench) -> None:
    bench.link.start()
    assert bench.link.goodbye(session=True)


def test_a_panel_that_closes_every_connection_is_not_called_without_pause(bench: Bench) -> None:
    listener = bench.listen()
    bench.link.start()
    ends = time.monotonic() + 1
    calls = 0
    with contextlib.suppress(TimeoutError):
        while calls < 100:
            bench.accept(listener).close()
            calls += 1
            listener.settimeout(max(0.001, ends - time.monotonic()))
    assert 2 < calls < 7
    told = None
    while told is None:
        bench.time.ns += FIRST_LEASE
        told = bench.next(0.5)
    assert told == PanelDown()
    assert bench.next(0.2) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 30_000,
        b'{"button":"double"}',
        b'{"button":null}',
        b'{"hello":{"pins":"mock","sounder":"ok"}}',
        b'{"hello":{"pins":"mock","sounder":"ok","faults":[1],"remarks":[]}}',
        b'{"shown":{"sound":"loud","lamp":null}}',
        b'{"shown":{"sound":null}}',
    ],
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    assert isinstance(read(line), Refused)


def test_every_message_of_the_panel_is_read() -> None:
    assert read(HELLO) == UP
    assert read(
        b'{"hello":{"pins":"lgpio","sounder":"missing","faults":["sounder: gone"],"remarks":["no screen"]}}'
    ) == PanelUp("lgpio", "missing", ("sounder: gone",), ("no screen",))
    assert read(b'{"shown":{"sound":"high","lamp":"low"}}') == Shown(Priority.HIGH, Priority.LOW)
