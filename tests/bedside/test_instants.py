"""Instants: whole nanoseconds, and the first of several deadlines."""

import pytest

from bedside.instants import (
    MINUTE,
    SECOND,
    earliest,
    in_milliseconds,
    in_seconds,
    milliseconds,
    seconds,
)


def test_durations() -> None:
    assert seconds(1.5) == 1_500_000_000
    assert milliseconds(2.5) == 2_500_000
    assert seconds(60) == MINUTE


def test_to_the_nearest_nanosecond() -> None:
    assert seconds(0.1) == 100_000_000
    assert seconds(1e-9) == 1
    assert milliseconds(-0.000001) == -1


def test_back_again() -> None:
    assert in_seconds(1_500_000_000) == 1.5
    assert in_milliseconds(1_999_999) == 1
    assert in_milliseconds(2_000_000) == 2
    assert isinstance(in_milliseconds(SECOND), int)


@pytest.mark.parametrize(
    ("deadlines", "first"), [((), None), ((None,), None), ((3, None, 2), 2), ((0, 5), 0), ((-1, 0), -1)]
)
def test_earliest(deadlines: tuple[int | None, ...], first: int | None) -> None:
    assert earliest(*deadlines) == first
