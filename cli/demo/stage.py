"""Draws the demo: the story above, the bed as MQTT tells it, the panel as its wires tell it, the keys below.

Made for 80 x 24 and better with more. Pure: a `Picture` in, something for rich out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agent.panel.signals import Lamp
from bedside.effects import Presence
from bedside.instants import Instant, in_milliseconds, milliseconds
from bedside.priorities import Priority
from bedside.vitals import NibpState, Vital
from bedside.wire import KnownVital, MissingVital
from cli.demo.trace import Signals
from cli.screen import BedView, shown, sparkline

WIDE: Final = 120
TALL: Final = 34
NEWS_ROWS: Final = 8
MELODY_COLUMNS: Final = 56
MELODY_COLUMN: Final = milliseconds(60)

COLOURS: Final = {Lamp.RED: "red", Lamp.YELLOW: "yellow", Lamp.CYAN: "cyan", Lamp.BLUE: "blue"}
EDGES: Final = {Priority.HIGH: "bold red", Priority.MEDIUM: "bold yellow", Priority.LOW: "bold cyan"}

KEYS: Final = (
    ("a", "acknowledge"),
    ("p", "pause sound"),
    ("k", "kill agent"),
    ("l", "kill panel"),
    ("q", "quit"),
)
NOTHING_YET: Final = "-"
JUST_NOW_S: Final = 2
MINUTES_FROM_S: Final = 120


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything there is to see at one instant. Times of the story in seconds; `now` is real."""

    now: Instant
    size: tuple[int, int]
    title: str
    story_s: float
    length_s: float
    speed: float
    happening: str
    coming: tuple[float, str] | None
    view: BedView
    signals: Signals
    panel_text: str
    running: Mapping[str, bool]
    host: str
    port: int
    news: Sequence[str]
    has_keys: bool


def clock(story_s: float) -> str:
    """A time of the story as minutes and seconds."""
    return f"{int(story_s) // 60:02d}:{int(story_s) % 60:02d}"


def draw(picture: Picture) -> RenderableType:
    """The whole screen."""
    width, height = picture.size
    layout = Layout()
    middle = Layout(_panel(picture), name="panel", ratio=3)
    news = Layout(_news(picture), name="news", ratio=2)
    body = Layout(name="body")
    if width >= WIDE:
        body.split_row(middle, news)
    elif height >= TALL:
        news.size = NEWS_ROWS
        body.split_column(middle, news)
    else:
        body.update(_panel(picture))
    layout.split_column(
        Layout(_head(picture), size=3),
        Layout(_tiles(picture), size=4),
        Layout(_pleth(picture), size=1),
        body,
        Layout(_processes(picture), size=1),
        Layout(_foot(picture), size=3),
    )
    return layout


def _head(picture: Picture) -> RenderableType:
    first = Text(no_wrap=True, overflow="crop")
    first.append(" vigil demo ", "bold black on green")
    first.append(f" {clock(picture.story_s)}", "bold")
    hint = " (try --speed 20)" if picture.speed == 1 else ""
    first.append(f" of {clock(picture.length_s)}, speed {picture.speed:g}{hint}   ", "dim")
    phase = picture.view.setup.phase if picture.view.setup else NOTHING_YET
    first.append("phase ", "dim").append(shown(phase), "bold")
    state = Text(" ", no_wrap=True, overflow="crop")
    state.append_text(picture.view.state_line(picture.now))
    second = Text(" ", no_wrap=True, overflow="ellipsis")
    second.append(picture.happening or picture.title, "italic")
    if picture.coming is not None:
        at_s, text = picture.coming
        second.append(f"   next {clock(at_s)} {text}", "dim")
    return Group(first, second, state)


# The bed, from MQTT


def _tiles(picture: Picture) -> RenderableType:
    view = picture.view
    current = not view.lost(picture.now)
    values = {vital.name: vital for vital in view.vitals.vitals if vital.primary} if view.vitals else {}
    waited_ms = in_milliseconds(picture.now - view.vitals_heard)
    tiles = (
        ("SpO2", "SC", "cyan", 13, _simple(values.get(Vital.SPO2), waited_ms)),
        ("pulse", "P", "green", 13, _simple(values.get(Vital.PR), waited_ms)),
        ("breathing", "RC", "bright_yellow", 14, _simple(values.get(Vital.RR), waited_ms)),
        ("pressure", "B", "magenta", 18, _pressure(values, waited_ms)),
        ("pump", "I", "white", 22, _pump(values)),
    )
    table = Table.grid(expand=True)
    for _, _, _, ratio, _ in tiles:
        table.add_column(ratio=ratio)
    table.add_row(
        *(
            _tile(
                name,
                _priority(view, letters) if current else None,
                colour if current else "dim",
                words if current or words[0] == NOTHING_YET else (words[0], "NOT CURRENT"),
            )
            for name, letters, colour, _, words in tiles
        )
    )
    return table


def _tile(name: str, priority: Priority | None, colour: str, words: tuple[str, str]) -> Panel:
    edge = EDGES[priority] if priority else "dim"
    body = Text(no_wrap=True, overflow="crop")
    body.append(words[0], f"bold {colour}" if colour != "dim" else colour)
    body.append(f"\n{words[1]}", "dim")
    return Panel(body, title=Text(name, "dim"), title_align="left", border_style=edge, height=4)


def _priority(view: BedView, letters: str) -> Priority | None:
    """The highest priority of what is present about a vital; a condition's letter says what it is about."""
    found = [
        condition.priority
        for condition in (view.alarms.conditions if view.alarms else ())
        if condition.id[0] in letters and condition.presence is not Presence.ENDED
    ]
    return max(found, default=None)


def _simple(vital: KnownVital | MissingVital | None, waited_ms: int) -> tuple[str, str]:
    match vital:
        case None:
            return NOTHING_YET, ""
        case MissingVital():
            return "--", vital.missing.value
        case KnownVital():
            return f"{vital.value} {_unit(vital)}", _age(vital, waited_ms)


def _pressure(values: Mapping[Vital, KnownVital | MissingVital], waited_ms: int) -> tuple[str, str]:
    parts = [values.get(name) for name in (Vital.NIBP_SYS, Vital.NIBP_DIA, Vital.NIBP_MEAN)]
    systolic = parts[0]
    first, second = _simple(systolic, waited_ms)
    if isinstance(systolic, KnownVital):
        sys, dia, mean = (str(part.value) if isinstance(part, KnownVital) else "--" for part in parts)
        first = f"{sys}/{dia} ({mean})"
    state, cuff = values.get(Vital.NIBP_STATE), values.get(Vital.CUFF_PRESSURE)
    if isinstance(state, KnownVital) and state.value in (NibpState.INFLATING, NibpState.DEFLATING):
        second = f"cuff {cuff.value} {_unit(cuff)}" if isinstance(cuff, KnownVital) else str(state.value)
    return first, second


def _pump(values: Mapping[Vital, KnownVital | MissingVital]) -> tuple[str, str]:
    state = values.get(Vital.PUMP_STATE)
    first = str(state.value) if isinstance(state, KnownVital) else _simple(state, 0)[0]
    rate, given = values.get(Vital.INFUSION_RATE), values.get(Vital.VOLUME_INFUSED)
    if isinstance(rate, KnownVital):
        first += f" {rate.value:g} {_unit(rate)}" if isinstance(rate.value, int | float) else ""
    second = f"{given.value} {_unit(given)} given" if isinstance(given, KnownVital) else _simple(state, 0)[1]
    return first, second


def _unit(vital: KnownVital) -> str:
    """UCUM as people write it: without annotations in braces, and mm[Hg] as mmHg."""
    unit = vital.unit or ""
    return unit[unit.find("}") + 1 :].replace("[Hg]", "Hg")


def _age(vital: KnownVital, waited_ms: int) -> str:
    age_s = (vital.age_ms + waited_ms) // 1000
    if age_s < JUST_NOW_S:
        return "now"
    return f"{age_s} s ago" if age_s < MINUTES_FROM_S else f"{age_s // 60} min ago"


def _pleth(picture: Picture) -> Text:
    samples = list(picture.view.pleth)
    if not samples or picture.view.lost(picture.now):
        return Text(" ")
    wanted = max(1, -(-len(samples) // (picture.size[0] - 2)))
    return Text(" " + sparkline(samples[::wanted]), "cyan", no_wrap=True, overflow="crop")


# The panel, from its wires


def _panel(picture: Picture) -> RenderableType:
    signals = picture.signals
    lamps = Text(no_wrap=True, overflow="crop")
    for lamp, colour in COLOURS.items():
        lit = signals.lit(lamp)
        lamps.append("   ", f"on {colour}" if lit else "on grey15")
        lamps.append(f" {lamp}   ", "bold" if lit else "dim")
    melody = signals.melody(picture.now, MELODY_COLUMNS, MELODY_COLUMN)
    sounder = Text("♪ ", "bold" if melody[-1] != " " else "dim", no_wrap=True, overflow="crop")
    is_heard = melody.strip() and signals.priority
    sounder.append(melody, EDGES[signals.priority] if signals.priority else "dim")
    sounder.append(f" {signals.priority.word if is_heard and signals.priority else 'silent'}", "dim")
    text: RenderableType = Text.from_ansi(picture.panel_text.replace("\r\n", "\n"))
    if not picture.running.get("panel", False):
        text = Text("the panel is not running", "bold red")
    return Panel(
        Group(lamps, sounder, text), title=Text("panel", "bold"), title_align="left", border_style="dim"
    )


def _news(picture: Picture) -> RenderableType:
    rows = max(1, picture.size[1] - 14 if picture.size[0] >= WIDE else NEWS_ROWS - 2)
    text = Text("\n".join(picture.news[-rows:]), no_wrap=True, overflow="ellipsis")
    return Panel(text, title=Text("what happened", "bold"), title_align="left", border_style="dim")


# Below


def _processes(picture: Picture) -> Text:
    text = Text(" ", no_wrap=True, overflow="crop")
    for name, runs in picture.running.items():
        _dot(text, name, "up" if runs else "DOWN", good=runs)
    for line in picture.view.lines.values():
        up = line.state == "up"
        _dot(text, shown(line.device), "up" if up else shown(line.down_reason or "down"), good=up)
    return text


def _dot(text: Text, name: str, word: str, *, good: bool) -> None:
    text.append(f"{name} ", "dim").append(word, "green" if good else "bold red").append("   ")


def _foot(picture: Picture) -> RenderableType:
    keys: Iterable[tuple[str, str]] = KEYS if picture.has_keys else (("Ctrl-C", "quit"),)
    row = Text(" ", no_wrap=True, overflow="crop")
    for key, meaning in keys:
        row.append(f" {key} ", "reverse").append(f" {meaning}  ")
    return Group(
        Text(f" mosquitto_sub -h {picture.host} -p {picture.port} -t 'vigil/v1/#' -v", "dim", no_wrap=True),
        Text(f" ./vigil watch --broker mqtt://{picture.host}:{picture.port}", "dim", no_wrap=True),
        row,
    )
