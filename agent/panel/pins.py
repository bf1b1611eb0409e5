"""The wires: sounder, lamps and button through gpiozero. No other file knows that library.

Each wire stands alone: one that cannot be opened, or fails later, is a fault and takes no other with it.
`mend` tries again and brings it to where it should be. The pin factory is always named; left to itself
gpiozero would walk through all it knows, with a warning each.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias

from gpiozero import LED, Button, PWMOutputDevice
from gpiozero.pins.mock import MockFactory, MockPWMPin

from agent.panel.player import Edge, Hush, Light, Tone
from agent.panel.presses import Finger
from agent.panel.settings import PanelSettings
from agent.panel.signals import DUTY, Lamp

_Gpiozero: TypeAlias = Any
"""Whatever the library hands out: it ships no types."""

SOUNDER: Final = "sounder"
BUTTON: Final = "button"

_BOUNCE_S: Final = 0.02
_IDLE_HZ: Final = 440
"""The sounder's frequency until its first tone; at no duty it is not heard."""


class Pins:
    """Opens what can be opened; `faults` tells what could not, by the name of the wire."""

    def __init__(self, settings: PanelSettings, touched: Callable[[Finger], None]) -> None:
        """`touched` is called from gpiozero's own threads, on every change of the button's contact."""
        self.faults: dict[str, str] = {}
        self.factory_name = settings.pins
        self._factory: _Gpiozero = None
        self._open: dict[str, _Gpiozero] = {}
        self._wanted: dict[str, Edge] = {}
        self._makers: dict[str, Callable[[], _Gpiozero]] = {
            SOUNDER: lambda: PWMOutputDevice(
                settings.sounder_pin, initial_value=0, frequency=_IDLE_HZ, pin_factory=self._factory
            ),
            Lamp.RED: lambda: LED(settings.lamp_red_pin, pin_factory=self._factory),
            Lamp.YELLOW: lambda: LED(settings.lamp_yellow_pin, pin_factory=self._factory),
            Lamp.CYAN: lambda: LED(settings.lamp_cyan_pin, pin_factory=self._factory),
            Lamp.BLUE: lambda: LED(settings.lamp_blue_pin, pin_factory=self._factory),
            BUTTON: lambda: _button(settings.button_pin, self._factory, touched),
        }
        self.mend()

    def mend(self) -> list[Edge]:
        """Try to open what is missing; the edges that this has driven at last."""
        missing = [name for name in self._makers if name not in self._open]
        opened = [name for name in missing if self._attempt(name, partial(self._make, name))]
        overdue = [self._wanted[name] for name in opened if name in self._wanted]
        return [edge for edge in overdue if self.write(edge)]

    def works(self, name: str) -> bool:
        return name in self._open

    def write(self, edge: Edge) -> bool:
        """Drive one edge; False when its wire is missing or failed."""
        name = edge.lamp if isinstance(edge, Light) else SOUNDER
        self._wanted[name] = edge
        device = self._open.get(name)
        if device is None:
            return False
        if self._attempt(name, lambda: _drive(device, edge)):
            return True
        del self._open[name]
        with suppress(Exception):  # it is broken already; closing frees the line for another try
            device.close()
        return False

    def move_button(self, finger: Finger) -> None:
        """Move the mock button's pin, so that the library's own way from pin to callback is taken."""
        if not isinstance(self._factory, MockFactory):
            raise TypeError("only a mock button can be moved")
        button = self._open.get(BUTTON)
        if button is not None:
            # The button pulls its pin to ground.
            (button.pin.drive_low if finger is Finger.DOWN else button.pin.drive_high)()

    def close(self) -> None:
        """Outputs off and released."""
        for device in self._open.values():
            device.close()
        self._open.clear()
        if self._factory is not None:
            self._factory.close()

    def _make(self, name: str) -> None:
        if self._factory is None:
            self._factory = _factory(self.factory_name)
        self._open[name] = self._makers[name]()

    def _attempt(self, name: str, act: Callable[[], None]) -> bool:
        try:
            act()
        except Exception as problem:  # noqa: BLE001 - each back end has its own errors, and all mean a dead wire
            self.faults[name] = f"{name}: {type(problem).__name__}: {problem}"[:160]
            return False
        self.faults.pop(name, None)
        return True


def _factory(name: str) -> _Gpiozero:
    if name == "mock":
        return MockFactory(revision="a02082", pin_class=MockPWMPin)
    # Not there on a developer's machine, and not to be asked for there.
    from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415 - loads the C library, which may be missing

    return LGPIOFactory()


def _button(pin: int, factory: object, touched: Callable[[Finger], None]) -> _Gpiozero:
    button = Button(pin, pull_up=True, bounce_time=_BOUNCE_S, pin_factory=factory)
    button.when_pressed = lambda: touched(Finger.DOWN)
    button.when_released = lambda: touched(Finger.UP)
    return button


def _drive(device: _Gpiozero, edge: Edge) -> None:
    match edge:
        case Tone(frequency_hz=frequency_hz):
            if device.frequency != frequency_hz:
                device.frequency = frequency_hz
            device.value = DUTY
        case Light(on=True):
            device.on()
        case Hush() | Light():
            device.off()
