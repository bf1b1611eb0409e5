"""The log: its two forms, and what never gets into it."""

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent.clock import Clock
from agent.logs import LONGEST_BACKLOG, configure, without_secrets

ROOT = Path(__file__).parents[2]
PATIENCE_S = 10.0
SPEAK = """
import structlog
from agent.clock import Clock
from agent.logs import configure

configure(Clock())
for n in range(1000):
    structlog.get_logger().info("line", n=n, detail="x" * 500)
print("done", flush=True)
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


class Held(io.StringIO):
    """A terminal that takes nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.released = threading.Event()

    def write(self, text: str) -> int:
        self.asked.set()
        assert self.released.wait(PATIENCE_S)
        return super().write(text)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(stream: io.StringIO, **fields: Any) -> str:
    backlog = configure(Clock(), stream)
    structlog.get_logger().warning("port lost", **fields)
    assert backlog.flush(PATIENCE_S)
    return stream.getvalue()


def test_one_json_object_a_line_when_no_person_reads() -> None:
    text = logged(io.StringIO(), device="probe", detail="unplugged\nor hung up")
    assert text.count("\n") == 1
    line = json.loads(text)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "port lost",
        "level": "warning",
        "device": "probe",
        "detail": "unplugged\nor hung up",
    }


def test_times_are_utc_to_the_millisecond() -> None:
    stamp = json.loads(logged(io.StringIO()))["timestamp"]
    assert datetime.fromisoformat(stamp).isoformat(timespec="milliseconds") == stamp.replace("Z", "+00:00")


def test_a_readable_line_on_a_terminal() -> None:
    text = logged(Terminal(), device="probe")
    assert "port lost" in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


@pytest.mark.parametrize(
    ("fields", "clean"),
    [
        ({"password": "hunter2"}, {"password": "(hidden)"}),
        ({"mqtt_password": "hunter2"}, {"mqtt_password": "(hidden)"}),
        ({"API_TOKEN": "hunter2"}, {"API_TOKEN": "(hidden)"}),
        ({"broker": {"host": "h", "secret": "hunter2"}}, {"broker": {"host": "h", "secret": "(hidden)"}}),
        ({"url": "mqtt://bed:hunter2@h:1883"}, {"url": "mqtt://bed:(hidden)@h:1883"}),
        ({"detail": ["amqp://:hunter2@h"]}, {"detail": ["amqp://:(hidden)@h"]}),
        ({"password_file": "/etc/vigil/key"}, {"password_file": "/etc/vigil/key"}),
        ({"at": "12:30 to a@b"}, {"at": "12:30 to a@b"}),
    ],
)
def test_secrets_are_taken_out(fields: dict[str, Any], clean: dict[str, Any]) -> None:
    assert without_secrets(None, "info", fields) == clean


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_traceback_shows_no_variables(stream: io.StringIO) -> None:
    backlog = configure(Clock(), stream)
    innocent = "hunter2"
    try:
        int(innocent[:0])
    except ValueError:
        structlog.get_logger().exception("ended")
    assert backlog.flush(PATIENCE_S)
    assert "ValueError" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_overlong_text_is_cut() -> None:
    assert len(json.loads(logged(io.StringIO(), detail="x" * 100_000))["detail"]) < 3_000


def test_a_lost_stream_is_nobody_s_error() -> None:
    assert logged(Gone()) == ""


def test_nobody_waits_for_a_log_that_is_not_read_and_what_is_lost_is_counted() -> None:
    stream = Held()
    backlog = configure(Clock(), stream)
    log = structlog.get_logger()
    log.info("line", n=0)
    assert stream.asked.wait(PATIENCE_S)
    last = LONGEST_BACKLOG + 7
    for n in range(1, last + 1):
        log.info("line", n=n)
    assert not backlog.flush(0.01)
    stream.released.set()
    assert backlog.flush(PATIENCE_S)
    first, lost, *rest = map(json.loads, stream.getvalue().splitlines())
    assert first["n"] == 0
    assert (lost["event"], lost["level"], lost["count"]) == ("log lines lost", "warning", 7)
    assert [line["n"] for line in rest] == list(range(8, last + 1))


def speaker() -> subprocess.Popen[bytes]:
    """A process that logs half a megabyte and ends. Its own stderr is buffered, as it is by default."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    words = [sys.executable, "-c", SPEAK]
    return subprocess.Popen(words, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_process_whose_log_nobody_reads_goes_on_and_ends_cleanly() -> None:
    with speaker() as process:
        try:
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
        assert process.stdout is not None
        assert process.stdout.read() == b"done\n"


def test_the_last_lines_of_a_process_that_ends_are_written() -> None:
    with speaker() as process:
        _, text = process.communicate(timeout=PATIENCE_S)
    assert [json.loads(line)["n"] for line in text.splitlines()] == list(range(1000))
