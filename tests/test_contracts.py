"""The rules bite: each is broken once, in a copy of the packages, and must be reported."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import house
from tests.recordings import ROOT

PACKAGES = ("agent", "alarms", "bedside", "cli", "drivers", "simulators")

# A file of the copy, the line that is added to it, and what import-linter must answer.
STRAYS = (
    ("alarms/stray_clock.py", "import time", "alarms.stray_clock imports time (line 1)"),
    ("bedside/stray_socket.py", "import socket", "bedside.stray_socket imports socket (line 1)"),
    ("drivers/stray_text.py", "import bedside.wire", "drivers.stray_text imports bedside.wire (line 1)"),
    ("agent/stray_shell.py", "import time", ""),
    ("agent/core.py", "import agent.stray_shell", "agent.core imports agent.stray_shell"),
    ("agent/panel/__init__.py", "import pydantic", "agent.panel imports pydantic"),
    ("agent/stray_command.py", "import cli", "agent.stray_command -> cli (l.1)"),
    ("alarms/stray_driver.py", "import drivers", "alarms.stray_driver -> drivers (l.1)"),
    ("simulators/stray_driver.py", "import drivers", "simulators.stray_driver -> drivers (l.1)"),
    ("simulators/stray_file.py", "import tomllib", "simulators.stray_file imports tomllib (line 1)"),
    (
        "drivers/stray_one/__init__.py",
        "import drivers.stray_two.codec",
        "drivers.stray_one imports drivers.stray_two.codec",
    ),
    ("drivers/stray_two/codec.py", "import math", ""),
    ("drivers/stray_two/__init__.py", "", ""),
    ("drivers/stray_shared.py", "import drivers.stray_two", "drivers.stray_shared imports drivers.stray_two"),
)


def copy_of(packages: tuple[str, ...], place: Path) -> Path:
    for package in packages:
        shutil.copytree(ROOT / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy with all the strays in it."""
    copy = copy_of(PACKAGES, tmp_path_factory.mktemp("strays"))
    (copy / "tests").mkdir()
    for name in ("tests/__init__.py", "tests/contracts.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    for name, line, _ in STRAYS:
        path = copy / name
        path.parent.mkdir(exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(f"{before}{line}\n", encoding="utf-8")
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    result = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize(("name", "expected"), [(name, expected) for name, _, expected in STRAYS if expected])
def test_stray_import_is_reported(answer: str, name: str, expected: str) -> None:
    assert expected in answer, name


def test_no_contract_is_idle(answer: str) -> None:
    """Every contract is broken by one of the strays: none is kept because it looks at nothing."""
    assert "KEPT" not in answer


def test_driver_without_its_papers_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "drivers" / "some_device"
    vectors = folder / "vectors"
    vectors.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "PROTOCOL.md").write_text("frames\n", encoding="utf-8")
    (vectors / "healthy.hex").write_text("00\n", encoding="utf-8")
    names = ["some-device"]
    assert house.incomplete_drivers(tmp_path, names, names, []) == []
    assert house.incomplete_drivers(tmp_path, names, [], names) == []
    assert house.incomplete_drivers(tmp_path, names, [], []) == [
        "some-device has neither a simulator nor a recording"
    ]
    assert house.incomplete_drivers(tmp_path, [], names, []) == [
        "drivers/some_device is not in DRIVERS",
        "simulator some-device is of no driver",
    ]
    (folder / "PROTOCOL.md").unlink()
    (vectors / "healthy.hex").write_bytes(b"")
    assert house.incomplete_drivers(tmp_path, names, names, []) == [
        "some-device has no PROTOCOL.md",
        "some-device has no vectors",
    ]


@pytest.mark.parametrize("line", ["print(1)", "write = open", "__import__('time')"])
@pytest.mark.parametrize("place", ["alarms/machine.py", "agent/core.py", "simulators/patient.py"])
def test_reaching_out_of_a_pure_module_is_reported(tmp_path: Path, place: str, line: str) -> None:
    (tmp_path / place).parent.mkdir()
    (tmp_path / place).write_text(f"import math\n{line}\n", encoding="utf-8")
    assert [problem.split(" ")[0] for problem in house.reaching_out(tmp_path)] == [f"{place}:2"]


@pytest.mark.parametrize("place", ["simulators/serve.py", "bedside/wire.py", "agent/main.py"])
def test_shell_may_reach_out(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir()
    (tmp_path / place).write_text("print(1)\n", encoding="utf-8")
    assert house.reaching_out(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "see /" + "tmp/socket",
        "/" + "work/main",
        "ExecStart=/" + "root/vigil",
        "https://py" + "pi.org/simple",
        "# TO" + "DO later",
        "good enough for" + " now",
    ],
)
def test_forbidden_words_are_reported(line: str) -> None:
    assert len(house.forbidden_words(Path("page.md"), line)) == 1


@pytest.mark.parametrize(
    "line", ["the framework/", "a root/ of the tree", "/run/vigil", "$" + "root/check", "before now"]
)
def test_ordinary_words_are_not(line: str) -> None:
    assert house.forbidden_words(Path("page.md"), line) == []


@pytest.mark.parametrize("silencer", ["# no" + "qa: T201", "# type: " + "ignore[misc]"])
def test_silencing_needs_a_reason(silencer: str) -> None:
    assert len(house.silenced_without_reason(Path("a.py"), f"x()  {silencer}")) == 1
    assert house.silenced_without_reason(Path("a.py"), f"x()  {silencer}  # the maker's own spelling") == []


HASHED = "    --hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        (f"six==1.17.0 \\\n{HASHED}\n", []),
        (f"six==1.17.0 ; sys_platform == 'linux' \\\n{HASHED} \\\n{HASHED}\n", []),
        ("six==1.17.0\n", ["six==1.17.0"]),
        ("six==1.17.0 \\\n", ["six==1.17.0 \\ has no hash"]),
        ("--extra-index-url https://example.org/simple\n", ["--extra-index-url https://example.org/simple"]),
        ("six @ file:///six.whl\n", ["six @ file:///six.whl"]),
    ],
)
def test_loose_lock_lines_are_reported(text: str, loose: list[str]) -> None:
    assert house.loose_lock_lines(text) == loose
