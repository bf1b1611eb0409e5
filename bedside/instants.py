"""An instant is a whole number of nanoseconds on a monotonic clock. Nobody here can read one."""

from typing import TypeAlias

Instant: TypeAlias = int
"""Nanoseconds since an origin that only the owner of the clock knows. Durations have the same unit."""

MILLISECOND = 1_000_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND


def seconds(amount: float) -> Instant:
    """A duration given in seconds, to the nearest nanosecond."""
    return round(amount * SECOND)


def milliseconds(amount: float) -> Instant:
    """A duration given in milliseconds, to the nearest nanosecond."""
    return round(amount * MILLISECOND)


def in_seconds(duration: Instant) -> float:
    """A duration as seconds, for display and for arithmetic with rates."""
    return duration / SECOND


def in_milliseconds(instant: Instant) -> int:
    """Whole milliseconds, rounded down: the resolution of every published time."""
    return instant // MILLISECOND


def earliest(*deadlines: Instant | None) -> Instant | None:
    """The first of several deadlines, where none means "nothing is due"."""
    return min((d for d in deadlines if d is not None), default=None)
