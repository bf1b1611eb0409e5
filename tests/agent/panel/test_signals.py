"""Every burst and flash against the bounds of IEC 60601-1-8, tables 2, 3 and 4, as they play in virtual time.

The bounds stand here in their own words, not in those of the code: they are the only link to the standard.
"""

import itertools
from dataclasses import dataclass
from math import log10, pi, sin
from typing import Final

import pytest

from agent.panel.player import Edge, Hush, Light, Player, Tone
from agent.panel.signals import DUTY, Lamp
from bedside.instants import MILLISECOND, SECOND, Instant
from bedside.level import Level
from bedside.priorities import Audio, Category, Priority

START: Instant = 7 * SECOND


@dataclass(frozen=True)
class Bounds:
    """Milliseconds, both ends allowed. `gaps` are those between the pulses of a burst, in order."""

    duration: tuple[float, float]
    gaps: tuple[tuple[float, float], ...]
    interburst: tuple[float, float]
    within: float
    """How much the gaps called x or y may differ inside a burst, as a share of their mean."""


_X, _Y = (50.0, 125.0), (125.0, 250.0)
# 3-4 and 8-9 are 2x plus a pulse: with x in 50 to 125 and a pulse in 75 to 200 ms that is 175 to 450 ms.
_TRIPLE_END, _HALF_END = (175.0, 450.0), (350.0, 1300.0)

BOUNDS: Final = {
    Priority.HIGH: Bounds(
        (75, 200), (_X, _X, _TRIPLE_END, _X, _HALF_END, _X, _X, _TRIPLE_END, _X), (2_500, 15_000), 0.2
    ),
    Priority.MEDIUM: Bounds((125, 250), (_Y, _Y), (2_500, 30_000), 0.2),
    # LOW has one or two pulses; ours has two, and repeats after more than 15 s.
    Priority.LOW: Bounds((125, 250), (_Y,), (15_001, float("inf")), 0.2),
}
X_GAPS: Final = {Priority.HIGH: (0, 1, 3, 5, 6, 8), Priority.MEDIUM: (0, 1), Priority.LOW: (0,)}

C4, D4, E4, F4, G4, A4, B4, C5 = 262, 294, 330, 349, 392, 440, 494, 523
# Annex F. A HIGH burst plays its five notes twice.
MELODIES: Final = {
    Category.GENERAL: ([C4, C4, C4], [C4, C4, C4, C4, C4]),
    Category.CARDIOVASCULAR: ([C4, E4, G4], [C4, E4, G4, G4, C5]),
    Category.VENTILATION: ([C4, A4, F4], [C4, A4, F4, A4, F4]),
    Category.OXYGENATION: ([C5, B4, A4], [C5, B4, A4, G4, F4]),
    Category.DRUG_DELIVERY: ([C5, D4, G4], [C5, D4, G4, C5, D4]),
    Category.EQUIPMENT: ([C5, C4, C4], [C5, C4, C4, C5, C4]),
}


def level(
    sound: Priority | None, lamp: Priority | None = None, category: Category = Category.GENERAL
) -> Level:
    return Level(sound, category, lamp, Audio.ON, ())


def play(player: Player, until: Instant) -> list[Edge]:
    """Tick at every deadline, as a punctual loop does."""
    edges: list[Edge] = []
    while (due := player.deadline) is not None and due <= until:
        edges += player.tick(due)
    return edges


@dataclass(frozen=True)
class Heard:
    """A pulse: instants in ms."""

    begin: float
    end: float
    frequency_hz: int


def pulses(edges: list[Edge]) -> list[Heard]:
    sounder = [edge for edge in edges if isinstance(edge, Tone | Hush)]
    heard = []
    for tone, hush in zip(sounder[::2], sounder[1::2], strict=False):
        assert isinstance(tone, Tone)
        assert isinstance(hush, Hush)
        heard.append(Heard(tone.due / MILLISECOND, hush.due / MILLISECOND, tone.frequency_hz))
    return heard


def check_bursts(priority: Priority, heard: list[Heard], slack: float = 0.0) -> None:
    """Whole bursts of one priority, each inside every bound; `slack` in ms is for real time only."""
    bounds = BOUNDS[priority]
    size = len(bounds.gaps) + 1
    assert len(heard) % size == 0
    for pulse in heard:
        assert bounds.duration[0] - slack <= pulse.end - pulse.begin <= bounds.duration[1] + slack
        assert 150 <= pulse.frequency_hz <= 1_000
    for first in range(0, len(heard), size):
        burst = heard[first : first + size]
        gaps = [after.begin - before.end for before, after in itertools.pairwise(burst)]
        for gap, (low, high) in zip(gaps, bounds.gaps, strict=True):
            assert low - slack <= gap <= high + slack
        alike = [gaps[index] for index in X_GAPS[priority]]
        mean = sum(alike) / len(alike)
        assert all(abs(gap - mean) <= bounds.within * mean + slack for gap in alike)
        if priority is Priority.HIGH:
            duration = burst[0].end - burst[0].begin
            for index in (2, 7):
                assert gaps[index] == pytest.approx(2 * mean + duration, abs=0.001 + 3 * slack)
        if first:
            rest = burst[0].begin - heard[first - 1].end
            assert bounds.interburst[0] - slack <= rest <= bounds.interburst[1] + slack


@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("priority", Priority)
def test_bursts_are_inside_the_bounds_and_play_the_melody(priority: Priority, category: Category) -> None:
    player = Player()
    edges = player.on(level(priority, priority, category), START)
    edges += play(player, START + 60 * SECOND)
    heard = pulses(edges)
    size = len(BOUNDS[priority].gaps) + 1
    assert len(heard) >= 3 * size, "at least three bursts a minute"
    whole = heard[: len(heard) // size * size]
    check_bursts(priority, whole)
    assert whole[0].begin == START / MILLISECOND, "the first burst begins at once"
    if priority is not Priority.LOW:
        medium, half_high = MELODIES[category]
        notes = medium if priority is Priority.MEDIUM else half_high * 2
        assert [pulse.frequency_hz for pulse in whole] == notes * (len(whole) // size)


def test_duty_gives_four_harmonics_within_15_db_of_the_fundamental() -> None:
    """A rectangular wave of duty d has its n-th component at |sin(n pi d)| / n."""

    def strength(n: int) -> float:
        return max(abs(sin(n * pi * DUTY)) / n, 1e-12)

    strong = [n for n in range(2, 9) if 20 * log10(strength(1) / strength(n)) <= 15]
    assert len(strong) >= 4
    # "in 300 to 4000 Hz", for the lowest and the highest note
    assert all(300 <= n * note <= 4_000 for n in strong[:4] for note in (C4, C5))


LAMPS: Final = {
    # lamp, flashes per second, share of the time on
    Priority.HIGH: (Lamp.RED, (1.4, 2.8), (0.2, 0.6)),
    Priority.MEDIUM: (Lamp.YELLOW, (0.4, 0.8), (0.2, 0.6)),
}


@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.MEDIUM])
def test_flashes_are_inside_the_bounds(priority: Priority) -> None:
    lamp, rate, duty = LAMPS[priority]
    player = Player()
    edges = [*player.on(level(None, priority), START), *play(player, START + 20 * SECOND)]
    lights = [edge for edge in edges if isinstance(edge, Light)]
    assert lights == edges
    assert {light.lamp for light in lights} == {lamp}
    assert lights[0].due == START
    assert [light.on for light in lights[:4]] == [True, False, True, False]
    for on, off, again in zip(lights[::2], lights[1::2], lights[2::2], strict=False):
        period = (again.due - on.due) / SECOND
        assert rate[0] <= 1 / period <= rate[1]
        assert duty[0] <= (off.due - on.due) / SECOND / period <= duty[1]


def test_low_is_constant_cyan() -> None:
    player = Player()
    assert player.on(level(None, Priority.LOW), START) == [Light(START, Lamp.CYAN, on=True)]
    assert player.deadline is None


@pytest.mark.parametrize("audio", [Audio.PAUSED, Audio.OFF])
def test_blue_is_constant_while_the_audio_is_paused_or_off(audio: Audio) -> None:
    player = Player()
    muted = Level(None, Category.GENERAL, None, audio, ())
    assert player.on(muted, START) == [Light(START, Lamp.BLUE, on=True)]
    assert player.on(muted, START + SECOND) == []
    assert player.on(level(None), START + 2 * SECOND) == [Light(START + 2 * SECOND, Lamp.BLUE, on=False)]
