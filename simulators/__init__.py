"""The far end of the wires: simulated devices on one scripted body, listed here and nowhere else."""

from collections.abc import Mapping
from typing import Final

from simulators import alaris_gh, ivy_450c, nonin, suntech
from simulators.contract import Simulator

SIMULATORS: Final[Mapping[str, Simulator]] = {
    simulator.name: simulator
    for simulator in (nonin.SIMULATOR, suntech.SIMULATOR, alaris_gh.SIMULATOR, ivy_450c.SIMULATOR)
}
"""By the name of the driver at the near end. A driver that is not here has a real recording instead."""
