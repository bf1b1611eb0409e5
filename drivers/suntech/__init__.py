"""SunTech Advantage OEM, Advantage A+ and Mini: blood-pressure modules that the host starts and polls."""

from typing import Final

from bedside.vitals import NIBP_RESULT, Vital
from drivers.contract import DeviceKind, Driver, LineSettings
from drivers.suntech.codec import SunTechCodec

SUNTECH: Final = Driver(
    name="suntech",
    title="SunTech Advantage OEM",
    kind=DeviceKind.NIBP,
    vitals=(*NIBP_RESULT, Vital.NIBP_STATE, Vital.CUFF_PRESSURE),
    line=LineSettings(baud=9600),
    # At rest it is asked every 5 s: two answers may fail before the line counts as lost.
    silence_limit_ms=12_000,
    stale_after_ms=12_000,
    speaks_unasked=False,
    starts_nibp=True,
    confidence="C",
    new_codec=SunTechCodec,
)
