"""The product's only reader of clocks: monotonic time to decide by, wall time to label with.

How good the wall time is, is judged on the machine it was read on:

    unset          the year is before this software was written, or nothing has set the clock since the start
    synchronised   the kernel says that a time service keeps it; where the kernel may not be asked (systemd's
                   ProtectClock), the mark of systemd-timesyncd's first success counts instead
    holdover       it was synchronised earlier since the machine started, or a battery-backed clock set it,
                   and it now runs by itself

A battery-backed clock with an empty battery looks like a good one; its year usually gives it away.
"""

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final, Literal, TypeAlias

from bedside.instants import SECOND, Instant

ClockQuality: TypeAlias = Literal["synchronised", "holdover", "unset"]

FIRST_CREDIBLE_YEAR: Final = 2024

_TIMESYNCD_MARK: Final = Path("/run/systemd/timesync/synchronized")
_BATTERY_CLOCKS: Final = Path("/sys/class/rtc")
_STA_UNSYNC: Final = 0x0040


class Clock:
    """One clock, handed to whoever needs one. At `rate` 2 a bed lives two seconds in one of ours.

    The origin is the machine's, scaled: instants of several processes with the same rate can be compared.
    """

    def __init__(self, rate: float = 1.0, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        if not rate > 0:
            raise ValueError(f"rate {rate}: expected a number above 0")
        # As a fraction of whole numbers: a float product would lose nanoseconds after some weeks.
        self._numerator, self._denominator = rate.as_integer_ratio()
        self._monotonic_ns = monotonic_ns
        self._was_synchronised = False
        self._set_by_battery_clock = _set_by_battery_clock()

    def now(self) -> Instant:
        """The bed's time; it never runs backwards."""
        return self._monotonic_ns() * self._numerator // self._denominator

    def real_wait(self, duration: Instant) -> float:
        """How many real seconds a duration of the bed takes; 0 for one that is over."""
        return max(0, duration) * self._denominator / self._numerator / SECOND

    def wall(self) -> datetime:
        """UTC, for labels only: it may step."""
        return datetime.now(UTC)

    def quality(self) -> ClockQuality:
        """How far `wall` can be trusted now."""
        mark = _TIMESYNCD_MARK.exists()
        kernel = _kernel_says_synchronised()
        synchronised = mark if kernel is None else kernel
        self._was_synchronised |= synchronised or mark
        return judged(
            self.wall().year,
            synchronised=synchronised,
            set_earlier=self._was_synchronised or self._set_by_battery_clock,
        )


def judged(year: int, *, synchronised: bool, set_earlier: bool) -> ClockQuality:
    """The rule at the top of this file."""
    if year < FIRST_CREDIBLE_YEAR:
        return "unset"
    if synchronised:
        return "synchronised"
    return "holdover" if set_earlier else "unset"


class _Timex(ctypes.Structure):
    """The head of the C library's `struct timex`; the rest is room enough for every machine we run on."""

    _fields_: ClassVar = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    ]


def _kernel_says_synchronised() -> bool | None:
    """None when this process may not ask. With `modes` 0 nothing is changed, so no privilege is needed."""
    answer = _Timex()
    if ctypes.CDLL(None).adjtimex(ctypes.byref(answer)) < 0:
        return None
    return not answer.status & _STA_UNSYNC


def _set_by_battery_clock() -> bool:
    for mark in _BATTERY_CLOCKS.glob("*/hctosys"):
        try:
            if mark.read_text(encoding="ascii").strip() == "1":
                return True
        except OSError:
            continue
    return False
