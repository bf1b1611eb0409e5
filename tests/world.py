"""A whole bedside in virtual time: the real core and the real codecs, against every simulated device's bytes.

Nothing here waits: the clock is a counter that jumps to whatever is due next. Bytes travel in one step of
`TRANSPORT`, so that an answer never arrives at the instant of its question.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from agent.core import Core
from agent.events import BrokerUp, Event, PanelUp, PortClosed, PortData, PortOpened
from agent.plan import BedPlan, DevicePlan, NibpPlan
from bedside.effects import (
    AlarmsReport,
    Annunciate,
    Change,
    Effect,
    PlethReport,
    Transition,
    VitalKnown,
    VitalMissing,
    VitalsReport,
    Write,
)
from bedside.instants import MILLISECOND, SECOND, Instant, earliest, in_seconds, seconds
from bedside.level import Level
from bedside.vitals import Vital
from drivers import DRIVERS
from simulators.bed import Bed
from simulators.scenario import Scenario

TRANSPORT: Final = 2 * MILLISECOND
BEGINNING: Final = 1_000 * SECOND
"""An origin that is not zero: nothing may depend on it."""

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"nonin": "oximeter", "suntech": "nibp", "alaris-gh": "pump", "ivy-450c": "monitor"}
)
EVERYTHING: Final = tuple(NAMES)


def plan(
    *drivers: str,
    start_by_agent: bool = True,
    stations: tuple[str, ...] = (),
    cuff_on_probe_limb: bool = False,
) -> BedPlan:
    """A bed with these drivers' devices, all of them when none is named."""
    return BedPlan(
        site="clinic",
        bed="bed-1",
        devices=tuple(DevicePlan(NAMES[name], name, f"/dev/{name}") for name in drivers or EVERYTHING),
        nibp=NibpPlan(start_by_agent=start_by_agent, cuff_on_probe_limb=cuff_on_probe_limb),
        stations=stations,
    )


@dataclass(slots=True)
class Told:
    """Everything a run told the outside, each with its instant in the story."""

    transitions: list[tuple[Instant, Transition]] = field(default_factory=list)
    levels: list[tuple[Instant, Level]] = field(default_factory=list)
    vitals: list[tuple[Instant, VitalsReport]] = field(default_factory=list)
    alarms: list[tuple[Instant, AlarmsReport]] = field(default_factory=list)
    pleths: list[tuple[Instant, PlethReport]] = field(default_factory=list)
    others: list[tuple[Instant, Effect]] = field(default_factory=list)

    def instants(self, condition: str, change: Change = Change.RAISED) -> list[float]:
        """When this happened to this condition, in seconds of the story."""
        return [
            in_seconds(at) for at, t in self.transitions if t.state.id == condition and t.change is change
        ]

    def texts(self, condition: str) -> list[str]:
        """What was said of a condition at its transitions."""
        return [t.state.text for _, t in self.transitions if t.state.id == condition]

    def vital(
        self, vital: Vital, source: str | None = None
    ) -> Iterator[tuple[float, VitalKnown | VitalMissing]]:
        """One vital through the story: the primary one, or that of one source."""
        for at, report in self.vitals:
            for entry in report.vitals:
                if entry.vital is vital and (entry.primary if source is None else entry.source == source):
                    yield in_seconds(at), entry


class World:
    """One bed, played as fast as it goes."""

    def __init__(
        self,
        scenario: Scenario,
        bed_plan: BedPlan | None = None,
        *,
        seed: int = 1,
        options: Mapping[str, str] = MappingProxyType({}),
        panel: bool = True,
    ) -> None:
        self.plan = bed_plan or plan()
        self.now = BEGINNING
        self.bed = Bed(scenario, seed=seed, start=BEGINNING, options=options)
        self.core = Core(self.plan, DRIVERS, "boot", BEGINNING)
        self.told = Told()
        self.steps: list[str] = []
        self._drivers = {device.name: device.driver for device in self.plan.devices}
        self._open = dict.fromkeys(self._drivers, False)
        self._flying: list[tuple[Instant, int, str, bytes, bool]] = []
        self._flights = 0
        if panel:
            self.tell(PanelUp("mock", "not verified", ()))
        self.tell(BrokerUp())
        self._follow_cables()

    def tell(self, event: Event) -> None:
        """An event from outside, now."""
        self._carry_out(self.core.on(event, self.now))

    def run_until(self, story_s: float) -> Told:
        """Play the story up to this second; what was told from its beginning on."""
        end = BEGINNING + seconds(story_s)
        while (due := self._due()) is not None and due <= end:
            self.now = due
            self._turn()
        self.now = end
        self._carry_out(self.core.tick(end))
        return self.told

    def _due(self) -> Instant | None:
        flying = self._flying[0][0] if self._flying else None
        devices = (self.bed.devices[driver].deadline for driver in self._drivers.values())
        return earliest(flying, self.core.deadline, self.bed.deadline, *devices)

    def _turn(self) -> None:
        now = self.now
        if self.bed.deadline is not None and self.bed.deadline <= now:
            self.steps += [step.text for step in self.bed.tick(now) if step.text]
            self._follow_cables()
        for name, driver in self._drivers.items():
            device = self.bed.devices[driver]
            if device.deadline is not None and device.deadline <= now:
                for data in device.tick(now):
                    self._send(name, data, to_agent=True)
        while self._flying and self._flying[0][0] <= now:
            _, _, name, data, to_agent = heapq.heappop(self._flying)
            if not self._open[name]:
                continue
            if to_agent:
                self.tell(PortData(name, data))
            else:
                for answer in self.bed.devices[self._drivers[name]].on(data, now):
                    self._send(name, answer, to_agent=True)
        self._carry_out(self.core.tick(now))

    def _send(self, name: str, data: bytes, *, to_agent: bool) -> None:
        if self._open[name]:
            self._flights += 1
            heapq.heappush(self._flying, (self.now + TRANSPORT, self._flights, name, data, to_agent))

    def _follow_cables(self) -> None:
        for name, driver in self._drivers.items():
            plugged = self.bed.cable(driver, self.now)
            if plugged is not self._open[name]:
                self._open[name] = plugged
                self.tell(PortOpened(name) if plugged else PortClosed(name, "unplugged"))

    def _carry_out(self, effects: list[Effect]) -> None:
        at, told = self.now - BEGINNING, self.told
        for effect in effects:
            match effect:
                case Write(device, data, _):
                    self._send(device, data, to_agent=False)
                case Transition():
                    told.transitions.append((effect.at - BEGINNING, effect))
                case Annunciate(level):
                    told.levels.append((at, level))
                case VitalsReport():
                    told.vitals.append((at, effect))
                case AlarmsReport():
                    told.alarms.append((at, effect))
                case PlethReport():
                    told.pleths.append((at, effect))
                case _:
                    told.others.append((at, effect))


SCENARIOS: Final = Path(__file__).parent.parent / "simulators" / "scenarios"
