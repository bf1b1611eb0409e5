"""Counts what a bed says over MQTT, and tells each change of its alarms. No broker, no clock."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from bedside.effects import Change, Presence
from bedside.priorities import Priority
from bedside.wire import Alarms, BedPayload, Condition, KnownVital, Place, Vitals

CHANGES: Final = (Change.RAISED, Change.ESCALATED, Change.ACKNOWLEDGED, Change.LATCHED, Change.ENDED)


@dataclass(frozen=True, slots=True)
class AlarmNews:
    """One change of one alarm episode, as seen between two messages."""

    change: Change
    condition: str
    priority: Priority
    text: str


class Tally:
    """All counts since the beginning."""

    def __init__(self) -> None:
        self.messages: Counter[str] = Counter()
        """By topic."""
        self.vitals: Counter[str] = Counter()
        """Values, by the device that they come from."""
        self.changes: dict[Change, Counter[str]] = {change: Counter() for change in CHANGES}
        """Changes of alarms, by condition."""
        self._boot = ""
        self._episodes: dict[str, Condition] = {}

    def on(self, place: Place, payload: BedPayload) -> list[AlarmNews]:
        """Count a message that is not retained."""
        self.messages[place.subject.value] += 1
        match payload:
            case Vitals():
                self.vitals.update(vital.source for vital in payload.vitals if isinstance(vital, KnownVital))
            case Alarms():
                news = self._compare(payload)
                for item in news:
                    self.changes[item.change][item.condition] += 1
                return news
        return []

    def _compare(self, alarms: Alarms) -> list[AlarmNews]:
        # What a dead agent had raised is not ended: nobody knows.
        known = self._episodes if alarms.boot == self._boot else {}
        current = {condition.episode: condition for condition in alarms.conditions}
        news = [
            _news(change, condition)
            for episode, condition in current.items()
            for change in _changes(known.get(episode), condition)
        ]
        news += [
            _news(Change.ENDED, condition)
            for episode, condition in known.items()
            if episode not in current and condition.presence is not Presence.ENDED
        ]
        self._boot, self._episodes = alarms.boot, current
        return news


def _changes(before: Condition | None, after: Condition) -> list[Change]:
    changes = []
    if before is None:
        if after.presence is Presence.ENDED:
            return []
        changes.append(Change.RAISED)
    elif after.priority > before.priority:
        changes.append(Change.ESCALATED)
    if after.acknowledged is not None and (before is None or before.acknowledged is None):
        changes.append(Change.ACKNOWLEDGED)
    if before is not None and after.presence is not before.presence:
        if after.presence is Presence.LATCHED:
            changes.append(Change.LATCHED)
        elif after.presence is Presence.ENDED:
            changes.append(Change.ENDED)
    return changes


def _news(change: Change, condition: Condition) -> AlarmNews:
    return AlarmNews(change, condition.id, condition.priority, condition.text)
