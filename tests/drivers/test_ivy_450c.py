"""The Ivy 450C: a recording, the repeated cuff reading, and a strict form in place of a checksum."""

from dataclasses import replace

import pytest

from bedside.facts import (
    Flag,
    FlagName,
    Frame,
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
from bedside.instants import SECOND, Instant
from bedside.vitals import NIBP_RESULT, RespirationSource, Vital
from drivers.contract import Closed, Opened, Output, Received, StartNibp, StopNibp
from drivers.ivy_450c import IVY_450C
from drivers.ivy_450c.codec import FRAME_LIMIT_BYTES, IvyCodec
from tests.recordings import CAPTURES

RECORDING = CAPTURES / "nibp" / "ivy450c_ansar_b.bin"
needs_recording = pytest.mark.skipif(not RECORDING.is_file(), reason="the recordings are not here")

PLETH = bytes(range(100, 150))
ABSENT = b"\xfb" * 50

# The lines of the recording, as printed in nibp.md section 10.
LINES = {
    "HR": "1;80;ECG-II-DIAG;",
    "RR": "1;35;APNEA: 20 SEC;",
    "ETCO2": "1;;;",
    "SPO2": "1;100;PR=80 ;",
    "NIBP": "4;121;75;92;80;;",
    "P1": "3;111;73;88;;",
    "P2": "3;;;;NO TRANSDUCER;",
    "T1": "1;;;",
    "T2": "1;;;",
}
NO_NIBP = "4;;;;;;"


def frame(*, pleth: bytes = PLETH, **lines: str) -> bytes:
    text = "".join(f"{name}={fields}\r" for name, fields in (LINES | lines).items())
    return with_text(text.encode("ascii"), pleth)


def with_text(text: bytes, pleth: bytes = PLETH) -> bytes:
    return b"\xffANSAR-B " + b"\x64" * 200 + b"\x7d" * 50 + pleth + ABSENT + ABSENT + text + b"\xfe"


def read(*frames: bytes) -> list[Output]:
    """The facts of frames that come once a second."""
    codec = IvyCodec()
    return [f for second, data in enumerate(frames) for f in codec.on(Received(data), second * SECOND)]


def measurement(values: tuple[int, int, int, int], quality: Quality = Quality.GOOD) -> Measurement:
    pairs = zip(NIBP_RESULT, values, strict=True)
    return Measurement(tuple(Reading(vital, value, quality) for vital, value in pairs))


def undated(values: tuple[int, int, int, int]) -> Measurement:
    return replace(measurement(values, Quality.QUESTIONABLE), dated=False)


def cuff(facts: list[Output]) -> list[Output]:
    return [fact for fact in facts if isinstance(fact, Measurement | MeasurementFailed)]


@needs_recording
def test_recording() -> None:
    facts = IvyCodec().on(Received(RECORDING.read_bytes()), 0)
    assert facts[0] == Rejected(RejectReason.LENGTH, 252)
    assert facts.count(Frame("ansar-b")) == 27
    assert [fact for fact in facts if isinstance(fact, Rejected)] == facts[:1]
    for vital, value in ((Vital.HR, 80), (Vital.RR, 35), (Vital.SPO2, 100), (Vital.PR, 80)):
        assert facts.count(Reading(vital, value)) == 27
    assert cuff(facts) == [undated((121, 75, 92, 80))]
    waves = [fact for fact in facts if isinstance(fact, Waveform)]
    assert len(waves) == 27
    assert {(wave.rate_hz, len(wave.samples)) for wave in waves} == {(50, 50)}
    assert waves[0].samples[:4] == (0x98, 0x95, 0x8F, 0x89)
    assert {len(fact.samples) for fact in waves} == {50}
    assert not [fact for fact in facts if isinstance(fact, Flag)]


@needs_recording
def test_recording_byte_by_byte() -> None:
    recorded = RECORDING.read_bytes()
    codec = IvyCodec()
    facts = [f for place in range(len(recorded)) for f in codec.on(Received(recorded[place : place + 1]), 0)]
    assert facts == IvyCodec().on(Received(recorded), 0)


def test_one_frame() -> None:
    assert read(frame()) == [
        Frame("ansar-b"),
        Reading(Vital.HR, 80),
        Reading(Vital.RR, 35),
        Reading(Vital.SPO2, 100),
        Reading(Vital.PR, 80),
        Waveform(50, tuple(range(100, 150))),
        undated((121, 75, 92, 80)),
    ]


def test_the_apnea_label_is_no_alarm() -> None:
    assert not [fact for fact in read(frame()) if isinstance(fact, Flag)]


def test_empty_is_missing() -> None:
    facts = read(frame(HR="1;;;", RR="1;;;", SPO2="1;;PR=   ;", NIBP=NO_NIBP, pleth=ABSENT))
    vitals = (Vital.HR, Vital.RR, Vital.SPO2, Vital.PR)
    assert facts == [Frame("ansar-b"), *(Missing(vital, Reason.NOT_MEASURABLE) for vital in vitals)]


@pytest.mark.parametrize(
    ("label", "pulse"), [("PR=80 ", 80), ("PR=104", 104), ("PR=9", None), ("PR=42  ", 42)]
)
def test_pulse_in_the_label(label: str, pulse: int | None) -> None:
    facts = read(frame(SPO2=f"1;97;{label};"))
    if pulse is None:
        assert facts == [Rejected(RejectReason.SANITY, len(frame(SPO2=f"1;97;{label};")))]
    else:
        assert Reading(Vital.PR, pulse) in facts


def test_another_label_has_no_pulse() -> None:
    assert Missing(Vital.PR, Reason.NOT_MEASURABLE) in read(frame(SPO2="1;97;CHECK PROBE;"))


def test_one_absent_sample_is_a_sample() -> None:
    wave = b"\xfb" + PLETH[1:]
    assert Waveform(50, tuple(wave)) in read(frame(pleth=wave))


def test_absent_pleth_is_no_wave() -> None:
    assert not [fact for fact in read(frame(pleth=ABSENT)) if isinstance(fact, Waveform)]


def test_waves_may_hold_the_end_byte() -> None:
    wave = b"\xfe" * 50
    assert Waveform(50, tuple(wave)) in read(frame(pleth=wave))


def test_first_reading_is_not_dated_and_repeats_are_no_news() -> None:
    facts = cuff(read(frame(), frame(), frame(NIBP="4;134;81;99;84;;"), frame(NIBP="4;134;81;99;84;;")))
    assert facts == [
        undated((121, 75, 92, 80)),
        measurement((134, 81, 99, 84)),
    ]


@pytest.mark.parametrize(
    "changed", [(122, 75, 92, 80), (121, 76, 92, 80), (121, 75, 93, 80), (121, 75, 92, 81)]
)
def test_a_change_of_any_value_is_a_new_reading(changed: tuple[int, int, int, int]) -> None:
    nibp = "4;" + ";".join(map(str, changed)) + ";;"
    assert cuff(read(frame(), frame(NIBP=nibp)))[1] == measurement(changed)


def test_a_change_of_the_label_alone_is_not() -> None:
    assert len(cuff(read(frame(), frame(NIBP="4;121;75;92;80;MANUAL;")))) == 1


def test_a_reading_after_a_blank_is_new() -> None:
    assert cuff(read(frame(NIBP=NO_NIBP), frame())) == [measurement((121, 75, 92, 80))]
    facts = cuff(read(frame(), frame(NIBP=NO_NIBP), frame()))
    assert facts[1:] == [measurement((121, 75, 92, 80))]


def test_an_alarm_text_is_a_failure_once() -> None:
    failed = "4;;;;;;ARTEFACT"
    assert cuff(
        read(
            frame(NIBP=NO_NIBP),
            frame(NIBP=failed),
            frame(NIBP=failed),
            frame(NIBP="4;;;;;;LEAK"),
            frame(NIBP=NO_NIBP),
            frame(NIBP=failed),
        )
    ) == [
        MeasurementFailed("alarm", "ARTEFACT"),
        MeasurementFailed("alarm", "LEAK"),
        MeasurementFailed("alarm", "ARTEFACT"),
    ]


def test_old_numbers_beside_an_alarm_text_are_not_news() -> None:
    facts = cuff(read(frame(), frame(NIBP="4;121;75;92;80;;LEAK")))
    assert facts[1:] == [MeasurementFailed("alarm", "LEAK")]


def test_new_numbers_beside_an_alarm_text_are_doubted() -> None:
    facts = cuff(read(frame(), frame(NIBP="4;190;115;140;80;;HIGH")))
    assert facts[1:] == [
        measurement((190, 115, 140, 80), Quality.QUESTIONABLE),
        MeasurementFailed("alarm", "HIGH"),
    ]


@pytest.mark.parametrize("nibp", ["120;80;80;70", "80;120;93;70", "120;29;93;70", "120;80;93;29"])
def test_values_that_do_not_fit_are_shown_with_doubt(nibp: str) -> None:
    measured = cuff(read(frame(), frame(NIBP=f"4;{nibp};;")))[1]
    assert isinstance(measured, Measurement)
    assert {part.quality for part in measured.parts if isinstance(part, Reading)} == {Quality.QUESTIONABLE}


def test_a_part_may_be_missing() -> None:
    measured = cuff(read(frame(), frame(NIBP="4;120;80;93;;;")))[1]
    assert isinstance(measured, Measurement)
    assert measured.parts[3] == Missing(Vital.NIBP_PR, Reason.NOT_MEASURABLE)


def test_a_rate_without_a_pressure_is_no_reading() -> None:
    rate_only = frame(NIBP="4;;;;80;;")
    assert cuff(read(rate_only, rate_only, frame(NIBP="4;;;;84;;"))) == []
    assert cuff(read(rate_only, frame())) == [measurement((121, 75, 92, 80))]
    assert cuff(read(frame(), rate_only, frame()))[1:] == [measurement((121, 75, 92, 80))]
    assert cuff(read(rate_only, frame(NIBP="4;;;;84;;LEAK"))) == [MeasurementFailed("alarm", "LEAK")]


def test_one_pressure_is_a_reading() -> None:
    (_, measured) = cuff(read(frame(), frame(NIBP="4;;;92;;;")))
    assert isinstance(measured, Measurement)
    assert measured.dated
    assert measured.parts[2] == Reading(Vital.NIBP_MEAN, 92, Quality.QUESTIONABLE)


def test_the_last_reading_outlives_the_line() -> None:
    codec = IvyCodec()
    codec.on(Received(frame(NIBP=NO_NIBP)), 0)
    codec.on(Received(frame()), SECOND)
    codec.on(Closed(), 2 * SECOND)
    codec.on(Opened(), 60 * SECOND)
    assert cuff(codec.on(Received(frame()), 61 * SECOND)) == []
    later = codec.on(Received(frame(NIBP="4;134;81;99;84;;")), 62 * SECOND)
    assert cuff(later) == [measurement((134, 81, 99, 84))]


@pytest.mark.parametrize("reopened", [True, False])
def test_a_reading_that_changed_in_a_gap_has_no_known_age(reopened: bool) -> None:  # noqa: FBT001 - a table of two
    codec = IvyCodec()
    codec.on(Received(frame(NIBP=NO_NIBP)), 0)
    codec.on(Received(frame()), SECOND)
    if reopened:
        codec.on(Opened(), 2 * SECOND)
    facts = codec.on(Received(frame(NIBP="4;134;81;99;84;;")), 3 * SECOND if reopened else 5 * SECOND)
    assert cuff(facts) == [undated((134, 81, 99, 84))]


def test_alarm_texts_are_passed_on() -> None:
    facts = read(
        frame(RR="1;0;APNEA: 20 SEC;APNEA"),
        frame(RR="1;0;APNEA: 20 SEC;APNEA"),
        frame(RR="1;0;APNEA: 20 SEC;APNEA", HR="1;190;ECG-II-DIAG;HIGH"),
        frame(),
    )
    assert [fact for fact in facts if isinstance(fact, Flag)] == [
        Flag(FlagName.DEVICE_ALARM, on=True, detail="RR: APNEA"),
        Flag(FlagName.DEVICE_ALARM, on=False, detail="RR: APNEA"),
        Flag(FlagName.DEVICE_ALARM, on=True, detail="HR: HIGH; RR: APNEA"),
        Flag(FlagName.DEVICE_ALARM, on=False, detail="HR: HIGH; RR: APNEA"),
    ]


def test_alarm_texts_are_told_again_after_a_gap() -> None:
    codec = IvyCodec()
    alarm = frame(HR="1;190;ECG-II-DIAG;HIGH")
    told = Flag(FlagName.DEVICE_ALARM, on=True, detail="HR: HIGH")

    def flags(now: Instant) -> list[Output]:
        return [fact for fact in codec.on(Received(alarm), now) if isinstance(fact, Flag)]

    assert flags(0) == [told]
    assert flags(SECOND) == []
    assert flags(5 * SECOND) == [told]
    codec.on(Opened(), 5 * SECOND)
    assert flags(6 * SECOND) == [told]


@pytest.mark.parametrize(
    "damaged",
    [
        frame(HR="1;351;ECG;"),
        frame(RR="1;151;APNEA: 20 SEC;"),
        frame(SPO2="1;101;PR=80 ;"),
        frame(SPO2="1;0;PR=80 ;"),
        frame(SPO2="1;97;PR=351;"),
        frame(NIBP="4;301;75;92;80;;"),
        frame(HR="1;8O;ECG;"),
        frame(HR="1; 80;ECG;"),
        frame(HR="1;-1;ECG;"),
        frame(HR="A;80;ECG;"),
        frame(HR=";80;ECG;"),
        frame(HR="1;80"),
        frame(HR="1;80;ECG"),
        frame(HR="1;80;ECG;;"),
        frame(NIBP="4;121;75;92;80;"),
        frame(P1="3;1x1;73;88;;"),
        frame().replace(b"HR=", b"XR="),
        frame().replace(b"SPO2=", b"SPO3="),
        frame().replace(b"ETCO2=1;;;\r", b"HR=1;90;ECG-II-DIAG;\r"),
        frame().replace(b"NIBP=4;121;75;92;80;;\r", b""),
        frame().replace(b"T2=1;;;\r", b"T2=1;;;"),
        frame().replace(b"\rRR", b"RR"),
        with_text(b""),
        with_text(b"\r"),
    ],
)
def test_one_slip_refuses_the_frame(damaged: bytes) -> None:
    assert read(damaged) == [Rejected(RejectReason.SANITY, len(damaged))]


def test_temperatures_and_absent_lines_are_accepted() -> None:
    assert read(frame(T1="1;37.2;T1;"))[0] == Frame("ansar-b")
    assert read(frame().replace(b"T2=1;;;\r", b""))[0] == Frame("ansar-b")


def test_lost_bytes_cost_one_frame() -> None:
    whole = frame()
    facts = read(whole[:50] + whole[250:] + whole + whole)
    assert facts[0] == Rejected(RejectReason.LENGTH, 256)
    assert sum(f.size_bytes for f in facts if isinstance(f, Rejected)) == len(whole) - 200
    assert facts.count(Frame("ansar-b")) == 2


def test_text_without_end_is_bounded() -> None:
    codec = IvyCodec()
    facts = codec.on(Received(frame()[:-1] + b"x" * 10_000), 0)
    assert facts[0] == Rejected(RejectReason.OVERFLOW, 256)
    assert codec._framer.held_bytes <= FRAME_LIMIT_BYTES
    assert Frame("ansar-b") in codec.on(Received(frame()), SECOND)


def test_half_a_frame_is_given_up_when_the_line_closes() -> None:
    codec = IvyCodec()
    codec.on(Received(frame()[:200]), 0)
    assert codec.on(Closed(), 0) == [Rejected(RejectReason.LENGTH, 200)]


def test_it_never_sends_and_never_waits() -> None:
    codec = IvyCodec()
    assert [codec.on(event, 0) for event in (Opened(), StartNibp(), StopNibp())] == [[], [], []]
    assert codec.deadline is None
    assert codec.tick(0) == []


def test_record() -> None:
    assert IVY_450C.sources == {Vital.RR: RespirationSource.THORACIC}
    assert IVY_450C.pleth_rate_hz == 50
    assert not IVY_450C.starts_nibp
