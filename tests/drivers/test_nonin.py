"""Nonin: which format is spoken, and what its bits mean. Frames are built from the tables of PROTOCOL.md."""

import random
from collections.abc import Mapping, Sequence

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
    Waveform,
)
from bedside.vitals import Vital
from drivers.contract import Closed, Opened, Received, StartNibp, StopNibp, Transmit
from drivers.nonin import NONIN
from drivers.nonin.codec import NoninCodec

SNSD, ARTF, OOT, SNSA, RED, GREEN, YELLOW = 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x06
PULSE = range(2, 14)
GOOD_RECORD = "80 48 61 00"


def floats(rate: int = 72, spo2: int = 97, stat2: int = 0, noise: int = 0) -> list[int]:
    """FLOAT of frames 1 to 25; `noise` fills what is not used, and the bits that are to be masked."""
    table = [noise] * 25
    table[0] = rate >> 7 | noise & 0x7C
    table[1] = rate & 0x7F
    table[2] = spo2
    table[7] = stat2 | noise & 0x1E
    return table


def packet(
    values: Sequence[int], bits: Mapping[int, int] | None = None, *, every: int = 0, df7: bool = False
) -> bytes:
    """25 frames; `bits` are added to the STATUS of single frames (from 0), `every` to all; pleth = number."""
    out = b""
    for number, value in enumerate(values):
        status = 0x80 | (number == 0) | every | (bits or {}).get(number, 0)
        four = [status, 0x12, number, value] if df7 else [0x01, status, number, value]
        out += bytes([*four, sum(four) % 256])
    return out


def tell(*data: bytes | str) -> list[Fact]:
    codec = NoninCodec()
    told: list[Fact] = []
    for item in data:
        piece = bytes.fromhex(item) if isinstance(item, str) else item
        told += [fact for fact in codec.on(Received(piece), 0) if not isinstance(fact, Transmit)]
    return told


def numbers(facts: Sequence[Fact]) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact, Reading | Missing)]


def good(spo2: float = 97, rate: float = 72, quality: Quality = Quality.GOOD) -> list[Fact]:
    return [Reading(Vital.SPO2, spo2, quality), Reading(Vital.PR, rate, quality)]


def missing(reason: Reason) -> list[Fact]:
    return [Missing(Vital.SPO2, reason), Missing(Vital.PR, reason)]


GREEN_PULSE = dict.fromkeys(PULSE, GREEN)
DOUBTFUL = good(quality=Quality.QUESTIONABLE)


# Formats 2 and 7: the state of one packet.


@pytest.mark.parametrize("df7", [False, True], ids=["df2", "df7"])
@pytest.mark.parametrize(
    ("values", "bits", "every", "told"),
    [
        (floats(), GREEN_PULSE, 0, good()),
        (floats(), dict.fromkeys(PULSE, YELLOW), 0, good()),
        (floats(), dict.fromkeys(PULSE, RED), 0, DOUBTFUL),
        (floats(), dict.fromkeys(PULSE, GREEN | ARTF), 0, DOUBTFUL),
        (floats(), {5: ARTF}, 0, DOUBTFUL),
        (floats(), {5: OOT}, 0, DOUBTFUL),
        (floats(), {24: SNSA}, 0, missing(Reason.PROBE_OFF)),
        (floats(), {}, SNSA, missing(Reason.PROBE_OFF)),
        (floats(), {}, SNSD, missing(Reason.PROBE_OFF)),
        (floats(511, 127), {}, SNSA | OOT, missing(Reason.PROBE_OFF)),
        (floats(511, 127), {}, OOT, missing(Reason.SEARCHING)),
        (floats(511, 127), {}, 0, missing(Reason.SEARCHING)),
        (floats(511, 127), dict.fromkeys(PULSE, ARTF | GREEN), 0, missing(Reason.MOTION)),
        (floats(511, 127), dict.fromkeys(PULSE, ARTF | GREEN), OOT, missing(Reason.MOTION)),
        (floats(511, 127), dict.fromkeys(PULSE, RED), 0, missing(Reason.LOW_PERFUSION)),
        (floats(511, 127), dict.fromkeys(PULSE, RED), OOT, missing(Reason.SEARCHING)),
        (floats(511, 97), {}, 0, [Reading(Vital.SPO2, 97), Missing(Vital.PR, Reason.SEARCHING)]),
        (floats(72, 127), {}, 0, [Missing(Vital.SPO2, Reason.SEARCHING), Reading(Vital.PR, 72)]),
        (floats(18, 1), {}, 0, good(1, 18)),
        (floats(321, 100), {}, 0, good(100, 321)),
        (floats(72, 97 | 0x80, noise=0xFF), {}, 0, good()),
    ],
)
def test_state_of_a_packet(
    values: list[int], bits: dict[int, int], every: int, told: list[Fact], *, df7: bool
) -> None:
    one = packet(values, bits, every=every, df7=df7)
    assert numbers(tell(one, one))[:2] == told


@pytest.mark.parametrize(
    "values", [floats(0, 97), floats(9, 97), floats(351, 97), floats(72, 0), floats(72, 101)]
)
def test_impossible_numbers_refuse_the_packet_but_keep_the_lock(values: list[int]) -> None:
    told = tell(packet(values), packet(floats()))
    assert [fact for fact in told if not isinstance(fact, Waveform)] == [
        Rejected(RejectReason.SANITY, 125),
        Frame("DF2"),
        *good(),
    ]


def test_published_frames_are_frames_of_format_2() -> None:
    # `01 81 01 00 83` and `01 80 01 48 CA`: pleth 1, HR 72, from a public unit test.
    rest = packet(floats())[10:]
    assert numbers(tell("01 81 01 00 83", "01 80 01 48 CA", rest)) == good()


def test_artefact_and_perfusion_hold_between_pulses_and_end_with_the_next() -> None:
    quiet = packet(floats())
    told = tell(
        packet(floats(), dict.fromkeys(PULSE, RED | ARTF)), quiet, quiet, packet(floats(), GREEN_PULSE), quiet
    )
    assert numbers(told) == DOUBTFUL * 3 + good() * 2
    assert [fact for fact in told if isinstance(fact, Flag)] == [
        Flag(FlagName.ARTEFACT, on=True),
        Flag(FlagName.LOW_PERFUSION, on=True),
        Flag(FlagName.ARTEFACT, on=False),
        Flag(FlagName.LOW_PERFUSION, on=False),
    ]


@pytest.mark.parametrize("df7", [False, True], ids=["df2", "df7"])
@pytest.mark.parametrize("last_bits", [ARTF | GREEN, ARTF | RED, ARTF])
def test_a_last_artefact_does_not_explain_a_heart_that_stands_still(last_bits: int, *, df7: bool) -> None:
    """The marks end with frame 14 of the first packet; 262 frames later 3.5 s have passed without one."""
    silent = packet(floats(511, 127), every=OOT, df7=df7)
    codec = NoninCodec()
    line = packet(floats(), dict.fromkeys(PULSE, last_bits), df7=df7) + silent * 14
    told = [f for at in range(0, len(line), 7) for f in codec.on(Received(line[at : at + 7]), 0)]
    # 11 + 10 * 25 = 261 frames at the end of packet 11: the twelfth has the 262nd.
    states = [fact for fact in told if isinstance(fact, Reading | Missing)]
    assert states[2:] == missing(Reason.MOTION) * 10 + missing(Reason.SEARCHING) * 4
    ended = told.index(Flag(FlagName.ARTEFACT, on=False))
    assert told[ended - 3] == Frame("DF7" if df7 else "DF2")
    assert told[ended - 2 : ended] == missing(Reason.SEARCHING)


def test_a_slow_pulse_or_an_artefact_alone_keeps_the_hold() -> None:
    quiet = packet(floats(511, 127), every=OOT)
    every_3_3_s = packet(floats(511, 127), dict.fromkeys(PULSE, ARTF | GREEN), every=OOT) + quiet * 9
    assert {*numbers(tell(every_3_3_s * 4))} == {*missing(Reason.MOTION)}
    without_pulse = packet(floats(511, 127), {5: ARTF}, every=OOT) + quiet * 9
    assert {*numbers(tell(without_pulse * 4))} == {*missing(Reason.MOTION)}


def test_low_perfusion_ends_with_the_pulses() -> None:
    told = tell(packet(floats(), dict.fromkeys(PULSE, RED)), *[packet(floats(511, 127))] * 12)
    assert numbers(told)[2:] == missing(Reason.LOW_PERFUSION) * 10 + missing(Reason.SEARCHING) * 2
    assert [fact for fact in told if isinstance(fact, Flag)] == [
        Flag(FlagName.LOW_PERFUSION, on=True),
        Flag(FlagName.LOW_PERFUSION, on=False),
    ]


def test_finger_out_forgets_the_last_pulse() -> None:
    red = packet(floats(), dict.fromkeys(PULSE, RED))
    told = tell(red, packet(floats(), every=SNSA), packet(floats(511, 127), every=OOT))
    assert numbers(told) == DOUBTFUL + missing(Reason.PROBE_OFF) + missing(Reason.SEARCHING)


def test_low_battery() -> None:
    told = tell(packet(floats(stat2=1)), packet(floats(stat2=0x21)), packet(floats(stat2=0x20)))
    assert [fact for fact in told if isinstance(fact, Flag)] == [
        Flag(FlagName.LOW_BATTERY, on=True),
        Flag(FlagName.LOW_BATTERY, on=False),
    ]
    assert numbers(told) == good() * 3


def test_waveform_comes_every_200_ms_and_starts_anew_with_the_finger() -> None:
    bare = dict.fromkeys(range(10, 20), SNSA)
    told = tell(packet(floats()), packet(floats(), bare), packet(floats()))
    assert [fact for fact in told if isinstance(fact, Waveform)] == [
        Waveform(75, tuple(range(15))),
        Waveform(75, (*range(15, 25), *range(5))),
        # frames 6 to 10 of the second packet are dropped with the ten bare ones
        Waveform(75, (*range(20, 25), *range(10))),
        Waveform(75, tuple(range(10, 25))),
    ]


def test_format_7_has_16_bit_samples() -> None:
    one = packet(floats(), df7=True)
    assert Waveform(75, tuple(range(0x1200, 0x120F))) in tell(one, one)


# Which format is spoken.


def test_format_2_locks_on_a_whole_packet_from_any_start() -> None:
    line = packet(floats()) * 2
    for start in range(125):
        told = tell(line[start:])
        assert Frame("DF2") in told, start
        assert tell(line[start:-1])[-1:] != [Frame("DF2")]


def test_format_7_needs_the_first_frame_of_the_next_packet() -> None:
    one = packet(floats(), df7=True)
    assert tell(one) == []
    assert tell(one, one[:4]) == []
    assert numbers(tell(one, one[:5])) == good()
    assert tell(one, packet(floats())) != []
    assert Frame("DF7") not in tell(one, packet(floats()))


def test_format_8_needs_five_records() -> None:
    assert tell(*[GOOD_RECORD] * 4) == []
    assert tell(*[GOOD_RECORD] * 5) == [Frame("DF8"), *good()] * 5
    assert tell("48 61 00", *[GOOD_RECORD] * 5) == [
        Rejected(RejectReason.LENGTH, 3),
        *[Frame("DF8"), *good()] * 5,
    ]


@pytest.mark.parametrize("damaged", ["80 48 E1 00", "80 48 00 00", "80 05 61 00", "00 48 61 00", "80 48 61"])
def test_a_bad_record_is_no_evidence(damaged: str) -> None:
    assert [
        fact for fact in tell(*[GOOD_RECORD] * 3, damaged, *[GOOD_RECORD] * 4) if isinstance(fact, Frame)
    ] == []


@pytest.mark.parametrize("seed", range(20))
def test_formats_are_not_taken_for_each_other(seed: int) -> None:
    rng = random.Random(seed)

    def noisy(*, df7: bool) -> bytes:
        out = b""
        for number, value in enumerate(
            floats(rng.choice([72, 150, 511]), rng.choice([97, 127]), noise=rng.randrange(128))
        ):
            status = 0x80 | (number == 0) | rng.choice([0, GREEN, OOT, SNSA])
            pleth = rng.choice([0, 1, 0x80, 0xFF, rng.randrange(256)])
            four = [status, pleth, rng.randrange(256), value] if df7 else [0x01, status, pleth, value]
            out += bytes([*four, sum(four) % 256])
        return out

    for df7, name in ((False, "DF2"), (True, "DF7")):
        line = b"".join(noisy(df7=df7) for _ in range(8))[rng.randrange(125) :]
        assert {fact.name for fact in tell(line) if isinstance(fact, Frame)} == {name}


def test_a_new_format_is_recognised_after_the_old_one_ended() -> None:
    two, seven, eight = packet(floats()), packet(floats(80), df7=True), "80 64 60 00"
    told = tell(two, two, seven, seven, two, *[eight] * 5, two, two)
    names = [fact.name for fact in told if isinstance(fact, Frame)]
    # A lock of format 8 gives up slowly: that costs the first packet after it.
    assert names == ["DF2", "DF2", "DF7", "DF7", "DF2", *["DF8"] * 5, "DF2"]


def test_a_damaged_frame_costs_its_packet() -> None:
    one = packet(floats())
    broken = bytearray(one)
    broken[60] ^= 0x10  # START of frame 13
    told = tell(one, bytes(broken), one)
    assert numbers(told) == good() * 2
    assert [fact for fact in told if isinstance(fact, Rejected)] == [Rejected(RejectReason.CHECKSUM, 65)]


def test_a_missing_frame_is_noticed_by_the_sync_bit() -> None:
    one = packet(floats())
    told = tell(one, one[:60] + one[65:], one, one)
    assert numbers(told) == good() * 3
    assert [fact for fact in told if isinstance(fact, Rejected)] == []


def test_a_second_sync_in_a_packet_is_refused() -> None:
    assert tell(packet(floats(), {12: 1})) == []
    assert Frame("DF2") not in tell(packet(floats(), {12: 1}), "00 00 00 00 00")


# Format 8: the state of one record, after four good ones.


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ("80 48 61 00", good()),
        ("81 16 61 00", good(97, 150)),
        ("82 41 61 00", good(97, 321)),
        ("A3 7F 7F 08", missing(Reason.PROBE_OFF)),
        ("80 48 61 08", missing(Reason.PROBE_OFF)),
        ("C0 48 61 00", missing(Reason.PROBE_OFF)),
        ("A3 7F 7F 00", missing(Reason.SEARCHING)),
        ("A0 48 61 00", DOUBTFUL),
        ("84 48 61 00", DOUBTFUL),
        ("A7 7F 7F 00", missing(Reason.MOTION)),
        ("90 48 61 00", DOUBTFUL),
        ("93 7F 7F 00", missing(Reason.LOW_PERFUSION)),
        ("88 48 61 00", good()),
        ("80 48 61 76", good()),
    ],
)
def test_state_of_a_record(record: str, told: list[Fact]) -> None:
    assert numbers(tell(*[GOOD_RECORD] * 4, record))[8:] == told


def test_an_artefact_of_format_8_holds_for_its_record_only() -> None:
    told = tell(*[GOOD_RECORD] * 5, "A7 7F 7F 00", "A3 7F 7F 00")
    assert told[-7:] == [
        *missing(Reason.MOTION),
        Flag(FlagName.ARTEFACT, on=True),
        Frame("DF8"),
        *missing(Reason.SEARCHING),
        Flag(FlagName.ARTEFACT, on=False),
    ]


def test_one_bad_record_does_not_end_a_lock_of_format_8() -> None:
    told = tell(
        *[GOOD_RECORD] * 5, "80 C8 61 00", GOOD_RECORD, "80 48 00 00", GOOD_RECORD, "80 48", GOOD_RECORD
    )
    assert numbers(told) == good() * 8
    assert [fact for fact in told if isinstance(fact, Rejected)] == [
        Rejected(RejectReason.LENGTH, 4),
        Rejected(RejectReason.SANITY, 4),
        Rejected(RejectReason.LENGTH, 2),
    ]


def test_more_than_two_bad_records_end_a_lock_of_format_8() -> None:
    assert len(numbers(tell(*[GOOD_RECORD] * 5, bytes(8), *[GOOD_RECORD] * 4))) == 18
    assert len(numbers(tell(*[GOOD_RECORD] * 5, bytes(9), *[GOOD_RECORD] * 4))) == 10
    assert len(numbers(tell(*[GOOD_RECORD] * 5, *["80 48 00 00"] * 3, *[GOOD_RECORD] * 5))) == 20


# Answers to commands, and other traffic.


@pytest.mark.parametrize(
    "answer",
    [
        "06",
        "15",
        "02 F2 06 18 03 0F 09 1A 35 03",
        "02 F4 0B 02 35 30 31 32 33 34 35 36 37 CF 03",
        "02 F4 07 05 39 35 36 30 00 D9 03",
        "02 F3 02 01 02 03",
    ],
)
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_answers_between_frames_are_skipped(answer: str, cut: int) -> None:
    one = packet(floats())
    said = bytes.fromhex(answer)
    told = tell(one, one[:60], said[:cut], said[cut:], one[60:], one)
    assert numbers(told) == good() * 3
    assert [fact for fact in told if isinstance(fact, Rejected)] == []
    told = tell(*[GOOD_RECORD] * 5, said, GOOD_RECORD)
    assert numbers(told) == good() * 6
    assert [fact for fact in told if isinstance(fact, Rejected)] == []


@pytest.mark.parametrize(
    "noise",
    ["02 72 06 32 0C 1F 0E 1E 0F 03", "02 F2 11 03", "02 F3 02 01 02 04"],
    ids=["a command", "too long", "no end"],
)
def test_what_is_no_answer_is_noise(noise: str) -> None:
    one = packet(floats())
    told = tell(one, noise, one)
    assert numbers(told) == good() * 2
    assert [type(fact) for fact in told if isinstance(fact, Rejected)] == [Rejected]


def test_spot_check_format_is_not_read() -> None:
    spot = "00 02 00 0D 00 0E 20 24 03 15 09 26 53 00 02 00 00 48 00 61 89 03"
    assert {type(fact) for fact in tell(*[spot] * 40)} == {Rejected}


# The face.


def test_reopening_starts_from_nothing() -> None:
    codec = NoninCodec()
    one = packet(floats(stat2=1), dict.fromkeys(PULSE, ARTF))
    codec.on(Received(one + one[:60]), 0)
    assert codec.on(Closed(), 1) == []
    assert codec.on(Opened(), 2) == []
    assert codec.on(Received(one[60:]), 3) == []
    told = codec.on(Received(packet(floats(), GREEN_PULSE)), 4)
    assert [fact for fact in told if isinstance(fact, Rejected | Flag)] == [
        Rejected(RejectReason.LENGTH, 65),
        Flag(FlagName.ARTEFACT, on=False),
        Flag(FlagName.LOW_BATTERY, on=False),
    ]


@pytest.mark.parametrize(
    ("evidence", "silent_packets"),
    [(packet(floats(), GREEN_PULSE), 3), (packet(floats(), every=SNSA), 3), (packet(floats()), 10)],
    ids=["a pulse", "the finger out", "no pulse for 3.5 s"],
)
def test_after_reopening_a_flag_of_a_pulse_ends_on_evidence_only(
    evidence: bytes, silent_packets: int
) -> None:
    codec = NoninCodec()
    codec.on(Received(packet(floats(), dict.fromkeys(PULSE, ARTF | RED))), 0)
    codec.on(Closed(), 1)
    codec.on(Opened(), 2)
    between_pulses = codec.on(Received(packet(floats()) * silent_packets), 3)
    assert [fact for fact in between_pulses if isinstance(fact, Flag)] == []
    assert [fact for fact in codec.on(Received(evidence), 4) if isinstance(fact, Flag)] == [
        Flag(FlagName.ARTEFACT, on=False),
        Flag(FlagName.LOW_PERFUSION, on=False),
    ]


def test_half_a_packet_is_reported_when_the_port_goes() -> None:
    codec = NoninCodec()
    assert codec.on(Received(packet(floats())[:60]), 0) == []
    assert codec.on(Closed(), 1) == [Rejected(RejectReason.LENGTH, 60)]


def test_it_asks_nothing_and_has_nothing_due() -> None:
    codec = NONIN.new_codec()
    assert codec.deadline is None
    assert codec.tick(10**12) == []
    assert codec.on(StartNibp(), 0) == codec.on(StopNibp(), 0) == codec.on(Opened(), 0) == []
