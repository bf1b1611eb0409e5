"""The [panel] table of the settings file. Whatever is wrong with it, the panel starts.

Every bad or missing thing falls back to the default of its key and is reported as a fault. The rest of
the file is the agent's business: when it is no TOML at all, the [panel] table is looked for on its own.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class PanelSettings:
    """Pins are BCM numbers; the defaults keep clear of UART (14, 15), I2C (2, 3) and SPI (7 to 11)."""

    socket: str = "/run/vigil/panel.sock"
    pins: str = "lgpio"
    sounder_pin: int = 18
    lamp_red_pin: int = 17
    lamp_yellow_pin: int = 27
    lamp_cyan_pin: int = 22
    lamp_blue_pin: int = 23
    button_pin: int = 24
    long_press_ms: int = 1_500
    screen: str = ""
    """A console to draw the text on, such as /dev/tty1; empty for none."""


DEFAULTS: Final = PanelSettings()
PIN_KEYS: Final = tuple(field.name for field in fields(PanelSettings) if field.name.endswith("_pin"))

_SOCKET_PATH_BYTES: Final = 107
"""The longest path that fits a Unix socket's address."""


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and low <= value <= high  # true is 1, below every range here


def _is_path(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


@dataclass(frozen=True, slots=True)
class _Rule:
    expected: str
    accepts: Callable[[object], bool]


_PIN = _Rule("a BCM pin number, 2 to 27", lambda value: _is_whole(value, 2, 27))

_RULES: Final[Mapping[str, _Rule]] = {
    "socket": _Rule(
        f"a path of 1 to {_SOCKET_PATH_BYTES} bytes",
        lambda value: _is_path(value) and 0 < len(str(value).encode()) <= _SOCKET_PATH_BYTES,
    ),
    "pins": _Rule('"lgpio" or "mock"', lambda value: value in ("lgpio", "mock")),
    **dict.fromkeys(PIN_KEYS, _PIN),
    "long_press_ms": _Rule("500 to 10000 ms", lambda value: _is_whole(value, 500, 10_000)),
    "screen": _Rule('a path such as "/dev/tty1"', _is_path),
}

_TABLE = re.compile(r"^\s*\[panel\]\s*(?:#.*)?$\n?(.*?)(?=^\s*\[|\Z)", re.MULTILINE | re.DOTALL)


def load(path: Path) -> tuple[PanelSettings, tuple[str, ...]]:
    """The settings in a file, and what had to be put right to get them."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as problem:
        return DEFAULTS, (f"settings: {problem.strerror or problem}; defaults are used",)
    return parse(text)


def parse(text: str) -> tuple[PanelSettings, tuple[str, ...]]:
    """The settings in a text, and what had to be put right to get them."""
    faults: list[str] = []
    table = _panel_table(text, faults)
    values: dict[str, Any] = {}
    for key, value in table.items():
        rule = _RULES.get(key)
        if rule is None:
            nearest = difflib.get_close_matches(key, _RULES, n=1)
            faults.append(f"panel.{key}: unknown key" + (f"; did you mean {nearest[0]}?" if nearest else ""))
        elif rule.accepts(value):
            values[key] = value
        else:
            default = getattr(DEFAULTS, key)
            faults.append(f"panel.{key}: expected {rule.expected}; {default!r} is used")
    chosen = PanelSettings(**values)
    if len({getattr(chosen, key) for key in PIN_KEYS}) < len(PIN_KEYS):
        faults.append("panel: two outputs share a pin; the default pins are used")
        chosen = PanelSettings(**{key: value for key, value in values.items() if key not in PIN_KEYS})
    return chosen, tuple(faults)


def _panel_table(text: str, faults: list[str]) -> Mapping[str, object]:
    try:
        table = _toml(text).get("panel", {})
    except ValueError as problem:
        faults.append(f"settings: {problem}")
        table = _salvaged(text, faults)
    if isinstance(table, dict):
        return table
    faults.append("panel: expected a table; defaults are used")
    return {}


def _salvaged(text: str, faults: list[str]) -> Mapping[str, object]:
    """Line by line what can be read of the [panel] table in a file that is no TOML."""
    found = _TABLE.search(text)
    table: dict[str, object] = {}
    for line in found[1].splitlines() if found else ():
        try:
            table |= _toml(line)
        except ValueError:
            faults.append(f"panel: cannot read {line.strip()[:60]!r}")
    return table


def _toml(text: str) -> dict[str, object]:
    """The parsed text; ValueError, and nothing else, when it cannot be parsed."""
    try:
        return tomllib.loads(text)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
