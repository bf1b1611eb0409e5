"""One device's line: its codec, what it has counted, and the silence that means it is lost.

Silence is a deadline here, not a read timeout: without a valid frame for the driver's silence limit the line
is down, whatever else arrives. It comes up again with the next valid frame.
"""

from collections import Counter

from bedside.facts import DownReason, Frame, LinkDown, LinkUp, Rejected
from bedside.instants import Instant, earliest, milliseconds
from drivers.contract import Closed, Driver, LineEvent, Opened, Output, Received


class Line:
    """Wraps a codec; same face. Facts come in order, with `LinkUp` before the first frame of a good spell."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.up = False
        self.down_reason = DownReason.CLOSED
        self.heard_at: Instant | None = None
        self.frames = 0
        self.rejected: Counter[str] = Counter()
        self.bytes_received = 0
        self.opened = 0
        self._codec = driver.new_codec()
        self._silence_limit = milliseconds(driver.silence_limit_ms)

    @property
    def deadline(self) -> Instant | None:
        """When the codec has something due, or when silence would mean loss."""
        return earliest(self._codec.deadline, self._silent_at)

    @property
    def _silent_at(self) -> Instant | None:
        return self.heard_at + self._silence_limit if self.up and self.heard_at is not None else None

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        """Take one event of this line's port, or a request to measure."""
        lost: list[Output] = []
        match event:
            case Received(data):
                self.bytes_received += len(data)
            case Opened():
                self.opened += 1
                if not self.up:
                    self.down_reason = DownReason.SILENT
            case Closed():
                lost = self._lose(DownReason.CLOSED)
        return lost + self._listen(self._codec.on(event, now), now)

    def tick(self, now: Instant) -> list[Output]:
        """Do what was due by `now`, the codec first."""
        out: list[Output] = []
        if (due := self._codec.deadline) is not None and due <= now:
            out += self._listen(self._codec.tick(now), now)
        if (silent := self._silent_at) is not None and silent <= now:
            out += self._lose(DownReason.SILENT)
        return out

    def _lose(self, reason: DownReason) -> list[Output]:
        was_up, self.up, self.down_reason = self.up, False, reason
        return [LinkDown(reason)] if was_up else []

    def _listen(self, outputs: list[Output], now: Instant) -> list[Output]:
        heard: list[Output] = []
        for output in outputs:
            match output:
                case Frame():
                    self.frames += 1
                    self.heard_at = now
                    if not self.up:
                        self.up = True
                        heard.append(LinkUp())
                case Rejected(reason, _):
                    self.rejected[reason.value] += 1
                case _:
                    pass
            heard.append(output)
        return heard
