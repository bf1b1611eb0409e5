"""Framing: runs of noise, bounds, checksums."""

import pytest

from bedside.facts import Flag, FlagName, Rejected, RejectReason
from drivers.flags import FlagMemory
from drivers.framing import (
    MORE,
    RUN_BYTES,
    Framer,
    Noise,
    Refused,
    Verdict,
    Whole,
    crc16_ccitt_false,
    negated_sum8,
    noise_before,
    sum8,
)

LENGTH, CHECKSUM, OVERFLOW = RejectReason.LENGTH, RejectReason.CHECKSUM, RejectReason.OVERFLOW


def toy(buffer: bytearray) -> Verdict:
    """`<` text `>` is a frame, one with a `!` in it is damaged, a `?` is noise of its own kind."""
    before = noise_before(buffer, b"<")
    if buffer[0] == ord("?"):
        return Noise(1, CHECKSUM)
    if before:
        question = buffer.find(b"?", 0, before)
        return Noise(question if question >= 0 else before)
    end = buffer.find(b">")
    if end < 0:
        return MORE
    return Refused(CHECKSUM, end + 1) if b"!" in buffer[:end] else Whole(end + 1)


def all_of(data: bytes, limit_bytes: int = 16) -> list[bytes | Rejected]:
    """What a framer says, after checking that the chunks do not matter."""
    framer = Framer(toy, limit_bytes)
    told = [*framer.feed(data), *framer.flush()]
    for size in (1, 2, 7):
        framer = Framer(toy, limit_bytes)
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert [item for piece in pieces for item in framer.feed(piece)] + framer.flush() == told
    return told


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", []),
        (b"<a><b>", [b"<a>", b"<b>"]),
        (b"noise<a>", [Rejected(LENGTH, 5), b"<a>"]),
        (b"<a>no<b>se", [b"<a>", Rejected(LENGTH, 2), b"<b>", Rejected(LENGTH, 2)]),
        (b"xx?yy?<a>", [Rejected(CHECKSUM, 6), b"<a>"]),
        (b"x<!><a>", [Rejected(LENGTH, 1), Rejected(CHECKSUM, 3), b"<a>"]),
        (b"<a", [Rejected(LENGTH, 2)]),
        (b"<" + b"a" * 30 + b"<b>", [Rejected(OVERFLOW, 31), b"<b>"]),
        (b"x" * 600 + b"<a>", [Rejected(LENGTH, 256), Rejected(LENGTH, 256), Rejected(LENGTH, 88), b"<a>"]),
        (b"x" * RUN_BYTES, [Rejected(LENGTH, RUN_BYTES)]),
    ],
)
def test_frames_and_noise(data: bytes, told: list[bytes | Rejected]) -> None:
    assert all_of(data) == told


def test_no_more_is_held_than_allowed() -> None:
    framer = Framer(toy, 16)
    for data in (b"<", b"a" * 1000, b"<<<<", b"\0" * 100):
        list(framer.feed(data))
        assert framer.held_bytes <= 16


def test_flush_forgets() -> None:
    framer = Framer(toy, 16)
    assert list(framer.feed(b"xx<a")) == []
    assert framer.flush() == [Rejected(LENGTH, 4)]
    assert framer.flush() == []
    assert list(framer.feed(b"b>")) == []


@pytest.mark.parametrize(
    ("buffer", "before"),
    [(b"", 0), (b"\xffA", 0), (b"xx\xffA", 2), (b"xx\xff", 2), (b"xxA", 3), (b"\xff", 0), (b"x\xff\xff", 2)],
)
def test_noise_before_a_marker(buffer: bytes, before: int) -> None:
    assert noise_before(bytearray(buffer), b"\xffA") == before


def test_a_marker_of_three_bytes_may_be_half_there() -> None:
    assert noise_before(bytearray(b"xx\x01\x02"), b"\x01\x02\x03") == 2


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("01 81 01 00", 0x83),  # Nonin format 2, from a public unit test
        ("01 80 01 48", 0xCA),
        ("81 7A 10 00", 0x0B),  # Nonin format 7
        ("20 24 03 15 09 26 53 00 02 00 00 48 00 61", 0x89),  # Nonin format 13
        ("70 04 02 0D 01", 0x84),  # Nonin commands, from the maker's text
        ("70 04 02 0D 00", 0x83),
        ("70 04 02 07 21", 0x9E),
        ("", 0),
    ],
)
def test_sum8(data: str, value: int) -> None:
    assert sum8(bytes.fromhex(data)) == value


@pytest.mark.parametrize(("data", "value"), [("3A 20", 0xA6), ("3A 79 01 00", 0x4C), ("", 0)])
def test_negated_sum8(data: str, value: int) -> None:
    frame = bytes.fromhex(data)
    assert negated_sum8(frame) == value
    assert sum8(frame + bytes([value])) == 0


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"123456789", 0x29B1), (b"", 0xFFFF), (b"INF", 0x4961), (b"ALARM", 0x50B2), (b"INST_SERIALNO", 0x457D)],
)
def test_crc16_ccitt_false(data: bytes, value: int) -> None:
    assert crc16_ccitt_false(data) == value


def test_flags_are_news_once() -> None:
    memory = FlagMemory()
    battery = FlagName.LOW_BATTERY
    assert memory.news({battery: False}) == []
    assert memory.news({battery: True}) == [Flag(battery, on=True)]
    assert memory.news({battery: True}) == []
    assert memory.news({}) == []
    memory.forget()
    assert memory.news({battery: True}) == [Flag(battery, on=True)]
    memory.forget()
    assert memory.news({battery: False}) == [Flag(battery, on=False)]
    memory.forget()
    assert memory.news({battery: False}) == []
