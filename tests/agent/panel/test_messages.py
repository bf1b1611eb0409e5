"""Whatever comes over the socket is one of two messages, or refused; nothing raises and nothing grows."""

import json
import random

import pytest

from agent.panel.lease import Goodbye, Renewed
from agent.panel.messages import Lines, Refused, button, hello, parse, shown
from agent.panel.player import Shown
from bedside.level import MAXIMUM_MESSAGE_BYTES, Level, Press, ScreenLine, to_message
from bedside.priorities import Audio, Category, Priority

LEVEL = Level(
    Priority.HIGH,
    Category.OXYGENATION,
    Priority.HIGH,
    Audio.PAUSED,
    (ScreenLine("SpO₂ 82 %", Priority.HIGH, acknowledged=True), ScreenLine("infusing")),
)
LINE = json.dumps({"level": to_message(LEVEL)}).encode()


def changed(key: str, value: object) -> bytes:
    return json.dumps({"level": {**to_message(LEVEL), key: value}}).encode()


def test_the_three_good_messages() -> None:
    assert parse(LINE) == Renewed(LEVEL)
    assert parse(b'{"goodbye": {"session": true}}') == Goodbye(session=True)
    assert parse(b'{"goodbye": {"session": false}}') == Goodbye(session=False)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"level"',
        b"\x00\xff\xfe",
        b"[" * 30_000,
        b'{"level":' * 3_000,
        b"1" * 10_000,
        b'{"level": null}',
        b'{"level": {}}',
        b'{"goodbye": {}}',
        b'{"goodbye": {"session": 1}}',
        b'{"goodbye": {"session": "false"}}',
        b'{"goodbye": {"session": false, "really": true}}',
        LINE[:-1] + b', "goodbye": {"session": false}}',
        LINE.decode().encode("utf-16"),
        changed("sound", 5),
        changed("sound", "loud"),
        changed("sound", []),
        changed("sound", {}),
        changed("lamp", "red"),
        changed("audio", None),
        changed("audio", {}),
        changed("category", ["general"]),
        changed("lines", None),
        changed("lines", 7),
        changed("lines", "text"),
        changed("lines", [{"text": "x"}]),
        changed("lines", [None]),
        changed("lines", [{"text": "x", "priority": 3, "acknowledged": False}]),
    ],
)
def test_everything_else_is_refused(line: bytes) -> None:
    assert isinstance(parse(line), Refused)


@pytest.mark.parametrize("seed", range(200))
def test_damaged_messages_never_raise(seed: int) -> None:
    dice = random.Random(seed)
    damaged = bytearray(LINE)
    for _ in range(dice.randint(1, 6)):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    assert isinstance(parse(bytes(damaged)), Renewed | Refused)


@pytest.mark.parametrize("size", [1, 7, 4_096])
def test_chunking_is_invisible(size: int) -> None:
    stream = b"one\n\n" + LINE + b"\ntwo\npart"
    lines = Lines()
    heard = [line for at in range(0, len(stream), size) for line in lines.feed(stream[at : at + size])]
    assert heard == [b"one", b"", LINE, b"two"]


@pytest.mark.parametrize("size", [1_000, 4_096, 200_000])
def test_an_overlong_line_is_refused_once_and_forgotten(size: int) -> None:
    stream = b"x" * 150_000 + b"\n" + LINE + b"\n"
    lines = Lines()
    heard = []
    for at in range(0, len(stream), size):
        heard += lines.feed(stream[at : at + size])
        assert len(lines._held) <= MAXIMUM_MESSAGE_BYTES
    assert isinstance(heard[0], Refused)
    assert heard[1:] == [LINE]


def test_the_longest_line_passes_and_one_byte_more_does_not() -> None:
    longest = b"x" * MAXIMUM_MESSAGE_BYTES
    assert Lines().feed(longest + b"\n") == [longest]
    (refused,) = Lines().feed(longest + b"x\n")
    assert isinstance(refused, Refused)


def test_what_the_panel_says() -> None:
    said = (
        hello("mock", "not verified", ["a fault"], ["a remark"])
        + button(Press.LONG)
        + shown(Shown(Priority.LOW, None))
    )
    assert [json.loads(line) for line in said.splitlines()] == [
        {
            "hello": {
                "pins": "mock",
                "sounder": "not verified",
                "faults": ["a fault"],
                "remarks": ["a remark"],
            }
        },
        {"button": "long"},
        {"shown": {"sound": "low", "lamp": None}},
    ]
