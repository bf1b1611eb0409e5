"""The log: lines for people on a terminal, JSON lines for everything else, always on stderr, always UTC.

What a log must never hold is taken out here, whoever logs it: values under names that mean a secret, and
passwords in addresses. A traceback shows no local variables for the same reason.

Whoever logs never waits: a pipe that nobody reads, or a terminal that is held, must not stop the watching.
Lines wait in a bounded backlog, and one thread writes them. When the backlog is full the oldest line goes;
where lines are missing, a line says how many.
"""

import atexit
import contextlib
import io
import logging
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agent.clock import Clock

LONGEST_TEXT: Final = 2_000
"""Characters of one value; longer ones, tracebacks aside, are cut."""

LONGEST_BACKLOG: Final = 1024
"""Lines that wait at most."""

LAST_WORDS_S: Final = 0.5
"""How long an end may wait for its last lines to be written."""

_HIDDEN: Final = "(hidden)"
_SECRET_NAME: Final = re.compile(r"(?i)(password|passwd|passphrase|secret|token|credential|private_key)s?$")
_SECRET_IN_ADDRESS: Final = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")


class Outlet(Protocol):
    """Where text goes, at whatever pace."""

    def write(self, text: str) -> object: ...

    def flush(self) -> None: ...


class Unbuffered:
    """An open file by its number.

    A thread that waits in a buffered stream holds that stream's lock. Python flushes stderr when it ends, and
    would then wait too.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, text: str) -> None:
        data = text.encode(errors="backslashreplace")
        while data:
            data = data[os.write(self._number, data) :]

    def flush(self) -> None:
        """Nothing is held back."""


class Unfailing:
    """An outlet whose loss is nobody's error: watching goes on when the terminal is gone."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._outlet.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._outlet.flush()


class Backlog:
    """Lines on their way to an outlet. Any thread writes and goes on; one thread of its own may wait.

    `say_lost(count)` is called from that thread, where the lost lines would have been.
    """

    def __init__(self, outlet: Outlet, say_lost: Callable[[int], None]) -> None:
        self._outlet = outlet
        self._say_lost = say_lost
        self._changed = threading.Condition()
        self._lines: deque[str] = deque()
        self._lost = 0
        self._is_writing = False
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def write(self, text: str) -> None:
        """Leave a line here. Waits for nothing but the lock."""
        with self._changed:
            if len(self._lines) == LONGEST_BACKLOG:
                self._lines.popleft()
                self._lost += 1
            self._lines.append(text)
            self._changed.notify_all()

    def flush(self, timeout_s: float = 0) -> bool:
        """Wait this long at most until all lines are written. Whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._lines or self._is_writing), timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                self._is_writing = True
                line, lost, self._lost = self._lines.popleft(), self._lost, 0
            if lost:
                self._say_lost(lost)
            self._outlet.write(line)
            self._outlet.flush()


def configure(clock: Clock, stream: TextIO | None = None) -> Backlog:
    """Set structlog up for this process, once, before the first line. `stream` is stderr when not given.

    What still waits when Python ends is given `LAST_WORDS_S`. Who ends the process by other means flushes the
    backlog before.
    """
    stream = stream or sys.stderr
    outlet = Unfailing(_unbuffered(stream))
    is_terminal = stream.isatty()
    for_people: list[Processor] = [
        structlog.dev.ConsoleRenderer(colors=is_terminal, exception_formatter=structlog.dev.plain_traceback)
    ]
    for_machines: list[Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        _stamper(clock),
        without_secrets,
        *(for_people if is_terminal else for_machines),
    ]
    direct = structlog.wrap_logger(structlog.WriteLogger(outlet), processors=processors)  # type: ignore[arg-type]  # it only writes and flushes
    backlog = Backlog(outlet, lambda count: direct.warning("log lines lost", count=count))
    atexit.register(backlog.flush, LAST_WORDS_S)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=backlog),  # type: ignore[arg-type]  # it only writes and flushes
        cache_logger_on_first_use=False,
    )
    return backlog


def _unbuffered(stream: TextIO) -> Outlet:
    try:
        return Unbuffered(stream.fileno())
    except io.UnsupportedOperation:
        return stream


def _stamper(clock: Clock) -> Processor:
    def stamp(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        at = clock.wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"timestamp": at, **fields}

    return stamp


def without_secrets(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """The same fields with what must not be read taken out, and overlong text cut."""
    return {name: _HIDDEN if _SECRET_NAME.search(name) else _clean(value) for name, value in fields.items()}


def _clean(value: object) -> object:
    match value:
        case str():
            text = _SECRET_IN_ADDRESS.sub(rf"\1:{_HIDDEN}@", value)
            return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
        case dict():
            return {
                key: _HIDDEN if isinstance(key, str) and _SECRET_NAME.search(key) else _clean(item)
                for key, item in value.items()
            }
        case list():
            return [_clean(item) for item in value]
        case _:
            return value
