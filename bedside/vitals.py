"""The closed list of vitals: one row each with unit, codes, resolution and physically possible range.

Codes are context-free ISO/IEEE 11073-10101 codes (partition * 65536 + term), units are UCUM. Where no code is
in common use there is none; none is invented. The range is what a sensor could truthfully say of a living or
dying adult: a value outside it is a damaged frame, not a patient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Vital(StrEnum):
    """Every quantity that may be published, by the name it has on the wire."""

    SPO2 = "spo2"
    PR = "pr"
    HR = "hr"
    PI = "pi"
    RR = "rr"
    NIBP_SYS = "nibp_sys"
    NIBP_DIA = "nibp_dia"
    NIBP_MEAN = "nibp_mean"
    NIBP_PR = "nibp_pr"
    NIBP_STATE = "nibp_state"
    CUFF_PRESSURE = "cuff_pressure"
    PUMP_STATE = "pump_state"
    INFUSION_RATE = "infusion_rate"
    VOLUME_INFUSED = "volume_infused"
    VOLUME_REMAINING = "volume_remaining"
    DOSE_RATE = "dose_rate"
    DOSE_GIVEN = "dose_given"


class NibpState(StrEnum):
    """Where a cuff measurement stands."""

    IDLE = "idle"
    INFLATING = "inflating"
    DEFLATING = "deflating"
    COMPLETE = "complete"
    FAILED = "failed"
    ABORTED = "aborted"


class PumpState(StrEnum):
    """What an infusion pump says that it is doing."""

    INFUSING = "infusing"
    STOPPED = "stopped"
    PAUSED = "paused"
    BOLUS = "bolus"
    KVO = "kvo"
    COMPLETE = "complete"
    ALARM = "alarm"
    UNKNOWN = "unknown"

    @property
    def delivering(self) -> bool:
        """Whether drug is flowing. A keep-vein-open trickle after the end is not a dose."""
        return self in (PumpState.INFUSING, PumpState.BOLUS)


class RespirationSource(StrEnum):
    """Where a respiration rate comes from: some sources can see apnea, the pleth cannot."""

    PLETH = "pleth"
    THORACIC = "thoracic"
    ACOUSTIC = "acoustic"
    CO2 = "co2"


@dataclass(frozen=True, slots=True)
class Code:
    """An ISO/IEEE 11073-10101 term."""

    mdc: int
    reference_id: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A vital that is a number."""

    name: str
    unit: str
    code: Code
    loinc: tuple[str, ...]
    decimals: int
    lowest: float
    highest: float

    def possible(self, value: float) -> bool:
        """Whether a sensor could truthfully report this."""
        return self.lowest <= value <= self.highest


@dataclass(frozen=True, slots=True)
class State:
    """A vital that is one of a few words. Some have no term of their own in 11073-10101."""

    name: str
    code: Code | None
    words: type[NibpState] | type[PumpState]


BEATS = "{beat}/min"
BREATHS = "{breath}/min"
PRESSURE = "mm[Hg]"

QUANTITIES: Final[Mapping[Vital, Quantity]] = {
    Vital.SPO2: Quantity(
        "oxygen saturation", "%", Code(150456, "MDC_PULS_OXIM_SAT_O2"), ("59408-5", "2708-6"), 0, 1, 100
    ),
    Vital.PR: Quantity("pulse rate", BEATS, Code(149530, "MDC_PULS_OXIM_PULS_RATE"), ("8889-8",), 0, 10, 350),
    Vital.HR: Quantity("heart rate", BEATS, Code(147842, "MDC_ECG_HEART_RATE"), ("8867-4",), 0, 0, 350),
    Vital.PI: Quantity("perfusion index", "%", Code(150488, "MDC_BLD_PERF_INDEX"), ("61006-3",), 2, 0, 50),
    Vital.RR: Quantity("respiration rate", BREATHS, Code(151562, "MDC_RESP_RATE"), ("9279-1",), 0, 0, 150),
    Vital.NIBP_SYS: Quantity(
        "systolic pressure", PRESSURE, Code(150021, "MDC_PRESS_BLD_NONINV_SYS"), ("76534-7",), 0, 20, 300
    ),
    Vital.NIBP_DIA: Quantity(
        "diastolic pressure", PRESSURE, Code(150022, "MDC_PRESS_BLD_NONINV_DIA"), ("76535-4",), 0, 10, 250
    ),
    Vital.NIBP_MEAN: Quantity(
        "mean pressure", PRESSURE, Code(150023, "MDC_PRESS_BLD_NONINV_MEAN"), ("76536-2",), 0, 10, 270
    ),
    Vital.NIBP_PR: Quantity(
        "pulse rate at the cuff", BEATS, Code(149546, "MDC_PULS_RATE_NON_INV"), ("8867-4",), 0, 10, 350
    ),
    Vital.CUFF_PRESSURE: Quantity("cuff pressure", PRESSURE, Code(150300, "MDC_PRESS_CUFF"), (), 0, 0, 330),
    Vital.INFUSION_RATE: Quantity(
        "infusion rate", "mL/h", Code(158014, "MDC_FLOW_FLUID_PUMP_CURRENT"), (), 2, 0, 2000
    ),
    Vital.VOLUME_INFUSED: Quantity(
        "volume infused", "mL", Code(157993, "MDC_VOL_FLUID_DELIV_TOTAL"), (), 3, 0, 10000
    ),
    Vital.VOLUME_REMAINING: Quantity(
        "volume remaining", "mL", Code(157872, "MDC_VOL_FLUID_TBI_REMAIN"), (), 3, 0, 10000
    ),
    Vital.DOSE_RATE: Quantity("dose rate", "mg/kg/h", Code(157924, "MDC_RATE_DOSE"), (), 3, 0, 100),
    Vital.DOSE_GIVEN: Quantity(
        "dose given", "mg", Code(158001, "MDC_DOSE_DRUG_DELIV_TOTAL"), (), 2, 0, 10000
    ),
}

STATES: Final[Mapping[Vital, State]] = {
    Vital.NIBP_STATE: State("cuff measurement", None, NibpState),
    Vital.PUMP_STATE: State("pump", Code(184519, "MDC_PUMP_INFUSING_STATUS"), PumpState),
}

PLETH: Final = Code(150452, "MDC_PULS_OXIM_PLETH")

NIBP_RESULT: Final = (Vital.NIBP_SYS, Vital.NIBP_DIA, Vital.NIBP_MEAN, Vital.NIBP_PR)
"""What one finished cuff measurement yields: spot values that age slowly instead of going stale in seconds.
"""


def describe(vital: Vital) -> Quantity | State:
    """The row of a vital, whichever kind it is."""
    return QUANTITIES[vital] if vital in QUANTITIES else STATES[vital]
