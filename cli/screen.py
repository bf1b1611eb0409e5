"""How a bed looks in a terminal: fed with what came over MQTT, rendered with rich. No broker, no clock.

    ward = Ward()
    ward.feed(topic, payload, now, retained=False)
    console.print(ward.render(now))

What is old is never shown as current: ages go on counting here, and a bed not heard for 15 s is marked.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bedside.facts import Quality
from bedside.instants import SECOND, Instant, in_milliseconds, in_seconds
from bedside.priorities import Audio, Priority
from bedside.vitals import describe
from bedside.wire import (
    Alarms,
    Answer,
    BedPayload,
    Birth,
    Condition,
    Indication,
    KnownVital,
    Line,
    MissingVital,
    Pleth,
    Setup,
    Stopped,
    Vitals,
    Will,
    read_report,
)

LOST_AFTER: Final[Instant] = 15 * SECOND
"""Without anything live from a bed for this long, nothing shown of it is current."""

MOST_BEDS: Final = 200
MOST_LINES: Final = 32
PLETH_COLUMNS: Final = 60
PLETH_STEP: Final = 3
BARS: Final = "▁▂▃▄▅▆▇█"

STYLES: Final = {
    Priority.HIGH: "bold white on red",
    Priority.MEDIUM: "black on yellow",
    Priority.LOW: "black on cyan",
}
AUDIO: Final = {
    Audio.ON: ("audio on", "dim"),
    Audio.PAUSED: ("AUDIO PAUSED", "bold white on blue"),
    Audio.OFF: ("AUDIO OFF", "bold white on blue"),
}


@dataclass(slots=True)
class BedView:
    """What is known of one bed. `heard` is when something live came last."""

    bed: str
    heard: Instant | None = None
    status: Birth | Stopped | Will | None = None
    setup: Setup | None = None
    alarms: Alarms | None = None
    alarms_heard: Instant = 0
    vitals: Vitals | None = None
    vitals_heard: Instant = 0
    lines: dict[str, Line] = field(default_factory=dict)
    pleth: deque[int] = field(default_factory=lambda: deque(maxlen=PLETH_COLUMNS * PLETH_STEP))

    def feed(self, topic: str, payload: bytes, now: Instant, *, retained: bool = False) -> bool:
        """Take a message in. False for one that is of no bed, or that cannot be read.

        A retained message is what the broker remembers: it fills the screen, and is no sign of life.
        """
        read = read_report(topic, payload)
        if read is None:
            return False
        self.take(read[1], now, retained=retained)
        return True

    def take(self, payload: BedPayload, now: Instant, *, retained: bool = False) -> None:
        """As `feed`, with a message that has been read."""
        if not retained and not isinstance(payload, Will):
            self.heard = now
        match payload:
            case Birth() | Stopped() | Will():
                self.status = payload
            case Setup():
                self.setup = payload
            case Alarms():
                self.alarms, self.alarms_heard = payload, now
            case Vitals():
                self.vitals, self.vitals_heard = payload, now
            case Pleth():
                self.pleth.extend(payload.samples[-PLETH_COLUMNS * PLETH_STEP :])
            case Line():
                if payload.device in self.lines or len(self.lines) < MOST_LINES:
                    self.lines[payload.device] = payload
            case Answer():
                pass

    def lost(self, now: Instant) -> bool:
        """Whether nothing shown of this bed can be current."""
        return self.heard is None or now - self.heard >= LOST_AFTER or not isinstance(self.status, Birth)

    def render(self, now: Instant) -> RenderableType:
        """The bed as a panel: alarms, vitals, pleth, lines."""
        lost = self.lost(now)
        parts: list[RenderableType] = [self.state_line(now), *self._alarms()]
        if self.vitals is not None:
            parts.append(self._vitals(self.vitals, now, lost=lost))
        if self.pleth and not lost:
            parts.append(Text(sparkline(list(self.pleth)[::PLETH_STEP]), "cyan", no_wrap=True))
        if self.lines:
            parts.append(self._lines())
        if self.setup is not None:
            parts.append(_setup(self.setup))
        highest = self.alarms.highest if self.alarms else None
        border = (
            "red" if lost or highest is Priority.HIGH else "yellow" if highest is Priority.MEDIUM else "dim"
        )
        return Panel(Group(*parts), title=Text(self.bed, "bold"), title_align="left", border_style=border)

    def state_line(self, now: Instant) -> Text:
        """Whether the bed is there, and its sound."""
        text = Text()
        match self.status:
            case Birth() as birth:
                text.append(f"online  vigil {shown(birth.version)}  clock {birth.clock}", "dim")
            case Stopped():
                text.append("STOPPED: nobody watches at this bed", "bold white on red")
            case Will():
                text.append("OFFLINE: lost without a word", "bold white on red")
            case None:
                text.append("no status", "bold red")
        if isinstance(self.status, Birth) and self.lost(now):
            silence = "never" if self.heard is None else f"{in_seconds(now - self.heard):.0f} s ago"
            text.append(f"  NOT CURRENT: last heard {silence}", "bold white on red")
        text.append("  ")
        if self.alarms is None:
            text.append("no alarm state", "bold red")
            return text
        text.append(*AUDIO[self.alarms.audio])
        until_ms = self.alarms.audio_until_mono_ms
        if until_ms is not None:
            left_ms = until_ms - self.alarms.mono_ms - in_milliseconds(now - self.alarms_heard)
            text.append(f" {max(0, left_ms) // 1000} s", "blue")
        return text

    def _alarms(self) -> list[RenderableType]:
        if self.alarms is None:
            return []
        most_urgent_first = sorted(self.alarms.conditions, key=lambda condition: -condition.priority)
        return [alarm_line(condition) for condition in [*most_urgent_first, *self.alarms.indications]]

    def _vitals(self, vitals: Vitals, now: Instant, *, lost: bool) -> Table:
        table = Table.grid(padding=(0, 2))
        for vital in vitals.vitals:
            table.add_row(*_vital_row(vital, now - self.vitals_heard, current=not lost))
        return table

    def _lines(self) -> Text:
        text = Text()
        for line in self.lines.values():
            up = line.state == "up"
            rejected = sum(line.rejected.values())
            text.append(f"{shown(line.device)} ", "dim")
            text.append(
                "up" if up else f"DOWN {shown(line.down_reason or '')}".rstrip(),
                "green" if up else "bold red",
            )
            text.append(f" {line.frames} frames, {rejected} rejected   ", "dim")
        return text


@dataclass(slots=True)
class Ward:
    """All beds that were heard of, up to a bound."""

    views: dict[str, BedView] = field(default_factory=dict)

    def feed(self, topic: str, payload: bytes, now: Instant, *, retained: bool = False) -> bool:
        """As `BedView.feed`, to the bed it is about."""
        read = read_report(topic, payload)
        if read is None:
            return False
        bed = read[0].bed
        if bed not in self.views:
            if len(self.views) >= MOST_BEDS:
                return False
            self.views[bed] = BedView(bed)
        return self.views[bed].feed(topic, payload, now, retained=retained)

    def render(self, now: Instant) -> RenderableType:
        """Every bed below the other, by name."""
        if not self.views:
            return Text("no bed heard yet", "dim")
        return Group(*(self.views[bed].render(now) for bed in sorted(self.views)))


def alarm_line(condition: Indication) -> Text:
    """One alarm condition as a line of text in the colour of its priority; an indication has none."""
    priority = condition.priority if isinstance(condition, Condition) else None
    marks = priority.marks if priority else "i"
    text = Text(f"{marks:>3} {shown(condition.text)}", STYLES[priority] if priority else "dim")
    if condition.presence.value != "present":
        text.append(f" ({condition.presence.value})")
    if condition.acknowledged is not None:
        text.stylize("dim")
        text.append(f" acknowledged by {shown(condition.acknowledged.by)}", "dim")
    return text


def sparkline(samples: list[int]) -> str:
    """Samples as a row of bars, from their lowest to their highest."""
    low, high = min(samples), max(samples)
    if low == high:
        return BARS[0] * len(samples)
    return "".join(BARS[(sample - low) * (len(BARS) - 1) // (high - low)] for sample in samples)


def one_line(topic: str, payload: bytes) -> str | None:
    """A message in one line of plain text; None for the waveform and for what is of no bed."""
    read = read_report(topic, payload)
    if read is None:
        return None
    place, said = read
    if isinstance(said, Pleth):
        return None
    head = " ".join(filter(None, (place.bed, place.subject.value, place.part)))
    return shown(f"{head}: {_words(said)}")


def _words(said: Birth | Stopped | Will | Setup | Vitals | Alarms | Line | Answer) -> str:
    match said:
        case Birth() | Stopped() | Will():
            return said.state
        case Setup():
            return f"preset {said.preset}, phase {said.phase}, {len(said.limits)} limits"
        case Vitals():
            return ", ".join(_vital_words(vital) for vital in said.vitals)
        case Alarms():
            shown_now = [alarm_line(condition).plain.strip() for condition in said.conditions]
            return f"audio {said.audio.value}; {'; '.join(shown_now) or 'none'}"
        case Line():
            return f"{said.state}, {said.frames} frames, {sum(said.rejected.values())} rejected"
        case Answer():
            word = said.refusal.value if said.refusal else ""
            return "done" if said.done else f"refused {word}: {said.detail}"


def shown(text: str) -> str:
    """Text from the wire, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _vital_words(vital: KnownVital | MissingVital) -> str:
    if isinstance(vital, MissingVital):
        return f"{vital.name.value} -- ({vital.missing.value})"
    return f"{vital.name.value} {vital.value} {vital.unit or ''}".rstrip()


def _vital_row(vital: KnownVital | MissingVital, waited: Instant, *, current: bool) -> tuple[Text, ...]:
    """Name, value, age, source. Only what alarms go by, and is current, stands out."""
    style = "bold" if vital.primary and current else "dim"
    title = Text(describe(vital.name).name, style)
    if isinstance(vital, MissingVital):
        return title, Text(f"-- {vital.missing.value}", "yellow"), Text(), Text(shown(vital.source), "dim")
    value = Text(f"{vital.value} {vital.unit or ''}".rstrip(), style)
    if vital.quality is Quality.QUESTIONABLE:
        value.append(" ?", "yellow")
    age_s = (vital.age_ms + in_milliseconds(waited)) // 1000
    source = shown(vital.source) + (f", {vital.rr_source.value}" if vital.rr_source else "")
    return title, value, Text(f"{age_s} s" if age_s else "now", "dim"), Text(source, "dim")


def _setup(setup: Setup) -> Text:
    text = Text(f"{shown(setup.preset)}, {shown(setup.phase)}", "dim")
    if setup.patient is not None:
        text.append(f", patient {shown(setup.patient.reference)}")
    for item in setup.not_monitored:
        text.append(f"\n{shown(item.condition)} not monitored: {shown(item.reason)}", "yellow")
    return text
