"""A bed: one body, one room, one story, and a device of every kind attached to them.

    devices     by name: each to be driven by itself with `on`, `tick`, `deadline`
    cable       whether a device's cable is plugged in at an instant
    tick        the steps of the story that began; `deadline` is the next one's instant

The devices need no help from `tick`: everything they feel is a function of the instant.
"""

from bisect import bisect_right
from collections.abc import Mapping

from bedside.instants import Instant
from simulators import SIMULATORS
from simulators.contract import Device
from simulators.infusion import Infusion, SyringePump
from simulators.patient import Body, Patient
from simulators.scenario import Scenario, Scene, Step


class Bed:
    """Everything at one bedside, from the instant `start` on.

    `options`: variants of devices by name, such as {"nonin": "df7"}; KeyError for an unknown device,
    ValueError for an unknown variant.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int = 0,
        start: Instant = 0,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.scenario = scenario
        self._seed = seed
        self._start = start
        self._told = 0
        self._starts = [start + step.at for step in scenario.steps]
        self._scenes = [Scene(), *(step.scene for step in scenario.steps)]
        self._pump = SyringePump(scenario, start)
        self.patient = Patient(scenario, seed, start, self._pump.deliveries())
        options = options or {}
        for name, option in options.items():
            if option not in SIMULATORS[name].options:
                raise ValueError(f"{name}:{option}: expected one of {', '.join(SIMULATORS[name].options)}")
        self.devices: Mapping[str, Device] = {
            name: simulator.attach(self, options.get(name, simulator.options[0]))
            for name, simulator in SIMULATORS.items()
        }

    @property
    def seed(self) -> int:
        """For what is random in a device."""
        return self._seed

    @property
    def start(self) -> Instant:
        """When the story begins and the devices are switched on."""
        return self._start

    def body(self, at: Instant) -> Body:
        """The patient at an instant."""
        return self.patient.at(at)

    def scene(self, at: Instant) -> Scene:
        """The room at an instant."""
        return self._scenes[bisect_right(self._starts, at)]

    def infusion(self, at: Instant) -> Infusion:
        """The syringe pump at an instant."""
        return self._pump.at(at)

    def cable(self, name: str, now: Instant) -> bool:
        """Whether this device's cable is plugged in."""
        return SIMULATORS[name].role not in self.scene(now).unplugged

    @property
    def deadline(self) -> Instant | None:
        """When the next step of the story begins, or none."""
        return self._starts[self._told] if self._told < len(self._starts) else None

    def tick(self, now: Instant) -> list[Step]:
        """The steps that have begun since the last call."""
        before, self._told = self._told, bisect_right(self._starts, now)
        return list(self.scenario.steps[before : self._told])
