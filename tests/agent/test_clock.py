"""The one reader of clocks, given a counter in place of the machine's."""

import time

import pytest

from agent.clock import Clock, judged
from bedside.instants import SECOND

MONTH_NS = 30 * 24 * 3600 * SECOND


def test_at_rate_one_the_bed_has_the_machine_s_own_nanoseconds() -> None:
    assert Clock(monotonic_ns=lambda: MONTH_NS + 1).now() == MONTH_NS + 1


def test_at_rate_ten_a_bed_second_takes_a_tenth_of_a_real_one() -> None:
    clock = Clock(10, monotonic_ns=lambda: 3 * SECOND)
    assert clock.now() == 30 * SECOND
    assert clock.real_wait(SECOND) == pytest.approx(0.1)


def test_what_is_over_takes_no_time() -> None:
    assert Clock().real_wait(-SECOND) == 0


@pytest.mark.parametrize("rate", [1 / 3, 0.1, 1, 7.3, 60])
def test_time_never_runs_backwards_and_loses_nothing_after_a_month(rate: float) -> None:
    ticks = iter(range(MONTH_NS, MONTH_NS + 1000))
    clock = Clock(rate, monotonic_ns=lambda: next(ticks))
    instants = [clock.now() for _ in range(1000)]
    assert instants == sorted(instants)
    assert instants[-1] - instants[0] == pytest.approx(999 * rate, abs=1)


def test_two_clocks_of_one_rate_can_be_compared() -> None:
    first, second = Clock(5), Clock(5)
    before, between, after = first.now(), second.now(), first.now()
    assert before <= between <= after


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(rate)


def test_wall_time_says_that_it_is_utc() -> None:
    wall = Clock().wall()
    assert wall.utcoffset() is not None
    assert wall.timestamp() == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize(
    ("year", "synchronised", "set_earlier", "quality"),
    [
        (2023, True, True, "unset"),
        (1970, False, False, "unset"),
        (2024, True, False, "synchronised"),
        (2024, True, True, "synchronised"),
        (2024, False, True, "holdover"),
        (2024, False, False, "unset"),
    ],
)
def test_quality(year: int, synchronised: bool, set_earlier: bool, quality: str) -> None:  # noqa: FBT001 - a row of the rule
    assert judged(year, synchronised=synchronised, set_earlier=set_earlier) == quality


def test_this_machine_can_be_asked() -> None:
    assert Clock().quality() in {"synchronised", "holdover", "unset"}
