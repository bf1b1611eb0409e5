"""The wires, on gpiozero's mock pins. Whole lists of states are compared; its own way stops early."""

from collections.abc import Iterator

import pytest

from agent.panel.pins import BUTTON, SOUNDER, Pins
from agent.panel.player import Hush, Light, Tone
from agent.panel.presses import Finger
from agent.panel.settings import PanelSettings
from agent.panel.signals import Lamp

SETTINGS = PanelSettings(pins="mock")


@pytest.fixture
def touches() -> list[Finger]:
    return []


@pytest.fixture
def pins(touches: list[Finger]) -> Iterator[Pins]:
    opened = Pins(SETTINGS, touches.append)
    yield opened
    opened.close()


def states(pins: Pins, name: str) -> list[float]:
    return [float(state.state) for state in pins._open[name].pin.states]


def test_sounder_is_driven_at_a_quarter_and_at_the_pitch_of_each_pulse(pins: Pins) -> None:
    pitches = []
    for frequency_hz in (523, 262, 262):
        assert pins.write(Tone(0, frequency_hz))
        pitches.append(pins._open[SOUNDER].frequency)
        assert pins.write(Hush(0))
    assert states(pins, SOUNDER) == [0, 0.25, 0, 0.25, 0, 0.25, 0]
    assert pitches == [523, 262, 262]


@pytest.mark.parametrize("lamp", Lamp)
def test_each_lamp_has_its_own_wire(pins: Pins, lamp: Lamp) -> None:
    pins.write(Light(0, lamp, on=True))
    assert {other: states(pins, other) for other in Lamp} == {
        other: [0, 1] if other is lamp else [0] for other in Lamp
    }
    pins.write(Light(0, lamp, on=False))
    assert states(pins, lamp) == [0, 1, 0]
    assert pins._open[lamp].pin.info.name == f"GPIO{getattr(SETTINGS, f'lamp_{lamp.value}_pin')}"


def test_button_calls_back_on_press_and_release(pins: Pins, touches: list[Finger]) -> None:
    pins.move_button(Finger.DOWN)
    pins.move_button(Finger.UP)
    assert touches == [Finger.DOWN, Finger.UP]


def test_a_wire_that_fails_is_a_fault_and_comes_back_in_its_present_state(pins: Pins) -> None:
    pins.write(Light(0, Lamp.CYAN, on=True))
    pins._open[Lamp.CYAN].close()  # as if the line had been lost
    assert not pins.write(Light(1, Lamp.CYAN, on=False))
    assert list(pins.faults) == [Lamp.CYAN]
    assert not pins.write(Light(2, Lamp.CYAN, on=True))
    assert pins.write(Light(2, Lamp.RED, on=True)), "the others go on"
    assert pins.mend() == [Light(2, Lamp.CYAN, on=True)]
    assert pins.faults == {}
    assert states(pins, Lamp.CYAN)[-1] == 1


def test_a_pin_that_cannot_be_opened_takes_no_other_with_it(touches: list[Finger]) -> None:
    clash = PanelSettings(pins="mock", lamp_red_pin=18, sounder_pin=18)
    pins = Pins(clash, touches.append)
    assert pins.works(SOUNDER)
    assert not pins.works(Lamp.RED)
    assert pins.works(BUTTON)
    assert list(pins.faults) == [Lamp.RED]
    pins.close()


def test_without_a_pin_factory_every_wire_is_a_fault(
    touches: list[Finger], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> object:
        raise ImportError(f"no {name}")

    monkeypatch.setattr("agent.panel.pins._factory", absent)
    pins = Pins(PanelSettings(pins="lgpio"), touches.append)
    assert set(pins.faults) == {SOUNDER, BUTTON, *Lamp}
    assert not pins.write(Tone(0, 523))
    with pytest.raises(TypeError, match="mock"):
        pins.move_button(Finger.DOWN)
    pins.close()
