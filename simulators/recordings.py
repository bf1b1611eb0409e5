"""A recording's own pace: when each of its bytes should be played. No byte is changed.

Nellcor    text lines carry their time; a header block travels with the data line after it
Ivy        one frame a second, a leading half frame first
others     960 bytes a second, as 9600 baud gives them
"""

import re
from dataclasses import dataclass
from typing import Final

from bedside.instants import SECOND, Instant

BYTES_PER_S: Final = 960
PIECE_BYTES: Final = 96
NELLCOR_INTERVAL: Final[Instant] = 2 * SECOND
LONGEST_PAUSE: Final[Instant] = 3600 * SECOND
"""A longer step in a recording's clock was somebody setting it."""

_NELLCOR: Final = re.compile(rb"^\d\d-[A-Z][a-z]{2}-\d\d (\d\d):(\d\d):(\d\d)", re.MULTILINE)
_IVY: Final = b"\xffANSAR-B "


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that arrive together, so long after the beginning."""

    offset: Instant
    data: bytes


def pieces(recording: bytes) -> list[Piece]:
    """The whole recording in order, offsets never falling."""
    if _IVY in recording:
        return _ivy(recording)
    if _NELLCOR.search(recording):
        return _nellcor(recording)
    return [
        Piece(start * SECOND // BYTES_PER_S, recording[start : start + PIECE_BYTES])
        for start in range(0, len(recording), PIECE_BYTES)
    ]


def _ivy(recording: bytes) -> list[Piece]:
    leading, *rest = recording.split(_IVY)
    frames = [Piece(number * SECOND, _IVY + body) for number, body in enumerate(rest, start=1)]
    return [Piece(0, leading), *frames] if leading else frames


def _nellcor(recording: bytes) -> list[Piece]:
    made: list[Piece] = []
    pending = b""
    offset: Instant = 0
    last_clock: Instant | None = None
    for line in recording.splitlines(keepends=True):
        pending += line
        found = _NELLCOR.match(line)
        if not found:
            continue
        hour, minute, second = map(int, found.groups())
        clock = ((hour * 60 + minute) * 60 + second) * SECOND
        if last_clock is not None:
            step = (clock - last_clock) % (24 * 3600 * SECOND)
            offset += step if step <= LONGEST_PAUSE else NELLCOR_INTERVAL
        last_clock = clock
        made.append(Piece(offset, pending))
        pending = b""
    return [*made, Piece(offset, pending)] if pending else made
