"""The Unix socket the agent connects to. One agent at a time: a newer connection replaces the older.

A lock file beside the socket says that a panel is alive; the kernel drops the lock with its holder,
however that one died. So a socket file left by a killed panel is told from one in use without connecting
to it, which would push the agent out.
"""

import fcntl
import os
import socket
from pathlib import Path
from typing import Final

_UNSENT_LIMIT_BYTES: Final = 65_536
"""What may wait for an agent that does not read. More is dropped: old news of a panel is worth nothing."""

_CHUNK_BYTES: Final = 4_096
"""Read at most this much in one turn of the loop: a flood must not hold up the next pulse."""


class Taken(Exception):  # noqa: N818 - a state of the world, named as such
    """Another panel serves this socket."""


class Door:
    """The listening socket. OSError when the path cannot be used, Taken when another panel has it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            os.close(self._lock)
            raise Taken(str(path)) from problem
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.unlink(missing_ok=True)
            self.listener.bind(str(path))
            path.chmod(0o660)
            self.listener.listen(4)
        except OSError:
            self.close()
            raise
        self.listener.settimeout(0)
        self._path = path

    def open(self) -> "Visitor | None":
        """Whoever knocked, or nobody when they have left already."""
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return None
        connection.settimeout(0)
        return Visitor(connection)

    def leave(self) -> None:
        """Close and take the socket file away; the lock file stays, removing it would let two panels in."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        self.listener.close()
        os.close(self._lock)


class Visitor:
    """One connected agent. Nothing here waits."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._unsent = bytearray()

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def receive(self) -> bytes | None:
        """Bytes that came, or None when the connection is over."""
        try:
            return self.connection.recv(_CHUNK_BYTES) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def send(self, line: bytes = b"") -> None:
        """Send what the socket takes, keep the rest. A broken connection shows itself in `receive`."""
        if len(self._unsent) + len(line) <= _UNSENT_LIMIT_BYTES:
            self._unsent += line
        try:
            sent = self.connection.send(self._unsent, socket.MSG_NOSIGNAL) if self._unsent else 0
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()
            return
        del self._unsent[:sent]

    def close(self) -> None:
        self.connection.close()
