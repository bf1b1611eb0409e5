"""The vigil command itself: its table, its endings, its launcher."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli import VERSION
from cli.__main__ import SUB_COMMANDS, main
from tests.recordings import ROOT


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert [name for name in SUB_COMMANDS if f"\n  {name} " not in printed] == []


def test_nothing_asked_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: vigil")


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decod"]) == 2
    assert "unknown command decod; did you mean decode?" in capsys.readouterr().err


def test_reader_that_goes_away_is_no_error() -> None:
    # The pipe has no reader from the start, so the first flush fails: where and when is not left to chance.
    script = "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1); os.close(w)\n"
    script += "from cli.__main__ import quietly; sys.exit(quietly(['--help']))"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (result.returncode, result.stderr) == (141, "")


def test_launcher_works_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "cli.py").write_text("raise SystemExit('the wrong cli')\n", encoding="utf-8")
    link = tmp_path / "vigil"
    link.symlink_to(ROOT / "vigil")
    result = subprocess.run(
        [link, "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout) == (0, f"vigil {VERSION}\n")
