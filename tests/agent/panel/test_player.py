"""What wins, what is interrupted, what is completed, and that lateness changes nothing."""

import itertools
import random

import pytest

from agent.panel.player import Edge, Hush, Light, Player, Shown, Tone
from agent.panel.signals import Lamp
from bedside.instants import MILLISECOND, SECOND, Instant, milliseconds
from bedside.level import SILENT, Level
from bedside.priorities import Audio, Category, Priority

HIGH, MEDIUM, LOW = Priority.HIGH, Priority.MEDIUM, Priority.LOW


def level(sound: Priority | None, lamp: Priority | None = None) -> Level:
    return Level(sound, Category.GENERAL, lamp, Audio.ON, ())


def play(player: Player, until: Instant) -> list[Edge]:
    edges: list[Edge] = []
    while (due := player.deadline) is not None and due <= until:
        edges += player.tick(due)
    return edges


def tones(edges: list[Edge]) -> list[Instant]:
    return [edge.due for edge in edges if isinstance(edge, Tone)]


def run(*story: tuple[float, Level], until_ms: float) -> list[Edge]:
    """Levels at their times in ms, played punctually."""
    player = Player()
    edges: list[Edge] = []
    for at_ms, asked in story:
        edges += play(player, milliseconds(at_ms))
        edges += player.on(asked, milliseconds(at_ms))
    return edges + play(player, milliseconds(until_ms))


def test_highest_lamp_wins_and_the_lower_goes_dark() -> None:
    edges = run((0, level(None, LOW)), (100, level(None, HIGH)), (200, level(None, MEDIUM)), until_ms=250)
    assert edges == [
        Light(0, Lamp.CYAN, on=True),
        Light(100 * MILLISECOND, Lamp.CYAN, on=False),
        Light(100 * MILLISECOND, Lamp.RED, on=True),
        Light(200 * MILLISECOND, Lamp.RED, on=False),
        Light(200 * MILLISECOND, Lamp.YELLOW, on=True),
    ]


def test_renewal_of_the_same_level_does_not_disturb_the_flash_or_the_burst() -> None:
    renewed = run(*((at, level(HIGH, HIGH)) for at in range(0, 9_000, 500)), until_ms=9_000)
    assert renewed == run((0, level(HIGH, HIGH)), until_ms=9_000)


@pytest.mark.parametrize(("lower", "higher"), [(LOW, MEDIUM), (LOW, HIGH), (MEDIUM, HIGH)])
@pytest.mark.parametrize("at_ms", [50, 250, 5_000])
def test_rising_sound_begins_at_once(lower: Priority, higher: Priority, at_ms: int) -> None:
    """In the middle of a pulse (50 ms), between two (250 ms) and between two bursts (5 s)."""
    edges = run((0, level(lower)), (at_ms, level(higher)), until_ms=at_ms + 100)
    before = [edge for edge in edges if edge.due < at_ms * MILLISECOND]
    at_the_rise = [type(edge) for edge in edges if edge.due == at_ms * MILLISECOND]
    assert at_the_rise == ([Hush, Tone] if isinstance(before[-1], Tone) else [Tone])


@pytest.mark.parametrize(
    ("priority", "ends_after_ms", "expected_pulses"),
    [
        # 120 ms pulses: the 5th of HIGH ends at 1220 ms, the 6th begins at 1720 ms
        (HIGH, 10, 5),
        (HIGH, 1_219, 5),
        (HIGH, 1_300, 5),  # between the halves: the second is not begun
        (HIGH, 1_730, 10),
        (MEDIUM, 10, 3),
        (MEDIUM, 700, 3),
        (LOW, 10, 2),
    ],
)
def test_short_lived_condition_is_heard(priority: Priority, ends_after_ms: int, expected_pulses: int) -> None:
    edges = run((0, level(priority)), (ends_after_ms, SILENT), until_ms=60_000)
    assert len(tones(edges)) == expected_pulses
    assert isinstance(edges[-1], Hush)


def test_sound_that_comes_back_during_its_own_burst_continues_it() -> None:
    story = ((0, level(HIGH)), (300, SILENT), (600, level(HIGH)))
    assert run(*story, until_ms=9_000) == run((0, level(HIGH)), until_ms=9_000)


def test_sound_that_comes_back_after_its_burst_begins_at_once() -> None:
    edges = run((0, level(HIGH)), (300, SILENT), (1_500, level(HIGH)), until_ms=1_500)
    assert tones(edges)[-1] == 1_500 * MILLISECOND


def test_what_remains_is_heard_soon_after_a_higher_one_ended() -> None:
    """HIGH completes its half (to 1220 ms); MEDIUM follows after an interval of 2.5 to 15 s."""
    edges = run((0, level(HIGH)), (300, level(MEDIUM)), until_ms=30_000)
    began = tones(edges)
    assert len([at for at in began if at < 1_220 * MILLISECOND]) == 5
    assert 2.5 * SECOND <= began[5] - 1_220 * MILLISECOND <= 15 * SECOND
    # and then keeps its own interval of 2.5 to 30 s
    assert 2.5 * SECOND <= began[8] - began[7] <= 30 * SECOND


def test_two_that_end_at_once_leave_silence() -> None:
    edges = run((0, level(HIGH, HIGH)), (3_500, SILENT), until_ms=60_000)
    assert max(edge.due for edge in edges) == 3_500 * MILLISECOND
    assert edges[-1] == Light(3_500 * MILLISECOND, Lamp.RED, on=False)


def test_shown_follows_the_sounder_not_the_wish() -> None:
    player = Player()
    player.on(level(HIGH, HIGH), 0)
    assert player.shown == Shown(HIGH, HIGH)
    player.on(SILENT, 100 * MILLISECOND)
    assert player.shown == Shown(HIGH, None)
    player.tick(1_220 * MILLISECOND)
    assert player.shown == Shown(None, None)


def test_stop_turns_everything_off() -> None:
    player = Player()
    player.on(Level(HIGH, Category.GENERAL, HIGH, Audio.PAUSED, ()), 0)
    assert player.stop(60 * MILLISECOND) == [
        Light(60 * MILLISECOND, Lamp.RED, on=False),
        Light(60 * MILLISECOND, Lamp.BLUE, on=False),
        Hush(60 * MILLISECOND),
    ]
    assert player.deadline is None


@pytest.mark.parametrize("seed", range(20))
def test_lateness_changes_nothing(seed: int) -> None:
    """The same story, punctual and with late ticks: the same edges at the same due instants, in order."""
    dice = random.Random(seed)
    ends = list(itertools.accumulate(dice.choice([30, 400, 1_700, 9_000]) for _ in range(12)))
    story = [(at, level(dice.choice([None, *Priority]), dice.choice([None, *Priority]))) for at in ends]
    late = Player()
    edges: list[Edge] = []
    for at_ms, asked in story:
        edges += late.on(asked, milliseconds(at_ms))
    edges += late.tick(milliseconds(ends[-1] + 40_000))
    assert edges == run(*story, until_ms=ends[-1] + 40_000)
    assert [edge.due for edge in edges] == sorted(edge.due for edge in edges)
