"""Lines of JSON between agent and panel; the objects are drawn in `bedside/level.py`.

Whatever arrives is either one of those objects or `Refused`: nothing here raises for what a peer has sent.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from agent.panel.lease import Goodbye, Renewed
from agent.panel.player import Shown
from bedside.level import MAXIMUM_MESSAGE_BYTES, Press, from_message

_REASON_LIMIT: Final = 120
"""Characters of a reason; it may quote the message, which may be long."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is none of ours."""

    reason: str


class Lines:
    """Cuts a byte stream into lines, holding at most one message's worth of bytes."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._is_overlong = False

    def feed(self, chunk: bytes) -> list[bytes | Refused]:
        """The lines now complete. An overlong one is refused once, and dropped up to its end."""
        lines: list[bytes | Refused] = []
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._hold(end)
            lines.append(Refused("longer than a message may be") if self._is_overlong else bytes(self._held))
            self._held.clear()
            self._is_overlong = False
        self._hold(rest)
        return lines

    def _hold(self, part: bytes) -> None:
        if len(self._held) + len(part) > MAXIMUM_MESSAGE_BYTES:
            self._is_overlong = True
            self._held.clear()
        elif not self._is_overlong:
            self._held += part


def parse(line: bytes) -> Renewed | Goodbye | Refused:
    """A message of the agent."""
    try:
        match json.loads(line.decode()):
            case {"level": dict(level), **others} if not others:
                return Renewed(from_message(level))
            case {"goodbye": {"session": bool(session), **details}, **others} if not (details or others):
                return Goodbye(session)
    except (KeyError, TypeError, ValueError, RecursionError) as problem:
        return Refused(f"{type(problem).__name__}: {problem}"[:_REASON_LIMIT])
    return Refused("neither a level nor a goodbye")


def hello(pins: str, sounder: str, faults: Iterable[str], remarks: Iterable[str]) -> bytes:
    return _line(
        {"hello": {"pins": pins, "sounder": sounder, "faults": list(faults), "remarks": list(remarks)}}
    )


def button(press: Press) -> bytes:
    return _line({"button": press.value})


def shown(driven: Shown) -> bytes:
    return _line(
        {
            "shown": {
                "sound": driven.sound.word if driven.sound else None,
                "lamp": driven.lamp.word if driven.lamp else None,
            }
        }
    )


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
