"""Rules of the house that no other tool checks. Each takes a checkout and lists what breaks the rule."""

import ast
import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

# Whole packages, then what is taken out of them. The import contracts in pyproject.toml draw the same line.
PURE = (
    "bedside",
    "drivers",
    "alarms",
    "simulators",
    "agent/core.py",
    "agent/events.py",
    "agent/plan.py",
    "agent/requests.py",
)
NOT_PURE = ("bedside/wire.py", "simulators/serve.py", "simulators/listener.py")

# Built-in functions that reach the outside, or run what no contract has seen.
REACHES_OUT = frozenset({"open", "print", "input", "breakpoint", "exec", "eval", "compile", "__import__"})

FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"(?<![\w.])/(?:work|root|tmp)\b"),
    "a package index": re.compile(r"\b(?:pypi\.(?:org|python)|pythonhosted\.|piwheels\.)", re.IGNORECASE),
    "a promise in place of work": re.compile(
        r"\bTO[D]O\b|\bFIX[M]E\b|\bX{3}\b|\bplace[h]older\b|\bfor\snow\b|\bnot[ ]implemented\b", re.IGNORECASE
    ),
}

SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore)")
SILENCED_WITH_REASON = re.compile(
    r"# noqa: [A-Z0-9, ]+ - \w.{8,}|# type: ignore\[[\w, -]+\]  # \w.{8,}|# noqa: [A-Z0-9, ]+  # \w.{8,}"
)

REQUIREMENT = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; [^\\]+)? \\$")
HASH = re.compile(r"^ {4}--hash=sha256:[0-9a-f]{64}(?: \\)?$")

MARKDOWN_LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")


def pure_files(root: Path) -> Iterator[Path]:
    taken_out = [root / name for name in NOT_PURE]
    for name in PURE:
        place = root / name
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if not any(path.is_relative_to(impure) for impure in taken_out):
                yield path


def reaching_out(root: Path) -> list[str]:
    """Uses of built-in input and output in pure modules, under whatever name they are called later."""
    return [
        f"{path.relative_to(root)}:{node.lineno} uses {node.id}"
        for path in pure_files(root)
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Name) and node.id in REACHES_OUT
    ]


def incomplete_drivers(
    root: Path, drivers: Collection[str], simulators: Collection[str], recordings: Collection[str]
) -> list[str]:
    """What a listed driver lacks, folders that are not listed, and simulators of nothing."""
    problems = []
    for name in drivers:
        folder = root / "drivers" / name.replace("-", "_")
        if not (folder / "PROTOCOL.md").is_file():
            problems.append(f"{name} has no PROTOCOL.md")
        if not any(path.is_file() and path.stat().st_size for path in (folder / "vectors").glob("*")):
            problems.append(f"{name} has no vectors")
        if name not in simulators and name not in recordings:
            problems.append(f"{name} has neither a simulator nor a recording")
    listed = {name.replace("-", "_") for name in drivers}
    folders = {path.parent.name for path in (root / "drivers").glob("*/__init__.py")}
    problems += [f"drivers/{name} is not in DRIVERS" for name in sorted(folders - listed)]
    problems += [f"simulator {name} is of no driver" for name in sorted(set(simulators) - set(drivers))]
    return problems


def tracked_texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Every text file under version control. Device bytes are no text, and are skipped."""
    # safe.directory: the checkout may belong to another user than the one who checks.
    command = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        path = root / name
        if path.is_file():
            try:
                yield path.relative_to(root), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def forbidden_words(path: Path, text: str) -> list[str]:
    return [
        f"{path}:{number} holds {what}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]


def silenced_without_reason(path: Path, text: str) -> list[str]:
    """Lines that silence a linter or the type checker and do not say why."""
    return [
        f"{path}:{number} gives no reason"
        for number, line in enumerate(text.splitlines(), start=1)
        if SILENCED.search(line) and not SILENCED_WITH_REASON.search(line)
    ]


def loose_lock_lines(text: str) -> list[str]:
    """Lines of a lock file that are no comment, pinned version or hash: options, addresses, paths."""
    lines = text.splitlines()
    loose = [
        line for line in lines if not (line.startswith("# ") or REQUIREMENT.match(line) or HASH.match(line))
    ]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if REQUIREMENT.match(line) and not HASH.match(following):
            loose.append(f"{line} has no hash")
    return loose


def locked(text: str) -> dict[str, str]:
    """Name to version."""
    return {match[1]: match[2] for line in text.splitlines() if (match := REQUIREMENT.match(line))}


def dead_links(root: Path, path: Path, text: str) -> list[str]:
    return [
        f"{path} links to {target}"
        for target in MARKDOWN_LINK.findall(text)
        if "://" not in target and not (root / path.parent / target).exists()
    ]
