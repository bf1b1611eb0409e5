"""One button, two kinds of press: long as soon as it has been held long enough, short when let go before."""

from enum import Enum, auto

from bedside.instants import Instant
from bedside.level import Press


class Finger(Enum):
    """What the button's contact did."""

    DOWN = auto()
    UP = auto()


class Presses:
    """A button that is stuck down is one long press, not many."""

    def __init__(self, long_press: Instant) -> None:
        self._long_press = long_press
        self._deadline: Instant | None = None
        self._is_down = False

    @property
    def deadline(self) -> Instant | None:
        return self._deadline

    def on(self, finger: Finger, now: Instant) -> list[Press]:
        presses = self.tick(now)
        if finger is Finger.DOWN and not self._is_down:
            self._deadline = now + self._long_press
        elif finger is Finger.UP and self._deadline is not None:
            self._deadline = None
            presses.append(Press.SHORT)
        self._is_down = finger is Finger.DOWN
        return presses

    def tick(self, now: Instant) -> list[Press]:
        if self._deadline is None or self._deadline > now:
            return []
        self._deadline = None
        return [Press.LONG]
