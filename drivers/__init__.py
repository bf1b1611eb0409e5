"""Bytes to facts and back: one folder a device, all listed here and nowhere else."""

from collections.abc import Mapping
from typing import Final

from drivers.contract import Driver
from drivers.nellcor import NELLCOR
from drivers.nonin import NONIN

DRIVERS: Final[Mapping[str, Driver]] = {
    driver.name: driver
    for driver in (
        NONIN,
        NELLCOR,
    )
}
