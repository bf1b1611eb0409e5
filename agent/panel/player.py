"""One level in, edges of sounder and lamps out, each at its own instant however late the tick.

Rules of the sounder:
1. A burst begins at once when a sound is asked for, or one of higher priority; a lower burst is interrupted.
2. A group of pulses that has begun is completed: half a HIGH burst, a whole MEDIUM or LOW one. So a
   short-lived condition is heard, and a press of the button during a burst takes effect within 1.3 s.
3. When the sound falls to a lower priority, that one is heard after a short rest.
"""

from dataclasses import dataclass
from typing import TypeAlias

from agent.panel.signals import CUT_REST_MS, LAMP_SIGNALS, Burst, Flashing, Lamp, burst
from bedside.instants import Instant, earliest, milliseconds
from bedside.level import Level
from bedside.priorities import Audio, Category, Priority


@dataclass(frozen=True, slots=True)
class Tone:
    """The sounder starts at this frequency."""

    due: Instant
    frequency_hz: int


@dataclass(frozen=True, slots=True)
class Hush:
    """The sounder stops."""

    due: Instant


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp goes on or off."""

    due: Instant
    lamp: Lamp
    on: bool


Edge: TypeAlias = Tone | Hush | Light


@dataclass(frozen=True, slots=True)
class Shown:
    """What is driven now: the priority heard (also between its bursts) and the one seen."""

    sound: Priority | None
    lamp: Priority | None


class Player:
    """Plays one level at a time. A new one takes over from the last without restarting what they share."""

    def __init__(self) -> None:
        self._sounder = _Sounder()
        self._lamp = _AlarmLamp()
        self._blue_is_on = False

    @property
    def deadline(self) -> Instant | None:
        return earliest(self._lamp.deadline, self._sounder.deadline)

    @property
    def shown(self) -> Shown:
        return Shown(self._sounder.heard, self._lamp.priority)

    def on(self, level: Level, now: Instant) -> list[Edge]:
        edges = self.tick(now)
        edges += self._lamp.show(level.lamp, now)
        edges += self._show_blue(on=level.audio is not Audio.ON, now=now)
        edges += self._sounder.ask(level.sound, level.category, now)
        return edges

    def tick(self, now: Instant) -> list[Edge]:
        edges: list[Edge] = []
        while (due := self.deadline) is not None and due <= now:
            edges += self._lamp.step(due)
            edges += self._sounder.step(due)
        return edges

    def stop(self, now: Instant) -> list[Edge]:
        """Everything off, in the middle of a pulse if need be."""
        edges = self.tick(now)
        edges += self._lamp.show(None, now)
        edges += self._show_blue(on=False, now=now)
        edges += self._sounder.stop(now)
        return edges

    def _show_blue(self, *, on: bool, now: Instant) -> list[Edge]:
        if on == self._blue_is_on:
            return []
        self._blue_is_on = on
        return [Light(now, Lamp.BLUE, on)]


class _AlarmLamp:
    """The lamp of one priority at a time."""

    def __init__(self) -> None:
        self.priority: Priority | None = None
        self.deadline: Instant | None = None
        self._is_on = False

    def show(self, priority: Priority | None, now: Instant) -> list[Edge]:
        if priority is self.priority:
            return []
        edges: list[Edge] = [self._turn(on=False, at=now)] if self._is_on else []
        self.priority = priority
        self.deadline = None
        if priority is not None:
            edges.append(self._turn(on=True, at=now))
        return edges

    def step(self, now: Instant) -> list[Edge]:
        if self.deadline is None or self.deadline > now:
            return []
        return [self._turn(on=not self._is_on, at=self.deadline)]

    def _turn(self, *, on: bool, at: Instant) -> Edge:
        if self.priority is None:
            raise AssertionError("a lamp is turned only while a priority is shown")
        signal = LAMP_SIGNALS[self.priority]
        self._is_on = on
        if isinstance(signal.pattern, Flashing):
            self.deadline = at + milliseconds(signal.pattern.on_ms if on else signal.pattern.off_ms)
        return Light(at, signal.lamp, on)


class _Sounder:
    """Quiet (no burst, no deadline), in a burst, or resting after one (no burst, but a deadline)."""

    def __init__(self) -> None:
        self.deadline: Instant | None = None
        self._wanted: Priority | None = None
        self._category = Category.GENERAL
        self._burst: Burst | None = None
        self._index = 0
        self._is_on = False

    @property
    def heard(self) -> Priority | None:
        return self._burst.priority if self._burst else self._wanted

    def ask(self, priority: Priority | None, category: Category, now: Instant) -> list[Edge]:
        rises = priority is not None and (self._wanted is None or priority > self._wanted)
        self._wanted, self._category = priority, category
        if self._burst is None:
            if priority is None:
                self.deadline = None
            return self._begin(now, priority) if priority is not None and rises else []
        if priority is not None and priority > self._burst.priority:
            return [*self._hush(now), *self._begin(now, priority)]
        if not self._is_on and self._burst.ends_group(self._index):
            self._leave_if_it_falls(self._burst, now)
        return []  # in a group: its end decides

    def step(self, now: Instant) -> list[Edge]:
        if self.deadline is None or self.deadline > now:
            return []
        at = self.deadline
        if self._burst is None:
            return self._begin(at, self._wanted) if self._wanted is not None else []
        if not self._is_on:
            self._index += 1
            return self._sound(at, self._burst)
        self.deadline = at + milliseconds(self._burst.pulses[self._index].off_ms)
        playing = self._burst
        if self._index + 1 == len(playing.pulses):
            self._burst = None
        if playing.ends_group(self._index):
            self._leave_if_it_falls(playing, at)
        return self._hush(at)

    def _leave_if_it_falls(self, playing: Burst, at: Instant) -> None:
        if self._wanted is None or self._wanted < playing.priority:
            self._burst = None
            self.deadline = None if self._wanted is None else at + milliseconds(CUT_REST_MS)

    def stop(self, now: Instant) -> list[Edge]:
        self._wanted, self._burst, self.deadline = None, None, None
        return self._hush(now)

    def _begin(self, at: Instant, priority: Priority) -> list[Edge]:
        self._burst = burst(priority, self._category)
        self._index = 0
        return self._sound(at, self._burst)

    def _sound(self, at: Instant, playing: Burst) -> list[Edge]:
        pulse = playing.pulses[self._index]
        self._is_on = True
        self.deadline = at + milliseconds(pulse.on_ms)
        return [Tone(at, pulse.frequency_hz)]

    def _hush(self, at: Instant) -> list[Edge]:
        was_on, self._is_on = self._is_on, False
        return [Hush(at)] if was_on else []
