"""Ivy 450C monitor, "ANSAR-B" output: listened to, never asked."""

from typing import Final

from bedside.vitals import NIBP_RESULT, RespirationSource, Vital
from drivers.contract import DeviceKind, Driver, LineSettings
from drivers.ivy_450c.codec import PLETH_RATE_HZ, IvyCodec

IVY_450C: Final = Driver(
    name="ivy-450c",
    title="Ivy 450C vital-signs monitor",
    kind=DeviceKind.MONITOR,
    vitals=(Vital.HR, Vital.RR, Vital.SPO2, Vital.PR, *NIBP_RESULT),
    line=LineSettings(baud=9600),
    # One frame a second.
    silence_limit_ms=3_000,
    stale_after_ms=5_000,
    speaks_unasked=True,
    starts_nibp=False,
    confidence="S",
    new_codec=IvyCodec,
    pleth_rate_hz=PLETH_RATE_HZ,
    sources={Vital.RR: RespirationSource.THORACIC},
)
