"""The loop: what is shown and done in time, and what is not when it is behind. Time is a counter."""

from dataclasses import dataclass, field

from agent.clock import Clock
from agent.core import Core
from agent.events import BrokerUp, Event, MessageArrived
from agent.inbox import Inbox
from agent.loop import Loop
from agent.plan import BedPlan
from bedside.effects import Annunciate, Effect, Note, Write
from bedside.instants import SECOND, Instant, milliseconds
from bedside.level import Level
from drivers import DRIVERS


@dataclass
class Told(Core):
    """A core that asks for what it was told to, and for nothing else."""

    effects: list[Effect] = field(default_factory=list)
    due: Instant | None = None

    @property
    def deadline(self) -> Instant | None:
        return self.due

    def on(self, event: Event, now: Instant) -> list[Effect]:
        return self.effects

    def tick(self, now: Instant) -> list[Effect]:
        return self.effects


@dataclass
class Hands:
    """What was shown and done."""

    shown: list[Level] = field(default_factory=list)
    done: list[tuple[Effect, Instant]] = field(default_factory=list)

    def show(self, level: Level) -> None:
        self.shown.append(level)

    def carry_out(self, effect: Effect, at: Instant) -> None:
        self.done.append((effect, at))


class Rig:
    """A loop whose clock stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100 * SECOND
        clock = Clock(monotonic_ns=lambda: self.now)
        self.inbox = Inbox(clock)
        self.core = Told()
        self.hands = Hands()
        self.loop = Loop(self.core, self.inbox, clock, self.hands, self.read)

    def read(self, message: MessageArrived) -> Event | None:
        return BrokerUp() if message.topic == "known" else None

    def turn(self) -> None:
        self.loop._turn()


LEVEL = Core(BedPlan("clinic", "bed-1", ()), DRIVERS, "boot", 0).alarms.level((), 0)


def test_the_bedside_comes_first() -> None:
    rig = Rig()
    note = Note("first")
    rig.core.effects = [note, Annunciate(LEVEL)]
    rig.inbox.put(BrokerUp())
    rig.turn()
    assert rig.hands.shown == [LEVEL]
    assert rig.hands.done == [(note, rig.now)]


def test_the_lease_is_renewed_twice_a_second() -> None:
    rig = Rig()
    for _ in range(4):
        rig.now += milliseconds(500)
        rig.inbox.wake()
        rig.turn()
    assert len(rig.hands.shown) == 4


def test_a_loop_that_is_behind_lets_the_lease_run_out() -> None:
    rig = Rig()
    rig.core.effects = [Annunciate(LEVEL)]
    rig.inbox.put(BrokerUp())
    rig.now += milliseconds(1001)
    rig.turn()
    assert rig.hands.shown == []
    rig.inbox.put(BrokerUp())
    rig.turn()
    assert rig.hands.shown == [LEVEL]


def test_an_old_request_is_not_made() -> None:
    rig = Rig()
    fresh, old = Write("cuff", b"new", rig.now), Write("cuff", b"old", rig.now - milliseconds(1001))
    rig.core.effects = [old, fresh]
    rig.inbox.put(BrokerUp())
    rig.turn()
    assert [effect for effect, _ in rig.hands.done] == [fresh]


def test_what_is_decided_late_is_dated_when_it_was_due() -> None:
    rig = Rig()
    note = Note("late")
    rig.core.effects = [note]
    rig.inbox.put(BrokerUp())
    stamped_at = rig.now
    rig.now += 5 * SECOND
    rig.turn()
    assert rig.hands.done == [(note, stamped_at)]


def test_a_message_that_is_nothing_to_a_bed_is_not_an_event() -> None:
    rig = Rig()
    rig.core.effects = [Note("something")]
    rig.inbox.put(MessageArrived("unknown", b"", retained=False))
    rig.turn()
    assert rig.hands.done == []
    rig.inbox.put(MessageArrived("known", b"", retained=False))
    rig.turn()
    assert len(rig.hands.done) == 1


def test_stop_ends_it() -> None:
    rig = Rig()
    rig.loop.stop()
    rig.loop.run()
