"""The lease: every row of its table, every state's allowance, and the stories that staff would tell."""

import pytest

from agent.panel.lease import (
    TABLE,
    Cause,
    Closed,
    Goodbye,
    Lease,
    LeaseEvent,
    Pressed,
    Renewed,
    State,
    Trigger,
)
from bedside.instants import SECOND, Instant, milliseconds
from bedside.level import Level, Press, ScreenLine
from bedside.priorities import Audio, Category, Priority

AGENTS = Level(
    Priority.LOW, Category.OXYGENATION, Priority.LOW, Audio.ON, (ScreenLine("SpO2 low", Priority.LOW),)
)
START: Instant = 100 * SECOND

EVENTS: dict[Trigger, LeaseEvent] = {
    Trigger.LEVEL: Renewed(AGENTS),
    Trigger.GOODBYE: Goodbye(session=False),
    Trigger.GOODBYE_IN_SESSION: Goodbye(session=True),
    Trigger.CLOSED: Closed(),
    Trigger.SHORT: Pressed(Press.SHORT),
    Trigger.LONG: Pressed(Press.LONG),
}

# The shortest way from the start into each state, one second a step.
WAYS: dict[State, tuple[Trigger, ...]] = {
    State.WAITING: (),
    State.HELD: (Trigger.LEVEL,),
    State.STOPPED: (Trigger.LEVEL, Trigger.GOODBYE),
    State.ALONE: (Trigger.LEVEL, Trigger.CLOSED),
    State.PAUSED: (Trigger.LEVEL, Trigger.CLOSED, Trigger.SHORT),
}

# What each state lasts without news (design.md, section 2), in ms.
ALLOWANCES = {State.WAITING: 20_000, State.HELD: 2_500, State.STOPPED: 30_000, State.PAUSED: 120_000}


def lease_in(state: State) -> tuple[Lease, Instant]:
    lease, now = Lease(START), START
    for trigger in WAYS[state]:
        now += SECOND
        lease.on(EVENTS[trigger], now)
    assert lease.state is state
    return lease, now


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("trigger", EVENTS)
def test_every_event_in_every_state(state: State, trigger: Trigger) -> None:
    lease, now = lease_in(state)
    before, deadline = lease.level, lease.deadline
    levels = lease.on(EVENTS[trigger], now + SECOND)
    row = TABLE.get((state, trigger))
    if row is None:
        assert levels == []
        assert lease.state is state
        assert (lease.level, lease.deadline) == (before, deadline)
    else:
        assert lease.state is row[0]
        assert levels == [lease.level]


@pytest.mark.parametrize("state", State)
def test_a_level_ends_every_other_state(state: State) -> None:
    lease, now = lease_in(state)
    assert lease.on(Renewed(AGENTS), now + SECOND) == [AGENTS]
    assert lease.state is State.HELD
    assert lease.deadline == now + SECOND + milliseconds(2_500)


@pytest.mark.parametrize("state", ALLOWANCES)
def test_every_state_runs_out_exactly_on_time(state: State) -> None:
    lease, now = lease_in(state)
    due = now + milliseconds(ALLOWANCES[state])
    assert lease.deadline == due
    assert lease.tick(due - 1) == []
    assert lease.state is state
    (level,) = lease.tick(due)
    assert lease.state is State.ALONE
    assert level.sound is Priority.HIGH
    assert lease.deadline is None


def test_alone_is_an_own_high_technical_alarm_in_words() -> None:
    lease, _ = lease_in(State.ALONE)
    assert lease.level == Level(
        Priority.HIGH,
        Category.EQUIPMENT,
        Priority.HIGH,
        Audio.ON,
        (ScreenLine("MONITORING STOPPED: agent not running", Priority.HIGH),),
    )


@pytest.mark.parametrize(
    ("story", "cause"),
    [
        ((), Cause.NEVER_CAME),
        ((Trigger.LEVEL,), Cause.SILENT),
        ((Trigger.LEVEL, Trigger.CLOSED), Cause.GONE),
        ((Trigger.LEVEL, Trigger.GOODBYE), Cause.STOPPED),
        ((Trigger.LEVEL, Trigger.GOODBYE, Trigger.CLOSED), Cause.STOPPED),
        ((Trigger.LEVEL, Trigger.GOODBYE_IN_SESSION), Cause.STOPPED_IN_SESSION),
        ((Trigger.LEVEL, Trigger.GOODBYE_IN_SESSION, Trigger.CLOSED), Cause.STOPPED_IN_SESSION),
    ],
)
def test_the_text_names_the_cause(story: tuple[Trigger, ...], cause: Cause) -> None:
    lease = Lease(START)
    for trigger in story:
        lease.on(EVENTS[trigger], START + SECOND)
    lease.tick(START + 60 * SECOND)
    assert [line.text for line in lease.level.lines] == [cause.value]


def test_clean_stop_without_a_session_shows_the_lamp_only() -> None:
    lease, _ = lease_in(State.STOPPED)
    assert (lease.level.sound, lease.level.lamp, lease.level.audio) == (None, Priority.HIGH, Audio.ON)


def test_goodbyes_in_a_row_do_not_prolong_the_silence() -> None:
    lease, now = lease_in(State.STOPPED)
    for second in range(29):
        lease.on(Goodbye(session=False), now + second * SECOND)
    assert lease.deadline == now + 30 * SECOND


@pytest.mark.parametrize("press", Press)
def test_alone_any_press_pauses_the_sound_and_keeps_the_lamp(press: Press) -> None:
    lease, now = lease_in(State.ALONE)
    (level,) = lease.on(Pressed(press), now)
    assert (level.sound, level.lamp, level.audio) == (None, Priority.HIGH, Audio.PAUSED)


def test_a_long_press_ends_the_pause_and_a_short_one_does_not_prolong_it() -> None:
    lease, now = lease_in(State.PAUSED)
    assert lease.on(Pressed(Press.SHORT), now + SECOND) == []
    assert lease.deadline == now + 120 * SECOND
    (level,) = lease.on(Pressed(Press.LONG), now + 2 * SECOND)
    assert level.sound is Priority.HIGH


def test_a_pause_is_not_inherited() -> None:
    lease, now = lease_in(State.PAUSED)
    lease.on(Renewed(AGENTS), now + SECOND)
    (level,) = lease.on(Closed(), now + 2 * SECOND)
    assert level.sound is Priority.HIGH
    assert level.audio is Audio.ON


def test_a_late_event_finds_what_was_due_before_it() -> None:
    """The lease ran out at 2.5 s; the level that comes at 4 s is the second news, not the only one."""
    lease, now = lease_in(State.HELD)
    alone, held = lease.on(Renewed(AGENTS), now + 4 * SECOND)
    assert alone.sound is Priority.HIGH
    assert held == AGENTS


def test_the_button_is_the_agents_only_while_it_can_answer() -> None:
    assert {state: lease_in(state)[0].is_agents for state in State} == {
        State.WAITING: True,
        State.HELD: True,
        State.STOPPED: False,
        State.ALONE: False,
        State.PAUSED: False,
    }
