"""Nonin oximeters that stream data format 2, 7 or 8: OEM III, Xpod, 3150, 9560, 4100."""

from typing import Final

from bedside.vitals import Vital
from drivers.contract import DeviceKind, Driver, LineSettings
from drivers.nonin.codec import NoninCodec

# One record for 75 frames a second (formats 2 and 7) and one frame a second (format 8). Three seconds let one
# format-8 record be lost; with a shorter limit every line error there would cost the link.
PATIENCE_MS: Final = 3000

NONIN: Final = Driver(
    name="nonin",
    title="Nonin oximeter, data formats 2, 7 and 8",
    kind=DeviceKind.OXIMETER,
    vitals=(Vital.SPO2, Vital.PR),
    line=LineSettings(baud=9600),
    silence_limit_ms=PATIENCE_MS,
    stale_after_ms=PATIENCE_MS,
    speaks_unasked=True,
    starts_nibp=False,
    confidence="V and C; built frames only, no recording was found",
    new_codec=NoninCodec,
    pleth_rate_hz=75,
)
