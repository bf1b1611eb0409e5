"""vigil check: what it prints where, and its exit code."""

import argparse
from pathlib import Path

import pytest

from alarms.limits import LIMITS
from cli.check import add_arguments, run

EXAMPLE = Path(__file__).parents[2] / "deploy" / "settings.example.toml"


def check(path: Path) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(path)]))


def test_a_good_file_is_summed_up_on_stdout(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    changed = EXAMPLE.read_text(encoding="utf-8").replace(
        "# s1_spo2_low_percent = 90", "s1_spo2_low_percent = 91"
    )
    path = tmp_path / "s.toml"
    path.write_text(changed, encoding="utf-8")
    assert check(path) == 0
    said = capsys.readouterr()
    assert said.err == ""
    rows = [line.split() for line in said.out.splitlines()]
    assert [
        "device",
        "cuff",
        "suntech",
        "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10XYZ02-if00-port0",
    ] in rows
    assert ["limit", "s1_spo2_low_percent", "91", "%", "site"] in rows
    assert ["limit", "b3_mean_low_mmhg", "60", "mm[Hg]", "preset"] in rows
    assert ["stations", "ward"] in rows
    assert sum(row[:1] == ["limit"] for row in rows) == len(LIMITS)


def test_problems_go_to_stderr_with_file_and_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[bed]\nsite = "a"\nbad = 1\n', encoding="utf-8")
    assert check(path) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        f"{path}:1: bed.bed: missing: expected a name for the bed, 1 to 32 of a-z, 0-9 and -",
        f"{path}:1: device: missing: expected 1 to 8 blocks [[device]], each with name, driver and port",
        f"{path}:3: bed.bad: unknown key; did you mean bed?",
    ]
