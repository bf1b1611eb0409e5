"""Facts as plain objects, ready for JSON: what `vigil decode` prints and what the vectors hold."""

from typing import TypeAlias

from bedside.facts import (
    Flag,
    Frame,
    LinkDown,
    LinkUp,
    Measurement,
    MeasurementFailed,
    Missing,
    Reading,
    Rejected,
    Waveform,
)
from bedside.vitals import QUANTITIES, NibpState, PumpState
from drivers.contract import Output, Transmit

Row: TypeAlias = dict[str, object]


def rows(output: Output) -> list[Row]:
    """One object for each fact; a measurement becomes one for each of its parts, marked as part of it.

    The parts of a measurement of unknown age are marked as not dated, too.
    """
    match output:
        case Measurement(parts, dated):
            mark: Row = {"measurement": True} if dated else {"measurement": True, "dated": False}
            return [_vital(part) | mark for part in parts]
        case Reading() | Missing():
            return [_vital(output)]
        case MeasurementFailed() | Flag() | Waveform():
            return [_news(output)]
        case _:
            return [_line(output)]


def _vital(fact: Reading | Missing) -> Row:
    if isinstance(fact, Missing):
        return {"kind": "missing", "vital": fact.vital.value, "reason": fact.reason.value}
    row: Row = {"kind": "reading", "vital": fact.vital.value, "value": _plain(fact.value)}
    if fact.vital in QUANTITIES:
        row["unit"] = QUANTITIES[fact.vital].unit
    return row | {"quality": fact.quality.value}


def _news(fact: MeasurementFailed | Flag | Waveform) -> Row:
    match fact:
        case MeasurementFailed(code, text):
            return {"kind": "failed", "code": code, "text": text}
        case Flag(name, on, detail):
            return {"kind": "flag", "flag": name.value, "on": on, "detail": detail}
        case _:
            return {"kind": "waveform", "rate_hz": fact.rate_hz, "samples": [*fact.samples]}


def _line(output: Frame | Rejected | LinkUp | LinkDown | Transmit) -> Row:
    match output:
        case Frame(name):
            return {"kind": "frame", "name": name}
        case Rejected(reason, size_bytes):
            return {"kind": "rejected", "reason": reason.value, "bytes": size_bytes}
        case LinkUp():
            return {"kind": "link-up"}
        case LinkDown(down_reason):
            return {"kind": "link-down", "reason": down_reason.value}
        case _:
            return {"kind": "transmit", "bytes": output.data.hex(" ").upper()}


def _plain(value: float | NibpState | PumpState) -> object:
    """A whole number without a decimal point, a state as its word."""
    if isinstance(value, NibpState | PumpState):
        return value.value
    return int(value) if value == int(value) else value
