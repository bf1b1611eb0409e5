"""Port threads on real pseudo-terminals: opening, reading, writing, losing and finding again."""

import os
import pty
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import ports
from agent.clock import Clock
from agent.events import News, PortClosed, PortData, PortOpened
from agent.inbox import Inbox
from agent.ports import UNSENT_LIMIT_BYTES, Port
from drivers.contract import LineSettings, Parity

PATIENCE_S = 10.0
LINE = LineSettings(baud=9600)


class Cable:
    """The device's end of a pseudo-terminal, found under a link as udev would make one."""

    def __init__(self, link: Path) -> None:
        self.far, self.near = pty.openpty()
        tty.setraw(self.near)
        fresh = link.with_suffix(".new")
        fresh.symlink_to(os.ttyname(self.near))
        fresh.replace(link)
        self.is_pulled = False

    def pull(self) -> None:
        if not self.is_pulled:
            os.close(self.near)
            os.close(self.far)
            self.is_pulled = True


class Bench:
    """One port thread, its inbox, and the cables plugged in so far."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.inbox = Inbox(Clock())
        self.cables: list[Cable] = []
        self.port = Port("probe", str(link), LINE, self.inbox)

    def plug(self) -> Cable:
        self.cables.append(Cable(self.link))
        return self.cables[-1]

    def next(self, patience_s: float = PATIENCE_S) -> News | None:
        stamped = self.inbox.get(patience_s)
        return None if stamped is None else stamped.event

    def opened(self) -> Cable:
        cable = self.plug()
        self.port.start()
        assert self.next() == PortOpened("probe")
        return cable

    def received(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            event = self.next()
            assert isinstance(event, PortData)
            data += event.data
        return data


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "usb-probe")
    yield bench
    if bench.port._thread.ident is not None:
        assert bench.port.stop()
    for cable in bench.cables:
        cable.pull()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off that no test would outlast: what is opened again was opened because its path changed."""
    monkeypatch.setattr(ports, "BACK_OFF_POLLS", (10_000,))


def test_bytes_come_in_and_go_out_whole(bench: Bench) -> None:
    cable = bench.opened()
    every_byte = bytes(range(256))
    os.write(cable.far, every_byte)
    assert bench.received(256) == every_byte
    assert bench.port.write(every_byte)
    sent = b""
    while len(sent) < 256:
        sent += os.read(cable.far, 256)
    assert sent == every_byte
    assert bench.port.turns > 0


def test_every_line_setting_is_asked_of_the_terminal(bench: Bench) -> None:
    # A pseudo-terminal refuses 7 bits and parity, so what was asked for is looked at, and what it granted.
    cable = bench.plug()
    line = ports._opened(str(bench.link), LineSettings(2400, 7, Parity.EVEN, 2))
    assert (line.baudrate, line.bytesize, line.parity, line.stopbits) == (2400, 7, "E", 2)
    assert (line.timeout, line.write_timeout, line.exclusive) == (0, 0, True)
    assert (line.xonxoff, line.rtscts, line.dsrdtr) == (False, False, False)
    granted = termios.tcgetattr(cable.near)
    assert granted[4:6] == [termios.B2400, termios.B2400]
    assert granted[2] & termios.CSTOPB
    assert not granted[2] & termios.CRTSCTS
    ports._close(line)


def test_a_hang_up_is_said_once_and_the_next_cable_is_followed(bench: Bench) -> None:
    bench.opened().pull()
    assert bench.next() == PortClosed("probe", "unplugged or hung up")
    assert bench.next(0.5) is None
    os.write(bench.plug().far, b"")
    assert bench.next() == PortOpened("probe")
    os.write(bench.cables[-1].far, b"new")
    assert bench.received(3) == b"new"


def test_a_missing_port_is_said_once_and_opened_at_once_when_it_appears(bench: Bench, patient: None) -> None:
    bench.port.start()
    assert bench.next() == PortClosed("probe", "no such port")
    assert bench.next(0.3) is None
    bench.plug()
    assert bench.next(1) == PortOpened("probe")


def test_a_path_that_leads_to_another_device_is_followed(bench: Bench, patient: None) -> None:
    first = bench.opened()
    second = bench.plug()
    assert bench.next() == PortClosed("probe", "the path leads to another device")
    assert bench.next(1) == PortOpened("probe")
    os.write(first.far, b"old")
    os.write(second.far, b"new")
    assert bench.received(3) == b"new"


def test_a_link_that_is_gone_for_a_moment_changes_nothing(bench: Bench) -> None:
    cable = bench.opened()
    bench.link.unlink()
    os.write(cable.far, b"still")
    assert bench.received(5) == b"still"
    bench.link.symlink_to(os.ttyname(cable.near))
    assert bench.next(0.7) is None


def test_a_second_opener_is_refused_and_waits_its_turn(bench: Bench) -> None:
    bench.opened()
    rival_inbox = Inbox(Clock())
    rival = Port("rival", str(bench.link), LINE, rival_inbox)
    rival.start()
    refused = rival_inbox.get(PATIENCE_S)
    assert refused is not None
    assert refused.event == PortClosed("rival", "in use by another program")
    bench.port.stop()
    taken = rival_inbox.get(PATIENCE_S)
    assert taken is not None
    assert taken.event == PortOpened("rival")
    assert rival.stop()


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir], ids=["file", "folder"])
def test_what_is_no_serial_port_is_a_loss_and_no_crash(bench: Bench, make: Callable[[Path], None]) -> None:
    make(bench.link)
    bench.port.start()
    assert isinstance(bench.next(), PortClosed)
    assert bench.port._thread.is_alive()


def test_a_baud_rate_that_the_system_refuses_is_a_loss_and_no_crash(bench: Bench) -> None:
    bench.port = Port("probe", str(bench.link), LineSettings(baud=-1), bench.inbox)
    bench.plug()
    bench.port.start()
    assert isinstance(bench.next(), PortClosed)
    assert bench.port._thread.is_alive()


def test_a_line_that_hangs_up_at_once_is_not_tried_without_pause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = 0
    real = ports._opened

    def counted(path: str, line: LineSettings) -> object:
        nonlocal opens
        opens += 1
        return real(path, line)

    monkeypatch.setattr(ports, "_opened", counted)
    cable = bench.plug()
    os.close(cable.far)
    cable.far = os.dup(cable.near)  # the far end is gone for good, its node stays held
    bench.port.start()
    while bench.next(1.0) is not None:
        pass
    assert opens < 10


def test_what_a_device_does_not_take_is_bounded_and_refused_whole(bench: Bench) -> None:
    bench.opened()
    assert not bench.port.write(bytes(UNSENT_LIMIT_BYTES + 1))
    written = 0
    while bench.port.write(bytes(1024)):
        written += 1024
        assert written < 1_000_000
    assert bench.port._thread.is_alive()


def test_a_closed_port_takes_nothing_and_keeps_nothing_for_the_next_one(bench: Bench) -> None:
    assert not bench.port.write(b"early")
    deaf = bench.opened()
    while bench.port.write(b"late"):  # until neither the device nor the port takes more
        pass
    deaf.pull()
    assert isinstance(bench.next(), PortClosed)
    assert not bench.port.write(b"too late")
    cable = bench.plug()
    assert bench.next() == PortOpened("probe")
    assert bench.port.write(b"fresh")
    assert os.read(cable.far, 100) == b"fresh"


def test_stopping_is_quick_and_says_no_loss(bench: Bench) -> None:
    bench.opened()
    while bench.port.write(bytes(1024)):  # a device that takes nothing must not hold the close up
        pass
    assert bench.port.stop()
    assert bench.next(0) is None
    assert not bench.port.write(b"after")
