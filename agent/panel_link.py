"""The agent's end of the panel's socket. The panel listens; this end connects, and tries again four times a
second.

What goes out is only what the loop gave: each `renew` is sent once, and nothing is ever repeated from here. A
loop that hangs gives nothing, the panel's lease ends, and the panel sounds. After a reconnect the last level
given is sent at once, unless it is older than a second: an old level would speak for a loop that may be dead.

What comes in becomes events: hello -> PanelUp, button -> ButtonPressed, shown -> PanelShown. Anything else is
counted and ignored. `PanelDown` is put once for each loss, and once when there is no panel from the
beginning.

A press answers what the bedside shows. So none counts while the last level given is older than a second, nor
when it may have waited in the socket while this process was stopped: the loop would take it after every alarm
that fell due meanwhile, and acknowledge what nobody has seen. The presser presses again.

The lease is real time at every rate of the bed's clock, and so is everything measured here. Lines:
`bedside/level.py`.
"""

import contextlib
import json
import select
import socket
import threading
from dataclasses import dataclass
from typing import Any, Final

from agent.clock import Clock
from agent.events import ButtonPressed, PanelDown, PanelDrives, PanelUp
from agent.inbox import Inbox
from agent.panel.messages import Lines, Refused
from agent.wake import Wake
from bedside.instants import Instant, in_seconds
from bedside.level import FIRST_LEASE, LEASE, Level, Press, to_message
from bedside.priorities import Priority

RETRY_S: Final = 0.2
FRESH_S: Final = 1.0
STOP_S: Final = 1.0
PATIENCE_S: Final = in_seconds(LEASE)
"""A panel that says no hello, or takes no byte, for this long counts as lost."""

MISMATCH_S: Final = 3.0
"""A panel that shows other than it was asked for this long has a fault. A burst that began is played to its
end, which takes up to a second and a half.
"""

FIRST_WAIT_S: Final = in_seconds(FIRST_LEASE)
"""At the start panel and agent wait this long for each other before either says that the other is missing."""

SEND_BUFFER_BYTES: Final = 4096
"""Small, so that a panel that stopped reading is noticed after a few levels, not after a minute of them."""

LONGEST_READ_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Shown:
    """What the panel says that it drives."""

    sound: Priority | None
    lamp: Priority | None


class PanelLink:
    """The connection to the panel. `start` once, `goodbye` once; between them `renew` from the loop."""

    def __init__(self, socket_path: str, inbox: Inbox, clock: Clock) -> None:
        self._path = socket_path
        self._inbox = inbox
        self._clock = clock
        self._lock = threading.Lock()
        self._given: tuple[Level, Instant] | None = None
        self._is_unsent = False
        self._ends_in_session: bool | None = None
        self._is_up = False
        self._was_up = False
        self._is_loss_said = False
        self._started_at = clock.now()
        self._refused = 0
        self._late_presses = 0
        self._is_behind = False
        self._asked: Level | None = None
        self._shown: Shown | None = None
        self._wrong_since: Instant | None = None
        self._is_wrong_said = False
        self._wake = Wake()
        self._thread = threading.Thread(target=self._run, name="panel link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def renew(self, level: Level) -> None:
        """Send this level now. For every change, and at least every `bedside.level.RENEWAL` of real time."""
        with self._lock:
            self._given = level, self._clock.now()
            self._is_unsent = True
        self._wake.wake()

    def goodbye(self, *, session: bool) -> bool:
        """A clean stop: say whether a session is running, and close. Whether that took under a second."""
        self._ends_in_session = session
        self._wake.wake()
        self._thread.join(STOP_S)
        ended = not self._thread.is_alive()
        if ended:
            self._wake.close()
        return ended

    @property
    def refused(self) -> int:
        """Lines from the panel that were none of its messages."""
        return self._refused

    @property
    def late_presses(self) -> int:
        """Presses that were ignored, because what they answered may be long gone."""
        return self._late_presses

    def _run(self) -> None:
        while self._ends_in_session is None:
            with contextlib.suppress(OSError), self._connected() as connection:
                self._serve(connection)
            if self._ends_in_session is None:
                self._lose()
                select.select([self._wake], [], [], RETRY_S)
                self._wake.clear()

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            connection.settimeout(0)
            connection.connect(self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _serve(self, connection: socket.socket) -> None:
        """Until the panel is gone, takes nothing more, or we leave. OSError when it went while we wrote."""
        incoming = Lines()
        outgoing = b""
        connected_at = looked_at = moved_at = self._clock.now()
        self._is_behind = False
        self._asked = self._shown = self._wrong_since = None
        self._is_wrong_said = False
        with self._lock:
            self._is_unsent = self._given is not None
        while self._ends_in_session is None:
            outgoing = outgoing or self._next_line()
            socket_fd, sending = connection.fileno(), [connection.fileno()] if outgoing else []
            readable, writable, _ = select.select([socket_fd, self._wake.fileno()], sending, [], RETRY_S)
            self._wake.clear()
            data = connection.recv(LONGEST_READ_BYTES) if socket_fd in readable else None
            now = self._clock.now()
            if data == b"":
                return
            # After a sleep everything is of unknown age, until the socket has been found empty.
            self._is_behind = bool(data) and (self._is_behind or not self._is_fresh(looked_at, now))
            looked_at = now
            for line in incoming.feed(data or b""):
                self._take(line, now)
            if socket_fd in writable:
                outgoing = outgoing[connection.send(outgoing) :]
                moved_at = now
            elif outgoing and self._clock.real_wait(now - moved_at) > PATIENCE_S:
                return
            elif not outgoing:
                moved_at = now
            if not self._is_up and self._clock.real_wait(now - connected_at) > PATIENCE_S:
                self._lose()
            self._compare(now)
        connection.settimeout(STOP_S / 2)
        connection.sendall(outgoing + _line({"goodbye": {"session": self._ends_in_session}}))

    def _next_line(self) -> bytes:
        with self._lock:
            if self._given is None or not self._is_unsent:
                return b""
            self._is_unsent = False
            level, at = self._given
        if not self._is_fresh(at, self._clock.now()):
            return b""
        self._asked = level
        return _line({"level": to_message(level)})

    def _is_fresh(self, at: Instant, now: Instant) -> bool:
        return self._clock.real_wait(now - at) <= FRESH_S

    def _is_seen(self, now: Instant) -> bool:
        """Whether a press read now can be an answer to what the loop last gave."""
        with self._lock:
            given = self._given
        return given is not None and self._is_fresh(given[1], now) and not self._is_behind

    def _take(self, line: bytes | Refused, now: Instant) -> None:
        event = line if isinstance(line, Refused) else read(line)
        if isinstance(event, Refused):
            self._refused += 1
            return
        if isinstance(event, Shown):
            self._shown = event
            return
        if isinstance(event, ButtonPressed) and not self._is_seen(now):
            self._late_presses += 1
            return
        if isinstance(event, PanelUp):
            self._is_up = self._was_up = True
            self._is_loss_said = False
        self._inbox.put(event)

    def _compare(self, now: Instant) -> None:
        """Is what the panel drives what it was asked for? Real time: the panel knows no other."""
        asked, shown = self._asked, self._shown
        if asked is None or shown is None or (asked.sound, asked.lamp) == (shown.sound, shown.lamp):
            self._wrong_since = None
            if self._is_wrong_said:
                self._is_wrong_said = False
                self._inbox.put(PanelDrives(as_asked=True))
        elif self._wrong_since is None:
            self._wrong_since = now
        elif not self._is_wrong_said and self._clock.real_wait(now - self._wrong_since) >= MISMATCH_S:
            self._is_wrong_said = True
            self._inbox.put(PanelDrives(as_asked=False))

    def _lose(self) -> None:
        self._is_up = False
        waited_s = self._clock.real_wait(self._clock.now() - self._started_at)
        if not self._is_loss_said and (self._was_up or waited_s >= FIRST_WAIT_S):
            self._is_loss_said = True
            self._inbox.put(PanelDown())


def read(line: bytes) -> PanelUp | ButtonPressed | Shown | Refused:
    """A message of the panel, or why it is none."""
    try:
        match json.loads(line.decode()):
            case {
                "hello": {
                    "pins": str(pins),
                    "sounder": str(sounder),
                    "faults": list(faults),
                    "remarks": list(remarks),
                }
            } if all(isinstance(text, str) for text in (*faults, *remarks)):
                return PanelUp(pins, sounder, tuple(faults), tuple(remarks))
            case {"button": str(press)}:
                return ButtonPressed(Press(press))
            case {"shown": {"sound": str() | None as sound, "lamp": str() | None as lamp}}:
                return Shown(_priority(sound), _priority(lamp))
    except (ValueError, RecursionError):
        return Refused("not a message")
    return Refused("not a message of the panel")


def _priority(word: str | None) -> Priority | None:
    return None if word is None else Priority.from_word(word)


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
