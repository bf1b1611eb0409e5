"""A bad cable between a device and its port: what it does to the bytes, seeded and repeatable.

split=P     a piece of output is cut in two with this probability, the parts 5 ms apart
merge=MS    what comes within this many milliseconds arrives at once
flip=P      each byte has one bit turned with this probability
drop=P      each byte is lost with this probability
noise=P     a random byte stands before each byte with this probability
stall=S     now and then the line is still for this many seconds, then everything comes at once
hang=S      this many seconds after the start the line falls silent for ever
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from bedside.instants import Instant, milliseconds, seconds


class FaultKind(StrEnum):
    """What a cable can do."""

    SPLIT = "split"
    MERGE = "merge"
    FLIP = "flip"
    DROP = "drop"
    NOISE = "noise"
    STALL = "stall"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a fault's amount is, and from where to where it may be."""

    unit: str
    lowest: float
    highest: float


BOUNDS: Final[Mapping[FaultKind, Bounds]] = {
    FaultKind.SPLIT: Bounds("a probability", 0, 1),
    FaultKind.MERGE: Bounds("milliseconds", 1, 10_000),
    FaultKind.FLIP: Bounds("a probability", 0, 1),
    FaultKind.DROP: Bounds("a probability", 0, 1),
    FaultKind.NOISE: Bounds("a probability", 0, 1),
    FaultKind.STALL: Bounds("seconds", 0.01, 3600),
    FaultKind.HANG: Bounds("seconds", 0, 7 * 24 * 3600),
}

SPLIT_GAP: Final[Instant] = milliseconds(5)
BETWEEN_STALLS_S: Final = (10.0, 50.0)
MOST_HELD_BYTES: Final = 65_536
"""A cable holds no more than this; then the oldest bytes are lost."""

_FAULT: Final = re.compile(r"([a-z0-9-]+):([a-z]+)=([0-9.]+(?:e-?\d+)?)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a cable does."""

    kind: FaultKind
    amount: float


def parse_fault(text: str) -> tuple[str, Fault]:
    """Device and fault in "oximeter:noise=0.01"; ValueError says what was expected."""
    found = _FAULT.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r}: expected DEVICE:KIND=AMOUNT, such as oximeter:noise=0.01")
    device, word, amount_text = found.groups()
    if word not in tuple(FaultKind):
        raise ValueError(f"{text!r}: expected one of {', '.join(FaultKind)}; found {word!r}")
    kind = FaultKind(word)
    bounds = BOUNDS[kind]
    expected = f"{text!r}: expected {bounds.unit} from {bounds.lowest:g} to {bounds.highest:g}"
    try:
        amount = float(amount_text)
    except ValueError:
        raise ValueError(expected) from None
    if not bounds.lowest <= amount <= bounds.highest:
        raise ValueError(expected)
    return device, Fault(kind, amount)


class Cable:
    """Carries a device's output, with the one face of the house. Without faults it carries at once and in
    full.
    """

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0, start: Instant = 0) -> None:
        self._amounts = {fault.kind: fault.amount for fault in faults}
        self._chance = Random(f"cable {seed}")
        self._start = start
        self._held: deque[tuple[Instant, bytes]] = deque()
        self._held_bytes = 0
        self._stall_from = start
        self._stall_until = start

    @property
    def deadline(self) -> Instant | None:
        """When held bytes come out."""
        return self._held[0][0] if self._held else None

    def on(self, data: bytes, now: Instant) -> list[bytes]:
        """Take what the device sent; return what comes out now."""
        out = self.tick(now)
        if FaultKind.HANG in self._amounts and now - self._start >= seconds(self._amounts[FaultKind.HANG]):
            return out
        due = self._arrival(now)
        for part in self._split(self._damaged(data)):
            self._hold(due, part)
            due += SPLIT_GAP
        return out + self.tick(now)

    def tick(self, now: Instant) -> list[bytes]:
        """What comes out by now; bytes that come out at the same instant come as one piece."""
        out: list[bytes] = []
        last: Instant | None = None
        while self._held and self._held[0][0] <= now:
            due, data = self._held.popleft()
            self._held_bytes -= len(data)
            if due == last:
                out[-1] += data
            else:
                out.append(data)
            last = due
        return out

    def pull(self) -> None:
        """The cable is pulled: what was on its way is lost."""
        self._held.clear()
        self._held_bytes = 0

    def _probability(self, kind: FaultKind) -> float:
        return self._amounts.get(kind, 0.0)

    def _damaged(self, data: bytes) -> bytes:
        drop, flip, noise = map(self._probability, (FaultKind.DROP, FaultKind.FLIP, FaultKind.NOISE))
        if not (drop or flip or noise):
            return data
        chance, out = self._chance, bytearray()
        for byte in data:
            if chance.random() < noise:
                out.append(chance.randrange(256))
            if chance.random() < drop:
                continue
            out.append(byte ^ 1 << chance.randrange(8) if chance.random() < flip else byte)
        return bytes(out)

    def _split(self, data: bytes) -> list[bytes]:
        if len(data) < 2 or self._chance.random() >= self._probability(FaultKind.SPLIT):
            return [data] if data else []
        cut = self._chance.randrange(1, len(data))
        return [data[:cut], data[cut:]]

    def _arrival(self, now: Instant) -> Instant:
        due = now
        if FaultKind.MERGE in self._amounts:
            window = milliseconds(self._amounts[FaultKind.MERGE])
            due = (now // window + 1) * window
        if FaultKind.STALL in self._amounts:
            while now >= self._stall_until:
                self._stall_from = self._stall_until + seconds(self._chance.uniform(*BETWEEN_STALLS_S))
                self._stall_until = self._stall_from + seconds(self._amounts[FaultKind.STALL])
            if now >= self._stall_from:
                due = max(due, self._stall_until)
        return due

    def _hold(self, due: Instant, data: bytes) -> None:
        """Bytes never overtake each other."""
        due = max(due, self._held[-1][0]) if self._held else due
        self._held.append((due, data))
        self._held_bytes += len(data)
        while self._held_bytes > MOST_HELD_BYTES:
            self._held_bytes -= len(self._held.popleft()[1])
