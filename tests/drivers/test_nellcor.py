"""Nellcor real-time print: columns, codes, line ends. Lines are built from the columns of PROTOCOL.md."""

from collections.abc import Sequence

import pytest

from bedside.facts import (
    Fact,
    Flag,
    FlagName,
    Frame,
    Missing,
    Quality,
    Reading,
    Reason,
    Rejected,
    RejectReason,
)
from bedside.vitals import Vital
from drivers.contract import Closed, Opened, Received, StartNibp, StopNibp, Transmit
from drivers.nellcor import NELLCOR
from drivers.nellcor.codec import NellcorCodec

SLOTS = (44, 47, 50, 53, 56, 59)
TIME = "05-Jun-24 23:59:58"
QUESTIONABLE = Quality.QUESTIONABLE


def line(
    spo2: str = "98", pr: str = "72", amplitude: str = "40", *codes: str, marks: str = "  ", time: str = TIME
) -> bytes:
    """One data line without its end; codes fill the slots from the left, "" leaves one empty."""
    columns = [" "] * 61
    for at, text in (
        (0, time),
        (24 - len(spo2), spo2),
        (24, marks[0]),
        (32 - len(pr), pr),
        (32, marks[1]),
        (40 - len(amplitude), amplitude),
        *zip(SLOTS, codes, strict=False),
    ):
        columns[at : at + len(text)] = text
    return "".join(columns).encode("ascii")


def tell(*data: bytes) -> list[Fact]:
    codec = NellcorCodec()
    return [fact for item in data for fact in codec.on(Received(item), 0) if not isinstance(fact, Transmit)]


def numbers(facts: Sequence[Fact]) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact, Reading | Missing)]


def values(spo2: float, pr: float, quality: Quality = Quality.GOOD) -> list[Fact]:
    return [Reading(Vital.SPO2, spo2, quality), Reading(Vital.PR, pr, quality)]


def missing(reason: Reason) -> list[Fact]:
    return [Missing(Vital.SPO2, reason), Missing(Vital.PR, reason)]


def test_the_builder_agrees_with_a_line_written_by_hand() -> None:
    by_hand = b"05-Jun-24 23:59:58    89*     66     201    MO SL       AS   "
    assert line("89", "66", "201", "MO", "SL", "", "", "AS", marks="* ") == by_hand
    assert len(by_hand) == 61


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (line(), values(98, 72)),
        (line("100", "102", "254"), values(100, 102)),
        (line("1", "10", "0"), values(1, 10)),
        (line("100", "350"), values(100, 350)),
        (line("89", "66", "201", "", "SL", marks="* "), values(89, 66)),
        (line("98", "150", "40", "", "PH", marks=" *"), values(98, 150)),
        (line("98", "40", "40", "", "PL", "SH", "", "AS", "AO", marks="**"), values(98, 40)),
        (line("89", "66", "201", "MO", "SL"), values(89, 66, QUESTIONABLE)),
        (line("98", "72", "40", "", "", "", "", "", "MO"), values(98, 72, QUESTIONABLE)),
        (line("98", "72", "40", "LB"), values(98, 72)),
        (line("98", "72", "40", "ZZ"), values(98, 72, QUESTIONABLE)),
        (line("---", "---", "---", "SD"), missing(Reason.PROBE_OFF)),
        (line("---", "---", "---", "SO"), missing(Reason.PROBE_OFF)),
        (line("98", "72", "40", "SO"), missing(Reason.PROBE_OFF)),
        (line("98", "72", "---", "PS", "SD"), missing(Reason.PROBE_OFF)),
        (line("0", "0", "---", "PS"), missing(Reason.SEARCHING)),
        (line("96", "63", "---", "PS"), missing(Reason.SEARCHING)),
        (line("96", "63", "40", "PS"), missing(Reason.SEARCHING)),
        (line("96", "63", "---"), missing(Reason.SEARCHING)),
        (line("0", "0", "---"), missing(Reason.SEARCHING)),
        (line("96", "63", "40", "LP"), missing(Reason.SEARCHING)),
        (line("96", "63", "40", "LM"), missing(Reason.SEARCHING)),
        (line("---", "63", "40"), [Missing(Vital.SPO2, Reason.SEARCHING), Reading(Vital.PR, 63)]),
        (
            line("96", "---", "40", "MO"),
            [Reading(Vital.SPO2, 96, QUESTIONABLE), Missing(Vital.PR, Reason.MOTION)],
        ),
    ],
)
def test_a_data_line(data: bytes, told: list[Fact]) -> None:
    facts = tell(data + b"\r\n")
    assert facts[0] == Frame("line")
    assert numbers(facts) == told


@pytest.mark.parametrize(
    "data",
    [
        line("0", "72"),
        line("98", "0"),
        line("101", "72"),
        line("98", "9"),
        line("98", "351"),
        line("98", "72", "255"),
    ],
)
def test_impossible_numbers_refuse_the_line(data: bytes) -> None:
    assert tell(data + b"\r") == [Rejected(RejectReason.SANITY, 62)]


@pytest.mark.parametrize(
    "data",
    [
        line()[:-1],
        line() + b" ",
        line()[1:],
        line()[:22] + line()[23:] + b" ",
        line(time="00-Jun-24 23:59:58"),
        line(time="32-Jun-24 23:59:58"),
        line(time="05-Jnu-24 23:59:58"),
        line(time="05-Jun-24 24:59:58"),
        line(time="05-Jun-24 23:60:58"),
        line("098"),
        line("9 8"),
        line("-98"),
        line("98", "72", "40", "mo"),
        line("98", "72", "40", "M"),
        line(marks="+ "),
        line().replace(b" 98", b"\xb98"),
        b"Command?",
        b"TREND",
        b"Output Complete",
        b"N-560",
        b"\x00" * 61,
    ],
)
def test_what_is_not_exactly_a_line_is_refused(data: bytes) -> None:
    assert tell(data + b"\n") == [Rejected(RejectReason.LENGTH, len(data) + 1)]


@pytest.mark.parametrize(
    "text",
    [
        b"N-560    VERSION 1.23.45    CRC:ABCD  SpO2 Limit: 85-100%    PR Limit: 50-150BPM",
        b"N-595    VERSION 3.4.0.0    CRC:ABCD  SpO2 Limit: 85-100%    PR Limit: 50-150BPM",
        b"NPB-295    VERSION 1.2    CRC:ABCD",
        b"                             ADULT            0SAT-S ",
        b"                             NEO            100SAT-S   SPO2 RESP MODE: FAST",
        b"TIME                 %SpO2   BPM     PA     Status",
        b"TIME                 %SPO2   BPM     PA     Status      ",
    ],
)
def test_header_lines_show_life_and_nothing_else(text: bytes) -> None:
    assert tell(text + b"\r\n") == [Frame("header")]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r", b"\r\n\r\n"])
def test_every_line_end_will_do(end: bytes) -> None:
    assert numbers(tell((line() + end) * 3)) == values(98, 72) * 3


def test_a_line_counts_when_it_has_ended() -> None:
    codec = NellcorCodec()
    assert codec.on(Received(line()), 0) == []
    assert codec.on(Received(b"\r"), 0) == [Frame("line"), *values(98, 72)]
    assert codec.on(Received(b"\n"), 0) == []


def test_garbage_costs_the_line_that_it_touches() -> None:
    told = tell(b"\xff\x00\x7f" + line() + b"\r\n" + line("97") + b"\r\n")
    assert told == [Rejected(RejectReason.LENGTH, 65), Frame("line"), *values(97, 72)]


def test_no_line_end_is_an_overflow() -> None:
    told = tell(b"x" * 1000 + b"\r" + line() + b"\r")
    assert told[-3:] == [Frame("line"), *values(98, 72)]
    rejected = [fact for fact in told if isinstance(fact, Rejected)]
    assert {fact.reason for fact in rejected} == {RejectReason.OVERFLOW, RejectReason.LENGTH}
    assert sum(fact.size_bytes for fact in rejected) == 1001


def test_flags_are_told_on_change() -> None:
    moving, weak = line("98", "72", "40", "MO"), line("98", "72", "40", "LM", "LB")
    told = tell(*(text + b"\r" for text in (line(), moving, moving, weak, line())))
    assert [fact for fact in told if isinstance(fact, Flag)] == [
        Flag(FlagName.ARTEFACT, on=True),
        Flag(FlagName.LOW_BATTERY, on=True),
        Flag(FlagName.ARTEFACT, on=False),
        Flag(FlagName.LOW_BATTERY, on=False),
    ]


def test_reopening_drops_half_a_line_and_tells_flags_again() -> None:
    codec = NellcorCodec()
    weak = line("98", "72", "40", "LB") + b"\r"
    assert Flag(FlagName.LOW_BATTERY, on=True) in codec.on(Received(weak + line()[:30]), 0)
    assert codec.on(Closed(), 1) == [Rejected(RejectReason.LENGTH, 30)]
    assert codec.on(Opened(), 2) == []
    assert Flag(FlagName.LOW_BATTERY, on=True) in codec.on(Received(weak), 3)


def test_it_asks_nothing_and_has_nothing_due() -> None:
    codec = NELLCOR.new_codec()
    assert codec.deadline is None
    assert codec.tick(10**12) == []
    assert codec.on(StartNibp(), 0) == codec.on(StopNibp(), 0) == codec.on(Opened(), 0) == []
