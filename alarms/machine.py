"""One alarm condition over time: two small machines, coupled by rule.

The *condition* machine follows verdicts: is the hazard there? Its table is `CONDITION`.

    ABSENT -> PENDING -> PRESENT -> CLEARING -> ABSENT       FROZEN: pending, and blind for at most 5 s

The *signal* machine follows the condition and the people: must somebody still be told? Its table is `SIGNAL`.

    OFF -> SOUNDING -> ACKNOWLEDGED -> OFF                   LATCHED: the hazard is over, nobody has seen it

Rules of the coupling:

1. Evidence raises and evidence ends. `UNKNOWN` never moves a condition that is present.
2. An episode begins when the condition is raised and is over when the signal is off. A latched condition that
   comes back ends its episode and begins another: an acknowledgement for the one does not silence the other.
3. Priority only rises within an episode. A rise sounds again, whatever was acknowledged before.
4. While good values count towards the end, escalation waits; the first value that is not good catches it up.
5. An acknowledgement ends a latched episode, and silences a present one until it rises or ends.

Everything here is decided at an exact instant: `deadline` names the next one, `tick` takes it.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from alarms.catalogue import During, OnUnknown, Row
from alarms.session import Phase
from alarms.verdicts import Judgement, Scene, Verdict
from bedside.effects import Acknowledgement, Change, Presence
from bedside.instants import SECOND, Instant, earliest, seconds
from bedside.priorities import Priority
from bedside.vitals import Vital

BLIND_LIMIT: Final = 5 * SECOND + 1
"""A pending condition keeps its place in the queue for up to five seconds without evidence, so that five
reports missed at one a second do not drop it: only the nanosecond after them does.
"""


class Stage(Enum):
    """States of the condition machine."""

    ABSENT = "absent"
    PENDING = "pending"
    FROZEN = "frozen"
    PRESENT = "present"
    CLEARING = "clearing"


class Signal(Enum):
    """States of the signal machine."""

    OFF = "off"
    SOUNDING = "sounding"
    ACKNOWLEDGED = "acknowledged"
    LATCHED = "latched"


class Step(Enum):
    """What the condition machine does about a verdict."""

    STAY = "stay"
    BEGIN = "begin"
    DROP = "drop"
    FREEZE = "freeze"
    THAW = "thaw"
    CLEAR = "clear"
    RELAPSE = "relapse"


_N, _W, _A, _U = Verdict.NORMAL, Verdict.WITHIN, Verdict.ABNORMAL, Verdict.UNKNOWN

CONDITION: Final = {
    Stage.ABSENT: {_N: Step.STAY, _W: Step.STAY, _A: Step.BEGIN, _U: Step.STAY},
    Stage.PENDING: {_N: Step.DROP, _W: Step.DROP, _A: Step.STAY, _U: Step.FREEZE},
    Stage.FROZEN: {_N: Step.DROP, _W: Step.DROP, _A: Step.THAW, _U: Step.STAY},
    Stage.PRESENT: {_N: Step.CLEAR, _W: Step.STAY, _A: Step.STAY, _U: Step.STAY},
    Stage.CLEARING: {_N: Step.STAY, _W: Step.RELAPSE, _A: Step.RELAPSE, _U: Step.RELAPSE},
}


class News(Enum):
    """What moves the signal machine."""

    RAISED = "raised"
    RISEN = "risen"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"


SIGNAL: Final = {
    (Signal.OFF, News.RAISED): (Signal.SOUNDING, Change.RAISED),
    (Signal.SOUNDING, News.RISEN): (Signal.SOUNDING, Change.ESCALATED),
    (Signal.SOUNDING, News.ACKNOWLEDGED): (Signal.ACKNOWLEDGED, Change.ACKNOWLEDGED),
    (Signal.ACKNOWLEDGED, News.RISEN): (Signal.SOUNDING, Change.ESCALATED),
    (Signal.ACKNOWLEDGED, News.ENDED): (Signal.OFF, Change.ENDED),
    (Signal.LATCHED, News.ACKNOWLEDGED): (Signal.OFF, Change.ENDED),
    (Signal.LATCHED, News.ENDED): (Signal.OFF, Change.ENDED),
}
"""What each piece of news does, where it can happen. The one branch is SOUNDING + ENDED: see `_end_signal`.
"""


@dataclass(slots=True)
class Episode:
    """One stretch of an alarm condition, from being raised until its signal is off."""

    number: int
    since: Instant
    priority: Priority | None
    signal: Signal
    acknowledged: Acknowledgement | None = None
    acknowledged_values: Mapping[Vital, float] = field(default_factory=dict)

    @property
    def presence(self) -> Presence:
        """Where it stands, in the words of the wire."""
        if self.signal is Signal.LATCHED:
            return Presence.LATCHED
        return Presence.ENDED if self.signal is Signal.OFF else Presence.PRESENT


@dataclass(frozen=True, slots=True)
class Happening:
    """A step in the life of an episode."""

    change: Change
    episode: Episode


class Condition:
    """One row of the catalogue, walked through time."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.stage = Stage.ABSENT
        self.episode = Episode(number=0, since=0, priority=None, signal=Signal.OFF)
        self.judgement = Judgement(Verdict.UNKNOWN)
        self.abnormal_until: Instant | None = None
        self._abnormal_since: Instant = 0
        self._frozen_at: Instant = 0
        self._normal_since: Instant = 0
        self._first_measured_at: Instant | None = None
        self._watched: Mapping[Vital, float] = {}
        self._due: Instant | None = None
        self._dips: deque[Instant] = deque(maxlen=row.dips.count if row.dips else 1)

    @property
    def deadline(self) -> Instant | None:
        """The next instant at which time alone moves this condition, or makes its verdict due again."""
        return earliest(self._due, self.judgement.until)

    @property
    def present(self) -> bool:
        """Whether the hazard is decided to be there, sounding or not."""
        return self.stage in (Stage.PRESENT, Stage.CLEARING)

    def walk(self, scene: Scene, number: int, now: Instant) -> list[Happening]:
        """Judge the scene and move as far as it goes at this instant. `number` names a new episode, if one
        begins.

        Called after every event and at every deadline.
        """
        self._remember(now)
        self.judgement = judgement = self.row.rule.judge(scene, now)
        self._watched = self._watch(scene, now)
        changes = self._take(judgement, scene, number, now)
        changes += self._due_now(scene, number, now)
        self._due = self._next_due(scene, now)
        self._remember(now)
        return changes

    def _remember(self, now: Instant) -> None:
        """Note when the abnormality was last there: what was found holds until it is judged anew."""
        if self.present or self.judgement.verdict is Verdict.ABNORMAL:
            self.abnormal_until = now

    def acknowledge(self, by: str, now: Instant) -> list[Happening]:
        """Somebody has seen the episode at its present priority."""
        episode = self.episode
        if episode.priority is None or (episode.signal, News.ACKNOWLEDGED) not in SIGNAL:
            return []
        episode.acknowledged = Acknowledgement(by, now, episode.priority)
        episode.acknowledged_values = self._watched
        return self._signal(News.ACKNOWLEDGED)

    def forget_acknowledgement(self) -> list[Happening]:
        """What was acknowledged sounds again: it has grown worse, has lasted, or is now another patient's."""
        episode = self.episode
        if episode.signal is not Signal.ACKNOWLEDGED:
            return []
        episode.signal, episode.acknowledged = Signal.SOUNDING, None
        return [Happening(Change.RESOUNDED, episode)]

    def end(self) -> list[Happening]:
        """What this rested on is void: the hazard, pending or present, is forgotten."""
        self.stage, self.abnormal_until = Stage.ABSENT, None
        self.judgement = replace(self.judgement, verdict=Verdict.UNKNOWN)
        if self.episode.signal is Signal.OFF:
            return []
        self.episode.signal = Signal.OFF
        return [Happening(Change.ENDED, self.episode)]

    # The condition machine

    def _take(self, judgement: Judgement, scene: Scene, number: int, now: Instant) -> list[Happening]:
        match CONDITION[self.stage][judgement.verdict]:
            case Step.BEGIN:
                self._begin(judgement, now)
                if self._dipped(now):
                    return self._raise(scene, number, now)
            case Step.FREEZE if self.row.unknown is OnUnknown.FREEZES:
                self.stage, self._frozen_at = Stage.FROZEN, now
            case Step.THAW:
                self.stage = Stage.PENDING
                self._abnormal_since += now - self._frozen_at
            case Step.DROP:
                self.stage = Stage.ABSENT
            case Step.CLEAR:
                self.stage, self._normal_since = Stage.CLEARING, now
            case Step.RELAPSE:
                self.stage = Stage.PRESENT
            case _:
                pass
        if self.stage is Stage.PENDING and judgement.since is not None:
            self._abnormal_since = judgement.since
        if self.stage is Stage.PENDING and self._confirmed(judgement):
            return self._raise(scene, number, now)
        return self._resound(now) if self.present else []

    def _begin(self, judgement: Judgement, now: Instant) -> None:
        self.stage = Stage.PENDING
        self._abnormal_since = now if judgement.since is None else judgement.since
        self._first_measured_at = judgement.measured_at

    def _dipped(self, now: Instant) -> bool:
        """Whether this excursion is one too many within the row's time."""
        dips = self.row.dips
        if dips is None:
            return False
        self._dips.append(now)
        return len(self._dips) == dips.count and now - self._dips[0] <= seconds(dips.within_s)

    def _confirmed(self, judgement: Judgement) -> bool:
        """Whether a second measurement agrees with the one that began this."""
        return (
            self.row.confirmed_by_repeat
            and judgement.verdict is Verdict.ABNORMAL
            and judgement.measured_at != self._first_measured_at
        )

    def _due_now(self, scene: Scene, number: int, now: Instant) -> list[Happening]:
        """Take every step of time that is due at this instant."""
        changes: list[Happening] = []
        if self.stage is Stage.PENDING and self._raise_at(scene) <= now:
            changes += self._raise(scene, number, now)
        elif self.stage is Stage.FROZEN and self._frozen_at + BLIND_LIMIT <= now:
            self.stage = Stage.ABSENT
        if self.stage is Stage.PRESENT:
            changes += self._escalate(scene, now)
        if self.stage is Stage.CLEARING and self._clear_at <= now:
            self.stage = Stage.ABSENT
            changes += self._end_signal()
        return changes

    def _next_due(self, scene: Scene, now: Instant) -> Instant | None:
        match self.stage:
            case Stage.PENDING:
                return self._raise_at(scene)
            case Stage.FROZEN:
                return self._frozen_at + BLIND_LIMIT
            case Stage.PRESENT:
                return earliest(self._escalation_due(scene, now), self._resound_at)
            case Stage.CLEARING:
                return self._clear_at
            case _:
                return None

    def _raise_at(self, scene: Scene) -> Instant:
        delay, board = self.row.delay, scene.board
        wait = delay.s
        if delay.dosing_s is not None and scene.session.phase is Phase.DOSING:
            wait = delay.dosing_s
        inflated_at = board.cuff_inflated_at
        inflated_since = board.cuff_inflated or (
            inflated_at is not None and inflated_at >= self._abnormal_since
        )
        if delay.cuff_s is not None and scene.cuff_blanks_pulse and inflated_since:
            wait = delay.cuff_s
        return self._abnormal_since + seconds(wait)

    @property
    def _clear_at(self) -> Instant:
        return self._normal_since + seconds(self.row.clear_after_s)

    def _raise(self, scene: Scene, number: int, now: Instant) -> list[Happening]:
        self.stage = Stage.PRESENT
        superseded = self._signal(News.ENDED) if self.episode.signal is Signal.LATCHED else []
        self.episode = Episode(number, since=now, priority=None, signal=Signal.OFF)
        self.episode.priority = self._priority(scene, now)
        return [*superseded, *self._signal(News.RAISED)]

    # Priority

    def _priority(self, scene: Scene, now: Instant) -> Priority | None:
        """The highest priority that any step gives now; never lower than the episode already had."""
        episode = self.episode
        found = [
            step.priority
            for step in self.row.steps
            if now >= episode.since + seconds(step.after_s)
            and self.judgement.grade >= step.grade
            and _applies(step.during, scene, now)
        ]
        if episode.priority is not None:
            found.append(episode.priority)
        return max(found, default=None)

    def _escalate(self, scene: Scene, now: Instant) -> list[Happening]:
        episode = self.episode
        if (priority := self._priority(scene, now)) == episode.priority:
            return []
        episode.priority = priority
        return self._signal(News.RISEN)

    def _escalation_due(self, scene: Scene, now: Instant) -> Instant | None:
        """When a later step of this row would raise the priority, if all else stays as it is."""
        episode = self.episode
        return min(
            (
                at
                for step in self.row.steps
                if (at := episode.since + seconds(step.after_s)) > now
                and (episode.priority is None or step.priority > episode.priority)
                and self.judgement.grade >= step.grade
                and _applies(step.during, scene, now)
            ),
            default=None,
        )

    # The signal machine

    def _signal(self, news: News) -> list[Happening]:
        episode = self.episode
        episode.signal, change = SIGNAL[episode.signal, news]
        if episode.signal is Signal.SOUNDING:
            episode.acknowledged = None
        return [Happening(change, episode)]

    def _end_signal(self) -> list[Happening]:
        """The hazard is over: latched if the row says so and nobody has acknowledged it."""
        if self.episode.signal is Signal.SOUNDING:
            latched = self.row.latching
            self.episode.signal = Signal.LATCHED if latched else Signal.OFF
            return [Happening(Change.LATCHED if latched else Change.ENDED, self.episode)]
        return self._signal(News.ENDED)

    @property
    def _resound_at(self) -> Instant | None:
        episode, rule = self.episode, self.row.resound
        if rule is None or episode.acknowledged is None:
            return None
        return episode.acknowledged.at + seconds(rule.after_s)

    def _watch(self, scene: Scene, now: Instant) -> Mapping[Vital, float]:
        """What is known now of the vitals whose rise makes an acknowledged condition sound again."""
        vitals = self.row.resound.vitals if self.row.resound else ()
        return {v: value for v in vitals if (value := scene.board.number(v, now)) is not None}

    def _resound(self, now: Instant) -> list[Happening]:
        """An acknowledged condition that has grown worse, or has lasted, sounds again."""
        episode, rule, again_at = self.episode, self.row.resound, self._resound_at
        if rule is None or again_at is None:
            return []
        seen = episode.acknowledged_values
        worse = any(value >= seen[v] + rule.rise for v, value in self._watched.items() if v in seen)
        if not worse and now < again_at:
            return []
        return self.forget_acknowledgement()


def _applies(during: During, scene: Scene, now: Instant) -> bool:
    match during:
        case During.ALWAYS:
            return True
        case During.DOSING:
            return scene.session.phase is Phase.DOSING
        case _:
            return scene.session.at_risk(now)
