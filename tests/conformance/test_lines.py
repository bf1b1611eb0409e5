"""What every driver owes its line: the claims of the suite, asked of each vector and each capture."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.facts import DownReason, Fact, Flag, Frame, LinkDown, Measurement, Missing, Reading, Rejected
from bedside.instants import milliseconds
from bedside.vitals import STATES
from drivers import DRIVERS
from drivers.contract import Closed, Driver, Opened, Output, Received, Transmit
from drivers.line import Line
from tests.conformance.cases import (
    HEALTHY,
    MOST_HELD,
    VECTORS,
    Vector,
    capture,
    cut_up,
    heard,
    held,
    one_by_one,
    runs_of_subsequence,
    vitals,
)
from tests.recordings import RECORDINGS

# Formats without a checksum: there a flipped bit can make one believable number out of another.
UNCHECKED = ("nellcor", "ivy-450c", "nonin-df8")

NOISE = {
    "zeros": bytes(300),
    "ones": b"\xff" * 300,
    "text": b"login: \r\nPassword: \r\n",
    "random": random.Random(8).randbytes(300),
    "one byte": b"\x81",
}

REPEATS = 6
"""A stretch long enough to be damaged near its beginning and judged by its end."""


class Stretch(NamedTuple):
    driver: Driver
    data: bytes


def stretches() -> Iterator[object]:
    for vector in VECTORS:
        yield pytest.param(Stretch(vector.driver, vector.data), id=vector.name)
    for name in RECORDINGS:
        data = capture(name)
        absent = pytest.mark.skipif(data is None, reason="REAL BYTES NOT RUN: no captures here")
        yield pytest.param(Stretch(DRIVERS[name], data or b""), id=f"{name}-capture", marks=absent)


every_stretch = pytest.mark.parametrize("stretch", list(stretches()))
every_healthy_vector = pytest.mark.parametrize("vector", HEALTHY, ids=lambda vector: vector.name)
every_driver = pytest.mark.parametrize("driver", list(DRIVERS.values()), ids=list(DRIVERS))


def numbers(facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact, Reading | Missing | Measurement)]


def measured(facts: list[Fact]) -> list[Fact]:
    """Without the states: one may be put together from two messages, and lacks a part when one is lost."""
    return [
        fact
        for fact in numbers(facts)
        if isinstance(fact, Measurement) or (isinstance(fact, Reading | Missing) and fact.vital not in STATES)
    ]


def is_checked(vector: Vector) -> bool:
    return not vector.name.startswith(UNCHECKED)


# Chunking is invisible.


@every_stretch
def test_byte_by_byte_tells_the_same(stretch: Stretch) -> None:
    whole = heard(stretch.driver, [stretch.data])
    assert heard(stretch.driver, one_by_one(stretch.data)) == whole
    assert whole


@every_stretch
@pytest.mark.parametrize("seed", range(5))
def test_random_cuts_tell_the_same(stretch: Stretch, seed: int) -> None:
    pieces = cut_up(stretch.data, random.Random(seed))
    assert b"".join(pieces) == stretch.data
    assert heard(stretch.driver, pieces) == heard(stretch.driver, [stretch.data])


@every_driver
@given(data=st.data())
def test_cuts_in_noise_tell_the_same(driver: Driver, data: st.DataObject) -> None:
    own = [vector.data for vector in VECTORS if vector.driver is driver]
    parts = data.draw(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(own)), max_size=6))
    line = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=8)))
    pieces = [line[a:b] for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    assert heard(driver, pieces) == heard(driver, [line])


# Junk does no harm, and it finds the beat again.


@every_healthy_vector
@pytest.mark.parametrize("noise", list(NOISE.values()), ids=list(NOISE))
@pytest.mark.parametrize("before", range(3))
def test_noise_invents_nothing_and_passes(vector: Vector, noise: bytes, before: int) -> None:
    """Before, between and after frames: the numbers of a clean line, less some beside the noise."""
    clean = numbers(heard(vector.driver, [vector.data * REPEATS]))
    line = vector.data * before + noise + vector.data * (REPEATS - before)
    noisy = numbers(heard(vector.driver, [line, noise]))
    assert runs_of_subsequence(noisy, clean)
    # What is measured once is told once; what is sent all the time must be whole again two vectors later.
    settled = vitals(clean)[-(len(vitals(clean)) // REPEATS) * (REPEATS - 4) :]
    assert vitals(noisy)[-len(settled) :] == settled


@every_healthy_vector
def test_a_flipped_bit_costs_a_bounded_number_of_frames(vector: Vector) -> None:
    clean = numbers(heard(vector.driver, [vector.data * REPEATS]))
    settled = vitals(clean)[-(len(vitals(clean)) // REPEATS) * (REPEATS - 4) :]
    size = len(vector.data)
    # Every bit of short vectors; of long ones a spread that meets every position within a byte.
    for bit in range(size * 8) if size < 300 else range(0, size * 8, 61):
        line = bytearray(vector.data * REPEATS)
        line[size + bit // 8] ^= 1 << bit % 8
        damaged = numbers(heard(vector.driver, [bytes(line)]))
        assert vitals(damaged)[-len(settled) :] == settled
        if is_checked(vector):
            assert runs_of_subsequence(measured(damaged), measured(clean))


# Arbitrary bytes.


@every_driver
@given(data=st.binary(max_size=2000))
def test_arbitrary_bytes_never_raise(driver: Driver, data: bytes) -> None:
    """They may by chance be a frame of a format without a checksum; they can never be an error of ours."""
    codec = driver.new_codec()
    codec.on(Received(data), 0)
    assert held(codec) <= MOST_HELD
    codec.on(Opened(), 0)
    codec.on(Received(data), 0)
    assert held(codec) <= MOST_HELD


@every_driver
def test_long_noise_is_no_reading(driver: Driver) -> None:
    """Four hours of a line at the wrong speed, on a seed: by chance there is no frame in it."""
    assert numbers(heard(driver, [random.Random(1).randbytes(200_000)])) == []


@every_driver
@pytest.mark.parametrize("byte", [b"\x00", b"\xff"], ids=["zeros", "ones"])
def test_zeros_and_ones_are_rejected(driver: Driver, byte: bytes) -> None:
    facts = heard(driver, [byte * 5000])
    assert {type(fact) for fact in facts} == {Rejected}
    assert sum(fact.size_bytes for fact in facts if isinstance(fact, Rejected)) == 5000
    assert len(facts) < 50


# It is bounded.


@every_stretch
def test_memory_is_bounded_whatever_arrives(stretch: Stretch) -> None:
    codec = stretch.driver.new_codec()
    for data in (stretch.data[: len(stretch.data) // 2], bytes(20_000), stretch.data * 20, b"\xff" * 20_000):
        codec.on(Received(data), 0)
        assert held(codec) <= MOST_HELD


@every_stretch
def test_memory_is_bounded_at_every_byte(stretch: Stretch) -> None:
    codec = stretch.driver.new_codec()
    for piece in one_by_one(stretch.data[:3000]):
        codec.on(Received(piece), 0)
        assert held(codec) <= MOST_HELD


# It notices silence.


@every_driver
def test_silence_ends_the_link_exactly_at_its_limit(driver: Driver) -> None:
    vector = next(vector for vector in HEALTHY if vector.driver is driver)
    line = Line(driver)
    last = 7_000_000_123
    assert any(isinstance(fact, Frame) for fact in line.on(Received(vector.data), last))
    down_at = last + milliseconds(driver.silence_limit_ms)
    assert line.deadline == down_at
    assert LinkDown(DownReason.SILENT) not in line.tick(down_at - 1)
    assert LinkDown(DownReason.SILENT) in line.tick(down_at)
    assert line.deadline is None


@every_driver
def test_a_codec_that_is_not_asked_to_speak_is_silent_when_closed(driver: Driver) -> None:
    codec = driver.new_codec()
    codec.on(Opened(), 0)
    codec.on(Closed(), 1)
    assert codec.deadline is None
    assert [output for output in codec.tick(10**12) if isinstance(output, Transmit)] == []


@every_driver
def test_who_speaks_unasked_is_never_spoken_to(driver: Driver) -> None:
    codec = driver.new_codec()
    sent = [output for output in codec.on(Opened(), 0) if isinstance(output, Transmit)]
    deadline = codec.deadline
    if deadline is not None:
        sent += [output for output in codec.tick(deadline) if isinstance(output, Transmit)]
    assert bool(sent) is not driver.speaks_unasked


@every_healthy_vector
def test_flags_are_told_again_after_the_port_was_reopened(vector: Vector) -> None:
    codec = vector.driver.new_codec()
    codec.on(Received(vector.data), 0)
    again = vector.driver.new_codec()
    fresh = again.on(Received(vector.data), 0)
    codec.on(Closed(), 1)
    reopened = codec.on(Received(vector.data), 2)
    assert vitals(reopened) == vitals(fresh)
    assert runs_of_subsequence(flags_on(fresh), flags_on(reopened))


def flags_on(facts: list[Output]) -> list[Flag]:
    return [fact for fact in facts if isinstance(fact, Flag) and fact.on]
