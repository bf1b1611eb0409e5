"""Whose level counts: the agent's while it keeps renewing its lease, else the panel's own alarm.

    waiting   since the panel's start, for the first level      20 s, then alone
    held      the agent's level, renewed by each new one        2.5 s, then alone
    stopped   clean stop without a session: lamp only           30 s, then alone
    alone     own HIGH technical alarm                          until a level comes
    paused    own alarm, its sound paused by the button         120 s, then alone again

A level ends every other state. The table holds all the rest; what is not in it changes nothing. In
particular a second goodbye does not prolong a clean stop, and a pause is forgotten as soon as a level has
come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from bedside.instants import Instant
from bedside.level import AUDIO_PAUSE, CLEAN_STOP, FIRST_LEASE, LEASE, Level, Press, ScreenLine
from bedside.priorities import Audio, Category, Priority


@dataclass(frozen=True, slots=True)
class Renewed:
    """The agent sent its level."""

    level: Level


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The agent is being stopped on purpose; `session`: while one is running."""

    session: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The agent's connection is gone."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The button was pressed."""

    press: Press


LeaseEvent: TypeAlias = Renewed | Goodbye | Closed | Pressed


class State(Enum):
    WAITING = auto()
    HELD = auto()
    STOPPED = auto()
    ALONE = auto()
    PAUSED = auto()


class Trigger(Enum):
    LEVEL = auto()
    GOODBYE = auto()
    GOODBYE_IN_SESSION = auto()
    CLOSED = auto()
    SHORT = auto()
    LONG = auto()
    DUE = auto()


class Cause(Enum):
    """Why the agent's level does not count, as it is shown."""

    STARTING = "Waiting for the agent"
    NEVER_CAME = "MONITORING NOT STARTED: no agent since the panel started"
    SILENT = "MONITORING STOPPED: agent not responding"
    GONE = "MONITORING STOPPED: agent not running"
    STOPPED = "MONITORING STOPPED: agent was stopped"
    STOPPED_IN_SESSION = "MONITORING STOPPED: agent was stopped during a session"


_ALLOWANCE: Final[Mapping[State, Instant]] = {
    State.WAITING: FIRST_LEASE,
    State.HELD: LEASE,
    State.STOPPED: CLEAN_STOP,
    State.PAUSED: AUDIO_PAUSE,
}
"""How long a state lasts before its `DUE` row applies."""

TABLE: Final[Mapping[tuple[State, Trigger], tuple[State, Cause | None]]] = {
    (State.WAITING, Trigger.LEVEL): (State.HELD, None),
    (State.WAITING, Trigger.GOODBYE): (State.STOPPED, Cause.STOPPED),
    (State.WAITING, Trigger.GOODBYE_IN_SESSION): (State.ALONE, Cause.STOPPED_IN_SESSION),
    (State.WAITING, Trigger.DUE): (State.ALONE, Cause.NEVER_CAME),
    (State.HELD, Trigger.LEVEL): (State.HELD, None),
    (State.HELD, Trigger.GOODBYE): (State.STOPPED, Cause.STOPPED),
    (State.HELD, Trigger.GOODBYE_IN_SESSION): (State.ALONE, Cause.STOPPED_IN_SESSION),
    (State.HELD, Trigger.CLOSED): (State.ALONE, Cause.GONE),
    (State.HELD, Trigger.DUE): (State.ALONE, Cause.SILENT),
    (State.STOPPED, Trigger.LEVEL): (State.HELD, None),
    (State.STOPPED, Trigger.GOODBYE_IN_SESSION): (State.ALONE, Cause.STOPPED_IN_SESSION),
    (State.STOPPED, Trigger.DUE): (State.ALONE, None),
    (State.ALONE, Trigger.LEVEL): (State.HELD, None),
    (State.ALONE, Trigger.SHORT): (State.PAUSED, None),
    (State.ALONE, Trigger.LONG): (State.PAUSED, None),
    (State.PAUSED, Trigger.LEVEL): (State.HELD, None),
    # Whoever paused can also end the pause (6.8).
    (State.PAUSED, Trigger.LONG): (State.ALONE, None),
    (State.PAUSED, Trigger.DUE): (State.ALONE, None),
}
"""(state, trigger) to (next state, the cause from now on or None to keep the one there was)."""


class Lease:
    """Gives the level to play each time it may have changed."""

    def __init__(self, now: Instant) -> None:
        self._state = State.WAITING
        self._cause = Cause.STARTING
        self._level: Level | None = None
        self._deadline: Instant | None = now + FIRST_LEASE

    @property
    def deadline(self) -> Instant | None:
        return self._deadline

    @property
    def state(self) -> State:
        return self._state

    @property
    def is_agents(self) -> bool:
        """Whether the button is the agent's to answer. A press it cannot answer now must not wait for it."""
        return self._state in {State.WAITING, State.HELD}

    @property
    def level(self) -> Level:
        """What counts now."""
        if self._level is not None:
            return self._level
        return own_level(self._state, self._cause)

    def on(self, event: LeaseEvent, now: Instant) -> list[Level]:
        levels = self.tick(now)
        if isinstance(event, Renewed):
            self._level = event.level
        return levels + self._walk(_trigger(event), now)

    def tick(self, now: Instant) -> list[Level]:
        levels: list[Level] = []
        while self._deadline is not None and self._deadline <= now:
            levels += self._walk(Trigger.DUE, self._deadline)
        return levels

    def _walk(self, trigger: Trigger, at: Instant) -> list[Level]:
        move = TABLE.get((self._state, trigger))
        if move is None:
            return []
        self._state, cause = move
        self._cause = cause or self._cause
        if self._state is not State.HELD:
            self._level = None
        allowance = _ALLOWANCE.get(self._state)
        self._deadline = None if allowance is None else at + allowance
        return [self.level]


def _trigger(event: LeaseEvent) -> Trigger:
    match event:
        case Renewed():
            return Trigger.LEVEL
        case Goodbye(session=True):
            return Trigger.GOODBYE_IN_SESSION
        case Goodbye():
            return Trigger.GOODBYE
        case Closed():
            return Trigger.CLOSED
        case Pressed(press=Press.SHORT):
            return Trigger.SHORT
        case Pressed():
            return Trigger.LONG


def own_level(state: State, cause: Cause) -> Level:
    """What the panel asks of itself: nothing while it waits, else its own HIGH technical alarm."""
    if state is State.WAITING:
        return Level(None, Category.EQUIPMENT, None, Audio.ON, (ScreenLine(cause.value),))
    return Level(
        sound=Priority.HIGH if state is State.ALONE else None,
        category=Category.EQUIPMENT,
        lamp=Priority.HIGH,
        audio=Audio.PAUSED if state is State.PAUSED else Audio.ON,
        lines=(ScreenLine(cause.value, Priority.HIGH),),
    )
