"""This checkout keeps the rules of the house."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cli import VERSION
from cli.__main__ import SUB_COMMANDS
from drivers import DRIVERS
from simulators import SIMULATORS
from tests import house
from tests.recordings import RECORDINGS, ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-pi.lock")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def direct_dependencies() -> set[str]:
    tables = project()
    wanted = [
        *tables["project"]["dependencies"],
        *(name for group in tables["project"]["optional-dependencies"].values() for name in group),
        *(name for group in tables["dependency-groups"].values() for name in group),
    ]
    return {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in wanted}


def test_pure_modules_do_not_reach_out() -> None:
    assert len(list(house.pure_files(ROOT))) > 10
    assert house.reaching_out(ROOT) == []


def test_every_driver_is_complete() -> None:
    assert house.incomplete_drivers(ROOT, DRIVERS, SIMULATORS, RECORDINGS) == []


def test_nothing_private_or_unfinished_is_committed() -> None:
    problems = [
        words for path, text in house.tracked_texts(ROOT) for words in house.forbidden_words(path, text)
    ]
    assert problems == []


def test_nothing_is_silenced_without_a_reason() -> None:
    problems = [
        line
        for path, text in house.tracked_texts(ROOT)
        if path.suffix == ".py" and path != Path("tests/house.py")  # which spells the patterns
        for line in house.silenced_without_reason(path, text)
    ]
    assert problems == []


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_versions_and_hashes_only(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert len(house.locked(text)) > 5
    assert house.loose_lock_lines(text) == []


def test_locks_agree_and_hold_every_direct_dependency() -> None:
    run, dev, pi = (house.locked((ROOT / name).read_text(encoding="utf-8")) for name in LOCKS)
    assert run.items() <= dev.items()
    assert pi.items() - {("lgpio", pi["lgpio"])} <= run.items()
    assert direct_dependencies() <= dev.keys() | pi.keys()


def test_every_direct_dependency_has_its_reason() -> None:
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    assert [name for name in sorted(direct_dependencies()) if f"| {name} |" not in page] == []


def test_links_between_pages_lead_somewhere() -> None:
    problems = [
        link
        for path, text in house.tracked_texts(ROOT)
        if path.suffix == ".md"
        for link in house.dead_links(ROOT, path, text)
    ]
    assert problems == []


def test_one_version() -> None:
    assert project()["project"]["version"] == VERSION


@pytest.mark.parametrize("name", SUB_COMMANDS)
def test_sub_command_offers_its_two_functions(name: str) -> None:
    module = importlib.import_module(SUB_COMMANDS[name].module)
    assert callable(module.add_arguments)
    assert callable(module.run)
