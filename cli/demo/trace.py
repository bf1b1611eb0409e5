"""What lamps and sounder really did, from the trace that the panel writes. Instants are handed in."""

import json
import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.panel.signals import Lamp, burst
from bedside.instants import MILLISECOND, Instant, milliseconds
from bedside.priorities import Category, Priority

SOUNDER: Final = "sounder"

DARK_AFTER: Final = milliseconds(1_300)
"""A lamp off for longer than the pause of the slowest flashing is off."""

BURST_GAP: Final = milliseconds(700)
"""More silence than there is within a burst, less than there is between two."""

FIRST_PULSES: Final = {
    (pulses[0].on_ms, pulses[0].frequency_hz): priority
    for priority in Priority
    for category in Category
    for pulses in [burst(priority, category).pulses]
}
"""A burst is known by how long its first tone is, and how high."""

LOWEST_HZ: Final = 262
BARS: Final = "▁▂▃▄▅▆▇█"
READ_BYTES: Final = 256 * 1024
PULSES_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Edge:
    """One output switched. `at` is when it was, `due` when it should have been; a lamp has no frequency."""

    output: str
    on: bool
    at: Instant
    due: Instant
    frequency_hz: int = 0


@dataclass(frozen=True, slots=True)
class Pulse:
    """One tone."""

    began: Instant
    ended: Instant
    frequency_hz: int


class Tail:
    """The edges added to a growing trace since the last look. There may be no file yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rest = b""

    def edges(self) -> Iterator[Edge]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                chunk = file.read(READ_BYTES)
        except FileNotFoundError:
            return
        self._read += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            edge = parsed(line)
            if edge is not None:
                yield edge


def parsed(line: bytes) -> Edge | None:
    """An edge, or None for a line that a killed panel has left unfinished."""
    try:
        match json.loads(line):
            case {"output": str(output), "on": bool(on), "at_ns": int(at), "due_ns": int(due), **more}:
                frequency_hz = more.get("frequency_hz", 0)
                return Edge(output, on, at, due, frequency_hz if isinstance(frequency_hz, int) else 0)
    except ValueError:
        pass
    return None


class Signals:
    """Lamps and sounder as they are now, and a line of news when that means something else than before."""

    def __init__(self) -> None:
        self.edges: Counter[str] = Counter()
        """By output."""
        self.pulses: deque[Pulse] = deque(maxlen=PULSES_KEPT)
        self.priority: Priority | None = None
        """What the last burst said."""
        self._lit: dict[str, bool] = {}
        self._darkened: dict[str, Instant] = {}
        self._shining: set[str] = set()
        self._tone: Edge | None = None

    def lit(self, lamp: Lamp) -> bool:
        """Whether the lamp gives light at this very moment."""
        return self._lit.get(lamp, False)

    def on(self, edge: Edge) -> list[str]:
        self.edges[edge.output] += 1
        if edge.output == SOUNDER:
            return self._sound(edge)
        return self._light(edge)

    def tick(self, now: Instant) -> list[str]:
        gone = [lamp for lamp, at in self._darkened.items() if now - at >= DARK_AFTER]
        for lamp in gone:
            del self._darkened[lamp]
            self._shining.discard(lamp)
        return [f"{lamp} lamp off" for lamp in gone]

    def panel_gone(self, now: Instant) -> None:
        """A dead panel drives nothing and writes no edge about it."""
        self._tone = None
        for lamp in [lamp for lamp, on in self._lit.items() if on]:
            self._lit[lamp] = False
            self._darkened[lamp] = now

    def melody(self, now: Instant, columns: int, column: Instant) -> str:
        """The last pulses as a row of bars, higher for a higher tone; the right end is now."""
        last = now // column
        return "".join(self._bar((last - columns + 1 + index) * column, column) for index in range(columns))

    def _bar(self, since: Instant, duration: Instant) -> str:
        sounding = [*self.pulses]
        if self._tone is not None:
            sounding.append(Pulse(self._tone.at, since + duration, self._tone.frequency_hz))
        for pulse in reversed(sounding):
            # The middle of the column decides, so that a pulse is as wide as it was long.
            if pulse.began <= since + duration // 2 < pulse.ended:
                octaves = math.log2(max(pulse.frequency_hz, LOWEST_HZ) / LOWEST_HZ)
                return BARS[min(len(BARS) - 1, round(octaves * (len(BARS) - 1)))]
        return " "

    def _light(self, edge: Edge) -> list[str]:
        self._lit[edge.output] = edge.on
        if not edge.on:
            if edge.output in self._shining:
                self._darkened[edge.output] = edge.at
            return []
        self._darkened.pop(edge.output, None)
        if edge.output in self._shining:
            return []
        self._shining.add(edge.output)
        return [f"{edge.output} lamp on"]

    def _sound(self, edge: Edge) -> list[str]:
        if edge.on:
            self._tone = edge
            return []
        tone, self._tone = self._tone, None
        if tone is None:
            return []
        is_first = not self.pulses or tone.at - self.pulses[-1].ended > BURST_GAP
        self.pulses.append(Pulse(tone.at, edge.at, tone.frequency_hz))
        on_ms = round((edge.due - tone.due) / MILLISECOND)
        priority = FIRST_PULSES.get((on_ms, tone.frequency_hz))
        if not is_first or priority is None:
            return []
        self.priority = priority
        return [f"sounder: {priority.word} burst"]
