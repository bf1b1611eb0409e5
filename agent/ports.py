"""One thread for each serial port: it opens, reads, writes and hands over, and never looks at a byte.

A port is found by its path, and the path may be a link (/dev/serial/by-id/…). The thread follows it: when the
path leads to another device, that one is opened; when it comes back after a loss, it is opened at once. While
nothing changes, opening is tried again after 0.1 s, doubling to 2 s.

pyserial opens the line and sets it. Reading and writing go to the file descriptor: its non-blocking `write`
spins while the driver's buffer is full, and its `read` tells a hang-up as a second reader. What goes wrong
here is caught here and becomes `PortClosed`, once for each loss.

No clock is read: waiting is counted in polls.
"""

import contextlib
import errno
import os
import select
import termios
import threading
from typing import Final

import serial

from agent.events import PortClosed, PortData, PortOpened
from agent.inbox import Inbox
from agent.wake import Wake
from drivers.contract import LineSettings

LONGEST_READ_BYTES: Final = 4096
UNSENT_LIMIT_BYTES: Final = 4096
"""What may wait to be written: many times the longest request of any device."""

POLL_S: Final = 0.1
BACK_OFF_POLLS: Final = (1, 2, 4, 8, 16, 20)
IDLE_S: Final = 0.5
"""The longest sleep with an open port: how late a path that leads elsewhere is noticed on a silent line."""

STOP_S: Final = 1.0

_WORLD_FAILED: Final = (OSError, termios.error, ValueError)
"""What opening may raise: pyserial's errors are OSErrors, termios' are not, a refused baud rate is last."""

_SENTENCES: Final = {
    errno.ENOENT: "no such port",
    errno.ENODEV: "unplugged",
    errno.ENXIO: "unplugged",
    errno.EIO: "unplugged or hung up",
    errno.EACCES: "no permission to open it",
    errno.EAGAIN: "in use by another program",
    errno.EBUSY: "in use by another program",
}


class Port:
    """One device's serial port. `start` once, `stop` once; between them `write` from any thread."""

    def __init__(self, device: str, path: str, line: LineSettings, inbox: Inbox) -> None:
        self._device = device
        self._path = path
        self._line = line
        self._inbox = inbox
        self._lock = threading.Lock()
        self._is_open = False
        self._unsent = bytearray()
        self._stopping = threading.Event()
        self._wake = Wake()
        self._turns = 0
        self._thread = threading.Thread(target=self._run, name=f"port {device}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def write(self, data: bytes) -> bool:
        """Queue bytes to send; all of them, or none and False when the port is closed or does not keep up."""
        with self._lock:
            if not self._is_open or len(self._unsent) + len(data) > UNSENT_LIMIT_BYTES:
                return False
            self._unsent += data
        self._wake.wake()
        return True

    def stop(self) -> bool:
        """Close the port and end the thread; whether it ended within a second. Puts no `PortClosed`."""
        self._stopping.set()
        self._wake.wake()
        self._thread.join(STOP_S)
        ended = not self._thread.is_alive()
        if ended:
            self._wake.close()
        return ended

    @property
    def turns(self) -> int:
        """Grows at least twice a second while the thread lives."""
        return self._turns

    def _run(self) -> None:
        is_loss_said = False
        failures = 0
        while not self._stopping.is_set():
            seen = _identity(self._path)
            has_heard = False
            try:
                line = _opened(self._path, self._line)
            except _WORLD_FAILED as failure:
                detail = _sentence(failure)
            else:
                self._begin()
                is_loss_said = False
                detail, has_heard = self._serve(line.fileno())
                self._end()
                _close(line)
            if self._stopping.is_set():
                return
            if not is_loss_said:
                self._inbox.put(PortClosed(self._device, detail))
                is_loss_said = True
            # A line that opens and hangs up again without a byte has failed like one that does not open.
            if has_heard:
                failures = 0
            polls = BACK_OFF_POLLS[min(failures, len(BACK_OFF_POLLS) - 1)]
            failures = 0 if self._waited_for_change(seen, polls) else failures + 1

    def _begin(self) -> None:
        with self._lock:
            self._is_open = True
        self._inbox.put(PortOpened(self._device))

    def _end(self) -> None:
        with self._lock:
            self._is_open = False
            self._unsent.clear()  # a request belongs to the connection it was made for

    def _serve(self, fd: int) -> tuple[str, bool]:
        """Read and write until the line is lost: why, and whether a byte was heard."""
        opened = os.fstat(fd).st_rdev
        has_heard = False
        while not self._stopping.is_set():
            sending = [fd] if self._unsent else []
            readable, writable, _ = select.select([fd, self._wake.fileno()], sending, [], IDLE_S)
            self._turns += 1
            self._wake.clear()
            try:
                if fd in readable:
                    data = os.read(fd, LONGEST_READ_BYTES)
                    if not data:
                        return _SENTENCES[errno.EIO], has_heard
                    self._inbox.put(PortData(self._device, data))
                    has_heard = True
                if fd in writable:
                    self._send(fd)
            except BlockingIOError:
                pass
            except OSError as failure:
                return _sentence(failure), has_heard
            # A path that is gone for a moment says nothing: udev renews its links while a device stays.
            if (there := _identity(self._path)) and there[0] != opened:
                return "the path leads to another device", has_heard
        return "stopped", has_heard

    def _send(self, fd: int) -> None:
        with self._lock:
            del self._unsent[: os.write(fd, self._unsent)]

    def _waited_for_change(self, seen: tuple[int, ...] | None, polls: int) -> bool:
        """Wait; cut short, with True, when the path is there and is not what it was when last opened."""
        for _ in range(polls):
            there = _identity(self._path)
            if there is not None and there != seen:
                return True
            self._turns += 1
            select.select([self._wake], [], [], POLL_S)
            self._wake.clear()
            if self._stopping.is_set():
                break
        return False


def _opened(path: str, settings: LineSettings) -> serial.Serial:
    """The open line. Every argument is given: a library's default may change under us."""
    line = serial.Serial(
        port=None,
        baudrate=settings.baud,
        bytesize=settings.data_bits,
        parity=settings.parity.value,
        stopbits=settings.stop_bits,
        timeout=0,
        xonxoff=False,
        rtscts=False,
        write_timeout=0,
        dsrdtr=False,
        inter_byte_timeout=None,
        exclusive=True,
    )
    # Isolated device ports draw their power from these two. pyserial tolerates a port without modem lines.
    line.dtr = True
    line.rts = True
    line.port = path
    line.open()
    return line


def _close(line: serial.Serial) -> None:
    # Unsent bytes would hold a real port's close up for as long as half a minute.
    with contextlib.suppress(*_WORLD_FAILED):
        line.reset_output_buffer()
    with contextlib.suppress(*_WORLD_FAILED):
        line.close()


def _identity(path: str) -> tuple[int, ...] | None:
    """What the path leads to, device number first; and its rights, which udev grants after it appeared."""
    try:
        found = os.stat(path)  # noqa: PTH116 - the path stays the text that the settings gave
    except OSError:
        return None
    return found.st_rdev, found.st_ino, found.st_mode, found.st_uid, found.st_gid


def _sentence(failure: Exception) -> str:
    """In words for a log and an alarm text; the library's own texts name guesses, and the path twice."""
    number = failure.args[0] if failure.args else None
    if not isinstance(number, int):
        return str(failure)
    return _SENTENCES.get(number) or os.strerror(number)
