"""vigil decode and vigil drivers, and the two written forms of a recording."""

import io
import json
import sys
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.recordings import device_bytes, is_written_down
from drivers import DRIVERS

FIVE_RECORDS = bytes.fromhex("80 48 61 00" * 5)
LISTING = b"""# Each message on the wire is followed by one CR.
> A !INST_SERIALNO|457D
< A !INST_SERIALNO^8002-00000|0000

# another comment
< B !ALARM^AL_NOALM^ ^ |C73B
< B !INF_STOP|CD57  # what this is
"""
HEX = b"H 7D 81 A1 80 80 80 80 80 80\nD 80 48\n\nD 61 00\n"


def test_a_listing_gives_the_device_lines_with_their_end() -> None:
    said = b"!INST_SERIALNO^8002-00000|0000\r!ALARM^AL_NOALM^ ^ |C73B\r!INF_STOP|CD57\r"
    assert device_bytes(LISTING) == said
    assert device_bytes(LISTING.replace(b"\n", b"\r\n")) == said


def test_hex_gives_the_bytes_of_the_device() -> None:
    assert device_bytes(HEX) == bytes.fromhex("80 48 61 00")
    assert device_bytes(b"# a header\n" + HEX) == bytes.fromhex("80 48 61 00")


@pytest.mark.parametrize(
    "recorded",
    [
        b"",
        FIVE_RECORDS,
        b"# only a comment\n",
        b"29-Dec-17 07:18:43    99      66      12\n",
        b"< A !ALARM|50B2\n",  # no header
        LISTING + b"!INF_STOP|CD57\n",
        HEX + b"D 1\n",
        b"#\xff\x00\n< A x\xff\n",
    ],
)
def test_anything_else_is_what_the_device_sent(recorded: bytes) -> None:
    assert device_bytes(recorded) == recorded


def test_what_may_be_written_down_is_seen_from_its_first_line() -> None:
    assert is_written_down(LISTING)
    assert is_written_down(HEX)
    assert not is_written_down(b"")
    assert not is_written_down(FIVE_RECORDS)


def decoded(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_decode_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "line.bin"
    path.write_bytes(FIVE_RECORDS + b"\x80\x48")
    assert main(["decode", "nonin", str(path)]) == 0
    told = decoded(capsys)
    assert told[1] == {"kind": "reading", "vital": "spo2", "value": 97, "unit": "%", "quality": "good"}
    assert told[2] == {"kind": "reading", "vital": "pr", "value": 72, "unit": "{beat}/min", "quality": "good"}
    assert len(told) == 16
    assert told[-1] == {"kind": "rejected", "reason": "length", "bytes": 2}


def test_decode_a_written_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "line.hex"
    path.write_bytes(b"H 02 70 02 02 08 03\n" + b"D 80 48 61 00\n" * 5)
    assert main(["decode", "nonin", str(path)]) == 0
    assert [row["kind"] for row in decoded(capsys)] == ["frame", "reading", "reading"] * 5


@pytest.mark.parametrize("words", [[], ["-"]])
def test_decode_standard_input(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FIVE_RECORDS)))
    assert main(["decode", "nonin", *words]) == 0
    assert len(decoded(capsys)) == 15


def test_an_unknown_driver_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "nonim"]) == 2
    assert "unknown driver nonim: did you mean nonin?" in capsys.readouterr().err
    assert main(["decode", "zzzzzz"]) == 2
    assert "known are nonin, nellcor" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "nonin", str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_reader_that_went_away_is_not_the_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "line.bin"
    path.write_bytes(FIVE_RECORDS)

    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("cli.decode.print", gone, raising=False)
    with pytest.raises(BrokenPipeError):
        main(["decode", "nonin", str(path)])


def test_drivers_are_listed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drivers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(DRIVERS)
    assert lines[0].split("  ")[0] == "nonin"
    for part in ("oximeter", "spo2,pr", "9600 8N1", "speaks by itself", "confidence: "):
        assert part in lines[0]
