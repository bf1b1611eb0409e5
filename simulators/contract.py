"""What a simulated device is: a model (its state over time) and a wire (its bytes), kept apart.

The models are `patient`, `infusion`, `cuff` and the small ones at the top of each device's file; they know
nothing of frames. The wires are functions from a model's state to bytes, written from the makers'
descriptions and never from our own codecs, so that the two can disagree.

Every device has the one face of the house, in bytes:

    on(data, now)    the host sent these bytes: what the device says to that
    tick(now)        time has passed: what the device says by itself
    deadline         when `tick` is next needed, or none

Each item of an answer is one piece of output, whole frames unless a fault cuts them. A late tick gives the
bytes of every missed deadline, each made at its own instant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bedside.instants import Instant
from simulators.infusion import Infusion
from simulators.patient import Body
from simulators.scenario import Role, Scene

MOST_VIOLATIONS: Final = 100
"""Remembered wrong commands of the host; the first ones tell the story."""


class Surroundings(Protocol):
    """All that a device can feel of the bed it is attached to."""

    @property
    def seed(self) -> int:
        """For what is random in a device."""

    @property
    def start(self) -> Instant:
        """When the devices were switched on."""

    def body(self, at: Instant) -> Body:
        """The patient at an instant, also a coming one."""

    def scene(self, at: Instant) -> Scene:
        """The room at an instant."""

    def infusion(self, at: Instant) -> Infusion:
        """The syringe pump's inside at an instant."""


class Device(Protocol):
    """One simulated device at the far end of a wire."""

    @property
    def deadline(self) -> Instant | None:
        """The instant by which `tick` must be called, or none."""

    @property
    def violations(self) -> Sequence[str]:
        """What the host sent and must never send: empty for a good host, at most `MOST_VIOLATIONS`."""

    def on(self, data: bytes, now: Instant) -> list[bytes]:
        """Take bytes from the host; return the device's bytes."""

    def tick(self, now: Instant) -> list[bytes]:
        """Do what was due by `now`."""


@dataclass(frozen=True, slots=True)
class Simulator:
    """One kind of device. `options` are variants that can be asked for; the first one is the default."""

    name: str
    role: Role
    options: tuple[str, ...]
    attach: Callable[[Surroundings, str], Device]
