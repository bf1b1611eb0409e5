"""What the panel must show and sound: one whole level each time, never a change to the last one.

The agent sends its level on every change and twice a second; each one renews the panel's lease. Between
agent and panel runs a local stream socket carrying one JSON object a line (this file gives the objects, both
ways):

    agent -> panel    {"level": {...}}                        renews the lease
                      {"goodbye": {"session": false}}         a clean stop
    panel -> agent    {"hello": {"pins", "sounder", "faults", "remarks"}}
                                                              on every connect after the power-on self-test,
                                                              and when its faults change: wires that it
                                                              cannot drive; remarks are all that is wrong
                                                              otherwise
                      {"button": "short" | "long"}
                      {"shown": {"sound", "lamp"}}            what is driven now, on every change

Everything here is needed by the panel process, so it imports nothing but words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bedside.instants import SECOND, Instant, milliseconds
from bedside.priorities import Audio, Category, Priority

LEASE: Final[Instant] = milliseconds(2500)
"""Without a level for this long the panel sounds by itself."""

RENEWAL: Final[Instant] = milliseconds(500)
"""How often the agent sends its level even when nothing changed."""

FIRST_LEASE: Final[Instant] = 20 * SECOND
"""How long a freshly started panel waits for its first level before it sounds."""

CLEAN_STOP: Final[Instant] = 30 * SECOND
"""How long a clean stop without a session shows the lamp only, so that an agent may be started again."""

AUDIO_PAUSE: Final[Instant] = 120 * SECOND
"""Length of an audio pause, given by the agent or, with the agent dead, by the panel itself."""

MAXIMUM_MESSAGE_BYTES: Final = 32_768
"""A longer line on the socket is refused; the longest real level is a tenth of it."""


class Press(StrEnum):
    """The one button: a short press acknowledges what sounds, a long one pauses the audio."""

    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class ScreenLine:
    """A line of text for the panel's screen; priority None is for plain information."""

    text: str
    priority: Priority | None = None
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """The whole annunciation asked for by all alarm conditions together.

    `sound`: highest priority that must be heard now, or None. `category`: what it is about.
    `lamp`: highest priority present or latched, or None: acknowledged conditions keep their lamp.
    `audio`: paused or off lights the blue lamp. `lines`: the screen, most urgent first.
    """

    sound: Priority | None
    category: Category
    lamp: Priority | None
    audio: Audio
    lines: tuple[ScreenLine, ...]


SILENT: Final = Level(None, Category.GENERAL, None, Audio.ON, ())


def to_message(level: Level) -> dict[str, Any]:
    """The level as a JSON-ready object."""
    return {
        "sound": level.sound.word if level.sound else None,
        "category": level.category.value,
        "lamp": level.lamp.word if level.lamp else None,
        "audio": level.audio.value,
        "lines": [
            {
                "text": line.text,
                "priority": line.priority.word if line.priority else None,
                "acknowledged": line.acknowledged,
            }
            for line in level.lines
        ],
    }


def from_message(message: Mapping[str, Any]) -> Level:
    """The level in a JSON object; KeyError, TypeError or ValueError when it is not one."""
    return Level(
        sound=_priority(message["sound"]),
        category=Category(message["category"]),
        lamp=_priority(message["lamp"]),
        audio=Audio(message["audio"]),
        lines=tuple(
            ScreenLine(str(line["text"]), _priority(line["priority"]), bool(line["acknowledged"]))
            for line in message["lines"]
        ),
    )


def _priority(word: object) -> Priority | None:
    if word is None:
        return None
    if not isinstance(word, str):
        raise TypeError(f"priority {word!r}: expected a word")
    return Priority.from_word(word)
