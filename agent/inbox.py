"""The one queue between the edge threads and the loop.

An event is stamped when it is put, so the order of the queue is the order of the stamps. When the queue is
full the loop is far behind and something must go, in this order:

    1. the oldest bytes of the device that has most chunks waiting: old readings are worth least, and a device
       that floods pays for itself
    2. the oldest message from a station: what matters will be asked again
    3. the oldest event

Messages may fill an eighth of the queue at most; then the oldest of them goes, so that a station that floods
cannot cost a bed its readings. What is dropped is counted.
"""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Mapping
from typing import Final

from agent.clock import Clock
from agent.events import Asked, MessageArrived, News, PortData, Stamped

CAPACITY: Final = 2048
"""Half a minute of four busy lines; a chunk holds at most 4 KiB."""

_MESSAGE_SHARE: Final = 8

_MESSAGES: Final = (Asked, MessageArrived)
_OTHERS: Final = (object,)


class Inbox:
    """Any thread puts, the loop gets."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._changed = threading.Condition()
        self._is_woken = False
        self._ordinal = 0
        self._waiting: OrderedDict[int, Stamped] = OrderedDict()
        self._ordinals: dict[Hashable, deque[int]] = {}  # of what waits, by what it counts as
        self._dropped_data: Counter[str] = Counter()
        self._dropped_events = 0

    def put(self, event: News) -> None:
        """Stamp and queue. Waits for nothing but the lock and never raises: a callback may call it."""
        with self._changed:
            self._ordinal += 1
            self._waiting[self._ordinal] = Stamped(event, self._clock.now())
            self._ordinals.setdefault(_counts_as(event), deque()).append(self._ordinal)
            if len(self._ordinals.get(_MESSAGES, ())) > max(1, self._capacity // _MESSAGE_SHARE):
                self._drop_event(_MESSAGES)
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
            self._drop_event(_MESSAGES if _MESSAGES in self._ordinals else _OTHERS)

    def _drop_event(self, kind: Hashable) -> None:
        self._take(self._ordinals[kind][0])
        self._dropped_events += 1


def _counts_as(event: News) -> Hashable:
    """The device's name for its bytes; one of two marks for the rest."""
    match event:
        case PortData():
            return event.device
        case Asked() | MessageArrived():
            return _MESSAGES
        case _:
            return _OTHERS
