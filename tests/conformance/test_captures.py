"""Real recordings yield the facts that were approved by reading them.

The recordings belong to others and lie outside this repository. Without them these tests are reported as
skipped, with `REAL BYTES NOT RUN`.
"""

from collections import Counter

import pytest

from bedside.facts import (
    Fact,
    Flag,
    FlagName,
    Frame,
    Measurement,
    Missing,
    Quality,
    Reading,
    Reason,
    Rejected,
    RejectReason,
)
from bedside.vitals import Vital
from drivers import DRIVERS
from tests.conformance.cases import capture, heard
from tests.recordings import RECORDINGS


def facts_of(name: str) -> list[Fact]:
    data = capture(name)
    if data is None:
        pytest.skip("REAL BYTES NOT RUN: no captures here")
    return heard(DRIVERS[name], [data])


def values(facts: list[Fact], vital: Vital) -> list[float | str]:
    """Each frame's number, or its reason for having none."""
    return [
        fact.reason.value if isinstance(fact, Missing) else fact.value
        for fact in facts
        if isinstance(fact, Reading | Missing) and fact.vital is vital
    ]


def test_nellcor_recording() -> None:
    facts = facts_of("nellcor")
    # 85 lines: three headers of three lines, and a data line every 2 s from 07:18:43 to 07:21:13.
    assert [fact for fact in facts if isinstance(fact, Rejected)] == []
    assert Counter(fact.name for fact in facts if isinstance(fact, Frame)) == {"header": 9, "line": 76}
    # fmt: off
    assert values(facts, Vital.SPO2) == [
        *[99] * 7, 89, 83, 79, 77, 77, 77, 78, 78, 78, 77, 75, 73,    # 07:18:43 to 07:19:19, then a header
        74, 73, 73, 73,                                               # to 07:19:27
        *["probe-off"] * 29,                                          # 07:19:29 to 07:20:25, SD then SO
        *["searching"] * 8,                                           # 07:20:27 to 07:20:41, PS with zeros
        94, 94, 94, 94, 95, 95, 95, 95, 96, 97, 97, 97, 97, 97, 96,   # 07:20:43 to 07:21:11
        "searching",                                                  # 07:21:13, PS with the last values
    ]
    assert values(facts, Vital.PR) == [
        *[66] * 12, 70, 70, 70, 70, 70, 71, 71, 70, 70, 70, 70,
        *["probe-off"] * 29,
        *["searching"] * 8,
        119, 103, 92, 91, 88, 83, 77, 72, 70, 68, 65, 63, 63, 63, 63,
        "searching",
    ]
    # fmt: on
    doubted = [
        fact.value
        for fact in facts
        if isinstance(fact, Reading) and fact.vital is Vital.SPO2 and fact.quality is Quality.QUESTIONABLE
    ]
    # 24 lines with MO: five near 99, the fall but for one line at 77, and four around 95.
    assert len(doubted) == 24
    assert min(value for value in values(facts, Vital.SPO2) if not isinstance(value, str)) == 73
    artefacts = [fact.on for fact in facts if isinstance(fact, Flag) and fact.name is FlagName.ARTEFACT]
    assert artefacts == [True, False] * 5


def test_ivy_recording() -> None:
    facts = facts_of("ivy-450c")
    # It starts inside a frame: 252 bytes to drop. Then 27 whole frames, one a second.
    assert len([fact for fact in facts if isinstance(fact, Frame)]) == 27
    assert [fact for fact in facts if isinstance(fact, Rejected)] == [Rejected(RejectReason.LENGTH, 252)]
    assert values(facts, Vital.HR) == [80] * 27
    assert values(facts, Vital.SPO2) == [100] * 27
    measurements = [fact for fact in facts if isinstance(fact, Measurement)]
    assert len(measurements) == 1
    told = {part.vital: part.value for part in measurements[0].parts if isinstance(part, Reading)}
    assert told == {Vital.NIBP_SYS: 121, Vital.NIBP_DIA: 75, Vital.NIBP_MEAN: 92, Vital.NIBP_PR: 80}


def test_alaris_recording() -> None:
    facts = facts_of("alaris-gh")
    # Every message in the listing has a right check value: nothing may be refused.
    assert [fact for fact in facts if isinstance(fact, Rejected)] == []
    rates = [fact for fact in facts if isinstance(fact, Reading) and fact.vital is Vital.INFUSION_RATE]
    volumes = [fact for fact in facts if isinstance(fact, Reading) and fact.vital is Vital.VOLUME_INFUSED]
    # The one status line: on hold, 0.00 ml/h set, 0.969 ml given.
    assert [fact.value for fact in volumes] == [0.969]
    assert {fact.value for fact in rates} <= {0}


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_capture_yields_a_zero_for_a_patient(name: str) -> None:
    facts = facts_of(name)
    patient = {Vital.SPO2, Vital.PR, Vital.HR, Vital.NIBP_SYS, Vital.NIBP_DIA, Vital.NIBP_MEAN}
    assert [
        fact for fact in facts if isinstance(fact, Reading) and fact.vital in patient and not fact.value
    ] == []
    assert Reason.NEVER not in {fact.reason for fact in facts if isinstance(fact, Missing)}
