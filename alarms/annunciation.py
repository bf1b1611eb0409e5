"""All alarm conditions together, to the one level that sound, lamps and screen show.

The highest priority wins, for sound and lamp each on its own: acknowledged conditions fall silent and keep
their lamp. Every condition stays in the text, most urgent first, newest first within a priority.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from alarms.catalogue import Row
from alarms.verdicts import Judgement, Verdict
from bedside.effects import ConditionState, NotMonitored, Presence
from bedside.instants import Instant, in_seconds
from bedside.level import Level, ScreenLine
from bedside.priorities import Audio, Category, Priority
from bedside.vitals import QUANTITIES

INFUSION_RUNNING: Final = "infusion running"
PUMP_NOT_HEARD: Final = "pump not heard, infusion may be running"

UNIT_TEXT: Final = {
    "%": " %",
    "{beat}/min": "/min",
    "{breath}/min": "/min",
    "mm[Hg]": " mmHg",
    "mL": " mL",
    "1": "",
}


def describe(row: Row, judgement: Judgement, *, pump: str) -> str:
    """The text of a condition: the problem, its number and limit, and what the pump is doing."""
    parts = [row.name]
    if judgement.vital is not None and judgement.limit is not None:
        quantity = QUANTITIES[judgement.vital]
        unit = UNIT_TEXT[quantity.unit]
        if judgement.value is None:
            parts.append(f"no value now (limit {judgement.limit:g}{unit})")
        else:
            parts.append(f"{judgement.value:.{quantity.decimals}f}{unit} (limit {judgement.limit:g}{unit})")
    elif judgement.value is not None and judgement.vital is not None:
        quantity = QUANTITIES[judgement.vital]
        parts.append(f"{judgement.value:.1f}{UNIT_TEXT[quantity.unit]} left")
    if judgement.detail:
        parts.append(judgement.detail)
    if row.hint and judgement.verdict is Verdict.ABNORMAL:
        parts.append(row.hint)
    text = ": ".join(parts[:2]) + "".join(f", {part}" for part in parts[2:])
    return f"{text}, {pump}" if row.tells_infusion and pump else text


@dataclass(frozen=True, slots=True)
class Sound:
    """State of the alarm system's sound; `until` is when a pause ends."""

    audio: Audio
    until: Instant | None = None


def annunciate(
    conditions: Iterable[tuple[ConditionState, Category]],
    sound: Sound,
    not_monitored: Iterable[NotMonitored],
    status: tuple[str, ...],
    now: Instant,
) -> Level:
    """The level that these conditions ask for. Ended ones stay in the text, below all that is not over."""
    ranked = sorted(
        (pair for pair in conditions if pair[0].priority is not None),
        key=lambda pair: (-_urgency(pair[0]), -pair[0].since),
    )
    open_ones = [pair for pair in ranked if pair[0].presence is not Presence.ENDED]
    sounding = [pair for pair in open_ones if pair[0].acknowledged is None]
    loudest = sounding[0] if sounding else None
    return Level(
        sound=loudest[0].priority if loudest and sound.audio is Audio.ON else None,
        category=loudest[1] if loudest else Category.GENERAL,
        lamp=open_ones[0][0].priority if open_ones else None,
        audio=sound.audio,
        lines=(
            *_audio_lines(sound, now),
            *(_line(state) for state, _ in ranked),
            *(ScreenLine(text) for text in status),
            *(ScreenLine(f"not monitored: {item.condition} ({item.reason})") for item in not_monitored),
        ),
    )


def _urgency(state: ConditionState) -> int:
    if state.presence is Presence.ENDED or state.priority is None:
        return 0
    return state.priority.value


def _audio_lines(sound: Sound, now: Instant) -> list[ScreenLine]:
    """How long a pause still lasts; the panel says itself that the sound is paused."""
    if sound.until is None:
        return []
    return [ScreenLine(f"sound returns in {max(0, round(in_seconds(sound.until - now)))} s")]


def _line(state: ConditionState) -> ScreenLine:
    ended = state.presence is Presence.ENDED
    notes = [f"{state.presence.value}"] if state.presence is not Presence.PRESENT else []
    if state.acknowledged is not None:
        notes.append(f"acknowledged by {state.acknowledged.by}")
    suffix = f" [{', '.join(notes)}]" if notes else ""
    return ScreenLine(
        f"{state.id} {state.text}{suffix}",
        priority=None if ended else state.priority,
        acknowledged=state.acknowledged is not None,
    )


def highest(states: Iterable[ConditionState]) -> Priority | None:
    """The highest priority among episodes that are not over."""
    return max(
        (
            state.priority
            for state in states
            if state.priority is not None and state.presence is not Presence.ENDED
        ),
        default=None,
    )
