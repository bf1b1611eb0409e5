"""What a person can ask of a bed, from the button or from a station, and why a bed may decline.

A request has been read from hostile bytes by `bedside.wire`; the core still checks whether it may act on it.
Its time limit is in the bed's own monotonic time, so that no two clocks need agree.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bedside.instants import SECOND, Instant
from bedside.priorities import Priority

LONGEST_VALIDITY: Instant = 60 * SECOND
"""A command's time limit may lie at most this far ahead of the bed's own time."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Stop the sound of one condition's present episode, seen by the asker at this priority."""

    condition: str
    episode: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class AcknowledgeSounding:
    """Acknowledge everything that sounds now: the short press."""


@dataclass(frozen=True, slots=True)
class PauseAudio:
    """No sound for 120 s, for all conditions: the long press."""


@dataclass(frozen=True, slots=True)
class ResumeAudio:
    """End the audio pause."""


@dataclass(frozen=True, slots=True)
class SetPatient:
    """A new patient, or what is now known of the one who is here. An opaque reference, never a name."""

    reference: str
    weight_kg: float | None
    age_years: int | None


@dataclass(frozen=True, slots=True)
class MeasureNibp:
    """Start one cuff measurement now."""


Action: TypeAlias = Acknowledge | AcknowledgeSounding | PauseAudio | ResumeAudio | SetPatient | MeasureNibp


@dataclass(frozen=True, slots=True)
class Request:
    """A station's request, well formed but not yet judged.

    `station` is the MQTT user name under which it came, `by` the person it names.
    `until` is in nanoseconds of the bed's own monotonic time within the start `boot`.
    """

    id: str
    station: str
    by: str
    boot: str
    until: Instant
    action: Action


class Refusal(StrEnum):
    """Why a request was not carried out; the reply gives the word and a sentence."""

    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    RETAINED = "retained"
    UNKNOWN_ACTION = "unknown-action"
    UNSUPPORTED_ACTION = "unsupported-action"
    OTHER_BOOT = "other-boot"
    OUT_OF_TIME = "out-of-time"
    REPEATED = "repeated"
    NO_SUCH_EPISODE = "no-such-episode"
    LOWER_PRIORITY = "lower-priority"
    NOT_ALLOWED = "not-allowed"
    NOT_POSSIBLE = "not-possible"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What arrived on a command topic and could not be read as a request; `id` is empty when it had none."""

    id: str
    station: str
    refusal: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: done, or refused with the reason in a word and in a sentence."""

    id: str
    station: str
    refusal: Refusal | None
    detail: str
