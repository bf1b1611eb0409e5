"""docs/alarms.md, made from the tables: what the clinic's physician reads before signing the limits off.

Nothing here is said twice: numbers come from the rows of the catalogue, from the limits and from the modules
that use them. What is added is words, one entry for each kind of rule, and the time that passes between an
event and the fact that tells of it (clinical basis, 9), which only the devices' manuals know. A rule without
words is an error: no condition can be in force and untold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from alarms import catalogue
from alarms.annunciation import INFUSION_RUNNING, UNIT_TEXT, describe
from alarms.board import ARMED_AFTER
from alarms.catalogue import UNWATCHED, During, Row, Step
from alarms.limits import LimitRow
from alarms.machine import BLIND_LIMIT
from alarms.schedule import (
    BLANK_FACTOR,
    CLOSE_WATCH,
    GRACE,
    OBSERVE_EARLY,
    OBSERVE_LATE,
    OUTDATED_FACTOR,
    PRE_GAP,
    REST,
)
from alarms.session import EARLY_OBSERVATION, LONGEST_INTERRUPTION
from alarms.system import ENDED_KEPT
from alarms.verdicts import (
    Above,
    AllOf,
    AnyOf,
    AsJudged,
    AtLeast,
    AudioPaused,
    Below,
    DeliveringUnwatched,
    Flagged,
    InfusionComplete,
    Judgement,
    Lately,
    MissingFor,
    NearEnd,
    NibpFailed,
    NibpOld,
    NibpOverdue,
    NotRenewed,
    NoValue,
    PanelFault,
    ProbeOff,
    PulseLost,
    PulsesApart,
    RatioAtLeast,
    RespirationSilent,
    Rule,
    Silent,
    StationLost,
    StoppedBeforeEnd,
    Verdict,
    WhereGiven,
)
from bedside.facts import FlagName
from bedside.instants import Instant, in_seconds
from bedside.level import AUDIO_PAUSE
from bedside.priorities import Kind
from bedside.vitals import NIBP_RESULT, QUANTITIES, Vital
from bedside.vitals import describe as describe_vital

SIGNAL_S: Final = 1
"""From the condition to its first pulse and light, at most."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What passes before a rule can see an event. `own`: also a time that only the device's maker knows."""

    begins: str
    averaging_s: float = 0
    own: bool = False
    transport_s: float = 0


_OXIMETER: Final = Lag("event at the patient", averaging_s=8, transport_s=1)
_BREATHING: Final = Lag("event at the patient", own=True, transport_s=1)
_CUFF: Final = Lag("start of a cuff measurement", averaging_s=40, transport_s=1)
_DEVICE: Final = Lag("event at the device", own=True, transport_s=1)

_LAGS: Final[Mapping[Vital, Lag]] = {
    Vital.SPO2: _OXIMETER,
    Vital.PR: _OXIMETER,
    Vital.RR: _BREATHING,
    **dict.fromkeys(NIBP_RESULT, _CUFF),
}
"""An oximeter averages over 8 s, a cuff takes 30 to 40 s, respiration has its source's own averaging. How
old any other vital is, the device alone knows.
"""

_DEVICES: Final[Mapping[Vital, str]] = {
    Vital.SPO2: "oximeter",
    Vital.PR: "oximeter",
    Vital.RR: "breathing monitor",
    Vital.NIBP_SYS: "blood-pressure monitor",
    Vital.PUMP_STATE: "pump",
}


FOUND: Final = Judgement(Verdict.ABNORMAL)


@dataclass(frozen=True, slots=True)
class Words:
    """A rule in words: what is abnormal, and worse; what is normal again; what it might have found.

    `sure`: it looks at what Vigil knows by itself, so that it can never be without evidence.
    """

    abnormal: str
    normal: str
    lag: Lag
    worse: str = ""
    found: Judgement = FOUND
    limits: tuple[LimitRow, ...] = ()
    sure: bool = False


_MINUTE_S: Final = 60


def _time(s: float) -> str:
    """A duration as people say it: whole minutes from two on."""
    minutes, rest_s = divmod(s, _MINUTE_S)
    return f"{minutes:g} min" if minutes > 1 and not rest_s else f"{s:g} s"


def _span(duration: Instant) -> str:
    return _time(in_seconds(duration))


_WORDS: Final[Mapping[type, Words]] = {
    PulseLost: Words(
        f"no pulse, the probe being on, after {_span(ARMED_AFTER)} of pulse since it was applied; "
        "not while the device blames movement",
        "a pulse",
        _DEVICE,
    ),
    ProbeOff: Words(
        "the probe is off, or has found no pulse since it was applied",
        "a value, or a pulse found since the probe was applied",
        _DEVICE,
    ),
    RespirationSilent: Words(
        "a respiration source other than the pleth has ceased to give a rate",
        "a rate from it",
        _BREATHING,
        found=Judgement(Verdict.ABNORMAL, detail="no breathing signal"),
        sure=True,
    ),
    StoppedBeforeEnd: Words(
        "in dosing, the pump does not deliver and has volume left, or does not say that it has none",
        "the pump delivers, is complete, keeps the vein open or is empty; or dosing is over",
        _DEVICE,
        found=Judgement(Verdict.ABNORMAL, value=21.5, vital=Vital.VOLUME_REMAINING),
    ),
    InfusionComplete: Words(
        "once dosing has begun, the pump is complete, keeps the vein open, or stands with no volume left",
        "the pump delivers again, or has a new volume",
        _DEVICE,
    ),
    DeliveringUnwatched: Words(
        "the pump delivers and there is no SpO2 value",
        "an SpO2 value, or the pump does not deliver",
        _DEVICE,
    ),
    NibpFailed: Words(
        "the last cuff measurement gave no result",
        "a valid reading",
        Lag("end of the measurement", transport_s=1),
        worse="from the second failure in a row",
        sure=True,
    ),
    NibpOverdue: Words(
        f"no valid cuff reading for the planned interval and {_span(GRACE)}",
        "a valid reading",
        Lag("end of interval and grace"),
        sure=True,
    ),
    NibpOld: Words(
        f"the cuff reading is older than {OUTDATED_FACTOR:g} intervals and shown as questionable, "
        f"or older than {BLANK_FACTOR:g} and blank",
        "a newer reading",
        Lag("end of these intervals"),
        sure=True,
    ),
    StationLost: Words(
        "no session with the broker, or none of the stations named in the settings is online",
        "a session, and one of the stations online",
        Lag("the loss, once it is noticed"),
        sure=True,
    ),
    PanelFault: Words(
        "the panel is not connected, reports a fault, or does not drive what it was asked to",
        "the panel is connected, without fault, and drives what it was asked to",
        Lag("the fault, once it is noticed"),
        found=Judgement(Verdict.ABNORMAL, detail="panel not connected"),
        sure=True,
    ),
    AudioPaused: Words("the sound is paused", "the sound is on", Lag("the press"), sure=True),
}
"""The rules that have no columns of their own."""


def words(rule: Rule, limits: Mapping[str, LimitRow]) -> Words:
    """What a rule looks for, in words and with its preset limit. TypeError for a rule that has none."""
    match rule:
        case Below() | Above() | AtLeast() | RatioAtLeast() | PulsesApart():
            return _past_a_limit(rule, limits[rule.limit])
        case AsJudged(other):
            return Words(f"what {other} looks for is found now", f"it is not found for {other}", _OXIMETER)
        case Lately(other, within):
            return Words(
                f"{other} is present or found, or was within {_span(within)}",
                f"{other} is over for {_span(within)}",
                _CUFF,
            )
        case AnyOf(parts):
            return _combined(parts, limits, abnormal=" or ", normal=" and ")
        case AllOf(parts):
            return _combined(parts, limits, abnormal=" and ", normal=" or ")
        case Flagged(vital, names, worse):
            return _reported(_DEVICES[vital], names, worse)
        case Silent() | MissingFor() | NoValue() | WhereGiven() | NearEnd():
            return _particular(rule, limits)
        case NotRenewed(vital, _):
            name = describe_vital(vital).name
            return Words(
                f"the {_DEVICES[vital]} is heard, but neither renews its {name} nor says why there is none",
                "a new value, or a reason for having none",
                Lag("the last new value"),
            )
        case _ if type(rule) in _WORDS:
            return _WORDS[type(rule)]
        case _:
            raise TypeError(f"{type(rule).__name__}: no words for this rule in alarms.disclosure")


def _reported(device: str, names: tuple[FlagName, ...], worse: tuple[FlagName, ...]) -> Words:
    said = " or ".join(name.value.replace("-", " ") for name in (*names, *worse))
    return Words(
        f"the {device} reports {said}",
        "it no longer reports this",
        _DEVICE,
        worse=f"for {' or '.join(name.value.replace('-', ' ') for name in worse)}",
        found=Judgement(Verdict.ABNORMAL, detail=names[0].value.replace("-", " ")),
    )


def _particular(
    rule: Silent | MissingFor | NoValue | WhereGiven | NearEnd, limits: Mapping[str, LimitRow]
) -> Words:
    match rule:
        case Silent(vital):
            device = _DEVICES[vital]
            return Words(
                f"no valid frame from the {device}, or none but now and then for 20 s longer",
                "it has been heard for 5 s",
                Lag("the last valid frame"),
                sure=True,
            )
        case MissingFor(vital, reason):
            why = reason.value.replace("-", " ")
            return Words(f"the {_DEVICES[vital]} reports a {why}", "it no longer reports this", _DEVICE)
        case NoValue(vital):
            name = describe_vital(vital).name
            return Words(f"the device is heard and gives no {name}", f"a {name}", _DEVICE)
        case WhereGiven(vital, inner):
            told = words(inner, limits)
            return replace(
                told, abnormal=f"{told.abnormal} (where a device gives {describe_vital(vital).name})"
            )
        case NearEnd(within):
            return Words(
                f"the pump delivers and says that its end is near, or has volume for {_span(within)} or less",
                "neither, or it does not deliver",
                _DEVICE,
            )
        case _ as never:
            assert_never(never)


def _past_a_limit(rule: Below | Above | AtLeast | RatioAtLeast | PulsesApart, limit: LimitRow) -> Words:
    match rule:
        case Below(_, hysteresis):
            return _compared(limit, "below {}", -1, "{} or more", hysteresis)
        case Above(_, hysteresis):
            return _compared(limit, "above {}", 1, "{} or less", -hysteresis)
        case AtLeast(_, hysteresis):
            return _compared(limit, "{} or more", 0, "{} or less", -hysteresis)
        case RatioAtLeast(_, hysteresis, per):
            return _divided(limit, per, hysteresis)
        case PulsesApart(_, hysteresis):
            return _apart(limit, hysteresis)
        case _ as never:
            assert_never(never)


def _compared(limit: LimitRow, abnormal: str, beyond: int, normal: str, hysteresis: float) -> Words:
    """`beyond`: how many of the vital's smallest steps past its limit an example is."""
    quantity = QUANTITIES[limit.vital]
    return Words(
        f"{quantity.name} {abnormal.format(_amount(limit, limit.preset))}",
        f"{quantity.name} {normal.format(_amount(limit, limit.preset + hysteresis))} "
        f"(hysteresis {_amount(limit, abs(hysteresis))})",
        _LAGS.get(limit.vital, _DEVICE),
        found=Judgement(
            Verdict.ABNORMAL,
            value=limit.preset + beyond * 10**-quantity.decimals,
            limit=limit.preset,
            vital=limit.vital,
        ),
        limits=(limit,),
    )


def _divided(limit: LimitRow, per: Vital, hysteresis: float) -> Words:
    ratio = f"{QUANTITIES[limit.vital].name} by {QUANTITIES[per].name}"
    return Words(
        f"{ratio} {limit.preset:g} or more",
        f"{ratio} {limit.preset - hysteresis:g} or less (hysteresis {hysteresis:g})",
        _CUFF,
        limits=(limit,),
    )


def _apart(limit: LimitRow, hysteresis: float) -> Words:
    return Words(
        "at each of the last two cuff readings, pulse rate at cuff and probe more than "
        f"{_amount(limit, limit.preset)} apart",
        f"a reading with {_amount(limit, limit.preset - hysteresis)} or less "
        f"(hysteresis {_amount(limit, hysteresis)})",
        _CUFF,
        found=Judgement(Verdict.ABNORMAL, detail="21/min apart"),
        limits=(limit,),
    )


def _amount(limit: LimitRow, value: float) -> str:
    return f"{value:g}{UNIT_TEXT[limit.unit]}"


def _combined(parts: Sequence[Rule], limits: Mapping[str, LimitRow], *, abnormal: str, normal: str) -> Words:
    told = [words(part, limits) for part in parts]
    frames = ["({})" if isinstance(part, AnyOf | AllOf) else "{}" for part in parts]
    return Words(
        abnormal.join(frame.format(one.abnormal) for frame, one in zip(frames, told, strict=True)),
        normal.join(frame.format(one.normal) for frame, one in zip(frames, told, strict=True)),
        Lag(
            told[0].lag.begins,
            max(one.lag.averaging_s for one in told),
            any(one.lag.own for one in told),
            max(one.lag.transport_s for one in told),
        ),
        found=told[0].found,
        limits=tuple(limit for one in told for limit in one.limits),
    )


# The page

RULES: Final = f"""\
**Vigil is not a certified medical device and claims conformity with no standard.** The limits on this page
are presets: proposals from published sources and from practice, and some are ours alone ("ours"). Some
sources were read in summaries only. A clinic's physician must check the limits and sign them off, or set
others within the hard bounds, before they are used at a bed.

All numbers are for adults who get racemic ketamine by vein. Vigil watches for the conditions listed here and
for no others.

## What holds for every condition

- **Delay** is how long an abnormality must last, after the device's own averaging. A normal value, or one
  between limit and hysteresis, starts it anew.
- **Questionable values**, which the device doubts, count in full for raising a condition, not for ending it.
- **No evidence** (no value, no link) never begins, lowers or ends a condition. One whose delay is still
  running is frozen for up to {_span(BLIND_LIMIT)} and then dropped, and the technical condition tells
  why; where its row says so, its delay runs on instead. One that is present stays, and its priority may rise.
- **Ending** takes good values past the hysteresis, without a break, for the time in its row.
- **Priority** only rises while a condition is present. A rise sounds again, whatever was acknowledged before.
  While good values count towards the end a rise waits; the first value that is not good catches it up.
- **Several conditions**: the highest priority that nobody acknowledged sounds, the highest of all lights the
  lamp, and every condition stands in the text, most urgent first, newest first within a priority.
- **Acknowledging** (a short press, or a station) silences what is present, at the priority it has, until that
  rises or the condition ends; lamp and text stay. A station that saw a lower priority is refused.
- **Audio pause** (a long press, or a station where the settings allow it) lasts {_span(AUDIO_PAUSE)}. It ends
  early with any new HIGH, and with any condition above those present at the press. The blue lamp and the text
  show it. There is no lasting audio off, and no condition can be turned off.
- **Latching** conditions sound on after their cause is gone, until they are acknowledged. Others fall silent
  by themselves. The last {ENDED_KEPT} that ended stay listed.
- **Not monitored**: a condition that needs what no device of the bed gives is listed so, with the reason.
- **Limits** can be set for a site within their hard bounds only, an urgent one beyond the early one.

Dosing begins when the pump begins to deliver. It ends when the pump is complete, keeps the vein open or is
empty, when a stop half-way is acknowledged (I7), or {_span(LONGEST_INTERRUPTION)} after one that is not.
Observation follows; "its first hour" means {_span(EARLY_OBSERVATION)}.

The cuff's plan: two readings {_span(PRE_GAP)} apart before the dose; in dosing every so many minutes as the
settings say, or every {_span(CLOSE_WATCH)} once blood pressure was high; then every {_span(OBSERVE_EARLY)} in
the first hour of observation and every {_span(OBSERVE_LATE)} after it, or every {_span(CLOSE_WATCH)} while a
blood-pressure alarm is present. Vigil starts measurements only where the settings say so, and never within
{_span(REST)} of the last start or end."""

TIMES: Final = """\
## Time from event to signal

The sum is the longest time from the event to the first sound and light. Averaging: 8 s for an oximeter, 30
to 40 s for a cuff measurement (counted as 40), the source's own for respiration; where only the device's
manual knows a time, it is to be added. Transport: 1 s, for a device that speaks once a second; for one that
speaks or is asked less often, add the difference. To a blood pressure add up to one interval of the cuff's
plan: nothing is seen between measurements. Times until a priority rises are counted from the first signal."""

SOURCES: Final = """\
## Sources

- NEWS2: Royal College of Physicians, National Early Warning Score, 2017.
- PRODIGY: Khanna 2020, doi 10.1213/ANE.0000000000004788, respiratory events on wards.
- NCT05803551: ketamine in intensive care; what it calls unstable.
- Rodrigues 2022: 203 patients given ketamine for depression in Canada.
- Recovery room: Rheineck-Leyssius, as cited in Welch 2011, BI&T 45(s1):46.
- Vendor presets: operator manuals of GE, Mindray, Philips, Masimo, Nellcor, Draeger, Edan, Contec and Nonin.
- IEC 60601-1-8, IEC 60601-2-24, ISO 80601-2-61: as manuals and national adoptions quote them."""


def disclosure(rows: Iterable[Row], limits: Mapping[str, LimitRow]) -> str:
    """The page's Markdown, but for what only the panel and the drivers know."""
    groups: dict[str, list[Row]] = {"Physiological": [], "Infusion": [], "Technical": []}
    for row in rows:
        groups[_group(row)].append(row)
    told = {row.id: words(row.rule, limits) for group in groups.values() for row in group}
    blocks = [RULES]
    for title, group in groups.items():
        blocks.append(f"## {title} conditions")
        blocks.append(
            table(
                ("", "condition", "abnormal", "priority", "latching"),
                [
                    (
                        row.id,
                        row.name,
                        told[row.id].abnormal,
                        _priorities(row, told[row.id]),
                        _latching(row),
                    )
                    for row in group
                ],
            )
        )
        for row in group:
            blocks += [f"### {row.id} {row.name}", table(("", ""), _details(row, told[row.id]))]
    blocks += ["## Not watched for at any bed", table(("", "why"), UNWATCHED.items())]
    blocks += [TIMES, _times([(row, told[row.id]) for group in groups.values() for row in group]), SOURCES]
    return "\n\n".join(blocks) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _group(row: Row) -> str:
    if row.kind is Kind.PHYSIOLOGICAL:
        return "Physiological"
    return "Infusion" if row.id.startswith("I") else "Technical"


def _latching(row: Row) -> str:
    return "yes" if row.latching else "no"


def _details(row: Row, told: Words) -> list[tuple[str, str]]:
    example = describe(row, told.found, pump=INFUSION_RUNNING)
    said = [
        ("abnormal", told.abnormal),
        *((f"limit `{limit.setting}`", _bounds(limit)) for limit in told.limits),
        ("raised", _raised(row)),
        ("priority", _priorities(row, told)),
        ("why this priority", row.reason),
        ("ends", f"{told.normal}, {_cleared(row)}"),
        ("latching", _latching(row)),
        ("no evidence", "cannot be" if told.sure else row.unknown.value),
        ("also", "; ".join(_consequences(row))),
        ("text", f"`{example}`"),
        ("event", f"{row.mdc} `{_REFERENCE_IDS[row.mdc]}`"),
        ("numbers from", row.source),
        ("needs", _needs(row)),
    ]
    return [(label, text) for label, text in said if text]


_REFERENCE_IDS: Final[Mapping[int, str]] = {
    code: name for name, code in vars(catalogue).items() if name.startswith("MDC_EVT_")
}


def _bounds(limit: LimitRow) -> str:
    lowest, highest = _amount(limit, limit.lowest), _amount(limit, limit.highest)
    return f"preset {_amount(limit, limit.preset)}, hard bounds {lowest} and {highest}: {limit.reason}"


def _raised(row: Row) -> str:
    text = "; ".join(f"{_after(s)} {when}".rstrip() for when, s in _waits(row))
    if row.confirmed_by_repeat:
        text = f"when the next reading confirms it, at the latest {text}"
    if row.dips is not None:
        text += f"; excursion {row.dips.count} within {_time(row.dips.within_s)} counts at once"
    return text


def _waits(row: Row) -> list[tuple[str, float]]:
    """Every delay a condition may have, with when it applies."""
    delay = row.delay
    variants = (
        ("", delay.s),
        ("in dosing", delay.dosing_s),
        ("when the cuff on the probe's limb inflated", delay.cuff_s),
    )
    return [(when, s) for when, s in variants if s is not None]


def _after(s: float) -> str:
    return f"after {_time(s)}" if s else "at once"


def _cleared(row: Row) -> str:
    return f"for {_time(row.clear_after_s)}" if row.clear_after_s else "at once"


def _priorities(row: Row, told: Words) -> str:
    return "; ".join(_step(step, told) for step in row.steps) or "none: shown, never sounded"


def _step(step: Step, told: Words) -> str:
    conditions = (
        told.worse if step.grade > 1 else "",
        f"once present for {_time(step.after_s)}" if step.after_s else "",
        "" if step.during is During.ALWAYS else f"during {step.during.value}",
    )
    return " ".join(filter(None, (step.priority.name, *conditions)))


def _consequences(row: Row) -> list[str]:
    """What else a condition does, besides being an alarm."""
    said = []
    if row.repeat_after_s is not None:
        said.append(f"the cuff measures again after {_time(row.repeat_after_s)}, where Vigil starts it")
    if row.watched_closely:
        said.append(f"from then on the cuff measures every {_span(CLOSE_WATCH)} in dosing")
    if row.resound is not None:
        names = " or ".join(QUANTITIES[vital].name for vital in row.resound.vitals)
        unit = UNIT_TEXT[QUANTITIES[row.resound.vitals[0]].unit]
        said.append(
            f"once acknowledged it sounds again when {names} is {row.resound.rise:g}{unit} higher, "
            f"or after {_time(row.resound.after_s)}"
        )
    if row.confirms_stop:
        said.append("to acknowledge it is to say that the stop was meant: observation begins")
    return said


def _needs(row: Row) -> str:
    needs = [describe_vital(vital).name for vital in row.needs]
    if row.needs_station:
        needs.append("a station named in the settings")
    if not needs:
        return "nothing: always monitored"
    but = f" not from the {', '.join(sorted(row.blind))}" if row.blind else ""
    return f"{' and '.join(needs)}{but}; else the bed says that it is not monitored"


def _times(told: Iterable[tuple[Row, Words]]) -> str:
    return table(
        ("", "counted from", "averaging", "transport", "delay", "signal", "sum"),
        [
            (
                f"{row.id} {when}".rstrip(),
                words.lag.begins,
                _either(words.lag, 0),
                f"{words.lag.transport_s:g} s",
                f"{delay_s:g} s",
                f"{SIGNAL_S} s",
                _either(words.lag, words.lag.transport_s + delay_s + SIGNAL_S),
            )
            for row, words in told
            for when, delay_s in _waits(row)
            if row.steps
        ],
    )


def _either(lag: Lag, more_s: float) -> str:
    """The averaging and so many seconds more, in seconds where it is known."""
    known, own = f"{lag.averaging_s + more_s:g} s", f"{more_s:g} s + the device's own"
    if not lag.own:
        return known
    own = own if more_s else "the device's own"
    return f"{known}, or {own} if longer" if lag.averaging_s else own
