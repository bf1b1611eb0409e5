"""Alarm limits: presets, hard bounds with their reason, and what makes a value legal.

One row per threshold; the conditions of the catalogue name the rows they use. Presets are those of the
profile for intravenous racemic ketamine; their sources stand in docs/alarms.md. Hard bounds are ours: inside
them a clinic may choose, outside them a limit would either alarm all the time or watch over nothing. An
oximeter's low limit is not preset below 85 % (ISO 80601-2-61).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bedside.effects import Origin
from bedside.vitals import QUANTITIES, Vital


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One threshold, in the unit of its vital, or for the vital's ratio to another one.

    `reason` says what the hard bounds guard against.
    """

    key: str
    condition: str
    vital: Vital
    preset: float
    lowest: float
    highest: float
    reason: str
    per: Vital | None = None

    @property
    def unit(self) -> str:
        """UCUM unit of the threshold; a ratio is a plain number, as clinics write it."""
        return QUANTITIES[self.vital].unit if self.per is None else RATIO

    @property
    def setting(self) -> str:
        """The key in a settings file: the unit stands last in the name."""
        return f"{self.key}_{UNIT_WORDS[self.unit]}"


RATIO: Final = "1"

UNIT_WORDS: Final[Mapping[str, str]] = {
    "%": "percent",
    "{beat}/min": "per_min",
    "{breath}/min": "per_min",
    "mm[Hg]": "mmhg",
    RATIO: "index",
}

_NOISE_ABOVE = "above this a healthy patient alarms all the time"
_BLIND_BELOW = "below this the alarm comes too late to act on"
_NOISE_BELOW = "below this a healthy patient alarms all the time"
_BLIND_ABOVE = "above this the alarm comes too late to act on"


def _low(key: str, vital: Vital, preset: float, lowest: float, highest: float) -> LimitRow:
    """A limit that alarms when the value falls below it."""
    reason = f"{_BLIND_BELOW}; {_NOISE_ABOVE}"
    return LimitRow(key, _condition(key), vital, preset, lowest, highest, reason)


def _high(key: str, vital: Vital, preset: float, lowest: float, highest: float) -> LimitRow:
    """A limit that alarms when the value rises above it."""
    reason = f"{_NOISE_BELOW}; {_BLIND_ABOVE}"
    return LimitRow(key, _condition(key), vital, preset, lowest, highest, reason)


def _condition(key: str) -> str:
    return key.split("_", 1)[0].upper()


_ROWS: Final = (
    _low("s1_spo2_low", Vital.SPO2, 90, 85, 95),
    _low("s2_spo2_very_low", Vital.SPO2, 85, 75, 90),
    _low("r1_rr_low", Vital.RR, 9, 6, 12),
    _low("r2_rr_very_low", Vital.RR, 6, 4, 9),
    _high("r4_rr_high", Vital.RR, 30, 20, 40),
    _high("p1_pulse_high", Vital.PR, 120, 90, 150),
    _high("p2_pulse_very_high", Vital.PR, 150, 110, 200),
    _low("p3_pulse_low", Vital.PR, 50, 40, 60),
    _low("p4_pulse_very_low", Vital.PR, 40, 30, 50),
    _high("p6_pulses_apart", Vital.PR, 20, 10, 40),
    _high("b1_sys_high", Vital.NIBP_SYS, 165, 140, 180),
    _high("b1_dia_high", Vital.NIBP_DIA, 100, 85, 110),
    _high("b2_sys_very_high", Vital.NIBP_SYS, 180, 155, 210),
    _high("b2_dia_very_high", Vital.NIBP_DIA, 110, 95, 130),
    _low("b3_sys_low", Vital.NIBP_SYS, 90, 80, 110),
    _low("b3_mean_low", Vital.NIBP_MEAN, 60, 55, 75),
    _low("b4_sys_very_low", Vital.NIBP_SYS, 80, 60, 95),
    _low("b4_mean_very_low", Vital.NIBP_MEAN, 55, 45, 65),
    _low("c1_rr_low", Vital.RR, 10, 6, 14),
    _low("c1_spo2_low", Vital.SPO2, 92, 88, 95),
    _high("c3_pulse_high", Vital.PR, 120, 100, 150),
    _low("c3_sys_low", Vital.NIBP_SYS, 90, 80, 110),
    replace(_high("c3_shock", Vital.PR, 1.2, 0.9, 1.5), per=Vital.NIBP_SYS),
    _low("c3_spo2_low", Vital.SPO2, 94, 90, 96),
    _low("t3_perfusion_low", Vital.PI, 0.3, 0.1, 1.0),
)

LIMITS: Final[Mapping[str, LimitRow]] = {row.key: row for row in _ROWS}

ORDERED: Final = (
    ("s2_spo2_very_low", "s1_spo2_low"),
    ("r2_rr_very_low", "r1_rr_low"),
    ("r1_rr_low", "r4_rr_high"),
    ("p4_pulse_very_low", "p3_pulse_low"),
    ("p3_pulse_low", "p1_pulse_high"),
    ("p1_pulse_high", "p2_pulse_very_high"),
    ("b1_sys_high", "b2_sys_very_high"),
    ("b1_dia_high", "b2_dia_very_high"),
    ("b4_sys_very_low", "b3_sys_low"),
    ("b4_mean_very_low", "b3_mean_low"),
    ("b3_sys_low", "b1_sys_high"),
)
"""Pairs of which the first must stay below the second: the urgent alarm must not come before the early one.
"""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit in force: its row, its value and where the value comes from."""

    row: LimitRow
    value: float
    origin: Origin


def in_force(site: Mapping[str, float]) -> dict[str, Threshold]:
    """Every limit: the site's value where it has one, the preset where not. KeyError for an unknown key."""
    unknown = [key for key in site if key not in LIMITS]
    if unknown:
        raise KeyError(unknown[0])
    return {
        key: Threshold(row, site[key], Origin.SITE)
        if key in site
        else Threshold(row, row.preset, Origin.PRESET)
        for key, row in LIMITS.items()
    }


def objections(site: Mapping[str, float]) -> list[tuple[str, str]]:
    """Why these site limits are not legal, as (key, sentence); empty when all are.

    A limit is legal inside its hard bounds and on the right side of its neighbour.
    """
    found = [
        (key, f"{value:g} {row.unit} is outside {row.lowest:g} to {row.highest:g} {row.unit}: {row.reason}")
        for key, value in site.items()
        if not (row := LIMITS[key]).lowest <= value <= row.highest
    ]
    values = {key: threshold.value for key, threshold in in_force(site).items()}
    for below, above in ORDERED:
        if values[below] >= values[above] and (below in site or above in site):
            culprit = below if below in site else above
            found.append(
                (culprit, f"{below} ({values[below]:g}) must stay below {above} ({values[above]:g})")
            )
    return found
