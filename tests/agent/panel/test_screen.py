"""The text at the bedside, and a console that may be anything."""

import os
import pty
from pathlib import Path

from agent.panel.screen import Console, Row, ansi, rows
from bedside.level import Level, ScreenLine
from bedside.priorities import Audio, Category, Priority


def level(*lines: ScreenLine, audio: Audio = Audio.ON) -> Level:
    return Level(None, Category.GENERAL, None, audio, lines)


def test_rows_mark_priorities_and_keep_the_order_given() -> None:
    drawn = rows(
        level(
            ScreenLine("SpO2 82 %", Priority.HIGH),
            ScreenLine("apnea", Priority.MEDIUM, acknowledged=True),
            ScreenLine("battery", Priority.LOW),
            ScreenLine("limits SpO2 85-100"),
            audio=Audio.PAUSED,
        ),
        ["sounder: gone"],
    )
    assert [row.text for row in drawn] == [
        "AUDIO PAUSED",
        "*** SpO2 82 %",
        "**  apnea",
        "*   battery",
        "limits SpO2 85-100",
        "panel: sounder: gone",
    ]


def test_text_cannot_steer_the_console_nor_run_off_it() -> None:
    hostile = "\x1b[2J\x07\r\n" + "long " * 100
    drawn = rows(level(*[ScreenLine(hostile)] * 100))
    assert len(drawn) <= 24
    assert all(row.text.isprintable() and len(row.text) <= 80 for row in drawn)


def test_ansi_colours_only_what_has_a_colour() -> None:
    assert ansi([Row("plain"), Row("red", "\x1b[41m")]).endswith("plain\r\n\x1b[41mred\x1b[0m")


def test_console_draws_each_screen_once() -> None:
    master, slave = pty.openpty()
    console = Console(os.ttyname(slave))
    for text in ("one", "one", "two"):
        console.show(text)
    assert os.read(master, 1_000) == b"onetwo"
    assert console.fault == ""
    console.close()
    os.close(master)
    os.close(slave)


def test_missing_console_is_a_fault_and_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "tty"
    console = Console(str(path))
    console.show("one")
    assert console.fault
    path.touch()
    console.show("one")
    assert console.fault == ""
    assert path.read_text(encoding="utf-8") == "one"
    console.close()


def test_no_console_is_no_fault() -> None:
    console = Console("")
    console.show("one \ud800")
    assert console.fault == ""
