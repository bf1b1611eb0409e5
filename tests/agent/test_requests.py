"""The doorkeeper: this start, in time, once, and allowed here."""

import pytest

from agent.requests import REMEMBERED, Doorkeeper
from bedside.commands import (
    LONGEST_VALIDITY,
    Acknowledge,
    Action,
    MeasureNibp,
    PauseAudio,
    Refusal,
    Request,
    ResumeAudio,
)
from bedside.instants import MILLISECOND, SECOND, Instant
from bedside.priorities import Priority

NOW = 1_000 * SECOND


def _request(
    id_: str = "a", boot: str = "boot", until: Instant = NOW + SECOND, action: Action | None = None
) -> Request:
    return Request(id_, "desk", "nurse", boot, until, action or MeasureNibp())


@pytest.fixture
def door() -> Doorkeeper:
    return Doorkeeper("boot", remote_pause_audio=False)


def _word(door: Doorkeeper, request: Request, now: Instant = NOW) -> Refusal | None:
    objection = door.objection(request, now)
    return objection[0] if objection else None


def test_a_good_one_passes(door: Doorkeeper) -> None:
    assert door.objection(_request(), NOW) is None


def test_another_start(door: Doorkeeper) -> None:
    assert door.objection(_request(boot="last"), NOW) == (
        Refusal.OTHER_BOOT,
        "this start of the bed is boot",
    )


@pytest.mark.parametrize(
    ("until", "word"),
    [
        (NOW - 1, Refusal.OUT_OF_TIME),
        (NOW, Refusal.OUT_OF_TIME),
        (NOW + 1, None),
        (NOW + LONGEST_VALIDITY, None),
        (NOW + LONGEST_VALIDITY + 1, Refusal.OUT_OF_TIME),
    ],
)
def test_time_limit(door: Doorkeeper, until: Instant, word: Refusal | None) -> None:
    assert _word(door, _request(until=until)) is word


def test_sixty_seconds_at_most() -> None:
    assert LONGEST_VALIDITY == 60 * SECOND


def test_says_how_late(door: Doorkeeper) -> None:
    objection = door.objection(_request(until=NOW - 1500 * MILLISECOND), NOW)
    assert objection == (Refusal.OUT_OF_TIME, "its time limit was 1.5 s ago")


def test_once(door: Doorkeeper) -> None:
    assert _word(door, _request("a")) is None
    assert _word(door, _request("b")) is None
    assert _word(door, _request("a")) is Refusal.REPEATED


def test_a_late_copy_is_out_of_time_when_it_is_no_longer_remembered(door: Doorkeeper) -> None:
    assert _word(door, _request("a")) is None
    assert _word(door, _request("a"), NOW + SECOND) is Refusal.OUT_OF_TIME


def test_a_refused_one_may_be_sent_again_properly(door: Doorkeeper) -> None:
    assert _word(door, _request("a", boot="last")) is Refusal.OTHER_BOOT
    assert _word(door, _request("a", until=NOW)) is Refusal.OUT_OF_TIME
    assert _word(door, _request("a")) is None


def test_pausing_from_afar(door: Doorkeeper) -> None:
    assert _word(door, _request("a", action=PauseAudio())) is Refusal.NOT_ALLOWED
    assert _word(door, _request("b", action=ResumeAudio())) is None
    assert _word(door, _request("c", action=Acknowledge("S1", "e", Priority.HIGH))) is None
    allowed = Doorkeeper("boot", remote_pause_audio=True)
    assert _word(allowed, _request(action=PauseAudio())) is None


def test_bounded_memory(door: Doorkeeper) -> None:
    for number in range(REMEMBERED):
        assert _word(door, _request(str(number))) is None
    assert _word(door, _request("one more")) is Refusal.NOT_POSSIBLE
    assert _word(door, _request("one more", until=NOW + 2 * SECOND), NOW + SECOND) is None
