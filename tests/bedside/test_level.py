"""The panel's level as a JSON object and back, and refusing what is not one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.instants import milliseconds, seconds
from bedside.level import (
    AUDIO_PAUSE,
    CLEAN_STOP,
    FIRST_LEASE,
    LEASE,
    RENEWAL,
    SILENT,
    Level,
    ScreenLine,
    from_message,
    to_message,
)
from bedside.priorities import Audio, Category, Priority

PRIORITIES = st.none() | st.sampled_from(Priority)
LINES = st.builds(ScreenLine, st.text(max_size=20), PRIORITIES, st.booleans())
LEVELS = st.builds(
    Level,
    sound=PRIORITIES,
    category=st.sampled_from(Category),
    lamp=PRIORITIES,
    audio=st.sampled_from(Audio),
    lines=st.lists(LINES, max_size=5).map(tuple),
)


@given(LEVELS)
def test_there_and_back(level: Level) -> None:
    assert from_message(json.loads(json.dumps(to_message(level)))) == level


def test_message() -> None:
    level = Level(
        Priority.HIGH,
        Category.OXYGENATION,
        Priority.HIGH,
        Audio.ON,
        (ScreenLine("S2", Priority.HIGH, acknowledged=True),),
    )
    assert to_message(level) == {
        "sound": "high",
        "category": "oxygenation",
        "lamp": "high",
        "audio": "on",
        "lines": [{"text": "S2", "priority": "high", "acknowledged": True}],
    }
    assert to_message(SILENT)["sound"] is None


@pytest.mark.parametrize("key", ["sound", "category", "lamp", "audio", "lines"])
def test_a_part_is_missing(key: str) -> None:
    message = to_message(SILENT)
    del message[key]
    with pytest.raises(KeyError):
        from_message(message)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("sound", "loud", ValueError),
        ("sound", 3, TypeError),
        ("lamp", ["high"], TypeError),
        ("category", "weather", ValueError),
        ("audio", None, ValueError),
        ("lines", 5, TypeError),
        ("lines", ["text"], TypeError),
        ("lines", [{"text": "S2"}], KeyError),
        ("lines", [{"text": "S2", "priority": 1, "acknowledged": False}], TypeError),
    ],
)
def test_a_part_is_wrong(key: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        from_message(to_message(SILENT) | {key: value})


def test_times() -> None:
    """The lease of the panel, as the contract gives it (design, section 2)."""
    assert (milliseconds(2500), milliseconds(500)) == (LEASE, RENEWAL)
    assert (seconds(20), seconds(30), seconds(120)) == (FIRST_LEASE, CLEAN_STOP, AUDIO_PAUSE)
