"""Power-on self-test: each lamp in turn, then a short tone, so that a person can notice a dead one.

Its single tone is no alarm signal: no burst consists of one pulse. It gives way at once to anything real.
"""

from typing import Final

from agent.panel.player import Edge, Hush, Light, Tone
from agent.panel.signals import Lamp
from bedside.instants import Instant, milliseconds

LAMP_MS: Final = 300
TONE_MS: Final = 200
TONE_HZ: Final = 523


class SelfTest:
    """Runs from `now` on; `deadline` is none once it is over."""

    def __init__(self, now: Instant) -> None:
        self._edges: list[Edge] = []
        at = now
        for lamp in Lamp:
            lit, at = at, at + milliseconds(LAMP_MS)
            self._edges += [Light(lit, lamp, on=True), Light(at, lamp, on=False)]
        self._edges += [Tone(at, TONE_HZ), Hush(at + milliseconds(TONE_MS))]

    @property
    def deadline(self) -> Instant | None:
        return self._edges[0].due if self._edges else None

    def tick(self, now: Instant) -> list[Edge]:
        count = sum(edge.due <= now for edge in self._edges)
        due, self._edges = self._edges[:count], self._edges[count:]
        return due

    def give_way(self, now: Instant) -> list[Edge]:
        """End it: what is on goes off now."""
        edges = self.tick(now)
        left, self._edges = self._edges, []
        match left[:1]:
            case [Hush()]:
                edges.append(Hush(now))
            case [Light(lamp=lamp, on=False)]:
                edges.append(Light(now, lamp, on=False))
        return edges
