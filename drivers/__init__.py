"""Bytes to facts and back: one folder a device, all listed here and nowhere else."""

from collections.abc import Mapping
from typing import Final

from drivers.alaris_gh import ALARIS_GH
from drivers.contract import Driver
from drivers.ivy_450c import IVY_450C
from drivers.nellcor import NELLCOR
from drivers.nonin import NONIN
from drivers.suntech import SUNTECH

DRIVERS: Final[Mapping[str, Driver]] = {
    driver.name: driver
    for driver in (
        NONIN,
        NELLCOR,
        SUNTECH,
        ALARIS_GH,
        IVY_450C,
    )
}
