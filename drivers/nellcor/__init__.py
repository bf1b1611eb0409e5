"""Nellcor N-560, N-595 and N-600x: the real-time print, one line of text every two seconds."""

from typing import Final

from bedside.vitals import Vital
from drivers.contract import DeviceKind, Driver, LineSettings
from drivers.nellcor.codec import NellcorCodec

# Two lines may be lost before a third is missed: the interval is two seconds.
PATIENCE_MS: Final = 5000

NELLCOR: Final = Driver(
    name="nellcor",
    title="Nellcor oximeter, real-time print",
    kind=DeviceKind.OXIMETER,
    vitals=(Vital.SPO2, Vital.PR),
    line=LineSettings(baud=9600),
    silence_limit_ms=PATIENCE_MS,
    stale_after_ms=PATIENCE_MS,
    speaks_unasked=True,
    starts_nibp=False,
    confidence="C, with a real recording of an N-560",
    new_codec=NellcorCodec,
)
