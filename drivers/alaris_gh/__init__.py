"""Alaris / Asena GH syringe pump, read only."""

from typing import Final

from bedside.vitals import Vital
from drivers.alaris_gh.codec import AlarisCodec
from drivers.contract import DeviceKind, Driver, LineSettings

ALARIS_GH: Final = Driver(
    name="alaris-gh",
    title="Alaris / Asena GH syringe pump",
    kind=DeviceKind.PUMP,
    vitals=(Vital.PUMP_STATE, Vital.INFUSION_RATE, Vital.VOLUME_INFUSED, Vital.VOLUME_REMAINING),
    line=LineSettings(baud=38400),
    # The pump claims up to 4 s for an answer; with less patience a slow pump would look like a lost one.
    silence_limit_ms=5_000,
    stale_after_ms=10_000,
    speaks_unasked=False,
    starts_nibp=False,
    confidence="C",
    new_codec=AlarisCodec,
)
