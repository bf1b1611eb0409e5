"""What the disclosure says of each row: expected numbers are those of the clinical tables (7, 9)."""

from dataclasses import dataclass, replace

import pytest

from alarms.catalogue import CATALOGUE
from alarms.disclosure import disclosure, table
from alarms.limits import LIMITS
from alarms.verdicts import Judgement, Scene, Verdict


def page(*ids: str) -> str:
    return disclosure([CATALOGUE[id_] for id_ in ids] if ids else CATALOGUE.values(), LIMITS)


def details(id_: str) -> dict[str, str]:
    """The table of one condition, label to text."""
    section = page(id_).split(f"### {id_} ")[1].split("\n\n")[1]
    return dict(_cells(line) for line in section.splitlines())


def _cells(line: str) -> tuple[str, str]:
    _, label, text, _ = line.split("|")
    return label.strip(), text.strip()


def times(id_: str) -> list[str]:
    """The lines of one condition in the table of times, without its name."""
    lines = page(id_).split("## Time from event to signal")[1].splitlines()
    return [line for line in lines if line.startswith(f"| {id_} ")]


def test_a_continuous_sign_is_told_whole() -> None:
    assert details("S1") == {
        "": "",
        "---": "---",
        "abnormal": "oxygen saturation below 90 %",
        "limit `s1_spo2_low_percent`": "preset 90 %, hard bounds 85 % and 95 %: "
        "below this the alarm comes too late to act on; above this a healthy patient alarms all the time",
        "raised": "after 15 s; excursion 3 within 60 s counts at once",
        "priority": "MEDIUM; HIGH once present for 60 s",
        "why this priority": CATALOGUE["S1"].reason,
        "ends": "oxygen saturation 92 % or more (hysteresis 2 %), for 5 s",
        "latching": "no",
        "no evidence": "freezes its timer for up to 5 s, then the technical condition takes over",
        "text": "`SpO2 low: 89 % (limit 90 %), infusion running`",
        "event": "196674 `MDC_EVT_LO_VAL_LT_LIM`",
        "numbers from": CATALOGUE["S1"].source,
        "needs": "oxygen saturation; else the bed says that it is not monitored",
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One cell of one condition's table."""

    id: str
    label: str
    text: str


LINES = (
    Line("P1", "abnormal", "pulse rate above 120/min"),
    Line("P1", "ends", "pulse rate 115/min or less (hysteresis 5/min), for 5 s"),
    Line("P1", "text", "`pulse fast: 121/min (limit 120/min)`"),
    Line("P5", "raised", "after 10 s; after 30 s when the cuff on the probe's limb inflated"),
    Line("B1", "abnormal", "systolic pressure 165 mmHg or more or diastolic pressure 100 mmHg or more"),
    Line("B1", "raised", "when the next reading confirms it, at the latest after 3 min"),
    Line("B1", "no evidence", "lets its timer run on"),
    Line(
        "B1",
        "also",
        "the cuff measures again after 2 min, where Vigil starts it; "
        "from then on the cuff measures every 5 min in dosing; "
        "once acknowledged it sounds again when systolic pressure or diastolic pressure is 10 mmHg higher, "
        "or after 10 min",
    ),
    Line("B2", "raised", "at once"),
    Line(
        "B2",
        "ends",
        "systolic pressure 170 mmHg or less (hysteresis 10 mmHg) "
        "and diastolic pressure 100 mmHg or less (hysteresis 10 mmHg), at once",
    ),
    Line("B2", "latching", "yes"),
    Line("R2", "needs", "respiration rate not from the pleth; else the bed says that it is not monitored"),
    Line(
        "C1",
        "abnormal",
        "(respiration rate below 10/min "
        "or a respiration source other than the pleth has ceased to give a rate) "
        "and oxygen saturation below 92 %",
    ),
    Line("I1", "abnormal", "the pump reports occlusion"),
    Line("I1", "text", "`infusion line occluded: occlusion`"),
    Line("I7", "also", "to acknowledge it is to say that the stop was meant: observation begins"),
    Line("I7", "text", "`infusion stopped before its end: 21.5 mL left, acknowledge if the stop was meant`"),
    Line("I8", "priority", "MEDIUM; HIGH once present for 90 s"),
    Line("T1", "priority", "LOW; MEDIUM during dosing; MEDIUM once present for 2 min"),
    Line("T4", "abnormal", "the oximeter reports artefact or weak signal"),
    Line("T5", "no evidence", "cannot be"),
    Line("T8", "priority", "LOW; MEDIUM from the second failure in a row"),
    Line("T9", "priority", "LOW; MEDIUM during dosing and the first hour of observation"),
    Line("T10", "priority", "none: shown, never sounded"),
    Line("T12", "raised", "after 60 s; after 10 s in dosing"),
    Line("T13", "needs", "a station named in the settings; else the bed says that it is not monitored"),
    Line("T19", "needs", "nothing: always monitored"),
)


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.id} {line.label}")
def test_a_cell_says_what_the_table_of_the_clinic_says(line: Line) -> None:
    assert details(line.id)[line.label] == line.text


TIMES = {
    "S1": ["| S1 | event at the patient | 8 s | 1 s | 15 s | 1 s | 25 s |"],
    "S2": ["| S2 | event at the patient | 8 s | 1 s | 5 s | 1 s | 15 s |"],
    "P2": ["| P2 | event at the patient | 8 s | 1 s | 5 s | 1 s | 15 s |"],
    "R1": ["| R1 | event at the patient | the device's own | 1 s | 30 s | 1 s | 32 s + the device's own |"],
    "C1": [
        (
            "| C1 | event at the patient | 8 s, or the device's own if longer | 1 s | 15 s | 1 s "
            "| 25 s, or 17 s + the device's own if longer |"
        )
    ],
    "B2": ["| B2 | start of a cuff measurement | 40 s | 1 s | 0 s | 1 s | 42 s |"],
    "T5": ["| T5 | the last valid frame | 0 s | 0 s | 10 s | 1 s | 11 s |"],
    "T6": ["| T6 | the last new value | 0 s | 0 s | 10 s | 1 s | 11 s |"],
    "T12": [
        "| T12 | the last valid frame | 0 s | 0 s | 60 s | 1 s | 61 s |",
        "| T12 in dosing | the last valid frame | 0 s | 0 s | 10 s | 1 s | 11 s |",
    ],
    "T22": [],
}


@pytest.mark.parametrize("id_", TIMES)
def test_the_time_to_a_signal_is_the_sum_of_its_parts(id_: str) -> None:
    assert times(id_) == TIMES[id_]


def test_every_condition_has_its_section_in_its_group() -> None:
    sections = [line for line in page().splitlines() if line.startswith(("## ", "### "))]
    told = [line.split()[1] for line in sections if line.startswith("### ")]
    assert sorted(told) == sorted(CATALOGUE)
    infusion, technical = sections.index("## Infusion conditions"), sections.index("## Technical conditions")
    assert sections.index("### S1 SpO2 low") < infusion
    assert infusion < sections.index("### I8 infusion running without SpO2") < technical
    assert technical < sections.index("### T22 audio paused")


def test_every_row_says_why_and_where_its_numbers_come_from() -> None:
    assert [row.id for row in CATALOGUE.values() if not (row.reason and row.source)] == []


def test_it_says_that_it_is_not_certified_and_whose_signature_it_wants() -> None:
    assert "not a certified medical device" in page()
    assert "physician must check the limits and sign them off" in page()


def test_a_rule_without_words_is_an_error() -> None:
    class Unheard:
        def judge(self, scene: Scene, now: int) -> Judgement:
            return Judgement(Verdict.NORMAL)

    with pytest.raises(TypeError, match="Unheard"):
        disclosure([replace(CATALOGUE["S1"], rule=Unheard())], LIMITS)


def test_a_table_has_a_line_under_its_head() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
