"""The log: its two forms, and what never gets into it."""

import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import structlog

from agent.clock import Clock
from agent.logs import configure, without_secrets


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(stream: io.StringIO, **fields: Any) -> str:
    configure(Clock(), stream)
    structlog.get_logger().warning("port lost", **fields)
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
    configure(Clock(), stream)
    innocent = "hunter2"
    try:
        int(innocent[:0])
    except ValueError:
        structlog.get_logger().exception("ended")
    assert "ValueError" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_overlong_text_is_cut() -> None:
    assert len(json.loads(logged(io.StringIO(), detail="x" * 100_000))["detail"]) < 3_000


def test_a_lost_stream_is_nobody_s_error() -> None:
    assert logged(Gone()) == ""
