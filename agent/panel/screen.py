"""The text at the bedside: a level as rows, the rows as an ANSI screen, and the console that shows it.

The first two are pure and shared with the demo.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bedside.level import Level, ScreenLine
from bedside.priorities import Audio, Priority

_AUDIO: Final[Mapping[Audio, str]] = {Audio.PAUSED: "AUDIO PAUSED", Audio.OFF: "AUDIO OFF"}

_COLOURS: Final[Mapping[Priority, str]] = {
    Priority.HIGH: "\x1b[1;37;41m",
    Priority.MEDIUM: "\x1b[1;30;43m",
    Priority.LOW: "\x1b[1;30;46m",
}
_AUDIO_COLOUR: Final = "\x1b[1;37;44m"
_PLAIN: Final = "\x1b[0m"
CLEAR: Final = "\x1b[?25l\x1b[2J\x1b[H"

_ROWS: Final = 24
"""The smallest console there is; the most urgent rows come first, so what does not fit is the least of it."""
_COLUMNS: Final = 80


@dataclass(frozen=True, slots=True)
class Row:
    """One row of text and the ANSI colour it is drawn in, empty for none."""

    text: str
    colour: str = ""


def rows(level: Level, faults: Sequence[str] = ()) -> list[Row]:
    """The level as it is to be read: the audio state, the lines as given, the panel's own faults."""
    audio = [Row(_AUDIO[level.audio], _AUDIO_COLOUR)] if level.audio in _AUDIO else []
    drawn = audio + [_row(line) for line in level.lines] + [Row(f"panel: {_printable(f)}") for f in faults]
    return [Row(row.text[:_COLUMNS], row.colour) for row in drawn[:_ROWS]]


def ansi(drawn: Sequence[Row]) -> str:
    """A whole screen, drawn anew."""
    return CLEAR + "\r\n".join(f"{row.colour}{row.text}{_PLAIN}" if row.colour else row.text for row in drawn)


def _row(line: ScreenLine) -> Row:
    text = _printable(line.text)
    if line.priority is None:
        return Row(text)
    marked = f"{line.priority.marks:<3} {text}"
    # An acknowledged line keeps its marks and loses its colour: it is known, not gone. Its text says by whom.
    return Row(marked, "" if line.acknowledged else _COLOURS[line.priority])


def _printable(text: str) -> str:
    """Control characters would steer the console."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


class Console:
    """A terminal that may be missing, hung up or stopped. Opened, and opened again, when there is news."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._on_screen = b""
        self.fault = ""
        """Why the console shows nothing, empty while it works."""

    def show(self, text: str) -> None:
        """Draw a screen unless it is there already. Never waits and never raises for the terminal's sake."""
        wanted = text.encode(errors="replace")
        if not self._path or wanted == self._on_screen:
            return
        try:
            if self._descriptor is None:
                self._descriptor = os.open(
                    self._path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
                )
            written = os.write(self._descriptor, wanted)
        except BlockingIOError:
            self._on_screen = b""  # stopped with Ctrl-S, say; the next renewal tries again
        except OSError as problem:
            self.fault = f"screen {self._path}: {problem.strerror or problem}"
            self.close()
        else:
            self.fault = ""
            self._on_screen = wanted if written == len(wanted) else b""

    def close(self) -> None:
        self._on_screen = b""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
