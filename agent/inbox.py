"""The one queue between the edge threads and the loop.

An event is stamped when it is put, so the order of the queue is the order of the stamps. When the queue is
full the loop is far behind and something must go, in this order:

    1. the oldest bytes of the device that has most chunks waiting: old readings are worth least, and a device
       that floods pays for itself
    2. the oldest request of a station: what matters will be asked again
    3. the oldest word of a station that it is there or gone: it is said once
    4. the oldest event

Messages of both kinds may fill an eighth of the queue at most; then one of them goes, in the same order, so
that a station that floods can cost neither a bed its readings nor another station its last word. What is
dropped is counted.
"""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, TypeAlias

from agent.clock import Clock
from agent.events import Asked, MessageArrived, News, PortData, Stamped
from bedside.wire import is_station_status

CAPACITY: Final = 2048
"""Half a minute of four busy lines; a chunk holds at most 4 KiB."""

_MESSAGE_SHARE: Final = 8


class _Kind(Enum):
    """What is no device's bytes, in the order in which it goes."""

    REQUEST = auto()
    STATION = auto()
    OTHER = auto()


_MESSAGES: Final = (_Kind.REQUEST, _Kind.STATION)

_CountsAs: TypeAlias = str | _Kind
"""The device's name for its bytes."""


class Inbox:
    """Any thread puts, the loop gets."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._changed = threading.Condition()
        self._is_woken = False
        self._ordinal = 0
        self._waiting: OrderedDict[int, Stamped] = OrderedDict()
        self._ordinals: dict[_CountsAs, deque[int]] = {}  # of what waits, by what it counts as
        self._dropped_data: Counter[str] = Counter()
        self._dropped_events = 0

    def put(self, event: News) -> None:
        """Stamp and queue. Waits for nothing but the lock and never raises: a callback may call it."""
        with self._changed:
            self._ordinal += 1
            self._waiting[self._ordinal] = Stamped(event, self._clock.now())
            self._ordinals.setdefault(_counts_as(event), deque()).append(self._ordinal)
            messages = sum(len(self._ordinals.get(kind, ())) for kind in _MESSAGES)
            if messages > max(1, self._capacity // _MESSAGE_SHARE):
                self._drop_event()
            elif len(self._waiting) > self._capacity:
                self._drop()
            self._changed.notify()

    def get(self, timeout_s: float | None) -> Stamped | None:
        """The oldest event; None when none came within `timeout_s` real seconds, or after `wake`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_woken, timeout_s)
            if self._waiting:
                return self._take(next(iter(self._waiting)))
            self._is_woken = False
            return None

    def wake(self) -> None:
        """End one waiting `get` early; when none waits, the next that finds nothing."""
        with self._changed:
            self._is_woken = True
            self._changed.notify()

    @property
    def dropped_data(self) -> Mapping[str, int]:
        """Chunks dropped since the start, by device."""
        with self._changed:
            return dict(self._dropped_data)

    @property
    def dropped_events(self) -> int:
        """Events other than bytes dropped since the start."""
        with self._changed:
            return self._dropped_events

    def _take(self, ordinal: int) -> Stamped:
        """Remove what is the oldest of its kind."""
        stamped = self._waiting.pop(ordinal)
        kind = _counts_as(stamped.event)
        ordinals = self._ordinals[kind]
        ordinals.popleft()
        if not ordinals:
            del self._ordinals[kind]
        return stamped

    def _drop(self) -> None:
        devices = [kind for kind in self._ordinals if isinstance(kind, str)]
        if devices:
            fullest = max(devices, key=lambda device: len(self._ordinals[device]))
            self._take(self._ordinals[fullest][0])
            self._dropped_data[fullest] += 1
        else:
            self._drop_event()

    def _drop_event(self) -> None:
        kind = next(kind for kind in _Kind if kind in self._ordinals)
        self._take(self._ordinals[kind][0])
        self._dropped_events += 1


def _counts_as(event: News) -> _CountsAs:
    match event:
        case PortData():
            return event.device
        case MessageArrived() if is_station_status(event.topic):
            return _Kind.STATION
        case Asked() | MessageArrived():
            return _Kind.REQUEST
        case _:
            return _Kind.OTHER
