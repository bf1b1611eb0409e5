"""Whether a station's request may be acted on: this start, in time, once, and allowed here.

A well-formed request is still a stranger's. It must name this start of the agent (a request made for the
last one may mean another patient), lie within its time limit in the bed's own time, and not have been seen
before.
"""

from collections import OrderedDict
from typing import Final

from bedside.commands import LONGEST_VALIDITY, PauseAudio, Refusal, Request
from bedside.instants import Instant, in_seconds

REMEMBERED: Final = 4096
"""So many request ids are kept. Older ones are forgotten only when their time limit is over, or when the
memory is full: then nothing new is accepted until one runs out.
"""


class Doorkeeper:
    """Judges requests; remembers the ids of those that are still in time."""

    def __init__(self, boot: str, *, remote_pause_audio: bool) -> None:
        self._boot = boot
        self._remote_pause_audio = remote_pause_audio
        self._seen: OrderedDict[str, Instant] = OrderedDict()

    def objection(self, request: Request, now: Instant) -> tuple[Refusal, str] | None:
        """Why this request is refused, or None; from then on its id counts as seen."""
        self._forget(now)
        if request.boot != self._boot:
            return Refusal.OTHER_BOOT, f"this start of the bed is {self._boot}"
        if request.until <= now:
            late = in_seconds(now - request.until)
            return Refusal.OUT_OF_TIME, f"its time limit was {late:.1f} s ago"
        if request.until > now + LONGEST_VALIDITY:
            return (
                Refusal.OUT_OF_TIME,
                f"its time limit is more than {in_seconds(LONGEST_VALIDITY):g} s ahead",
            )
        if request.id in self._seen:
            return Refusal.REPEATED, "this id has been used"
        if len(self._seen) >= REMEMBERED:
            return Refusal.NOT_POSSIBLE, "too many requests in the last minute"
        self._seen[request.id] = request.until
        if isinstance(request.action, PauseAudio) and not self._remote_pause_audio:
            return Refusal.NOT_ALLOWED, "this bed's settings do not let a station pause its sound"
        return None

    def _forget(self, now: Instant) -> None:
        for id_ in [id_ for id_, until in self._seen.items() if until <= now]:
            del self._seen[id_]
