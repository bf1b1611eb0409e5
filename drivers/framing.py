"""From a stream of bytes to whole frames: a bounded buffer, a search for the next frame, checksums.

A codec describes its grammar as one function, the judge. It looks at the bytes at hand and answers:

    Whole(size)             a frame of this size stands at the front, every check on its form is passed
    Refused(reason, size)   a delimited frame of this size stands there, and it is damaged
    Noise(size, reason)     no frame begins in the first `size` bytes
    MORE                    it looks well so far, but too little of it has arrived

Chunking stays invisible when the judge keeps one rule: an answer other than MORE, once given for some bytes,
must mean the same with more bytes behind them (noise may then be found to go on for longer).

Noise is gathered into runs: a line at the wrong speed costs one fact for `RUN_BYTES` bytes, not one
for each byte. A run is reported when a frame follows, when it is full, or by `flush`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from bedside.facts import Rejected, RejectReason

RUN_BYTES: Final = 256
"""The longest run of noise reported at once: often enough to be seen, seldom enough to be no load."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A frame stands at the front."""

    size: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A delimited frame stands at the front, and it failed a check."""

    reason: RejectReason
    size: int


@dataclass(frozen=True, slots=True)
class Noise:
    """No frame begins in the first `size` bytes. The first reason that is not LENGTH names the whole run."""

    size: int = 1
    reason: RejectReason = RejectReason.LENGTH


class More(Enum):
    """Too little has arrived to say."""

    MORE = "more"


MORE: Final = More.MORE

Verdict: TypeAlias = Whole | Refused | Noise | More
Judge: TypeAlias = Callable[[bytearray], Verdict]


class Framer:
    """Cuts what arrives into frames; holds at most `limit_bytes`, whatever arrives.

    `limit_bytes` must be at least the longest frame the judge may wait for. When it wants more than that, the
    first byte is dropped as an overflow.
    """

    def __init__(self, judge: Judge, limit_bytes: int) -> None:
        self._judge = judge
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._run_bytes = 0
        self._run_reason = RejectReason.LENGTH

    @property
    def held_bytes(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes | Rejected]:
        """Whole frames and rejections, in the order of the line. Run it to its end, or bytes are lost.

        Each frame is handed over before the next one is judged, so a judge may depend on the frames before.
        """
        taken = 0
        while taken < len(data):
            room = self._limit_bytes - len(self._buffer)
            self._buffer += data[taken : taken + room]
            taken += room
            yield from self._cut()

    def flush(self) -> list[Rejected]:
        """The line was interrupted: give up what is half received, and report it with the noise before it."""
        return [*self._skip(Noise(len(self._buffer))), *self._end_run()]

    def _cut(self) -> Iterator[bytes | Rejected]:
        while self._buffer:
            match self._judge(self._buffer):
                case Whole(size):
                    yield from self._end_run()
                    yield self._take(size)
                case Refused(reason, size):
                    yield from self._end_run()
                    yield Rejected(reason, len(self._take(size)))
                case Noise() as noise:
                    yield from self._skip(noise)
                case _ if len(self._buffer) >= self._limit_bytes:
                    yield from self._skip(Noise(1, RejectReason.OVERFLOW))
                case _:
                    return

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _skip(self, noise: Noise) -> list[Rejected]:
        """Drop noise. Runs are cut at exactly `RUN_BYTES`, wherever the chunks of the line were cut."""
        full: list[Rejected] = []
        left = len(self._take(noise.size))
        while left:
            part = min(left, RUN_BYTES - self._run_bytes)
            self._run_bytes += part
            left -= part
            if self._run_reason is RejectReason.LENGTH:
                self._run_reason = noise.reason
            if self._run_bytes == RUN_BYTES:
                full += self._end_run()
        return full

    def _end_run(self) -> list[Rejected]:
        run = [Rejected(self._run_reason, self._run_bytes)] if self._run_bytes else []
        self._run_bytes = 0
        self._run_reason = RejectReason.LENGTH
        return run


def noise_before(buffer: bytearray, marker: bytes) -> int:
    """How many bytes stand before the first `marker`, or before a beginning of it at the very end."""
    found = buffer.find(marker)
    if found >= 0:
        return found
    for kept in range(min(len(marker) - 1, len(buffer)), 0, -1):
        if buffer.endswith(marker[:kept]):
            return len(buffer) - kept
    return len(buffer)


def sum8(data: bytes | bytearray) -> int:
    """The sum of the bytes, modulo 256."""
    return sum(data) & 0xFF


def negated_sum8(data: bytes | bytearray) -> int:
    """The two's complement of the sum: a frame that ends in it sums to zero."""
    return -sum(data) & 0xFF


def crc16_ccitt_false(data: bytes | bytearray) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021, start FFFF, not reflected; `123456789` gives 29B1."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc
