"""The Ivy 450C wire against the recorded monitor."""

import os
import re
from pathlib import Path

import pytest

from bedside.instants import SECOND
from simulators.cuff import Failure, Result
from simulators.ivy_450c import ABSENT, Numbers, frame, text_lines
from tests.simulators.beds import bed_of, drive

CAPTURES = Path(os.environ.get("VIGIL_CAPTURES", "../shared/captures"))

SHOWN = Numbers(
    heart_rate=80, respiration=35, apnea=False, spo2=100, pulse=80, nibp=Result(121, 75, 92, 80, 30)
)


def test_text_lines_are_those_of_the_recording() -> None:
    lines = text_lines(SHOWN).split(b"\r")
    assert lines[:5] == [
        b"HR=1;80;ECG-II-DIAG;",
        b"RR=1;35;APNEA: 20 SEC;",
        b"ETCO2=1;;;",
        b"SPO2=1;100;PR=80 ;",
        b"NIBP=4;121;75;92;80;;",
    ]
    assert lines[6:] == [b"P2=3;;;;NO TRANSDUCER;", b"T1=1;;;", b"T2=1;;;", b""]


def test_the_frame_is_the_recorded_one_but_for_the_transducer() -> None:
    recording = CAPTURES / "nibp" / "ivy450c_ansar_b.bin"
    if not recording.exists():
        pytest.skip("recordings are not here")
    real = recording.read_bytes()[252 : 252 + 562]
    made = frame(real[9:209], real[209:259], real[259:309], SHOWN)
    assert made[:309] == real[:309]
    assert made[359:409] == real[359:409]  # P2 is absent in both
    ours = made[409:].replace(b"P1=3;;;;NO TRANSDUCER;", b"P1=3;111;73;88;;")
    assert ours == real[409:]


def lines(data: bytes) -> dict[str, str]:
    assert data[:9] == b"\xffANSAR-B "
    assert data[-1] == 0xFE
    assert data[309:409] == ABSENT + ABSENT
    return dict(line.split("=", 1) for line in data[409:-1].decode("ascii").split("\r") if line)


def test_one_frame_a_second_with_the_patient_in_it() -> None:
    bed = bed_of({"at_s": 0, "rr": 16, "pulse": 66, "spo2": 96})
    sent = drive(bed.devices["ivy-450c"], 30 * SECOND)
    assert [at for at, _ in sent] == [n * SECOND for n in range(1, 31)]
    shown = lines(sent[-1][1])
    assert shown["RR"] == "1;16;APNEA: 20 SEC;"
    assert abs(int(shown["HR"].split(";")[1]) - 66) <= 2
    assert abs(int(shown["SPO2"].split(";")[1]) - 96) <= 1
    assert re.fullmatch(r"1;\d+;PR=\d\d ;", shown["SPO2"])
    assert shown["NIBP"] == "4;;;;;;"
    assert max(sent[-1][1][9:309]) <= 0xFA


def test_the_last_pressure_is_repeated_for_ever() -> None:
    bed = bed_of(
        {"at_s": 0, "sys": 120, "dia": 80},
        {"at_s": 200, "sys": 150, "dia": 95},
        {"at_s": 700, "cuff": "leak"},
        option={"ivy-450c": "nibp-10"},
    )
    sent = {at // SECOND: lines(data)["NIBP"] for at, data in drive(bed.devices["ivy-450c"], 1400 * SECOND)}
    assert sent[70] == "4;;;;;;"
    first = sent[120]
    assert abs(int(first.split(";")[1]) - 120) <= 4
    assert {sent[second] for second in range(120, 660)} == {first}
    assert abs(int(sent[720].split(";")[1]) - 150) <= 4
    assert sent[1399] == f"4;;;;;;{Failure.LEAK.upper()}"


def test_no_pressure_without_the_timer() -> None:
    bed = bed_of(option={"ivy-450c": "nibp-off"})
    assert {lines(data)["NIBP"] for _, data in drive(bed.devices["ivy-450c"], 200 * SECOND)} == {"4;;;;;;"}


def test_apnea_and_probe_off() -> None:
    bed = bed_of({"at_s": 30, "rr": 0, "probe": "off"})
    sent = {at // SECOND: lines(data) for at, data in drive(bed.devices["ivy-450c"], 60 * SECOND)}
    assert sent[45]["RR"] == "1;0;APNEA: 20 SEC;"
    assert sent[50]["RR"] == "1;0;APNEA: 20 SEC;APNEA"
    assert sent[31]["SPO2"] == "1;;PR=   ;"
