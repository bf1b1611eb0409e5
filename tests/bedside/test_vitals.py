"""The closed list of vitals: every one described once, with the codes of the standards.

Names: the MQTT contract. Codes: the tables below, copied from the alarm-standards text, 12.1 and 12.2.
"""

import pytest

from bedside.vitals import NIBP_RESULT, QUANTITIES, STATES, PumpState, Quantity, State, Vital, describe

NAMES = (
    "spo2 pr hr pi rr nibp_sys nibp_dia nibp_mean nibp_pr nibp_state cuff_pressure pump_state infusion_rate "
    "volume_infused volume_remaining dose_rate dose_given"
)
MDC = {
    "spo2": (150456, "MDC_PULS_OXIM_SAT_O2"),
    "pr": (149530, "MDC_PULS_OXIM_PULS_RATE"),
    "pi": (150488, "MDC_BLD_PERF_INDEX"),
    "rr": (151562, "MDC_RESP_RATE"),
    "nibp_sys": (150021, "MDC_PRESS_BLD_NONINV_SYS"),
    "nibp_dia": (150022, "MDC_PRESS_BLD_NONINV_DIA"),
    "nibp_mean": (150023, "MDC_PRESS_BLD_NONINV_MEAN"),
    "nibp_pr": (149546, "MDC_PULS_RATE_NON_INV"),
    "cuff_pressure": (150300, "MDC_PRESS_CUFF"),
    "infusion_rate": (158014, "MDC_FLOW_FLUID_PUMP_CURRENT"),
    "volume_infused": (157993, "MDC_VOL_FLUID_DELIV_TOTAL"),
    "volume_remaining": (157872, "MDC_VOL_FLUID_TBI_REMAIN"),
    "dose_rate": (157924, "MDC_RATE_DOSE"),
    "dose_given": (158001, "MDC_DOSE_DRUG_DELIV_TOTAL"),
}
LOINC = {
    "spo2": ("59408-5", "2708-6"),
    "pr": ("8889-8",),
    "hr": ("8867-4",),
    "pi": ("61006-3",),
    "rr": ("9279-1",),
    "nibp_sys": ("76534-7",),
    "nibp_dia": ("76535-4",),
    "nibp_mean": ("76536-2",),
    "nibp_pr": ("8867-4",),
}
POSSIBLE = {
    Vital.SPO2: ((1, 100), (0, 101)),
    Vital.PR: ((10, 350), (9, 351)),
    Vital.NIBP_SYS: ((20, 300), (19, 301)),
}


def test_names() -> None:
    assert [vital.value for vital in Vital] == NAMES.split()


@pytest.mark.parametrize("vital", Vital)
def test_described_once(vital: Vital) -> None:
    assert (vital in QUANTITIES) is not (vital in STATES)
    row = describe(vital)
    assert isinstance(row, Quantity if vital in QUANTITIES else State)
    assert row.name


@pytest.mark.parametrize("name", MDC)
def test_codes(name: str) -> None:
    code = QUANTITIES[Vital(name)].code
    assert (code.mdc, code.reference_id) == MDC[name]


def test_loinc() -> None:
    assert {vital.value: row.loinc for vital, row in QUANTITIES.items() if row.loinc} == LOINC


def test_pump_state_code() -> None:
    code = STATES[Vital.PUMP_STATE].code
    assert code is not None
    assert (code.mdc, code.reference_id) == (184519, "MDC_PUMP_INFUSING_STATUS")


@pytest.mark.parametrize("vital", POSSIBLE)
def test_possible(vital: Vital) -> None:
    inside, outside = POSSIBLE[vital]
    assert all(QUANTITIES[vital].possible(value) for value in inside)
    assert not any(QUANTITIES[vital].possible(value) for value in outside)


def test_delivering() -> None:
    assert {state for state in PumpState if state.delivering} == {PumpState.INFUSING, PumpState.BOLUS}


def test_pump_words() -> None:
    assert [state.value for state in PumpState] == (
        ["infusing", "stopped", "paused", "bolus", "kvo", "complete", "alarm", "unknown"]
    )


def test_what_a_cuff_yields() -> None:
    assert [vital.value for vital in NIBP_RESULT] == ["nibp_sys", "nibp_dia", "nibp_mean", "nibp_pr"]
