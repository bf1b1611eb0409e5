"""The SunTech wire against the examples of its protocol text, and a measurement from start to release."""

import pytest

from bedside.instants import SECOND, in_seconds, milliseconds, seconds
from simulators.cuff import Failure, Result
from simulators.suntech import SunTech, bp_packet, cuff_packet, letter
from tests.simulators.beds import bed_of, drive

START, ABORT = bytes.fromhex("3A20A6"), bytes.fromhex("3A7901004C")
CUFF, DATA = bytes.fromhex("3A79050048"), bytes.fromhex("3A7903004A")
OK, K, A, B = (bytes.fromhex(text) for text in ("3E044F6F", "3E044B73", "3E04417D", "3E04427C"))


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        ("O", 0x6F),
        ("K", 0x73),
        ("A", 0x7D),
        ("B", 0x7C),
        ("E", 0x79),
        ("N", 0x70),
        ("D", 0x7A),
        ("S", 0x6B),
        ("T", 0x6A),
    ],
)
def test_letters(answer: str, check: int) -> None:
    assert letter(answer) == bytes((0x3E, 0x04, ord(answer), check))


def test_examples_of_the_maker() -> None:
    assert cuff_packet(258) == bytes.fromhex("3E050201BA")
    expected = "3E18 7300 4A00 1E 01 000000000000 3107 55 00 5800 00 0000 E9"
    assert bp_packet(Result(115, 74, 88, 85, 30)) == bytes.fromhex(expected)


def test_failure_packet() -> None:
    assert bp_packet(Failure.LEAK) == bytes.fromhex("3E18" + "00" * 18 + "57000053")


def measured(*steps: dict[str, object]) -> tuple[float, bytes, SunTech]:
    """How long a measurement started at 10 s took, the data packet after it, and the module."""
    bed = bed_of(*steps)
    device = bed.devices["suntech"]
    assert isinstance(device, SunTech)
    sent = drive(device, 300 * SECOND, {10 * SECOND: START})
    assert [data for _, data in sent] == [OK, K]
    [reply] = device.on(DATA, 301 * SECOND)
    return in_seconds(sent[1][0] - sent[0][0]), reply, device


def test_a_measurement_takes_25_to_40_seconds_and_finds_the_patient() -> None:
    took, reply, device = measured({"at_s": 0, "sys": 122, "dia": 78, "pulse": 70})
    assert 25 <= took <= 40
    assert len(reply) == 24
    assert reply[20] == 0
    assert abs(int.from_bytes(reply[2:4], "little") - 122) <= 4
    assert abs(int.from_bytes(reply[4:6], "little") - 78) <= 4
    assert abs(int.from_bytes(reply[18:20], "little") - 93) <= 4
    assert abs(reply[16] - 70) <= 3
    assert list(device.violations) == []


def test_cuff_curve() -> None:
    device = bed_of({"at_s": 0, "sys": 120, "dia": 80}).devices["suntech"]
    device.on(START, 0)
    pressures = [
        int.from_bytes(device.on(CUFF, second * SECOND)[0][2:4], "little") for second in (1, 4, 8, 9, 19)
    ]
    assert pressures[0] == 0
    assert pressures[1] == 50  # two idle seconds, then 25 mmHg a second
    assert pressures[2] in range(140, 161)
    assert pressures[3] > pressures[4] > 100


def test_a_target_below_systolic_is_raised_by_40() -> None:
    took, reply, _ = measured({"at_s": 0, "sys": 170, "dia": 100})
    assert took > 35
    assert abs(int.from_bytes(reply[2:4], "little") - 170) <= 5


@pytest.mark.parametrize(
    ("cuff", "code", "longest_s"),
    [
        ("weak", 1, 45),
        ("motion", 2, 75),
        ("slow", 4, 125),
        ("blocked", 85, 10),
        ("loose", 87, 45),
        ("leak", 87, 45),
        ("stuck", 88, 180),
        ("overpressure", 89, 15),
    ],
)
def test_what_goes_wrong_with_a_cuff(cuff: str, code: int, longest_s: float) -> None:
    took, reply, _ = measured({"at_s": 5, "cuff": cuff})
    assert took <= longest_s
    assert reply[20] == code
    assert reply[2:6] == bytes(4)


def test_no_pulse_gives_no_reading() -> None:
    _, reply, _ = measured({"at_s": 5, "pulse": 0})
    assert reply[20] == 1


def test_a_stuck_cuff_stays_inflated_until_it_is_freed() -> None:
    device = bed_of({"at_s": 5, "cuff": "stuck"}, {"at_s": 400, "cuff": "fits"}).devices["suntech"]
    drive(device, 300 * SECOND, {10 * SECOND: START})
    assert int.from_bytes(device.on(CUFF, 301 * SECOND)[0][2:4], "little") > 30
    assert device.on(CUFF, 401 * SECOND) == [cuff_packet(0)]


def test_busy_while_measuring() -> None:
    device = bed_of().devices["suntech"]
    sent = drive(device, 60 * SECOND, {0: START, 5 * SECOND: START, 6 * SECOND: DATA})
    assert [data for _, data in sent] == [OK, B, B, K]
    assert isinstance(device, SunTech)
    assert device.starts == 1


def test_a_module_that_is_always_busy() -> None:
    assert bed_of({"at_s": 0, "cuff": "busy"}).devices["suntech"].on(START, SECOND) == [B]


def test_abort_answers_a_then_k_when_the_cuff_is_released() -> None:
    device = bed_of().devices["suntech"]
    sent = drive(device, 60 * SECOND, {0: START, 8 * SECOND: ABORT})
    assert sent == [(0, OK), (8 * SECOND, A), (10 * SECOND, K)]
    assert device.on(DATA, 61 * SECOND)[0][20] == 86


def test_commands_in_pieces_and_glued_together() -> None:
    device = bed_of().devices["suntech"]
    assert device.on(CUFF[:2], 0) == []
    assert device.on(CUFF[2:] + CUFF, milliseconds(5)) == [cuff_packet(0), cuff_packet(0)]


def test_half_a_command_is_forgotten() -> None:
    device = bed_of().devices["suntech"]
    assert device.on(CUFF[:3], 0) == []
    assert device.on(CUFF, seconds(1.5)) == [cuff_packet(0)]


def test_a_damaged_command_is_an_error_not_a_start() -> None:
    device = bed_of().devices["suntech"]
    assert device.on(bytes.fromhex("3A20A7"), 0) == [letter("E")]
    assert device.deadline is None


@pytest.mark.parametrize(
    ("command", "answer"),
    [("3A 04 C2", "N"), ("3A 0C 00 01 01 B8", "N"), ("3A 81 45", "N"), ("3A 86 40", "N"), ("3A 55 71", "D")],
)
def test_service_and_unknown_commands_are_refused_and_remembered(command: str, answer: str) -> None:
    device = bed_of().devices["suntech"]
    assert device.on(bytes.fromhex(command), 0) == [letter(answer)]
    assert len(device.violations) == 1


def test_identification() -> None:
    device = bed_of().devices["suntech"]
    assert device.on(bytes.fromhex("3A00C6"), 0) == [K]
    [model] = device.on(bytes.fromhex("3A7902400B"), 0)
    assert model[:4] == b"\x3e\x43LX"
    assert len(model) == 0x43
    assert device.on(bytes.fromhex("3A7910033A"), 0)[0][:3] == b"\x3e\x05\x00"
    assert list(device.violations) == []
