"""Bytes to facts and back: one folder a device, all listed here and nowhere else."""

from collections.abc import Mapping
from typing import Final

from drivers.contract import Driver

DRIVERS: Final[Mapping[str, Driver]] = {}
