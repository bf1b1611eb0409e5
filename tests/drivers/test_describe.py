"""Every kind of fact has its words."""

import json
from typing import Any

import pytest

from bedside.facts import (
    DownReason,
    Flag,
    FlagName,
    Frame,
    LinkDown,
    LinkUp,
    Measurement,
    MeasurementFailed,
    Missing,
    Quality,
    Reading,
    Reason,
    Rejected,
    RejectReason,
    Waveform,
)
from bedside.vitals import NibpState, PumpState, Vital
from drivers.contract import Output, Transmit
from drivers.describe import rows

SPO2_97: dict[str, Any] = {"kind": "reading", "vital": "spo2", "value": 97, "unit": "%", "quality": "good"}


@pytest.mark.parametrize(
    ("output", "described"),
    [
        (Reading(Vital.SPO2, 97), [SPO2_97]),
        (Reading(Vital.SPO2, 97.0), [SPO2_97]),
        (
            Reading(Vital.VOLUME_INFUSED, 0.969, Quality.QUESTIONABLE),
            [
                {
                    "kind": "reading",
                    "vital": "volume_infused",
                    "value": 0.969,
                    "unit": "mL",
                    "quality": "questionable",
                }
            ],
        ),
        (
            Reading(Vital.PUMP_STATE, PumpState.INFUSING),
            [{"kind": "reading", "vital": "pump_state", "value": "infusing", "quality": "good"}],
        ),
        (
            Reading(Vital.NIBP_STATE, NibpState.IDLE),
            [{"kind": "reading", "vital": "nibp_state", "value": "idle", "quality": "good"}],
        ),
        (Missing(Vital.PR, Reason.PROBE_OFF), [{"kind": "missing", "vital": "pr", "reason": "probe-off"}]),
        (
            Measurement((Reading(Vital.NIBP_SYS, 121), Missing(Vital.NIBP_PR, Reason.NOT_MEASURABLE))),
            [
                {
                    "kind": "reading",
                    "vital": "nibp_sys",
                    "value": 121,
                    "unit": "mm[Hg]",
                    "quality": "good",
                    "measurement": True,
                },
                {"kind": "missing", "vital": "nibp_pr", "reason": "not-measurable", "measurement": True},
            ],
        ),
        (
            Measurement(
                (
                    Reading(Vital.NIBP_SYS, 121, Quality.QUESTIONABLE),
                    Missing(Vital.NIBP_PR, Reason.NOT_MEASURABLE),
                ),
                dated=False,
            ),
            [
                {
                    "kind": "reading",
                    "vital": "nibp_sys",
                    "value": 121,
                    "unit": "mm[Hg]",
                    "quality": "questionable",
                    "measurement": True,
                    "dated": False,
                },
                {
                    "kind": "missing",
                    "vital": "nibp_pr",
                    "reason": "not-measurable",
                    "measurement": True,
                    "dated": False,
                },
            ],
        ),
        (MeasurementFailed("87", "leak"), [{"kind": "failed", "code": "87", "text": "leak"}]),
        (
            Flag(FlagName.LOW_BATTERY, on=True),
            [{"kind": "flag", "flag": "low-battery", "on": True, "detail": ""}],
        ),
        (Waveform(75, (1, 2)), [{"kind": "waveform", "rate_hz": 75, "samples": [1, 2]}]),
        (Frame("DF2"), [{"kind": "frame", "name": "DF2"}]),
        (Rejected(RejectReason.CHECKSUM, 5), [{"kind": "rejected", "reason": "checksum", "bytes": 5}]),
        (LinkUp(), [{"kind": "link-up"}]),
        (LinkDown(DownReason.SILENT), [{"kind": "link-down", "reason": "silent"}]),
        (Transmit(b"\x02\xff"), [{"kind": "transmit", "bytes": "02 FF"}]),
    ],
)
def test_description(output: Output, described: list[dict[str, Any]]) -> None:
    assert rows(output) == described
    # As JSON too: no 97.0, no name of a class.
    assert json.dumps(rows(output)) == json.dumps(described)
