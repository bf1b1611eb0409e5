"""The Nonin wire against the vectors of its protocol text, and the model behind it."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bedside.instants import SECOND, seconds
from simulators.nonin import (
    Numbers,
    Perfusion,
    Seen,
    float_table,
    frame_2,
    frame_7,
    record_8,
    status,
)
from tests.simulators.beds import bed_of, drive


def seen(rate: int, spo2: int) -> Seen:
    numbers = Numbers(rate, spo2)
    return Seen(numbers, numbers, numbers, numbers, numbers)


NOTHING = Seen(None, None, None, None, None)


def packet(of: Seen, *, beating: tuple[bool, bool, bool], pleth: tuple[int, int, int]) -> bytes:
    table = float_table(of)
    return b"".join(
        frame_2(status(of, beating=beating[n], first=n == 0), pleth[n] << 8, table[n]) for n in range(3)
    )


def test_format_2_good_pulse() -> None:
    made = packet(seen(72, 97), beating=(False, False, True), pleth=(0x52, 0x53, 0x55))
    assert made == bytes.fromhex("01815200D4 018053481C 0182556139")


def test_format_2_splits_the_rate_in_seven_bits() -> None:
    made = packet(seen(150, 97), beating=(False, False, False), pleth=(0x40, 0x40, 0x40))
    assert made[:10] == bytes.fromhex("01814001C3 01804016D7")


def test_format_2_finger_out() -> None:
    off = replace(NOTHING, probe_off=True, out_of_track=True)
    made = packet(off, beating=(False, False, False), pleth=(0, 0, 0))
    assert made == bytes.fromhex("019900039D 0198007F18 0198007F18")


def test_format_7() -> None:
    good = seen(72, 97)
    table = float_table(good)
    made = [
        frame_7(status(good, beating=False, first=n == 0), pleth, table[n])
        for n, pleth in enumerate((31248, 31284, 31284))
    ]
    assert b"".join(made) == bytes.fromhex("817A10000B 807A344876 807A34618F")


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (seen(72, 97), "80486100"),
        (seen(150, 97), "81166100"),
        (replace(NOTHING, probe_off=True, out_of_track=True), "A37F7F08"),
    ],
)
def test_format_8(of: Seen, expected: str) -> None:
    assert record_8(of).hex().upper() == expected


@pytest.mark.parametrize(
    ("perfusion", "bits"), [(Perfusion.GREEN, 0b01), (Perfusion.YELLOW, 0b11), (Perfusion.RED, 0b10)]
)
def test_perfusion_colours(perfusion: Perfusion, bits: int) -> None:
    of = replace(seen(72, 97), perfusion=perfusion)
    assert status(of, beating=True, first=False) >> 1 & 0b11 == bits
    assert status(of, beating=False, first=False) >> 1 & 0b11 == 0


def test_every_entry_of_the_float_table_is_in_its_frame() -> None:
    # Each kind of number gets a value of its own: HR 129 = 01 01, and so on through the table of the maker.
    of = Seen(
        four_beats=Numbers(129, 91),
        eight_beats=Numbers(130, 92),
        one_beat=Numbers(131, 93),
        display=Numbers(132, 94),
        display_eight=Numbers(133, 95),
        good_quality=True,
        low_battery=True,
        timer=130,
    )
    table = dict(enumerate(float_table(of), start=1))
    assert len(table) == 25
    assert (table[1], table[2], table[3]) == (1, 1, 91)
    assert (table[6], table[7], table[8]) == (1, 2, 0b0010_0001)
    assert (table[9], table[10], table[11]) == (94, 91, 93)
    assert (table[14], table[15], table[16], table[17]) == (1, 2, 92, 95)
    assert (table[20], table[21], table[22], table[23]) == (1, 4, 1, 5)


def frames(stream: bytes) -> list[bytes]:
    return [stream[n : n + 5] for n in range(0, len(stream), 5)]


def test_75_good_frames_a_second_in_packets_of_25() -> None:
    sent = drive(bed_of().devices["nonin"], 10 * SECOND)
    made = frames(b"".join(data for _, data in sent))
    assert len(made) == 750
    assert all(frame[0] == 1 and frame[1] & 0x80 and sum(frame[:4]) % 256 == frame[4] for frame in made)
    assert [n for n, frame in enumerate(made) if frame[1] & 1] == list(range(0, 750, 25))


def test_a_late_tick_gives_the_same_bytes() -> None:
    punctual = drive(bed_of().devices["nonin"], 20 * SECOND)
    assert b"".join(bed_of().devices["nonin"].tick(20 * SECOND)) == b"".join(data for _, data in punctual)


def test_display_holds_ten_seconds_after_the_probe_is_off() -> None:
    bed = bed_of({"at_s": 30, "probe": "off"}, {"at_s": 60, "probe": "on"}, option={"nonin": "df8"})
    sent = {at // SECOND: data for at, data in drive(bed.devices["nonin"], 80 * SECOND)}
    assert sent[29][3] & 0x08 == 0
    assert sent[29][2] in range(95, 100)
    assert all(sent[second][3] & 0x08 for second in range(31, 60))
    assert all(sent[second][2] == sent[29][2] for second in range(31, 40))
    assert all(sent[second][2] == 0x7F for second in range(42, 60))
    assert sent[62][0] & 0x20  # out of track: the search
    assert sent[62][2] == 0x7F
    assert sent[62][3] & 0x08 == 0
    assert sent[75][0] & 0x20 == 0
    assert sent[75][2] in range(95, 100)


def test_numbers_other_than_the_display_kind_are_gone_at_once() -> None:
    bed = bed_of({"at_s": 30, "probe": "off"})
    made = frames(b"".join(data for _, data in drive(bed.devices["nonin"], 32 * SECOND)))
    last = made[-25:]
    assert (last[0][3], last[1][3], last[2][3]) == (0x03, 0x7F, 0x7F)
    assert last[8][3] in range(95, 100)


def test_unplugged_probe_and_low_battery_in_format_8() -> None:
    steps = ({"at_s": 20, "probe": "unplugged"}, {"at_s": 30, "probe": "on", "battery": {"oximeter": "low"}})
    bed = bed_of(*steps, option={"nonin": "df8"})
    sent = {at // SECOND: data for at, data in drive(bed.devices["nonin"], 40 * SECOND)}
    assert [sent[second][0] & 0x40 for second in (19, 25, 35)] == [0, 0x40, 0]
    assert [sent[second][3] & 0x09 for second in (19, 25, 35)] == [0, 0x08, 0x01]


def test_no_pulse_with_the_probe_on_is_a_search_not_a_probe_off() -> None:
    bed = bed_of({"at_s": 30, "pulse": 0}, option={"nonin": "df8"})
    sent = {at // SECOND: data for at, data in drive(bed.devices["nonin"], 45 * SECOND)}
    assert sent[40][0] & 0x20
    assert sent[40][3] & 0x08 == 0
    assert (sent[40][0] & 0x03, sent[40][1], sent[40][2]) == (0x03, 0x7F, 0x7F)


def test_motion_is_an_artefact_first_and_out_of_track_later() -> None:
    bed = bed_of({"at_s": 30, "motion": True}, option={"nonin": "df8"})
    sent = {at // SECOND: data for at, data in drive(bed.devices["nonin"], 60 * SECOND)}
    assert sent[35][0] & 0x24 == 0x04
    assert sent[50][0] & 0x24 == 0x24


@pytest.mark.parametrize(
    ("command", "answer", "size"),
    [
        ("02 70 02 02 08 03", b"\x06", 4),
        ("02 70 04 02 08 00 7E 03", b"\x06", 4),
        ("02 70 04 02 08 00 7F 03", b"\x15", 25),  # wrong check
        ("02 70 02 02 0D 03", b"\x15", 25),  # format 13 is not simulated
    ],
)
def test_format_is_selected_by_the_host(command: str, answer: bytes, size: int) -> None:
    device = bed_of().devices["nonin"]
    sent = drive(device, 3 * SECOND, {seconds(1.01): bytes.fromhex(command)})
    assert [data for at, data in sent if at == seconds(1.01)] == [answer]
    assert len(sent[-1][1]) == size
    assert list(device.violations) == []


def test_pleth_follows_the_pulse() -> None:
    bed = bed_of({"at_s": 0, "pulse": 60})
    made = frames(b"".join(data for _, data in drive(bed.devices["nonin"], 60 * SECOND)))
    beats = sum(1 for a, b in pairwise(made) if b[1] & 0b110 and not a[1] & 0b110)
    assert beats in range(57, 64)
    assert max(frame[2] for frame in made) > 200
    assert min(frame[2] for frame in made) < 100
