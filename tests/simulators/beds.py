"""Helpers of this folder's tests: stories in a line, and a bed driven through virtual time."""

from collections.abc import Mapping

from bedside.instants import Instant
from simulators.bed import Bed
from simulators.contract import Device
from simulators.scenario import Scenario, parse

PUMP = {"rate_ml_per_h": 75, "volume_ml": 50, "concentration_mg_per_ml": 0.7, "start_s": 0}


def story(*steps: Mapping[str, object], **keys: object) -> Scenario:
    """A short story of these steps."""
    table: dict[str, object] = {"name": "test", "duration_s": 10_000, "weight_kg": 70, "step": list(steps)}
    return parse(table | keys)


def bed_of(*steps: Mapping[str, object], option: Mapping[str, str] | None = None, **keys: object) -> Bed:
    """A bed on which this story is played."""
    return Bed(story(*steps, **keys), seed=1, options=option or {})


def drive(
    device: Device, until: Instant, say: Mapping[Instant, bytes] | None = None
) -> list[tuple[Instant, bytes]]:
    """Everything a device sends up to `until`, each at its instant; `say` is what the host sends."""
    out: list[tuple[Instant, bytes]] = []
    for at, data in sorted((say or {}).items()):
        out += drive(device, at)
        out += [(at, item) for item in device.on(data, at)]
    while device.deadline is not None and device.deadline <= until:
        now = device.deadline
        out += [(now, item) for item in device.tick(now)]
    return out
