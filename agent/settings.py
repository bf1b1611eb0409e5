"""The settings file: TOML, read once, refused as a whole with every problem told at once.

    load(path)      the plan of one bed, or SettingsError with all problems

Each key is declared once below, with its default and a phrase that says what is expected, unit included; the
limits are declared by `alarms.limits`. A problem names the file's line, the key, what was expected, and for
something unknown the nearest thing that is known. Pydantic stops at this file: what leaves it are plain
records.

The [panel] table belongs to the panel process, which reads it by itself and never refuses to start. It is
checked here all the same, so that `vigil check` tells what the panel could only make the best of.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from agent.panel.settings import DEFAULTS as PANEL
from agent.panel.settings import PIN_KEYS
from agent.plan import BedPlan, BrokerPlan, DevicePlan, NibpPlan
from agent.toml_lines import KeyPath, lines_of
from alarms.limits import LIMITS, UNIT_WORDS, objections
from drivers import DRIVERS
from drivers.contract import Driver

LONGEST_FILE_BYTES: Final = 256 * 1024
MOST_DEVICES: Final = 8
MOST_STATIONS: Final = 32
LONGEST_QUOTE: Final = 60

_SOCKET_PATH_BYTES: Final = 107
"""The longest path that fits a Unix socket's address."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to put right: where (lines count from 1, so do the elements in `key_path`), and what."""

    line: int
    key_path: str
    message: str


class SettingsError(Exception):
    """The file was refused; `problems` in the order of its lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda problem: (problem.line, problem.key_path)))
        super().__init__("\n".join(f"{p.line}: {p.key_path}: {p.message}" for p in self.problems))


# What a file may hold. The description of a field is what its problems say was expected.


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
_SLUG = "1 to 32 of a-z, 0-9 and -"
_Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00]+$", max_length=4096)]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
_Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,253}$")]
_Pin = Annotated[int, Field(ge=2, le=27)]

_BROKER = BrokerPlan()
_NIBP = NibpPlan()


class _Bed(_Table):
    site: _Slug = Field(description=f"a name for the site, {_SLUG}")
    bed: _Slug = Field(description=f"a name for the bed, {_SLUG}")


class _Mqtt(_Table):
    host: _Host = Field(_BROKER.host, description="a host name or address, without port or scheme")
    port: int = Field(_BROKER.port, ge=1, le=65_535, description="a port number, 1 to 65535")
    protocol: Literal["auto", "5", "3.1.1"] = Field("auto", description='"auto", "5" or "3.1.1"')
    # The will of a bed without power goes out after one and a half of these; the station promises 15 s.
    keepalive_s: int = Field(
        _BROKER.keepalive_s, ge=2, le=10, description="a whole number of seconds (s), 2 to 10"
    )
    username: _Text | None = Field(None, description="a user name, as text")
    password_file: _Path | None = Field(
        None, description="an absolute path to a file that holds the password"
    )
    tls_ca_file: _Path | None = Field(None, description="an absolute path to a certificate file")
    tls_certificate_file: _Path | None = Field(None, description="an absolute path to a certificate file")
    tls_key_file: _Path | None = Field(None, description="an absolute path to a key file")
    stations: tuple[_Slug, ...] = Field(
        (),
        strict=False,
        max_length=MOST_STATIONS,
        description=f"a list of at most {MOST_STATIONS} station names",
    )
    remote_pause_audio: bool = Field(default=False, description="true or false")


class _Device(_Table):
    name: _Slug = Field(description=f"a name for the device, {_SLUG}")
    driver: str = Field(description="the name of a driver (vigil drivers lists them)")
    port: _Path = Field(description='an absolute path such as "/dev/serial/by-id/…"')


class _Nibp(_Table):
    start_by_agent: bool = Field(_NIBP.start_by_agent, description="true or false")
    cuff_on_probe_limb: bool = Field(_NIBP.cuff_on_probe_limb, description="true or false")
    dosing_interval_min: int = Field(
        _NIBP.dosing_interval_min, ge=5, le=15, description="a whole number of minutes (min), 5 to 15"
    )


class _Panel(_Table):
    socket: _Path = Field(PANEL.socket, description=f"an absolute path of at most {_SOCKET_PATH_BYTES} bytes")
    pins: Literal["lgpio", "mock"] = Field("lgpio", description='"lgpio" or "mock"')
    sounder_pin: _Pin = Field(PANEL.sounder_pin, description="a BCM pin number, 2 to 27")
    lamp_red_pin: _Pin = Field(PANEL.lamp_red_pin, description="a BCM pin number, 2 to 27")
    lamp_yellow_pin: _Pin = Field(PANEL.lamp_yellow_pin, description="a BCM pin number, 2 to 27")
    lamp_cyan_pin: _Pin = Field(PANEL.lamp_cyan_pin, description="a BCM pin number, 2 to 27")
    lamp_blue_pin: _Pin = Field(PANEL.lamp_blue_pin, description="a BCM pin number, 2 to 27")
    button_pin: _Pin = Field(PANEL.button_pin, description="a BCM pin number, 2 to 27")
    long_press_ms: int = Field(
        PANEL.long_press_ms,
        ge=500,
        le=10_000,
        description="a whole number of milliseconds (ms), 500 to 10000",
    )
    screen: Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")] = Field(
        PANEL.screen, description='a path such as "/dev/tty1", or "" for none'
    )


# One field a row of `alarms.limits`; the hard bounds are told from there, with their reason.
_LIMIT_FIELDS: Final[dict[str, Any]] = {
    row.setting: (float, Field(row.preset, description=f"a number in {row.unit}")) for row in LIMITS.values()
}
_Limits = create_model("_Limits", __base__=_Table, **_LIMIT_FIELDS)


class _File(_Table):
    bed: _Bed = Field(description="a table [bed] with site and bed")
    mqtt: _Mqtt = Field(_Mqtt(), description="a table [mqtt]")
    device: tuple[_Device, ...] = Field(
        strict=False,
        min_length=1,
        max_length=MOST_DEVICES,
        description=f"1 to {MOST_DEVICES} blocks [[device]], each with name, driver and port",
    )
    nibp: _Nibp = Field(_Nibp(), description="a table [nibp]")
    limits: _Limits = Field(_Limits(), description="a table [limits]")
    panel: _Panel = Field(_Panel(), description="a table [panel]")


TABLES: Final[Mapping[str, type[_Table]]] = {
    "bed": _Bed,
    "mqtt": _Mqtt,
    "device": _Device,
    "nibp": _Nibp,
    "limits": _Limits,
    "panel": _Panel,
}
"""Every table of the file, by name."""

_LIMIT_KEYS: Final = {row.setting: key for key, row in LIMITS.items()}


def load(path: Path, drivers: Mapping[str, Driver] = DRIVERS) -> BedPlan:
    """The plan in a settings file; SettingsError when it cannot be read or anything in it is not right."""
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST_FILE_BYTES + 1)
    except OSError as failure:
        raise SettingsError([Problem(1, "file", f"cannot be read: {failure.strerror}")]) from failure
    if len(raw) > LONGEST_FILE_BYTES:
        raise SettingsError([Problem(1, "file", f"longer than {LONGEST_FILE_BYTES} bytes")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = raw.count(b"\n", 0, failure.start) + 1
        raise SettingsError([Problem(line, "file", "not UTF-8 text")]) from failure
    return read(text, drivers)


def read(text: str, drivers: Mapping[str, Driver] = DRIVERS) -> BedPlan:
    """The plan in the text of a settings file; SettingsError as for `load`."""
    try:
        content = tomllib.loads(text)
        lines = lines_of(text)
    except tomllib.TOMLDecodeError as failure:
        raise SettingsError([_syntax_problem(str(failure), text)]) from failure
    except RecursionError as failure:
        raise SettingsError([Problem(1, "file", "nested too deeply")]) from failure
    found = list(_Check(content, drivers).findings())
    if found:
        raise SettingsError(Problem(_line(path, lines), _shown(path), message) for path, message in found)
    return _plan(_File.model_validate(content))


def _plan(file: _File) -> BedPlan:
    mqtt = file.mqtt.model_dump()
    stations, remote_pause_audio = mqtt.pop("stations"), mqtt.pop("remote_pause_audio")
    return BedPlan(
        site=file.bed.site,
        bed=file.bed.bed,
        devices=tuple(DevicePlan(**device.model_dump()) for device in file.device),
        limits={
            _LIMIT_KEYS[setting]: value
            for setting, value in file.limits.model_dump(exclude_unset=True).items()
        },
        nibp=NibpPlan(**file.nibp.model_dump()),
        broker=BrokerPlan(**mqtt),
        stations=stations,
        remote_pause_audio=remote_pause_audio,
        panel_socket=file.panel.socket,
    )


# Finding what is wrong. A finding is a path into the file and a sentence.

_Finding = tuple[KeyPath, str]


class _Check:
    """All findings about one file. What has the wrong type is found first and left out of what follows."""

    def __init__(self, content: Mapping[str, Any], drivers: Mapping[str, Driver]) -> None:
        self._content = content
        self._drivers = drivers
        self._unsound: set[KeyPath] = set()

    def findings(self) -> Iterator[_Finding]:
        for path, message in self._by_model():
            self._unsound.add(path)
            yield path, message
        yield from self._of_devices()
        yield from self._of_nibp()
        yield from self._of_limits()
        yield from self._of_mqtt()
        yield from self._of_panel()

    def _by_model(self) -> Iterator[_Finding]:
        try:
            _File.model_validate(self._content)
        except ValidationError as failure:
            for error in failure.errors(include_url=False, include_context=False):
                path = tuple(error["loc"])
                match error["type"]:
                    case "extra_forbidden":
                        yield path, _unknown_key(path)
                    case "too_short" if error["input"]:
                        continue  # blocks with problems of their own were not counted
                    case "missing":
                        yield path, f"missing: expected {_expected(path)}"
                    case _:
                        yield path, f"expected {_expected(path)}, found {_found(error['input'])}"

    def _sound(self, table: str) -> dict[str, Any]:
        """What can be relied on in a table."""
        content = self._content.get(table)
        if not isinstance(content, dict):
            return {}
        return {key: value for key, value in content.items() if (table, key) not in self._unsound}

    def _devices(self, key: str) -> list[tuple[KeyPath, str]]:
        blocks = self._content.get("device")
        return [
            (("device", index, key), block[key])
            for index, block in enumerate(blocks if isinstance(blocks, list) else [])
            if isinstance(block, dict) and key in block and ("device", index, key) not in self._unsound
        ]

    def _of_devices(self) -> Iterator[_Finding]:
        known = ", ".join(sorted(self._drivers))
        for path, name in self._devices("driver"):
            if name not in self._drivers:
                nearest = _nearest(name, self._drivers)
                hint = f"did you mean {_found(nearest)}?" if nearest else f"known are: {known or 'none'}"
                yield path, f"unknown driver {_found(name)}; {hint}"
        yield from _repeated(self._devices("name"), "the name of another device")
        ports = [(path, os.path.normpath(port)) for path, port in self._devices("port")]
        yield from _repeated(ports, "the port of another device")

    def _of_nibp(self) -> Iterator[_Finding]:
        names = [name for _, name in self._devices("driver")]
        if self._sound("nibp").get("start_by_agent") and all(name in self._drivers for name in names):
            able = sorted(name for name, driver in self._drivers.items() if driver.starts_nibp)
            if not set(able) & set(names):
                listed = ", ".join(able) or "none"
                sentence = f"expected false: no cuff of this bed can be started; drivers that can: {listed}"
                yield ("nibp", "start_by_agent"), sentence

    def _of_limits(self) -> Iterator[_Finding]:
        site = {_LIMIT_KEYS[key]: value for key, value in self._sound("limits").items() if key in _LIMIT_KEYS}
        unreadable = [_LIMIT_KEYS[key] for _, key in self._unsound_limits() if key in _LIMIT_KEYS]
        for key, sentence in objections(site):
            # What was meant by a limit that cannot be read is not known, so nothing is compared with it.
            if not any(re.search(rf"\b{other}\b", sentence) for other in unreadable):
                yield ("limits", LIMITS[key].setting), sentence

    def _unsound_limits(self) -> list[tuple[str, str]]:
        return [(path[0], str(path[1])) for path in self._unsound if path[0] == "limits" and len(path) > 1]

    def _of_mqtt(self) -> Iterator[_Finding]:
        given = self._sound("mqtt")
        for key, needed in (
            ("password_file", "username"),
            ("tls_certificate_file", "tls_key_file"),
            ("tls_key_file", "tls_certificate_file"),
            ("tls_certificate_file", "tls_ca_file"),
        ):
            if key in given and needed not in self._content["mqtt"]:
                yield ("mqtt", key), f"needs {needed} beside it"
        names = given.get("stations", [])
        stations: list[tuple[KeyPath, str]] = [
            (("mqtt", "stations", index), name)
            for index, name in enumerate(names)
            if ("mqtt", "stations", index) not in self._unsound
        ]
        yield from _repeated(stations, "the name of another station")

    def _of_panel(self) -> Iterator[_Finding]:
        given = self._sound("panel")
        defaults = {key: getattr(PANEL, key) for key in PIN_KEYS}
        pins = {key: given.get(key, default) for key, default in defaults.items()}
        for key in PIN_KEYS:
            sharing = [other for other in PIN_KEYS if other != key and pins[other] == pins[key]]
            if key in given and sharing:
                yield ("panel", key), f"pin {pins[key]} is that of {sharing[0]} too"
        socket = given.get("socket", "")
        if len(socket.encode()) > _SOCKET_PATH_BYTES:
            yield ("panel", "socket"), f"expected {_expected(('panel', 'socket'))}"


def _repeated(values: Iterable[tuple[KeyPath, str]], what: str) -> Iterator[_Finding]:
    seen: set[str] = set()
    for path, value in values:
        if value in seen:
            yield path, f"{_found(value)} is {what} too"
        seen.add(value)


def _unknown_key(path: KeyPath) -> str:
    """What to say of a key that is not known; its value is not quoted, it may be a secret."""
    *parents, name = path
    key = str(name)
    if not parents:
        nearest = _nearest(key, TABLES)
        if nearest is None:
            return f"unknown table; known are: {', '.join(map(_header, TABLES))}"
        return f"unknown table; did you mean {_header(nearest)}?"
    fields = TABLES[str(parents[0])].model_fields
    for known in fields:
        stem, unit = _stem_and_unit(known)
        if unit and (key == stem or key.startswith(f"{stem}_")):
            return f"unit: expected {unit}, key {known}"
    nearest = _nearest(key, fields)
    if nearest is not None:
        return f"unknown key; did you mean {nearest}?"
    for table, model in TABLES.items():
        if key in model.model_fields:
            return f"unknown key here; it belongs into {_header(table)}"
    return f"unknown key; known are: {', '.join(fields)}"


_UNITS: Final = (*sorted(set(UNIT_WORDS.values()), key=len, reverse=True), "ms", "min", "s")


def _stem_and_unit(key: str) -> tuple[str, str]:
    """A key without its unit, and the unit; an empty unit when it has none."""
    for unit in _UNITS:
        if key.endswith(f"_{unit}"):
            return key.removesuffix(f"_{unit}"), unit
    return key, ""


def _expected(path: KeyPath) -> str:
    """The phrase declared for a key; for an element or a block, that of what it stands in."""
    names = [part for part in path if isinstance(part, str)]
    if names == ["mqtt", "stations"] and len(path) > len(names):
        return f"a station's name, {_SLUG}"
    fields = TABLES[names[0]].model_fields if len(names) > 1 else _File.model_fields
    return fields[names[-1]].description or ""


def _found(value: object) -> str:
    """A value roughly as the file has it, bounded."""
    match value:
        case bool() | str():
            text = json.dumps(value, ensure_ascii=False)
        case list():
            text = "a list"
        case dict():
            text = "a table"
        case _:
            text = str(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def _nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant."""
    matches = difflib.get_close_matches(word.lower(), list(known), n=1)
    return matches[0] if matches else None


def _header(table: str) -> str:
    return f"[[{table}]]" if table == "device" else f"[{table}]"


def _shown(path: KeyPath) -> str:
    """`device[1].port`; people count from 1."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(
        "."
    )


def _line(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of a key, or of the nearest thing around it that is there; the first when nothing is."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _syntax_problem(message: str, text: str) -> Problem:
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if place is None:
        return Problem(1, "file", f"not TOML: {message}")
    said = message[: place.start()]
    if place[1] is None:
        return Problem(text.count("\n") + 1, "file", f"not TOML: {said}, at the end of the file")
    return Problem(int(place[1]), "file", f"not TOML: {said}, column {place[2]}")
