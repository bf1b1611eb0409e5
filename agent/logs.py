"""The log: lines for people on a terminal, JSON lines for everything else, always on stderr, always UTC.

What a log must never hold is taken out here, whoever logs it: values under names that mean a secret, and
passwords in addresses. A traceback shows no local variables for the same reason.
"""

import contextlib
import logging
import re
import sys
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agent.clock import Clock

LONGEST_TEXT: Final = 2_000
"""Characters of one value; longer ones, tracebacks aside, are cut."""

_HIDDEN: Final = "(hidden)"
_SECRET_NAME: Final = re.compile(r"(?i)(password|passwd|passphrase|secret|token|credential|private_key)s?$")
_SECRET_IN_ADDRESS: Final = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")


class Unfailing:
    """A stream whose loss is nobody's error: watching goes on when the terminal is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def configure(clock: Clock, stream: TextIO | None = None) -> None:
    """Set structlog up for this process, once, before the first line. `stream` is stderr when not given."""
    stream = stream or sys.stderr
    is_terminal = stream.isatty()
    for_people: list[Processor] = [
        structlog.dev.ConsoleRenderer(colors=is_terminal, exception_formatter=structlog.dev.plain_traceback)
    ]
    for_machines: list[Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _stamper(clock),
            without_secrets,
            *(for_people if is_terminal else for_machines),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=Unfailing(stream)),  # type: ignore[arg-type]  # it only writes and flushes
        cache_logger_on_first_use=False,
    )


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
