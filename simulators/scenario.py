"""A story: what happens to the patient and the room, and which alarms must and must not follow.

A story is ten lines of TOML, read by whoever may open files and handed in as a mapping:

    name = "desaturation"
    text = "SpO2 slides to 83 % for two minutes"
    duration_s = 900
    weight_kg = 70
    pump = { rate_ml_per_h = 75, volume_ml = 50, concentration_mg_per_ml = 0.7, start_s = 60 }

    [[step]]            at_s = 300, over_s = 90, spo2 = 83         a target, reached after `over_s`
    [[step]]            at_s = 480, over_s = 60, spo2 = 97
    [[expect]]          condition = "S2", between = [330, 440]     or by_s = 440
    [[never]]           condition = "P5"                           from_s and until_s narrow it

Targets: spo2 (%), pulse and rr (per minute), sys, dia, mean (mmHg, before the drug's effect), perfusion (%).
Without a `mean` it is a third of the way from diastolic to systolic. A quantity that no step has touched
stays at its usual value. Happenings, alone or together in one step:

    probe      "on" "off" "unplugged"                 the oximeter's probe
    motion     true false                             the hand with the probe moves
    cuff       "fits" "loose" "leak" "motion" "weak" "blocked" "overpressure" "slow" "stuck" "busy"
    occlusion  true false                             the line is shut
    pump       "start" "pause" "stop"                 a hand on the pump's keys; stop also gives up the rest
    cable      { oximeter = "out" }                   by role: oximeter, nibp, pump, monitor; "in" again
    battery    { pump = "low" }                       "good" "low"; the pump also "empty" "mains-lost"

Expectations hold for a bed with every device attached and its session started, the agent starting the cuff.
All times are seconds from the beginning of the story. Pure: a mapping in, frozen records out.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NoReturn, TypeAlias, TypeGuard, TypeVar

from bedside.instants import Instant, seconds


class Role(StrEnum):
    """What a simulated device is for: a story speaks of roles, so it does not care which make is attached."""

    OXIMETER = "oximeter"
    NIBP = "nibp"
    PUMP = "pump"
    MONITOR = "monitor"


class Target(StrEnum):
    """What a step may steer, by its name in a story."""

    SPO2 = "spo2"
    PULSE = "pulse"
    RESPIRATION = "rr"
    SYSTOLIC = "sys"
    DIASTOLIC = "dia"
    MEAN = "mean"
    PERFUSION = "perfusion"


class Probe(StrEnum):
    """Where the oximeter's probe is."""

    ON = "on"
    OFF = "off"
    UNPLUGGED = "unplugged"


class Cuff(StrEnum):
    """How the cuff sits, and what will go wrong with the next measurement."""

    FITS = "fits"
    LOOSE = "loose"
    LEAK = "leak"
    MOTION = "motion"
    WEAK = "weak"
    BLOCKED = "blocked"
    OVERPRESSURE = "overpressure"
    SLOW = "slow"
    STUCK = "stuck"
    BUSY = "busy"


class PumpKey(StrEnum):
    """A hand on the pump."""

    START = "start"
    PAUSE = "pause"
    STOP = "stop"


class Battery(StrEnum):
    """What a device has to live on."""

    GOOD = "good"
    LOW = "low"
    EMPTY = "empty"
    MAINS_LOST = "mains-lost"


class Plug(StrEnum):
    """A cable's end."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything around the patient that a device can notice, at one instant."""

    probe: Probe = Probe.ON
    motion: bool = False
    cuff: Cuff = Cuff.FITS
    occlusion: bool = False
    unplugged: frozenset[Role] = frozenset()
    batteries: Mapping[Role, Battery] = field(default_factory=dict)

    def battery(self, role: Role) -> Battery:
        """The state of one device's battery."""
        return self.batteries.get(role, Battery.GOOD)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a story. The scene is whole: what holds from this step on."""

    at: Instant
    over: Instant
    targets: Mapping[Target, float]
    scene: Scene
    key: PumpKey | None
    text: str


@dataclass(frozen=True, slots=True)
class PumpSetup:
    """What the pump was given: volume to be infused, its rate, the drug in it, and when start is pressed."""

    rate_ml_per_h: float
    volume_ml: float
    concentration_mg_per_ml: float
    start: Instant


@dataclass(frozen=True, slots=True)
class Expectation:
    """This alarm condition must be raised no earlier than `after` and no later than `by`."""

    condition: str
    after: Instant
    by: Instant


@dataclass(frozen=True, slots=True)
class Never:
    """This alarm condition must not be raised from `after` until `until`."""

    condition: str
    after: Instant
    until: Instant


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole story, its instants counted from its own beginning."""

    name: str
    text: str
    duration: Instant
    weight_kg: float
    pump: PumpSetup | None
    steps: tuple[Step, ...]
    expectations: tuple[Expectation, ...]
    nevers: tuple[Never, ...]


class ScenarioError(ValueError):
    """A story that cannot be told: names the key and what was expected."""


RANGES: Final[Mapping[Target, tuple[float, float]]] = {
    Target.SPO2: (1, 100),
    Target.PULSE: (0, 300),
    Target.RESPIRATION: (0, 120),
    Target.SYSTOLIC: (20, 300),
    Target.DIASTOLIC: (10, 250),
    Target.MEAN: (10, 270),
    Target.PERFUSION: (0, 20),
}

LONGEST_S: Final = 7 * 24 * 3600.0
MOST_ENTRIES: Final = 1000
"""Steps, expectations or nevers in one story; a longer list is a mistake, not a story."""

_CONDITION: Final = re.compile(r"[A-Z]\d{1,2}")
_BATTERIES: Final[Mapping[Role, tuple[Battery, ...]]] = {
    Role.OXIMETER: (Battery.GOOD, Battery.LOW),
    Role.PUMP: tuple(Battery),
}

Table: TypeAlias = Mapping[str, object]
Word = TypeVar("Word", bound=StrEnum)


def parse(table: Table) -> Scenario:
    """The story in a mapping as TOML gives it; ScenarioError for the first thing wrong with it."""
    _known(table, "", ("name", "text", "duration_s", "weight_kg", "pump", "step", "expect", "never"))
    duration_s = _number(table, "", "duration_s", 1, LONGEST_S)
    return Scenario(
        name=_text(table, "", "name"),
        text=_text(table, "", "text", ""),
        duration=seconds(duration_s),
        weight_kg=_number(table, "", "weight_kg", 20, 300),
        pump=_pump(table, duration_s),
        steps=_steps(table, duration_s),
        expectations=tuple(
            _expectation(entry, where, duration_s) for where, entry in _entries(table, "expect")
        ),
        nevers=tuple(_never(entry, where, duration_s) for where, entry in _entries(table, "never")),
    )


def _pump(table: Table, duration_s: float) -> PumpSetup | None:
    if "pump" not in table:
        return None
    pump = _table(table["pump"], "pump")
    _known(pump, "pump.", ("rate_ml_per_h", "volume_ml", "concentration_mg_per_ml", "start_s"))
    return PumpSetup(
        rate_ml_per_h=_number(pump, "pump.", "rate_ml_per_h", 0.1, 1200),
        volume_ml=_number(pump, "pump.", "volume_ml", 0.1, 1000),
        concentration_mg_per_ml=_number(pump, "pump.", "concentration_mg_per_ml", 0.001, 100),
        start=seconds(_number(pump, "pump.", "start_s", 0, duration_s)),
    )


def _steps(table: Table, duration_s: float) -> tuple[Step, ...]:
    steps: list[Step] = []
    scene = Scene()
    for where, entry in _entries(table, "step"):
        _known(entry, where, ("at_s", "over_s", "text", *Target, *_HAPPENINGS, "pump"))
        at = seconds(_number(entry, where, "at_s", 0, duration_s))
        if steps and at < steps[-1].at:
            _refuse(f"{where}at_s", "steps in the order of their time", entry["at_s"])
        for key, happens in _HAPPENINGS.items():
            if key in entry:
                scene = happens(scene, entry[key], f"{where}{key}")
        steps.append(
            Step(
                at=at,
                over=seconds(_number(entry, where, "over_s", 0, duration_s, 0.0)),
                targets={t: _number(entry, where, t, *RANGES[t]) for t in Target if t in entry},
                scene=scene,
                key=_word(PumpKey, entry["pump"], f"{where}pump") if "pump" in entry else None,
                text=_text(entry, where, "text", ""),
            )
        )
    return tuple(steps)


def _cable(scene: Scene, value: object, where: str) -> Scene:
    unplugged = set(scene.unplugged)
    for name, end in _table(value, where).items():
        role = _word(Role, name, where)
        if _word(Plug, end, f"{where}.{name}") is Plug.OUT:
            unplugged.add(role)
        else:
            unplugged.discard(role)
    return replace(scene, unplugged=frozenset(unplugged))


def _battery(scene: Scene, value: object, where: str) -> Scene:
    batteries = dict(scene.batteries)
    for name, state in _table(value, where).items():
        role = _word(Role, name, where)
        if role not in _BATTERIES:
            _refuse(where, f"one of {', '.join(_BATTERIES)}", name)
        battery = _word(Battery, state, f"{where}.{name}")
        if battery not in _BATTERIES[role]:
            _refuse(f"{where}.{name}", f"one of {', '.join(_BATTERIES[role])}", state)
        batteries[role] = battery
    return replace(scene, batteries=batteries)


_HAPPENINGS: Final[Mapping[str, Callable[[Scene, object, str], Scene]]] = {
    "probe": lambda scene, value, where: replace(scene, probe=_word(Probe, value, where)),
    "motion": lambda scene, value, where: replace(scene, motion=_flag(value, where)),
    "cuff": lambda scene, value, where: replace(scene, cuff=_word(Cuff, value, where)),
    "occlusion": lambda scene, value, where: replace(scene, occlusion=_flag(value, where)),
    "cable": _cable,
    "battery": _battery,
}


def _expectation(entry: Table, where: str, duration_s: float) -> Expectation:
    _known(entry, where, ("condition", "by_s", "between"))
    if ("by_s" in entry) == ("between" in entry):
        _refuse(f"{where}by_s", "either by_s or between", sorted(entry))
    if "by_s" in entry:
        bounds = (0.0, _number(entry, where, "by_s", 0, duration_s))
    else:
        bounds = _pair(entry["between"], f"{where}between", duration_s)
    return Expectation(_condition(entry, where), seconds(bounds[0]), seconds(bounds[1]))


def _never(entry: Table, where: str, duration_s: float) -> Never:
    _known(entry, where, ("condition", "from_s", "until_s"))
    after_s = _number(entry, where, "from_s", 0, duration_s, 0.0)
    until_s = _number(entry, where, "until_s", after_s, duration_s, duration_s)
    return Never(_condition(entry, where), seconds(after_s), seconds(until_s))


def _condition(entry: Table, where: str) -> str:
    condition = _text(entry, where, "condition")
    if not _CONDITION.fullmatch(condition):
        _refuse(f"{where}condition", 'an alarm condition such as "S2"', condition)
    return condition


def _pair(value: object, where: str, highest: float) -> tuple[float, float]:
    expected = f"[from, to] in seconds, rising, up to {highest:g}"
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        _refuse(where, expected, value)
    first, last = value
    if not (_is_number(first) and _is_number(last) and 0 <= first <= last <= highest):
        _refuse(where, expected, value)
    return float(first), float(last)


def _entries(table: Table, key: str) -> Iterable[tuple[str, Table]]:
    entries = table.get(key, ())
    if not isinstance(entries, Sequence) or isinstance(entries, str) or len(entries) > MOST_ENTRIES:
        _refuse(key, f"a list of at most {MOST_ENTRIES} tables, each headed [[{key}]]", entries)
    for number, entry in enumerate(entries, start=1):
        yield f"{key} {number}: ", _table(entry, f"{key} {number}")


def _known(table: Table, where: str, keys: Iterable[str]) -> None:
    keys = [str(key) for key in keys]
    for key in table:
        if key not in keys:
            _refuse(f"{where}{key}", f"one of {', '.join(keys)}", "an unknown key")


def _table(value: object, where: str) -> Table:
    if not isinstance(value, Mapping):
        _refuse(where, "a table", value)
    return value


def _text(table: Table, where: str, key: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        _refuse(f"{where}{key}", "text", "nothing" if value is None else value)
    return value


def _number(  # noqa: PLR0913, PLR0917 - where to look, and the bounds
    table: Table, where: str, key: str, lowest: float, highest: float, default: float | None = None
) -> float:
    value = table.get(key, default)
    if not _is_number(value) or not lowest <= float(value) <= highest:
        _refuse(
            f"{where}{key}", f"a number from {lowest:g} to {highest:g}", "nothing" if value is None else value
        )
    return float(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        _refuse(where, "true or false", value)
    return value


def _word(words: type[Word], value: object, where: str) -> Word:
    if not isinstance(value, str) or value not in tuple(words):
        _refuse(where, f"one of {', '.join(words)}", value)
    return words(value)


def _refuse(where: str, expected: str, found: object) -> NoReturn:
    raise ScenarioError(f"{where}: expected {expected}; found {found!r}")
