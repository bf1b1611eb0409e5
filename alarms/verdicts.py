"""Rules: what is known of the bed, and a limit, to a verdict.

A verdict is one of four. `ABNORMAL` and `NORMAL` are evidence. `WITHIN` is a value between limit and
hysteresis, or one past it that the device doubts: enough to stop a condition from being raised, not enough
to end one. `UNKNOWN` is no evidence at all, and what a condition makes of it is a column of its row.
Questionable values count in full for raising and not for clearing (clinical basis, 7).

A judgement says until when it holds by itself, so that age alone can change a verdict at its exact instant.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Protocol

from alarms.board import Absent, Board, Known
from alarms.limits import Threshold
from alarms.schedule import OUTDATED_FACTOR
from alarms.session import Phase, Session
from bedside.facts import FlagName, Quality, Reason
from bedside.instants import MINUTE, SECOND, Instant, earliest
from bedside.vitals import PumpState, RespirationSource, Vital


class Verdict(Enum):
    """What a rule concludes."""

    NORMAL = "normal"
    WITHIN = "within"
    ABNORMAL = "abnormal"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on.

    `until`: the instant at which it must be asked again even if nothing arrives. `since`: when an abnormality
    began, if that was before it could be noticed. `measured_at`: when the value it rests on was received.
    `grade`: 2 where the rule knows a worse form of the same condition.
    """

    verdict: Verdict
    until: Instant | None = None
    value: float | None = None
    limit: float | None = None
    vital: Vital | None = None
    since: Instant | None = None
    measured_at: Instant | None = None
    grade: int = 1
    detail: str = ""


@dataclass(slots=True)
class Surroundings:
    """What the alarm system knows of its own limbs: stations, panel, sound."""

    stations_named: tuple[str, ...] = ()
    stations_online: frozenset[str] = frozenset()
    broker_lost_at: Instant | None = None
    stations_lost_at: Instant | None = None
    panel_lost: bool = False
    panel_faults: tuple[str, ...] = ()
    panel_drives_as_asked: bool = True
    audio_paused: bool = False


@dataclass(frozen=True, slots=True)
class Witness:
    """What another condition says: its judgement, and when it was last abnormal or present, if ever."""

    judgement: Judgement
    abnormal_until: Instant | None


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a rule may look at. `others` are the conditions that stand before it in the catalogue, as
    they are now.
    """

    board: Board
    limits: Mapping[str, Threshold]
    session: Session
    surroundings: Surroundings
    nibp_failures: int
    nibp_expected_by: Instant | None
    nibp_interval: Instant
    cuff_blanks_pulse: bool
    others: Mapping[str, Witness]


class Rule(Protocol):
    """One way of judging a scene."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        """The verdict now."""


HOUR: Final = 60 * MINUTE
NORMAL: Final = Judgement(Verdict.NORMAL)
UNKNOWN: Final = Judgement(Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Below:
    """A vital under its limit; normal again at limit plus hysteresis."""

    limit: str
    hysteresis: float

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        threshold = scene.limits[self.limit].value
        return _compare(
            scene,
            now,
            self.limit,
            abnormal=lambda value: value < threshold,
            normal=lambda value: value >= threshold + self.hysteresis,
        )


@dataclass(frozen=True, slots=True)
class Above:
    """A vital over its limit; normal again at limit minus hysteresis."""

    limit: str
    hysteresis: float

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        threshold = scene.limits[self.limit].value
        return _compare(
            scene,
            now,
            self.limit,
            abnormal=lambda value: value > threshold,
            normal=lambda value: value <= threshold - self.hysteresis,
        )


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A vital at its limit or over it; normal again at limit minus hysteresis."""

    limit: str
    hysteresis: float

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        threshold = scene.limits[self.limit].value
        return _compare(
            scene,
            now,
            self.limit,
            abnormal=lambda value: value >= threshold,
            normal=lambda value: value <= threshold - self.hysteresis,
        )


class _Test(Protocol):
    def __call__(self, value: float, /) -> bool: ...


def _compare(scene: Scene, now: Instant, limit: str, *, abnormal: _Test, normal: _Test) -> Judgement:
    threshold = scene.limits[limit]
    vital, board = threshold.row.vital, scene.board
    match board.look(vital, now):
        case Known(int() | float() as value, quality, measured_at):
            if abnormal(value):
                verdict = Verdict.ABNORMAL
            elif normal(value) and quality is Quality.GOOD:
                verdict = Verdict.NORMAL
            else:
                verdict = Verdict.WITHIN
            return Judgement(
                verdict,
                until=board.changes_at(vital, now),
                value=value,
                limit=threshold.value,
                vital=vital,
                measured_at=measured_at,
            )
        case _:
            return Judgement(Verdict.UNKNOWN, limit=threshold.value, vital=vital)


@dataclass(frozen=True, slots=True)
class RatioAtLeast:
    """The ratio of a limit's vital to another one, at its limit or over it; normal again at limit minus
    hysteresis.
    """

    limit: str
    hysteresis: float
    per: Vital

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        threshold, board = scene.limits[self.limit], scene.board
        vital = threshold.row.vital
        match board.look(vital, now), board.look(self.per, now):
            case Known(int() | float() as value, quality), Known(int() | float() as other, other_quality):
                ratio = value / other
                if ratio >= threshold.value:
                    verdict = Verdict.ABNORMAL
                elif ratio <= threshold.value - self.hysteresis and quality is other_quality is Quality.GOOD:
                    verdict = Verdict.NORMAL
                else:
                    verdict = Verdict.WITHIN
                until = earliest(board.changes_at(vital, now), board.changes_at(self.per, now))
                return Judgement(verdict, until=until)
            case _:
                return UNKNOWN


@dataclass(frozen=True, slots=True)
class AsJudged:
    """What another condition finds now, whether or not it has lasted long enough to be raised."""

    other: str

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        return scene.others[self.other].judgement


@dataclass(frozen=True, slots=True)
class Lately:
    """Another condition is present or finds its abnormality, or did so within this time."""

    other: str
    within: Instant

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        witness = scene.others[self.other]
        until = witness.abnormal_until
        if until is not None and now < until + self.within:
            return Judgement(Verdict.ABNORMAL, until=until + self.within)
        return Judgement(witness.judgement.verdict)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Abnormal when one part is; normal when all parts are."""

    parts: tuple[Rule, ...]

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        found = [part.judge(scene, now) for part in self.parts]
        return _combine(found, decisive=Verdict.ABNORMAL, unanimous=Verdict.NORMAL)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Abnormal when all parts are; normal when one part is."""

    parts: tuple[Rule, ...]

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        found = [part.judge(scene, now) for part in self.parts]
        return _combine(found, decisive=Verdict.NORMAL, unanimous=Verdict.ABNORMAL)


def _combine(found: list[Judgement], *, decisive: Verdict, unanimous: Verdict) -> Judgement:
    until = earliest(*(judgement.until for judgement in found))
    for verdict in (decisive, Verdict.UNKNOWN, Verdict.WITHIN):
        if (first := _first(found, verdict)) is not None:
            return replace(first, until=until)
    return replace(_first(found, unanimous) or NORMAL, until=until)


def _first(found: Iterable[Judgement], verdict: Verdict) -> Judgement | None:
    return next((judgement for judgement in found if judgement.verdict is verdict), None)


@dataclass(frozen=True, slots=True)
class PulseLost:
    """The probe is on, a pulse was there for five seconds since it was applied, and is gone."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board = scene.board
        match board.look(Vital.PR, now):
            case Known(_, quality):
                verdict = Verdict.NORMAL if quality is Quality.GOOD else Verdict.WITHIN
                return Judgement(verdict, until=board.changes_at(Vital.PR, now))
            case Absent(reason) if reason in _PULSE_LOST and board.pulse_armed:
                return Judgement(Verdict.ABNORMAL)
            case _:
                return UNKNOWN


@dataclass(frozen=True, slots=True)
class PulsesApart:
    """The pulse at the cuff and at the probe, compared at each cuff reading: abnormal when the last two both
    differed by more than the limit, normal when the last one did by no more than limit minus hysteresis.
    """

    limit: str
    hysteresis: float

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        threshold, gaps = scene.limits[self.limit].value, scene.board.pulse_gaps
        if not gaps:
            return UNKNOWN
        last = gaps[-1]
        if len(gaps) == gaps.maxlen and all(gap.per_min > threshold for gap in gaps):
            return Judgement(Verdict.ABNORMAL, detail=f"{last.per_min:.0f}/min apart")
        if last.per_min <= threshold - self.hysteresis and not last.doubted:
            return NORMAL
        return Judgement(Verdict.WITHIN)


_PULSE_LOST: Final = frozenset({Reason.SEARCHING, Reason.LOW_PERFUSION, Reason.UNSURE})
"""Not motion: a device that blames movement has seen a moving patient. T4 and I8 tell of that."""


@dataclass(frozen=True, slots=True)
class ProbeOff:
    """The probe is off, or has not found a pulse since it was applied."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board = scene.board
        match board.look(Vital.SPO2, now):
            case Known():
                return Judgement(Verdict.NORMAL, until=board.changes_at(Vital.SPO2, now))
            case Absent(Reason.PROBE_OFF):
                return Judgement(Verdict.ABNORMAL)
            case Absent(reason) if reason in _PULSE_LOST:
                return NORMAL if board.pulse_armed else Judgement(Verdict.ABNORMAL)
            case _:
                return UNKNOWN


@dataclass(frozen=True, slots=True)
class Flagged:
    """The device that is primary for a vital has raised one of these flags; some are the worse form."""

    vital: Vital
    names: tuple[FlagName, ...]
    worse: tuple[FlagName, ...] = ()

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board = scene.board
        if not board.link_up(self.vital):
            return UNKNOWN
        for names, grade in ((self.worse, 2), (self.names, 1)):
            detail = board.flag(self.vital, *names)
            if detail is not None:
                return Judgement(Verdict.ABNORMAL, grade=grade, detail=detail)
        match board.look(self.vital, now):
            case Absent(Reason.PROBE_OFF | Reason.SENSOR_FAULT):
                return UNKNOWN
            case _:
                return NORMAL


@dataclass(frozen=True, slots=True)
class MissingFor:
    """The device says that a vital is missing for this reason."""

    vital: Vital
    reason: Reason

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board = scene.board
        match board.look(self.vital, now):
            case Absent(self.reason):
                return Judgement(Verdict.ABNORMAL)
            case Absent(Reason.NEVER | Reason.STALE | Reason.LINK_DOWN):
                return UNKNOWN
            case _:
                return Judgement(Verdict.NORMAL, until=board.changes_at(self.vital, now))


@dataclass(frozen=True, slots=True)
class NoValue:
    """The device is heard and its probe is on, but it gives no value of a vital."""

    vital: Vital

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board = scene.board
        match board.look(self.vital, now):
            case Known():
                return Judgement(Verdict.NORMAL, until=board.changes_at(self.vital, now))
            case Absent(Reason.PROBE_OFF | Reason.SENSOR_FAULT):
                return UNKNOWN
            case _:
                return Judgement(Verdict.ABNORMAL) if board.link_up(self.vital) else UNKNOWN


@dataclass(frozen=True, slots=True)
class WhereGiven:
    """A rule for a vital that not every device gives: normal where none does."""

    vital: Vital
    rule: Rule

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        return self.rule.judge(scene, now) if scene.board.offers(self.vital) else NORMAL


TRICKLE: Final = 20 * SECOND
"""How much longer than silence itself a line may come and go before it counts as lost."""


@dataclass(frozen=True, slots=True)
class Silent:
    """No valid frame from the device that is primary for a vital: abnormal since it was last heard.

    A line that comes and goes is lost too, `TRICKLE` after its last steady spell: else one frame every few
    seconds would keep both the patient's alarms and this one from ever being raised.
    """

    vital: Vital

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board = scene.board
        if board.steady(self.vital):
            return NORMAL
        trickling_since = board.steady_until(self.vital) + TRICKLE
        if board.link_up(self.vital):
            return Judgement(Verdict.ABNORMAL, since=trickling_since)
        return Judgement(Verdict.ABNORMAL, since=min(board.heard_at(self.vital), trickling_since))


@dataclass(frozen=True, slots=True)
class NotRenewed:
    """Frames come, but a vital is neither renewed nor explained. A silent line is `Silent`, never this."""

    vital: Vital
    after: Instant

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board = scene.board
        if not board.link_up(self.vital):
            handed_over_at = board.heard_at(self.vital) + self.after
            if now >= handed_over_at:
                return NORMAL
            return Judgement(Verdict.UNKNOWN, until=handed_over_at)
        renewed_at = board.renewed_at(self.vital)
        noticed_at = renewed_at + board.sources[board.primary[self.vital]].stale_after
        if now >= noticed_at:
            return Judgement(Verdict.ABNORMAL, since=renewed_at)
        return Judgement(Verdict.NORMAL, until=noticed_at)


@dataclass(frozen=True, slots=True)
class RespirationSilent:
    """A respiration source that can see apnea had a rate and has none now."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board = scene.board
        source = board.sources[board.primary[Vital.RR]]
        if source.respiration in (None, RespirationSource.PLETH):
            return NORMAL
        match board.look(Vital.RR, now):
            case Absent() if board.had(Vital.RR):
                return Judgement(Verdict.ABNORMAL, vital=Vital.RR, detail="no breathing signal")
            case _:
                return Judgement(Verdict.NORMAL, until=board.changes_at(Vital.RR, now))


@dataclass(frozen=True, slots=True)
class StoppedBeforeEnd:
    """In dosing, the pump is not delivering although it has volume left, or does not say that it has none."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board, state = scene.board, scene.board.pump(now)
        if scene.session.phase is not Phase.DOSING:
            return NORMAL
        if state is None:
            return UNKNOWN
        until = board.changes_at(Vital.PUMP_STATE, now)
        if state.delivering or state in (PumpState.COMPLETE, PumpState.KVO):
            return Judgement(Verdict.NORMAL, until=until)
        remaining = board.number(Vital.VOLUME_REMAINING, now)
        if remaining == 0:
            return Judgement(Verdict.NORMAL, until=until)
        return Judgement(Verdict.ABNORMAL, until=until, value=remaining, vital=Vital.VOLUME_REMAINING)


@dataclass(frozen=True, slots=True)
class InfusionComplete:
    """In a session, the pump has given all that it was to give."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board, state = scene.board, scene.board.pump(now)
        if scene.session.phase is Phase.PRE:
            return NORMAL
        if state is None:
            return UNKNOWN
        done = not state.delivering and board.number(Vital.VOLUME_REMAINING, now) == 0
        done = done or state in (PumpState.COMPLETE, PumpState.KVO)
        until = earliest(*(board.changes_at(v, now) for v in (Vital.PUMP_STATE, Vital.VOLUME_REMAINING)))
        return Judgement(Verdict.ABNORMAL if done else Verdict.NORMAL, until=until)


@dataclass(frozen=True, slots=True)
class NearEnd:
    """The pump delivers and says that its end is near, or has volume left for no more than this time."""

    within: Instant

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board, state = scene.board, scene.board.pump(now)
        if state is None:
            return UNKNOWN
        vitals = (Vital.PUMP_STATE, Vital.VOLUME_REMAINING, Vital.INFUSION_RATE)
        until = earliest(*(board.changes_at(vital, now) for vital in vitals))
        near = board.flag(Vital.PUMP_STATE, FlagName.NEAR_END) is not None
        left_ml, ml_per_h = (board.number(vital, now) for vital in vitals[1:])
        if left_ml is not None and ml_per_h:
            near = near or left_ml / ml_per_h * HOUR <= self.within
        return Judgement(Verdict.ABNORMAL if near and state.delivering else Verdict.NORMAL, until=until)


@dataclass(frozen=True, slots=True)
class DeliveringUnwatched:
    """The pump delivers and there is no valid SpO2."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        board, state = scene.board, scene.board.pump(now)
        watched = board.changes_at(Vital.SPO2, now)
        until = earliest(watched, board.changes_at(Vital.PUMP_STATE, now))
        if isinstance(board.look(Vital.SPO2, now), Known):
            return Judgement(Verdict.NORMAL, until=until)
        if state is None:
            return UNKNOWN
        return Judgement(Verdict.ABNORMAL if state.delivering else Verdict.NORMAL, until=until)


@dataclass(frozen=True, slots=True)
class NibpFailed:
    """The last cuff measurement gave no result; from the second failure in a row it is the worse form."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        if scene.nibp_failures == 0:
            return NORMAL
        return Judgement(Verdict.ABNORMAL, grade=min(scene.nibp_failures, 2))


@dataclass(frozen=True, slots=True)
class NibpOverdue:
    """No valid cuff reading for the planned interval and its grace."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        expected_by = scene.nibp_expected_by
        if expected_by is None:
            return NORMAL
        if now >= expected_by:
            return Judgement(Verdict.ABNORMAL)
        return Judgement(Verdict.NORMAL, until=expected_by)


@dataclass(frozen=True, slots=True)
class NibpOld:
    """The cuff reading on display is older than one and a half intervals."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        look, interval = scene.board.look(Vital.NIBP_SYS, now), scene.nibp_interval
        match look:
            case Known(_, _, at):
                old_at = at + round(OUTDATED_FACTOR * interval)
                if now >= old_at:
                    return Judgement(Verdict.ABNORMAL)
                return Judgement(Verdict.NORMAL, until=old_at)
            case Absent(Reason.STALE):
                return Judgement(Verdict.ABNORMAL)
            case _:
                return NORMAL


@dataclass(frozen=True, slots=True)
class StationLost:
    """No broker session, or none of the named stations online."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        around = scene.surroundings
        since = earliest(around.broker_lost_at, around.stations_lost_at)
        return NORMAL if since is None else Judgement(Verdict.ABNORMAL, since=since)


@dataclass(frozen=True, slots=True)
class PanelFault:
    """The panel is not there, says it has a fault, or does not drive what it was asked to."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        around = scene.surroundings
        if around.panel_lost:
            return Judgement(Verdict.ABNORMAL, detail="panel not connected")
        if around.panel_faults:
            return Judgement(Verdict.ABNORMAL, detail=", ".join(around.panel_faults))
        if not around.panel_drives_as_asked:
            return Judgement(Verdict.ABNORMAL, detail="the panel does not drive what was asked")
        return NORMAL


@dataclass(frozen=True, slots=True)
class AudioPaused:
    """The sound is paused."""

    def judge(self, scene: Scene, now: Instant) -> Judgement:
        return Judgement(Verdict.ABNORMAL) if scene.surroundings.audio_paused else NORMAL
