"""The alarm signals as data: bursts for the ear, flashes for the eye (IEC 60601-1-8, 6.3.2, 6.3.3, annex F).

    HIGH    ♪ ♪ ♪   ♪ ♪     ♪ ♪ ♪   ♪ ♪     120 ms pulses; 100 ms apart, 320 after three, 500 after five
    MEDIUM  ♩  ♩  ♩                         200 ms pulses, 200 ms apart
    LOW     ♩  ♩                            200 ms pulses, 200 ms apart

Rhythm tells the priority and never varies; pitch tells the category. The sounder is a bare transducer on
a pin: the envelope of a pulse (rise and fall time) and its level are whatever that transducer makes of a
switched square wave. That is a known limit of this panel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bedside.priorities import Category, Priority

DUTY: Final = 0.25
"""Share of each period the sounder's pin is high. Half would leave only odd harmonics, too few of them within
15 dB of the fundamental; a quarter has the 2nd, 3rd, 5th and 6th there, the four that a pulse
needs (6.3.3, table 4)."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One tone and the silence after it; after the last of a burst, the interval to the next burst."""

    on_ms: int
    off_ms: int
    frequency_hz: int


@dataclass(frozen=True, slots=True)
class Burst:
    """A whole burst. Once a group of pulses has begun it is completed, however short-lived its cause was."""

    priority: Priority
    pulses: tuple[Pulse, ...]
    group: int

    def ends_group(self, index: int) -> bool:
        """Whether the burst may stop after the pulse with this index."""
        return (index + 1) % self.group == 0


@dataclass(frozen=True, slots=True)
class _Rhythm:
    on_ms: int
    off_ms: tuple[int, ...]
    group: int


_RHYTHMS: Final[Mapping[Priority, _Rhythm]] = {
    Priority.HIGH: _Rhythm(120, (100, 100, 320, 100, 500, 100, 100, 320, 100, 5_000), group=5),
    Priority.MEDIUM: _Rhythm(200, (200, 200, 10_000), group=3),
    Priority.LOW: _Rhythm(200, (200, 20_000), group=2),
}

CUT_REST_MS: Final = 2_600
"""Silence before a lower priority that remains is heard: the shortest interval allowed, and a margin."""

_C4, _D4, _E4, _F4, _G4, _A4, _B4, _C5 = 262, 294, 330, 349, 392, 440, 494, 523

_MELODIES: Final[Mapping[Category, tuple[int, int, int, int, int]]] = {
    Category.GENERAL: (_C4, _C4, _C4, _C4, _C4),
    Category.CARDIOVASCULAR: (_C4, _E4, _G4, _G4, _C5),
    Category.VENTILATION: (_C4, _A4, _F4, _A4, _F4),
    Category.OXYGENATION: (_C5, _B4, _A4, _G4, _F4),
    Category.DRUG_DELIVERY: (_C5, _D4, _G4, _C5, _D4),
    Category.EQUIPMENT: (_C5, _C4, _C4, _C5, _C4),
}
"""Pitches in Hz of half a HIGH burst. A MEDIUM burst is the first three of them."""

_LOW_MELODY: Final = (_E4, _C4)
"""One for every category."""


def burst(priority: Priority, category: Category) -> Burst:
    """The burst of a priority, with the pitches of a category."""
    rhythm = _RHYTHMS[priority]
    pitches = _pitches(priority, category)
    return Burst(
        priority=priority,
        pulses=tuple(
            Pulse(rhythm.on_ms, off_ms, pitch) for off_ms, pitch in zip(rhythm.off_ms, pitches, strict=True)
        ),
        group=rhythm.group,
    )


def _pitches(priority: Priority, category: Category) -> tuple[int, ...]:
    match priority:
        case Priority.HIGH:
            return _MELODIES[category] * 2
        case Priority.MEDIUM:
            return _MELODIES[category][:3]
        case Priority.LOW:
            return _LOW_MELODY


class Lamp(StrEnum):
    """The four lamps by their colour; blue is no alarm lamp, it says that the audio is paused or off."""

    RED = "red"
    YELLOW = "yellow"
    CYAN = "cyan"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Flashing:
    """On and off by turns."""

    on_ms: int
    off_ms: int


@dataclass(frozen=True, slots=True)
class Steady:
    """On all the time."""


@dataclass(frozen=True, slots=True)
class LampSignal:
    """Which lamp shows a priority, and how."""

    lamp: Lamp
    pattern: Flashing | Steady


LAMP_SIGNALS: Final[Mapping[Priority, LampSignal]] = {
    Priority.HIGH: LampSignal(Lamp.RED, Flashing(250, 250)),
    Priority.MEDIUM: LampSignal(Lamp.YELLOW, Flashing(1_000, 1_000)),
    Priority.LOW: LampSignal(Lamp.CYAN, Steady()),
}
