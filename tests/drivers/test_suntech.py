"""The SunTech module: one request at a time, results only after K, and a cuff that is never left alone."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
)
from bedside.instants import MILLISECOND, SECOND, Instant
from bedside.vitals import NibpState, Vital
from drivers.contract import Closed, LineEvent, Opened, Output, Received, StartNibp, StopNibp, Transmit
from drivers.suntech import SUNTECH
from drivers.suntech.codec import Request, SunTechCodec

# Every packet as printed in nibp.md section 4.
START = bytes.fromhex("3A 20 A6")
ABORT = bytes.fromhex("3A 79 01 00 4C")
PRESSURE = bytes.fromhex("3A 79 05 00 48")
RESULT = bytes.fromhex("3A 79 03 00 4A")
LETTERS = {
    "O": bytes.fromhex("3E 04 4F 6F"),
    "K": bytes.fromhex("3E 04 4B 73"),
    "A": bytes.fromhex("3E 04 41 7D"),
    "B": bytes.fromhex("3E 04 42 7C"),
    "E": bytes.fromhex("3E 04 45 79"),
    "N": bytes.fromhex("3E 04 4E 70"),
    "D": bytes.fromhex("3E 04 44 7A"),
    "S": bytes.fromhex("3E 04 53 6B"),
    "T": bytes.fromhex("3E 04 54 6A"),
}
CUFF_258 = bytes.fromhex("3E 05 02 01 BA")
GOOD = bytes.fromhex("3E 18 73 00 4A 00 1E 01 00 00 00 00 00 00 31 07 55 00 58 00 00 00 00 E9")
LEAK = bytes.fromhex("3E 18") + bytes(18) + bytes.fromhex("57 00 00 53")

MEASURED = Measurement(
    (
        Reading(Vital.NIBP_SYS, 115),
        Reading(Vital.NIBP_DIA, 74),
        Reading(Vital.NIBP_MEAN, 88),
        Reading(Vital.NIBP_PR, 85),
    )
)


def closed(body: bytes) -> bytes:
    return body + bytes([-sum(body) % 256])


def cuff(pressure: int) -> bytes:
    return closed(bytes([0x3E, 0x05, pressure % 256, pressure // 256]))


def result(systolic: int, diastolic: int, mean: int, rate: int, code: int = 0) -> bytes:
    values = systolic.to_bytes(2, "little") + diastolic.to_bytes(2, "little")
    return closed(
        b"\x3e\x18" + values + bytes(10) + bytes([rate, 0]) + mean.to_bytes(2, "little") + bytes([code, 0, 0])
    )


def state(word: NibpState) -> Reading:
    return Reading(Vital.NIBP_STATE, word)


UNSURE = Missing(Vital.NIBP_STATE, Reason.UNSURE)


class Line:
    """A codec on an open port. Time stands still unless a test moves it."""

    def __init__(self) -> None:
        self.codec = SunTechCodec()
        self.now: Instant = 0
        self.sent: list[bytes] = []
        self.hear(Opened())

    def hear(self, event: LineEvent | bytes) -> list[Output]:
        """The facts of one event; what is sent is set apart."""
        outputs = self.codec.on(Received(event) if isinstance(event, bytes) else event, self.now)
        return self._sort(outputs)

    def wait(self, duration: Instant) -> list[Output]:
        """Let time pass, each deadline at its instant."""
        until, facts = self.now + duration, list[Output]()
        while (due := self.codec.deadline) is not None and due <= until:
            self.now = due
            facts += self._sort(self.codec.tick(due))
        self.now = until
        return facts

    def answer(self, packet: bytes) -> list[Output]:
        """The module answers what was sent last."""
        self.sent.clear()
        return self.hear(packet)

    def start(self) -> None:
        """A measurement that was accepted, with nothing outstanding."""
        self.hear(cuff(0))
        self.hear(StartNibp())
        assert self.sent[-1] == START
        assert self.answer(LETTERS["O"]) == [Frame("letter"), state(NibpState.INFLATING)]

    def pressure(self, mmhg: int) -> list[Output]:
        self.wait(200 * MILLISECOND)
        assert self.sent[-1] == PRESSURE
        return self.answer(cuff(mmhg))

    def _sort(self, outputs: list[Output]) -> list[Output]:
        self.sent += [output.data for output in outputs if isinstance(output, Transmit)]
        return [output for output in outputs if not isinstance(output, Transmit)]


def test_only_four_requests_exist() -> None:
    assert {request.value for request in Request} == {START, ABORT, PRESSURE, RESULT}


def test_whole_dialogue() -> None:
    line = Line()
    assert line.sent == [PRESSURE]
    assert line.hear(cuff(0)) == [Frame("number"), Reading(Vital.CUFF_PRESSURE, 0), state(NibpState.IDLE)]
    assert line.hear(StartNibp()) == []
    assert line.sent == [PRESSURE, START]
    assert line.hear(LETTERS["O"]) == [Frame("letter"), state(NibpState.INFLATING)]
    for mmhg, word in (
        (60, NibpState.INFLATING),
        (160, NibpState.INFLATING),
        (155, NibpState.INFLATING),
        (150, NibpState.DEFLATING),
        (140, NibpState.DEFLATING),
        (145, NibpState.DEFLATING),
        (170, NibpState.INFLATING),
        (100, NibpState.DEFLATING),
    ):
        assert line.pressure(mmhg) == [Frame("number"), Reading(Vital.CUFF_PRESSURE, mmhg), state(word)]
    assert line.answer(LETTERS["K"]) == [Frame("letter")]
    assert line.sent == [RESULT]
    assert line.answer(GOOD) == [Frame("result"), MEASURED, state(NibpState.COMPLETE)]
    line.wait(200 * MILLISECOND)
    assert line.sent == [PRESSURE]


def test_done_between_a_request_and_its_answer() -> None:
    line = Line()
    line.start()
    line.wait(200 * MILLISECOND)
    assert line.answer(LETTERS["K"]) == [Frame("letter")]
    assert line.sent == []
    assert line.answer(cuff(3))[0] == Frame("number")
    assert line.sent == [RESULT]


def test_pressure_without_value() -> None:
    line = Line()
    assert line.hear(cuff(0xFFFF)) == [
        Frame("number"),
        Missing(Vital.CUFF_PRESSURE, Reason.NOT_MEASURABLE),
        UNSURE,
    ]


def test_impossible_pressure_is_no_pressure_but_an_answer() -> None:
    line = Line()
    assert line.hear(cuff(331)) == [Rejected(RejectReason.SANITY, 5)]
    line.wait(5 * SECOND)
    assert line.sent == [PRESSURE, PRESSURE]


def test_quoted_pressure() -> None:
    assert Reading(Vital.CUFF_PRESSURE, 258) in Line().hear(CUFF_258)


def test_at_rest_it_is_asked_every_five_seconds() -> None:
    line = Line()
    instants = []
    for _ in range(5):
        instants.append(line.now)
        line.answer(cuff(0))
        due = line.codec.deadline
        assert due is not None
        line.wait(due - line.now)
    assert instants == [0, 5 * SECOND, 10 * SECOND, 15 * SECOND, 20 * SECOND]
    line.wait(20 * SECOND)
    assert len(line.sent) == 5  # also without answers


def test_one_request_at_a_time() -> None:
    line = Line()
    line.hear(StartNibp())
    line.hear(StartNibp())
    assert line.sent == [PRESSURE]
    line.wait(999 * MILLISECOND)
    assert line.sent == [PRESSURE]
    line.wait(MILLISECOND)
    assert line.sent == [PRESSURE, START]


def test_a_second_start_during_a_measurement_is_not_sent() -> None:
    line = Line()
    line.start()
    line.hear(StartNibp())
    line.wait(10 * SECOND)
    assert START not in line.sent


@pytest.mark.parametrize(
    "packet", [CUFF_258, GOOD, LEAK, LETTERS["O"], LETTERS["K"], LETTERS["A"], LETTERS["T"]]
)
def test_an_answer_to_nothing_says_nothing(packet: bytes) -> None:
    line = Line()
    line.hear(cuff(0))
    line.sent.clear()
    facts = line.hear(packet)
    assert len(facts) == 1
    assert isinstance(facts[0], Frame)
    assert line.sent == []


@pytest.mark.parametrize("asked", ["start", "result", "abort"])
def test_an_answer_of_another_kind_does_not_answer(asked: str) -> None:
    line = Line()
    line.start()
    if asked == "result":
        line.hear(LETTERS["K"])
    elif asked == "abort":
        line.hear(StopNibp())
    else:
        line = Line()
        line.hear(cuff(0))
        line.hear(StartNibp())
    line.sent.clear()
    assert line.hear(CUFF_258) == [Frame("number")]
    assert line.sent == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "weak or no signal"),
        (2, "artefact"),
        (3, "value out of range"),
        (4, "measurement time exceeded"),
        (85, "blocked pneumatics"),
        (86, "stopped by user"),
        (87, "inflation timeout: leak or loose cuff"),
        (88, "safety timeout"),
        (89, "cuff overpressure"),
        (90, "supply or other hardware"),
        (91, "safety override fitted, or autozero out of range"),
        (97, "transducer out of range"),
        (99, "calibration memory"),
        (0x85, "blocked pneumatics"),
        (0x87, "inflation timeout: leak or loose cuff"),
        (0x88, "safety timeout"),
        (0x89, "cuff overpressure"),
        (0x90, "supply or other hardware"),
        (0x91, "safety override fitted, or autozero out of range"),
        (0x97, "transducer out of range"),
        (0x99, "calibration memory"),
        (200, "unknown error code"),
    ],
)
def test_error_code_wins_over_values(code: int, text: str) -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    facts = line.hear(result(120, 80, 93, 70, code))
    assert facts[:3] == [Frame("result"), MeasurementFailed(str(code), text), state(NibpState.FAILED)]
    assert not [fact for fact in facts if isinstance(fact, Measurement)]


def test_quoted_failure() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    assert MeasurementFailed("87", "inflation timeout: leak or loose cuff") in line.hear(LEAK)


@pytest.mark.parametrize(
    ("values", "quality"),
    [
        ((120, 80, 93, 70), Quality.GOOD),
        ((300, 30, 31, 240), Quality.GOOD),
        ((120, 80, 80, 70), Quality.QUESTIONABLE),
        ((120, 80, 120, 70), Quality.QUESTIONABLE),
        ((80, 120, 93, 70), Quality.QUESTIONABLE),
        ((120, 29, 93, 70), Quality.QUESTIONABLE),
        ((120, 80, 93, 29), Quality.QUESTIONABLE),
        ((120, 80, 93, 241), Quality.QUESTIONABLE),
    ],
)
def test_values_that_do_not_fit_are_shown_with_doubt(
    values: tuple[int, int, int, int], quality: Quality
) -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    vitals = (Vital.NIBP_SYS, Vital.NIBP_DIA, Vital.NIBP_MEAN, Vital.NIBP_PR)
    expected = tuple(Reading(vital, value, quality) for vital, value in zip(vitals, values, strict=True))
    assert line.hear(result(*values))[1] == Measurement(expected)


def test_an_impossible_part_is_missing() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    measured = line.hear(result(120, 80, 93, 0))[1]
    assert isinstance(measured, Measurement)
    assert measured.parts[0] == Reading(Vital.NIBP_SYS, 120, Quality.QUESTIONABLE)
    assert measured.parts[3] == Missing(Vital.NIBP_PR, Reason.NOT_MEASURABLE)


def test_zeros_are_not_data() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    assert line.hear(result(0, 0, 0, 0)) == [
        Rejected(RejectReason.SANITY, 24),
        MeasurementFailed("no-values", "no pressure in the result"),
        state(NibpState.FAILED),
    ]


@pytest.mark.parametrize("letter", "ENDST")
def test_refused_start_fails_at_once(letter: str) -> None:
    line = Line()
    line.hear(cuff(0))
    line.hear(StartNibp())
    facts = line.hear(LETTERS[letter])
    assert isinstance(facts[1], MeasurementFailed)
    assert facts[1].code == letter
    assert facts[2] == state(NibpState.FAILED)


def test_busy_start_is_tried_five_times_a_second_apart() -> None:
    line = Line()
    line.hear(cuff(0))
    line.hear(StartNibp())
    facts: list[Output] = []
    for _ in range(5):
        assert line.sent[-1] == START
        facts = line.hear(LETTERS["B"])
        line.wait(SECOND)
    assert line.sent.count(START) == 5
    assert facts[1:] == [MeasurementFailed("B", "start: module busy"), state(NibpState.FAILED)]


def test_busy_result_is_asked_again() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    assert line.hear(LETTERS["B"]) == [Frame("letter")]
    line.wait(SECOND)
    assert line.sent.count(RESULT) == 2
    assert MEASURED in line.hear(GOOD)


def test_refused_result_fails() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    assert MeasurementFailed("E", "result: error") in line.hear(LETTERS["E"])


def test_silent_result_fails_after_five_tries() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    assert line.wait(4 * SECOND) == []
    assert line.wait(SECOND) == [
        MeasurementFailed("no-answer", "result was not answered"),
        state(NibpState.FAILED),
    ]
    assert line.sent.count(RESULT) == 5


def test_a_start_that_was_not_answered_is_followed_by_an_abort() -> None:
    line = Line()
    line.hear(cuff(0))
    line.hear(StartNibp())
    assert line.wait(SECOND) == [
        MeasurementFailed("no-answer", "start was not answered"),
        state(NibpState.FAILED),
    ]
    assert line.sent == [PRESSURE, START, ABORT]
    assert line.hear(LETTERS["O"]) == [Frame("letter")]  # late: it was heard after all
    assert line.hear(LETTERS["A"]) == [Frame("letter")]
    assert line.hear(LETTERS["K"]) == [Frame("letter"), state(NibpState.FAILED)]
    line.wait(20 * SECOND)
    assert line.sent.count(START) == 1


def test_refused_pressure_is_missing() -> None:
    line = Line()
    assert line.hear(LETTERS["S"]) == [
        Frame("letter"),
        Missing(Vital.CUFF_PRESSURE, Reason.NOT_MEASURABLE),
        UNSURE,
    ]


def test_stop() -> None:
    line = Line()
    line.start()
    line.pressure(120)
    line.hear(StopNibp())
    assert line.sent[-1] == ABORT
    assert line.answer(LETTERS["A"]) == [Frame("letter"), state(NibpState.DEFLATING)]
    assert line.pressure(60)[2] == state(NibpState.DEFLATING)
    assert line.answer(LETTERS["K"]) == [Frame("letter"), state(NibpState.ABORTED)]
    assert RESULT not in line.sent


def test_stop_waits_for_the_outstanding_answer() -> None:
    line = Line()
    line.start()
    line.wait(200 * MILLISECOND)
    line.sent.clear()
    line.hear(StopNibp())
    assert line.sent == []
    line.hear(cuff(90))
    assert line.sent == [ABORT]


def test_stop_before_the_start_was_answered() -> None:
    line = Line()
    line.hear(cuff(0))
    line.hear(StartNibp())
    line.hear(StopNibp())
    assert line.hear(LETTERS["O"]) == [Frame("letter")]
    assert line.sent == [PRESSURE, START, ABORT]


def test_stop_before_the_start_was_refused() -> None:
    line = Line()
    line.hear(cuff(0))
    line.hear(StartNibp())
    line.hear(StopNibp())
    assert line.hear(LETTERS["B"]) == [Frame("letter")]
    assert line.sent == [PRESSURE, START, ABORT]


def test_stop_before_the_start_was_found_silent() -> None:
    line = Line()
    line.hear(cuff(0))
    line.hear(StartNibp())
    line.hear(StopNibp())
    assert line.wait(SECOND) == []
    assert line.sent == [PRESSURE, START, ABORT]


def test_stop_at_rest_is_sent_all_the_same() -> None:
    line = Line()
    line.hear(cuff(90))
    line.hear(StopNibp())
    assert line.sent[-1] == ABORT


def test_stop_while_the_result_is_fetched_comes_too_late() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    line.hear(StopNibp())
    assert MEASURED in line.hear(GOOD)
    assert ABORT not in line.sent


def test_done_while_the_abort_is_on_its_way() -> None:
    line = Line()
    line.start()
    line.hear(StopNibp())
    assert line.hear(LETTERS["K"]) == [Frame("letter")]
    assert line.hear(LETTERS["A"]) == [Frame("letter"), state(NibpState.ABORTED)]


def test_done_and_the_abort_not_answered() -> None:
    line = Line()
    line.start()
    line.hear(StopNibp())
    line.hear(LETTERS["K"])
    assert line.wait(5 * SECOND) == [state(NibpState.ABORTED)]


def test_abort_that_nobody_answers() -> None:
    line = Line()
    line.start()
    line.hear(StopNibp())
    assert line.wait(5 * SECOND) == [MeasurementFailed("no-answer", "abort was not answered"), UNSURE]
    assert line.sent.count(ABORT) == 5
    line.wait(200 * MILLISECOND)
    assert line.hear(cuff(90))[2] == UNSURE
    line.wait(5 * SECOND)
    assert line.hear(cuff(0))[2] == state(NibpState.IDLE)


def test_refused_abort_is_tried_again() -> None:
    line = Line()
    line.start()
    line.hear(StopNibp())
    line.hear(LETTERS["E"])
    line.wait(SECOND)
    assert line.sent.count(ABORT) == 2


def test_abort_without_an_end() -> None:
    line = Line()
    line.start()
    line.hear(StopNibp())
    line.hear(LETTERS["A"])
    for _ in range(49):
        line.pressure(90)
    assert line.wait(200 * MILLISECOND) == [
        MeasurementFailed("no-end", "the end of the abort was not reported"),
        UNSURE,
    ]


def test_aborted_at_the_device() -> None:
    line = Line()
    line.start()
    assert line.answer(LETTERS["A"]) == [
        Frame("letter"),
        MeasurementFailed("A", "aborted at the device"),
        state(NibpState.DEFLATING),
    ]
    assert line.sent == []
    assert line.hear(LETTERS["K"]) == [Frame("letter"), state(NibpState.ABORTED)]


def test_measurement_limit() -> None:
    line = Line()
    line.start()
    facts = line.wait(179 * SECOND)
    assert facts == []
    assert line.wait(2 * SECOND) == [
        MeasurementFailed("limit", "not finished within 180 s"),
        state(NibpState.FAILED),
    ]
    assert line.sent[-1] == ABORT
    assert line.hear(LETTERS["A"]) == [Frame("letter")]
    assert line.hear(LETTERS["K"]) == [Frame("letter"), state(NibpState.FAILED)]


def test_limit_and_an_abort_that_nobody_answers_is_told_once() -> None:
    line = Line()
    line.start()
    facts = line.wait(200 * SECOND)
    assert facts == [MeasurementFailed("limit", "not finished within 180 s"), state(NibpState.FAILED), UNSURE]


def test_line_lost_during_a_measurement() -> None:
    line = Line()
    line.start()
    line.pressure(120)
    assert line.hear(Closed()) == [
        MeasurementFailed("line", "the line was lost during the measurement"),
        UNSURE,
    ]
    assert line.codec.deadline is None
    line.hear(Opened())
    assert line.sent[-1] == PRESSURE
    assert line.hear(cuff(120))[2] == UNSURE
    assert line.hear(LETTERS["K"]) == [Frame("letter")]
    assert line.hear(GOOD) == [Frame("result")]
    line.wait(60 * SECOND)
    assert START not in line.sent[2:]
    assert RESULT not in line.sent


def test_opened_again_without_being_closed() -> None:
    line = Line()
    line.start()
    line.hear(GOOD[:7])
    assert line.hear(Opened()) == [
        Rejected(RejectReason.LENGTH, 7),
        MeasurementFailed("line", "the line was lost during the measurement"),
        UNSURE,
    ]


def test_start_on_a_closed_line_fails() -> None:
    codec = SunTechCodec()
    assert codec.on(StartNibp(), 0) == [MeasurementFailed("line", "not started: the line is closed")]
    assert codec.on(StopNibp(), 0) == []
    assert codec.tick(0) == []


def test_half_an_answer_is_given_up_with_its_request() -> None:
    line = Line()
    line.hear(CUFF_258[:3])
    assert line.wait(SECOND) == [Rejected(RejectReason.LENGTH, 3)]
    line.wait(4 * SECOND)
    assert Reading(Vital.CUFF_PRESSURE, 258) in line.hear(CUFF_258)


def test_wrong_checksum() -> None:
    line = Line()
    assert line.hear(CUFF_258[:-1] + b"\xbb") == []
    assert line.wait(SECOND) == [Rejected(RejectReason.CHECKSUM, 5)]


@pytest.mark.parametrize("packet", [CUFF_258, LETTERS["K"], GOOD])
def test_one_flipped_bit_is_refused(packet: bytes) -> None:
    for place in range(len(packet) * 8):
        damaged = bytearray(packet)
        damaged[place // 8] ^= 1 << place % 8
        facts = SunTechCodec().on(Received(bytes(damaged)), 0)
        assert all(isinstance(fact, Rejected) for fact in facts)


def test_unknown_letter() -> None:
    packet = closed(b"\x3e\x04Z")
    assert Line().hear(packet) == [Rejected(RejectReason.SANITY, 4)]


def test_cuff_not_deflated_after_the_end() -> None:
    line = Line()
    line.start()
    line.pressure(120)
    line.hear(LETTERS["K"])
    line.hear(GOOD)
    line.wait(200 * MILLISECOND)
    assert len(line.hear(cuff(80))) == 3
    line.wait(5 * SECOND)
    assert len(line.hear(cuff(80))) == 3
    line.wait(5 * SECOND)
    assert line.hear(cuff(80))[3] == Flag(FlagName.CUFF_NOT_DEFLATED, on=True)
    line.wait(5 * SECOND)
    assert line.hear(cuff(15))[3] == Flag(FlagName.CUFF_NOT_DEFLATED, on=False)


def test_overpressure_is_a_flag_until_the_cuff_is_empty() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    assert line.hear(result(0, 0, 0, 0, 89))[3:] == [Flag(FlagName.CUFF_OVERPRESSURE, on=True)]
    line.wait(200 * MILLISECOND)
    assert len(line.hear(cuff(3))) == 3  # at once, and too soon to be noticed
    line.wait(5 * SECOND)
    assert len(line.hear(cuff(3))) == 3
    line.wait(5 * SECOND)
    assert line.hear(cuff(3))[3:] == [Flag(FlagName.CUFF_OVERPRESSURE, on=False)]


def test_the_next_measurement_ends_an_overpressure() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    line.hear(result(0, 0, 0, 0, 89))
    line.hear(StartNibp())
    assert line.hear(LETTERS["O"])[2:] == [Flag(FlagName.CUFF_OVERPRESSURE, on=False)]


def test_flags_are_told_again_after_silence() -> None:
    line = Line()
    line.start()
    line.hear(LETTERS["K"])
    line.hear(result(0, 0, 0, 0, 89))
    line.wait(200 * MILLISECOND + SECOND)  # asked, and not answered
    line.wait(4 * SECOND)
    assert line.sent[-1] == PRESSURE
    assert line.hear(cuff(40))[3:] == [Flag(FlagName.CUFF_OVERPRESSURE, on=True)]


def test_late_tick_sends_no_burst() -> None:
    line = Line()
    line.hear(cuff(0))
    sent = [o for o in line.codec.tick(3600 * SECOND) if isinstance(o, Transmit)]
    assert len(sent) <= 1


def test_late_tick_tells_the_same_story_and_still_aborts() -> None:
    def story(move: Callable[[Line], list[Output]]) -> tuple[list[Output], list[bytes]]:
        line = Line()
        line.start()
        return move(line), line.sent

    def late(line: Line) -> list[Output]:
        outputs = line.codec.tick(181 * SECOND)
        line.sent = [o.data for o in outputs if isinstance(o, Transmit)]
        return [o for o in outputs if not isinstance(o, Transmit)]

    punctual = story(lambda line: line.wait(181 * SECOND))
    assert story(late)[0] == punctual[0]
    assert set(story(late)[1]) == {ABORT}


packets = st.sampled_from([*LETTERS.values(), CUFF_258, cuff(0), GOOD, LEAK, GOOD[:9]])
events = st.one_of(
    st.one_of(packets, st.binary(max_size=30)).map(Received),
    st.sampled_from([Opened(), Closed(), StartNibp(), StopNibp()]),
)


@given(st.lists(st.tuples(events, st.integers(0, 2 * SECOND)), max_size=60))
def test_whatever_happens_one_known_request_at_a_time(story: list[tuple[LineEvent, int]]) -> None:
    codec, now = SunTechCodec(), 0
    for event, pause in [(Opened(), 0), *story]:
        now += pause
        sent = [o.data for o in codec.on(event, now) if isinstance(o, Transmit)]
        assert set(sent) <= {START, ABORT, PRESSURE, RESULT}
        assert codec.deadline is None or codec.deadline > now


@given(st.lists(packets, max_size=20).map(b"".join), st.data())
def test_chunks_do_not_matter(stream: bytes, data: st.DataObject) -> None:
    whole = SunTechCodec().on(Received(stream), 0)
    cut = data.draw(st.integers(0, len(stream)))
    codec = SunTechCodec()
    assert [*codec.on(Received(stream[:cut]), 0), *codec.on(Received(stream[cut:]), 0)] == whole


def test_record() -> None:
    assert SUNTECH.starts_nibp
    assert not SUNTECH.speaks_unasked
    assert SUNTECH.line.baud == 9600
