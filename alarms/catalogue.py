"""Every alarm condition as one row: what it is, when it is raised, how urgent, when it ends.

The numbers are those of the profile for intravenous racemic ketamine (clinical basis, 7.1 to 7.3). A delay is
persistence on valid samples, after the device's own averaging. Columns:

    rule            what is abnormal (`alarms.verdicts`; the limit itself is a row of `alarms.limits`)
    delay           how long it must last; some rows wait otherwise in dosing, or for the cuff
    steps           priority, by time present, by the rule's grade, and by phase; never lowered while present
    clear_after     how long normal must last; a cuff reading or a device's own word clears at once
    latching        stays until acknowledged although its cause is gone
    unknown         what no evidence does to a condition that is pending; a present one is never touched
    watched_closely the cuff's interval shortens in dosing
    confirms_stop   acknowledging says the stop was meant
    needs           vitals without which this bed cannot see the condition: it is published as not monitored
    reason, source  why this priority; where limit and delay come from ("ours": from nobody else)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from alarms.verdicts import (
    Above,
    AllOf,
    AnyOf,
    AsJudged,
    AtLeast,
    AudioPaused,
    Below,
    DeliveringUnwatched,
    Flagged,
    InfusionComplete,
    Lately,
    MissingFor,
    NearEnd,
    NibpFailed,
    NibpOld,
    NibpOverdue,
    NotRenewed,
    NoValue,
    PanelFault,
    ProbeOff,
    PulseLost,
    PulsesApart,
    RatioAtLeast,
    RespirationSilent,
    Rule,
    Silent,
    StationLost,
    StoppedBeforeEnd,
    WhereGiven,
)
from bedside.facts import FlagName, Reason
from bedside.instants import MINUTE, SECOND
from bedside.priorities import Category, Kind, Priority
from bedside.vitals import RespirationSource, Vital


class During(Enum):
    """When in a session a step of priority applies."""

    ALWAYS = "always"
    DOSING = "dosing"
    AT_RISK = "dosing and the first hour of observation"


class OnUnknown(Enum):
    """What no evidence does to a pending condition."""

    FREEZES = "freezes its timer for up to 5 s, then the technical condition takes over"
    RUNS_ON = "lets its timer run on"


@dataclass(frozen=True, slots=True)
class Step:
    """A priority, from this long after the condition is raised, at this grade or worse, at this time."""

    priority: Priority
    after_s: float = 0
    grade: int = 1
    during: During = During.ALWAYS


@dataclass(frozen=True, slots=True)
class Delay:
    """Persistence before a condition is raised, in seconds."""

    s: float = 0
    dosing_s: float | None = None
    cuff_s: float | None = None


@dataclass(frozen=True, slots=True)
class Dips:
    """So many excursions within so many seconds count at once, without waiting for the delay."""

    count: int
    within_s: float


@dataclass(frozen=True, slots=True)
class Resound:
    """When an acknowledged condition sounds again although its priority did not rise: one of these vitals is
    so much higher than it was at the acknowledgement, or so much time has passed.
    """

    vitals: tuple[Vital, ...]
    rise: float
    after_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """One alarm condition. Steps may be empty: the row is then an indication, shown and never sounded."""

    id: str
    name: str
    kind: Kind
    category: Category
    mdc: int
    rule: Rule
    steps: tuple[Step, ...]
    delay: Delay = Delay()
    clear_after_s: float = 5
    latching: bool = False
    unknown: OnUnknown = OnUnknown.FREEZES
    needs: tuple[Vital, ...] = ()
    blind: frozenset[RespirationSource] = frozenset()
    confirmed_by_repeat: bool = False
    repeat_after_s: float | None = None
    dips: Dips | None = None
    resound: Resound | None = None
    tells_infusion: bool = False
    watched_closely: bool = False
    confirms_stop: bool = False
    needs_station: bool = False
    reason: str = ""
    source: str = ""
    hint: str = ""


LOW, MEDIUM, HIGH = Step(Priority.LOW), Step(Priority.MEDIUM), Step(Priority.HIGH)

# Event terms of ISO/IEEE 11073-10101, partition 3, context-free.
MDC_EVT_ALARM = 196616
MDC_EVT_HI_VAL_GT_LIM = 196652
MDC_EVT_LO_VAL_LT_LIM = 196674
MDC_EVT_DESAT = 199854
MDC_EVT_FLUID_LINE_OCCL = 196940
MDC_EVT_BATT_LO = 196802
MDC_EVT_CUFF_NOT_DEFLATED = 196838
MDC_EVT_SENSOR_MALF = 196918
MDC_EVT_SENSOR_PROB = 196920
MDC_EVT_SIG_LO = 196988
MDC_EVT_WAVE_SIG_QUAL_ERR = 197042
MDC_EVT_DISCONN = 196630
MDC_EVT_MSMT_DISCONN = 196960
MDC_EVT_MSMT_FAIL = 196964
MDC_EVT_MSMT_INTERRUP = 196970
MDC_EVT_EQUIP_MALF = 196850
MDC_EVT_STAT_AL_OFF = 202752

_PLETH: Final = frozenset({RespirationSource.PLETH})
_SPO2, _PR, _RR = (Vital.SPO2,), (Vital.PR,), (Vital.RR,)
_NIBP, _PUMP = (Vital.NIBP_SYS,), (Vital.PUMP_STATE,)

_PHYSIOLOGICAL: Final = (
    Row(
        "S1",
        "SpO2 low",
        Kind.PHYSIOLOGICAL,
        Category.OXYGENATION,
        MDC_EVT_LO_VAL_LT_LIM,
        Below("s1_spo2_low", hysteresis=2),
        (MEDIUM, Step(Priority.HIGH, after_s=60)),
        Delay(15),
        needs=_SPO2,
        dips=Dips(count=3, within_s=60),
        tells_infusion=True,
        reason="reversible, prompt; 15 s persistence removes most nuisance alarms",
        source="vendors 88 to 90 %; 15 s cut alarms by 60 % (recovery room); third dip as in SatSeconds",
    ),
    Row(
        "S2",
        "SpO2 very low",
        Kind.PHYSIOLOGICAL,
        Category.OXYGENATION,
        MDC_EVT_DESAT,
        Below("s2_spo2_very_low", hysteresis=2),
        (HIGH,),
        Delay(5),
        latching=True,
        needs=_SPO2,
        tells_infusion=True,
        reason="death, prompt",
        source="PRODIGY counts 85 % or less as an event; vendors' desaturation presets 78 to 80 %",
    ),
    Row(
        "R1",
        "breathing slow",
        Kind.PHYSIOLOGICAL,
        Category.VENTILATION,
        MDC_EVT_LO_VAL_LT_LIM,
        Below("r1_rr_low", hysteresis=2),
        (MEDIUM,),
        Delay(30),
        needs=_RR,
        tells_infusion=True,
        reason="reversible, prompt; 8 per minute scores 3 in NEWS2",
        source="NEWS2 scores 3 at 8 or fewer; vendor presets 6 to 8",
    ),
    Row(
        "R2",
        "breathing very slow",
        Kind.PHYSIOLOGICAL,
        Category.VENTILATION,
        MDC_EVT_LO_VAL_LT_LIM,
        Below("r2_rr_very_low", hysteresis=2),
        (HIGH,),
        Delay(15),
        latching=True,
        needs=_RR,
        blind=_PLETH,
        tells_infusion=True,
        reason="death, prompt",
        source="PRODIGY counts 5 or fewer as an event; vendor preset 6",
    ),
    Row(
        "R4",
        "breathing fast",
        Kind.PHYSIOLOGICAL,
        Category.VENTILATION,
        MDC_EVT_HI_VAL_GT_LIM,
        Above("r4_rr_high", hysteresis=3),
        (MEDIUM,),
        Delay(30),
        needs=_RR,
        tells_infusion=True,
        reason="reversible, prompt; distress or allergy",
        source="vendor presets 30; NEWS2 scores 3 at 25 or more",
    ),
    Row(
        "R5",
        "breathing not measurable from pleth",
        Kind.PHYSIOLOGICAL,
        Category.VENTILATION,
        MDC_EVT_MSMT_FAIL,
        NoValue(Vital.RR),
        (LOW, Step(Priority.MEDIUM, after_s=120, during=During.DOSING)),
        Delay(60),
        clear_after_s=15,
        needs=_RR,
        blind=frozenset(RespirationSource) - _PLETH,
        tells_infusion=True,
        reason="the pleth lags and cannot prove apnea; without it nothing watches breathing",
        source="ours",
    ),
    Row(
        "P1",
        "pulse fast",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_HI_VAL_GT_LIM,
        Above("p1_pulse_high", hysteresis=5),
        (MEDIUM,),
        Delay(10),
        needs=_PR,
        reason="reversible, prompt",
        source="vendor presets 120; more than 120 is unstable in a ketamine trial (NCT05803551)",
    ),
    Row(
        "P2",
        "pulse very fast",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_HI_VAL_GT_LIM,
        Above("p2_pulse_very_high", hysteresis=5),
        (HIGH,),
        Delay(5),
        latching=True,
        needs=_PR,
        reason="irreversible, prompt",
        source="vendor preset 150",
    ),
    Row(
        "P3",
        "pulse slow",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_LO_VAL_LT_LIM,
        Below("p3_pulse_low", hysteresis=3),
        (MEDIUM,),
        Delay(10),
        needs=_PR,
        reason="reversible, prompt",
        source="vendor presets 50; less than 50 is unstable in a ketamine trial (NCT05803551)",
    ),
    Row(
        "P4",
        "pulse very slow",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_LO_VAL_LT_LIM,
        Below("p4_pulse_very_low", hysteresis=3),
        (HIGH,),
        Delay(5),
        latching=True,
        needs=_PR,
        reason="irreversible, prompt; 40 per minute scores 3 in NEWS2",
        source="NEWS2 scores 3 at 40 or fewer",
    ),
    Row(
        "P5",
        "pulse lost",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_ALARM,
        PulseLost(),
        (HIGH,),
        Delay(10, cuff_s=30),
        latching=True,
        needs=_PR,
        reason="asystole cannot be excluded",
        source="times are ours; vendor practice bounds the wait for a cuff on the same limb at 60 s",
        hint="check the patient, then the probe",
    ),
    Row(
        "P6",
        "pulse at cuff and probe differ",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_ALARM,
        PulsesApart("p6_pulses_apart", hysteresis=10),
        (LOW,),
        clear_after_s=0,
        needs=(Vital.PR, Vital.NIBP_PR),
        reason="one of the two is wrong, or the rhythm is irregular",
        source="ours",
    ),
    Row(
        "B1",
        "blood pressure high",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_HI_VAL_GT_LIM,
        AnyOf((AtLeast("b1_sys_high", hysteresis=5), AtLeast("b1_dia_high", hysteresis=5))),
        (MEDIUM,),
        Delay(180),
        clear_after_s=0,
        unknown=OnUnknown.RUNS_ON,
        needs=_NIBP,
        confirmed_by_repeat=True,
        repeat_after_s=120,
        resound=Resound((Vital.NIBP_SYS, Vital.NIBP_DIA), rise=10, after_s=600),
        watched_closely=True,
        reason="reversible, prompt; common under ketamine, so it must not repeat itself",
        source="165/100 as in Rodrigues 2022, where 44 % of patients reached it; times are ours",
    ),
    Row(
        "B2",
        "blood pressure very high",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_HI_VAL_GT_LIM,
        AnyOf((AtLeast("b2_sys_very_high", hysteresis=10), AtLeast("b2_dia_very_high", hysteresis=10))),
        (HIGH,),
        clear_after_s=0,
        latching=True,
        unknown=OnUnknown.RUNS_ON,
        needs=_NIBP,
        repeat_after_s=60,
        tells_infusion=True,
        reason="irreversible, prompt; a usual value for stopping the infusion",
        source="180/110 is a usual stop value of clinics; repeat and hysteresis are ours",
    ),
    Row(
        "B3",
        "blood pressure low",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_LO_VAL_LT_LIM,
        AnyOf((Below("b3_sys_low", hysteresis=5), Below("b3_mean_low", hysteresis=5))),
        (MEDIUM,),
        Delay(180),
        clear_after_s=0,
        unknown=OnUnknown.RUNS_ON,
        needs=_NIBP,
        confirmed_by_repeat=True,
        repeat_after_s=60,
        reason="reversible, prompt",
        source="vendor presets 90 and mean 60; less than 90 is unstable in a ketamine trial (NCT05803551)",
    ),
    Row(
        "B4",
        "blood pressure very low",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_LO_VAL_LT_LIM,
        AnyOf((Below("b4_sys_very_low", hysteresis=5), Below("b4_mean_very_low", hysteresis=5))),
        (HIGH,),
        clear_after_s=0,
        latching=True,
        unknown=OnUnknown.RUNS_ON,
        needs=_NIBP,
        repeat_after_s=60,
        tells_infusion=True,
        reason="death, prompt",
        source="vendor preset 80 systolic; 55 mean is ours",
    ),
    Row(
        "C1",
        "respiratory depression",
        Kind.PHYSIOLOGICAL,
        Category.VENTILATION,
        MDC_EVT_ALARM,
        AllOf(
            (
                AnyOf((Below("c1_rr_low", hysteresis=2), RespirationSilent())),
                Below("c1_spo2_low", hysteresis=2),
            )
        ),
        (HIGH,),
        Delay(15),
        latching=True,
        needs=(Vital.RR, Vital.SPO2),
        tells_infusion=True,
        reason="death, prompt; breathing and saturation together warn before either alone",
        source="ours, near the usual stop values of clinics: 8 to 10 breaths, SpO2 90 to 92 %",
    ),
    Row(
        "C2",
        "low output with slow pulse",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_ALARM,
        AllOf((AnyOf((AsJudged("P3"), AsJudged("P4"))), Lately("B3", within=3 * MINUTE))),
        (HIGH,),
        latching=True,
        needs=(Vital.PR, Vital.NIBP_SYS),
        tells_infusion=True,
        reason="death, prompt; a faint with slow pulse and low pressure, seen in a ketamine trial",
        source="ours, from the limits of P3 and B3",
    ),
    Row(
        "C3",
        "possible anaphylaxis",
        Kind.PHYSIOLOGICAL,
        Category.CARDIOVASCULAR,
        MDC_EVT_ALARM,
        AllOf(
            (
                Above("c3_pulse_high", hysteresis=5),
                AnyOf(
                    (
                        Below("c3_sys_low", hysteresis=5),
                        RatioAtLeast("c3_shock", hysteresis=0.1, per=Vital.NIBP_SYS),
                    )
                ),
                Below("c3_spo2_low", hysteresis=2),
            )
        ),
        (HIGH,),
        Delay(15),
        latching=True,
        needs=(Vital.PR, Vital.NIBP_SYS, Vital.SPO2),
        tells_infusion=True,
        reason="death, prompt; fewer than one in a hundred, but lethal",
        source="ours; shock index: pulse rate by systolic pressure",
        hint="check: allergy, airway",
    ),
)

_INFUSION: Final = (
    Row(
        "I1",
        "infusion line occluded",
        Kind.TECHNICAL,
        Category.DRUG_DELIVERY,
        MDC_EVT_FLUID_LINE_OCCL,
        Flagged(Vital.PUMP_STATE, (FlagName.OCCLUSION,)),
        (HIGH,),
        clear_after_s=0,
        needs=_PUMP,
        reason="mirrored: the agent never lowers a source's priority",
        source="the pump's own limit; HIGH follows practice under IEC 60601-2-24",
    ),
    Row(
        "I2",
        "air in line or flow error",
        Kind.TECHNICAL,
        Category.DRUG_DELIVERY,
        MDC_EVT_ALARM,
        Flagged(Vital.PUMP_STATE, (FlagName.AIR_IN_LINE, FlagName.FLOW_ERROR)),
        (MEDIUM,),
        clear_after_s=0,
        needs=_PUMP,
        reason="mirrored: at least MEDIUM, since no known pump tells a priority of its own",
        source="the pump's own limit",
    ),
    Row(
        "I5",
        "infusion near its end",
        Kind.TECHNICAL,
        Category.DRUG_DELIVERY,
        MDC_EVT_ALARM,
        NearEnd(within=3 * MINUTE),
        (),
        clear_after_s=0,
        needs=_PUMP,
        reason="not a hazard: told, so that somebody can be there",
        source="ours, as usual in pumps",
    ),
    Row(
        "I6",
        "infusion complete",
        Kind.TECHNICAL,
        Category.DRUG_DELIVERY,
        MDC_EVT_ALARM,
        InfusionComplete(),
        (LOW,),
        clear_after_s=0,
        needs=_PUMP,
        reason="observation begins",
        source="the pump's own word, or no volume left",
    ),
    Row(
        "I7",
        "infusion stopped before its end",
        Kind.TECHNICAL,
        Category.DRUG_DELIVERY,
        MDC_EVT_ALARM,
        StoppedBeforeEnd(),
        (MEDIUM,),
        Delay(15),
        clear_after_s=0,
        needs=_PUMP,
        confirms_stop=True,
        reason="an unnoticed pause, or a meant stop",
        source="ours",
        hint="acknowledge if the stop was meant",
    ),
    Row(
        "I8",
        "infusion running without SpO2",
        Kind.TECHNICAL,
        Category.DRUG_DELIVERY,
        MDC_EVT_ALARM,
        DeliveringUnwatched(),
        (MEDIUM, Step(Priority.HIGH, after_s=90)),
        Delay(30),
        needs=_PUMP,
        reason="the worst gap: drug in, eyes off",
        source="ours",
    ),
    Row(
        "I10",
        "pump battery low or container empty",
        Kind.TECHNICAL,
        Category.DRUG_DELIVERY,
        MDC_EVT_BATT_LO,
        Flagged(
            Vital.PUMP_STATE,
            (FlagName.LOW_BATTERY,),
            worse=(FlagName.CONTAINER_EMPTY, FlagName.BATTERY_EMPTY),
        ),
        (LOW, Step(Priority.MEDIUM, grade=2)),
        clear_after_s=0,
        needs=_PUMP,
        reason="mirrored: the infusion will stop, or has nothing left",
        source="the pump's own limits",
    ),
)

_TECHNICAL: Final = (
    Row(
        "T1",
        "oximeter probe off",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_SENSOR_PROB,
        ProbeOff(),
        (LOW, Step(Priority.MEDIUM, during=During.DOSING), Step(Priority.MEDIUM, after_s=120)),
        Delay(10),
        needs=_SPO2,
        reason="nobody watches the patient's oxygen",
        source="ours; an oximeter may keep its last value for 10 s (Nonin)",
    ),
    Row(
        "T2",
        "oximeter sensor fault",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_SENSOR_MALF,
        MissingFor(Vital.SPO2, Reason.SENSOR_FAULT),
        (MEDIUM,),
        Delay(2),
        needs=_SPO2,
        reason="nobody watches the patient's oxygen, and the probe must be changed",
        source="ours",
    ),
    Row(
        "T3",
        "perfusion low at the probe",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_SIG_LO,
        AnyOf(
            (
                Flagged(Vital.SPO2, (FlagName.LOW_PERFUSION,)),
                WhereGiven(Vital.PI, Below("t3_perfusion_low", hysteresis=0.1)),
            )
        ),
        (LOW,),
        Delay(30),
        needs=_SPO2,
        reason="values are doubtful, and marked so at once",
        source="0.3 % as in practice; at least low, as ISO 80601-2-61 asks of an inadequate signal",
    ),
    Row(
        "T4",
        "oximeter signal disturbed",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_WAVE_SIG_QUAL_ERR,
        Flagged(Vital.SPO2, (FlagName.ARTEFACT, FlagName.WEAK_SIGNAL)),
        (LOW,),
        Delay(30),
        needs=_SPO2,
        reason="values are doubtful; movement is common here",
        source="ours; at least low, as ISO 80601-2-61 asks of an inadequate signal",
    ),
    Row(
        "T5",
        "oximeter link lost",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_DISCONN,
        Silent(Vital.SPO2),
        (MEDIUM,),
        Delay(10),
        clear_after_s=0,
        needs=_SPO2,
        reason="cable, port or power",
        source="ours",
    ),
    Row(
        "T6",
        "oximeter values do not renew",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_MSMT_INTERRUP,
        NotRenewed(Vital.SPO2, after=10 * SECOND),
        (MEDIUM,),
        Delay(10),
        clear_after_s=0,
        needs=_SPO2,
        reason="an old number must not look new",
        source="an oximeter may keep its last value for 10 s (Nonin); well within the 30 s of ISO 80601-2-61",
    ),
    Row(
        "T7",
        "blood-pressure monitor link lost",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_MSMT_DISCONN,
        Silent(Vital.NIBP_SYS),
        (LOW, Step(Priority.MEDIUM, during=During.DOSING)),
        Delay(30),
        clear_after_s=0,
        needs=_NIBP,
        reason="blood pressure is the main sign during dosing",
        source="ours",
    ),
    Row(
        "T8",
        "blood-pressure measurement failed",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_MSMT_FAIL,
        NibpFailed(),
        (LOW, Step(Priority.MEDIUM, grade=2)),
        clear_after_s=0,
        needs=_NIBP,
        reason="movement is common; one retry follows by itself where the agent starts measurements",
        source="ours",
    ),
    Row(
        "T9",
        "blood-pressure measurement overdue",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_MSMT_INTERRUP,
        NibpOverdue(),
        (LOW, Step(Priority.MEDIUM, during=During.AT_RISK)),
        clear_after_s=0,
        needs=_NIBP,
        reason="blood pressure is the main risk sign",
        source="interval from published protocols (10 min infusing, 15 min after); the grace is ours",
    ),
    Row(
        "T10",
        "blood-pressure value old",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_MSMT_INTERRUP,
        NibpOld(),
        (),
        clear_after_s=0,
        needs=_NIBP,
        reason="doubted at one and a half intervals, blank at three",
        source="ours",
    ),
    Row(
        "T11",
        "cuff over-pressure or not deflated",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_CUFF_NOT_DEFLATED,
        Flagged(Vital.NIBP_SYS, (FlagName.CUFF_OVERPRESSURE, FlagName.CUFF_NOT_DEFLATED)),
        (HIGH,),
        clear_after_s=0,
        needs=_NIBP,
        reason="mirrored: a cuff that stays tight injures the limb",
        source="the blood-pressure monitor's own limits",
        hint="take the cuff off",
    ),
    Row(
        "T12",
        "infusion pump link lost",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_DISCONN,
        Silent(Vital.PUMP_STATE),
        (LOW, Step(Priority.MEDIUM, during=During.DOSING)),
        Delay(60, dosing_s=10),
        clear_after_s=0,
        needs=_PUMP,
        reason="dose and unwatched infusion are unknown",
        source="ours",
    ),
    Row(
        "T13",
        "station link lost",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_DISCONN,
        StationLost(),
        (LOW, Step(Priority.MEDIUM, after_s=90)),
        Delay(30),
        clear_after_s=0,
        needs_station=True,
        reason="the local alarm comes first; an unattended room needs the station",
        source="times are ours; that both ends tell of a lost link follows IEC 60601-1-8, 6.11",
    ),
    Row(
        "T19",
        "sounder or lamp fault",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_EQUIP_MALF,
        PanelFault(),
        (HIGH,),
        clear_after_s=0,
        latching=True,
        reason="an alarm that nobody hears",
        source="ours",
    ),
    Row(
        "T22",
        "audio paused",
        Kind.TECHNICAL,
        Category.EQUIPMENT,
        MDC_EVT_STAT_AL_OFF,
        AudioPaused(),
        (),
        clear_after_s=0,
        reason="an inactivation state is always visible",
        source="IEC 60601-1-8, 6.8: inactivation is always shown",
    ),
)

CATALOGUE: Final[Mapping[str, Row]] = {row.id: row for row in (*_PHYSIOLOGICAL, *_INFUSION, *_TECHNICAL)}

UNWATCHED: Final[Mapping[str, str]] = {
    "S4": "SpO2 high is off: it is only for patients on oxygen who retain CO2, by explicit choice",
    "R3": "apnea: no supported device tells single breaths, or names its own apnea alarm in known words",
}
"""Conditions of the clinical tables that no bed watches for, and why. Every bed says so."""
