"""vigil drivers: the devices that can be read, one line each."""

import argparse
import difflib
import sys

from drivers import DRIVERS
from drivers.contract import Driver


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None are needed."""


def run(_: argparse.Namespace) -> int:
    lines = [describe(driver) for driver in DRIVERS.values()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def describe(driver: Driver) -> tuple[str, ...]:
    """The cells of a driver's line, its name first."""
    line = driver.line
    return (
        driver.name,
        driver.kind.value,
        ",".join(vital.value for vital in driver.vitals),
        f"{line.baud} {line.data_bits}{line.parity.value}{line.stop_bits}",
        "speaks by itself" if driver.speaks_unasked else "answers the host",
        f"confidence: {driver.confidence}",
    )


def find(name: str, command: str) -> Driver | None:
    """The driver of this name; without one, an error that names the nearest, on stderr."""
    if name in DRIVERS:
        return DRIVERS[name]
    nearest = difflib.get_close_matches(name, DRIVERS, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(DRIVERS)}"
    print(f"vigil {command}: unknown driver {name}: {hint}", file=sys.stderr)
    return None
