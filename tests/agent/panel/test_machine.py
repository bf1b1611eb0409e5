"""The parts in step: self-test, button and lease, in virtual time."""

import pytest

from agent.panel.lease import Closed, Renewed
from agent.panel.machine import Draw, Forward, Machine, Output, PanelEvent, Ready
from agent.panel.player import Hush, Light, Shown, Tone
from agent.panel.presses import Finger
from agent.panel.signals import Lamp
from bedside.instants import MILLISECOND, SECOND, Instant, milliseconds
from bedside.level import SILENT, Level, Press
from bedside.priorities import Audio, Category, Priority

HIGH_LEVEL = Level(Priority.HIGH, Category.OXYGENATION, Priority.HIGH, Audio.ON, ())
LONG_MS = 1_500


def run(*story: tuple[float, PanelEvent], until_ms: float) -> list[Output]:
    """Events at their times in ms; the machine is ticked punctually in between."""
    machine = Machine(0, milliseconds(LONG_MS))
    outputs: list[Output] = []

    def play(until: Instant) -> None:
        while (due := machine.deadline) is not None and due <= until:
            outputs.extend(machine.tick(due))

    for at_ms, event in story:
        play(milliseconds(at_ms))
        outputs += machine.on(event, milliseconds(at_ms))
    play(milliseconds(until_ms))
    return outputs


def renewals(level: Level, begin_ms: int, end_ms: int) -> list[tuple[float, PanelEvent]]:
    return [(at, Renewed(level)) for at in range(begin_ms, end_ms, 500)]


def test_self_test_lights_each_lamp_sounds_and_introduces_itself() -> None:
    outputs = run(until_ms=3_000)
    lit = [output.lamp for output in outputs if isinstance(output, Light) and output.on]
    dark = [output.lamp for output in outputs if isinstance(output, Light) and not output.on]
    assert lit == [Lamp.RED, Lamp.YELLOW, Lamp.CYAN, Lamp.BLUE]
    assert dark == lit
    assert [type(output) for output in outputs[-3:]] == [Tone, Hush, Ready]
    last = outputs[-2]
    assert isinstance(last, Hush)
    assert SECOND <= last.due <= 2 * SECOND


@pytest.mark.parametrize("at_ms", [10, 300, 450, 1_250])
def test_self_test_gives_way_to_an_alarm_at_once(at_ms: int) -> None:
    outputs = run((at_ms, Renewed(HIGH_LEVEL)), until_ms=at_ms + 100)
    at = at_ms * MILLISECOND
    now_lit = dict.fromkeys(Lamp, False)
    for output in outputs:
        if isinstance(output, Light):
            now_lit[output.lamp] = output.on
    assert now_lit == {Lamp.RED: True, Lamp.YELLOW: False, Lamp.CYAN: False, Lamp.BLUE: False}
    assert Ready() in outputs
    assert Tone(at, 523) in outputs
    sounder = [type(output) for output in outputs if isinstance(output, Tone | Hush)]
    assert sounder == ([Tone, Hush, Tone] if at_ms == 1_250 else [Tone])


def test_self_test_gives_way_to_a_lamp_alone() -> None:
    seen = Level(None, Category.GENERAL, Priority.LOW, Audio.ON, ())
    assert Light(450 * MILLISECOND, Lamp.CYAN, on=True) in run((450, Renewed(seen)), until_ms=450)


def test_self_test_does_not_give_way_to_silence_but_the_level_counts_afterwards() -> None:
    paused = Level(None, Category.GENERAL, None, Audio.PAUSED, ())
    outputs = run(*renewals(paused, 100, 2_000), until_ms=2_000)
    lit = [output.lamp for output in outputs if isinstance(output, Light) and output.on]
    assert lit == [Lamp.RED, Lamp.YELLOW, Lamp.CYAN, Lamp.BLUE, Lamp.BLUE]


def test_no_first_level_within_20_s_sounds() -> None:
    outputs = run(until_ms=20_000)
    assert Tone(20 * SECOND, 523) in outputs
    assert Shown(Priority.HIGH, Priority.HIGH) in outputs
    assert isinstance(outputs[-1], Shown | Draw)


@pytest.mark.parametrize(
    ("held_ms", "press"), [(100, Press.SHORT), (1_499, Press.SHORT), (1_500, Press.LONG)]
)
def test_press_goes_to_the_agent_while_it_holds_the_lease(held_ms: int, press: Press) -> None:
    fingers: list[tuple[float, PanelEvent]] = [(3_000, Finger.DOWN), (3_000 + held_ms, Finger.UP)]
    story = sorted([*renewals(SILENT, 100, 9_000), *fingers], key=lambda moment: moment[0])
    outputs = run(*story, until_ms=9_000)
    assert [output.press for output in outputs if isinstance(output, Forward)] == [press]


def test_long_press_is_told_while_the_finger_is_still_down_and_only_once() -> None:
    """However often the contact bounces in the meantime."""
    story: list[tuple[float, PanelEvent]] = [(500, Finger.DOWN), (600, Finger.DOWN), (1_900, Finger.DOWN)]
    assert Forward(Press.LONG) not in run(*story, until_ms=1_999)
    assert Forward(Press.LONG) in run(*story, until_ms=2_000)
    outputs = run(*story, until_ms=9_000)
    assert [output.press for output in outputs if isinstance(output, Forward)] == [Press.LONG]


@pytest.mark.parametrize("held_ms", [100, 1_600])
def test_press_with_the_agent_dead_pauses_the_panel_and_is_not_kept_for_the_agent(held_ms: int) -> None:
    fingers: list[tuple[float, PanelEvent]] = [(6_000, Finger.DOWN), (6_000 + held_ms, Finger.UP)]
    outputs = run((2_000, Renewed(SILENT)), (3_000, Closed()), *fingers, until_ms=100_000)
    assert not [output for output in outputs if isinstance(output, Forward)]
    pressed = (6_000 + min(held_ms, LONG_MS)) * MILLISECOND
    blue = [output for output in outputs if isinstance(output, Light) and output.lamp is Lamp.BLUE]
    assert blue[-1] == Light(pressed, Lamp.BLUE, on=True)
    last_tone = max(output.due for output in outputs if isinstance(output, Tone))
    assert last_tone < pressed + 2 * SECOND
    red_after = [
        o for o in outputs if isinstance(o, Light) and o.lamp is Lamp.RED and o.due > pressed + 60 * SECOND
    ]
    assert red_after, "the lamp stays"


def test_late_tick_gives_the_same_outputs() -> None:
    story = ((2_000, Renewed(HIGH_LEVEL)), (3_000, Closed()), (8_000, Finger.DOWN), (20_000, Finger.UP))
    late = Machine(0, milliseconds(LONG_MS))
    outputs: list[Output] = []
    for at_ms, event in story:
        outputs += late.on(event, milliseconds(at_ms))
    outputs += late.tick(milliseconds(180_000))
    assert outputs == run(*story, until_ms=180_000)


def test_stop_leaves_nothing_on() -> None:
    for stop_ms in (10, 1_250, 2_050):
        machine = Machine(0, milliseconds(LONG_MS))
        outputs = machine.on(Renewed(HIGH_LEVEL), 2_000 * MILLISECOND) if stop_ms > 2_000 else []
        outputs += machine.stop(stop_ms * MILLISECOND)
        driven = {
            output.lamp if isinstance(output, Light) else "sounder": not isinstance(output, Hush)
            and (isinstance(output, Tone) or output.on)
            for output in outputs
            if isinstance(output, Light | Tone | Hush)
        }
        assert True not in driven.values(), stop_ms
