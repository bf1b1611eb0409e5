"""SunTech Advantage OEM: the host asks, the module answers, and one measurement is a dialogue.

    host      3A  command  data              checksum
    module    3E  LEN      data (LEN - 3)    checksum     LEN counts the whole packet; all its bytes sum to 0

    LEN 04    one letter: O accepted, K done, A aborted, B busy, E N D S T refused
    LEN 05    a 16-bit number, low byte first: the cuff pressure in mmHg, FFFF = no value
    LEN 18    a result:  2-3 systolic   4-5 diastolic   16 pulse rate   18-19 mean   20 error code

    host   start   pressure      pressure                  result
    module       O          number         number    K             result
                                                     └ unasked: the cuff is down

An answer does not say what it answers. So one request is outstanding at a time, what arrives is read in its
light, and what answers no request proves that the line lives but says nothing.

The dialogue is a walk through `Phase`. What each phase asks for, and how it ends:

    AT_REST    pressure every 5 s: only so is a lost line seen
    STARTING   start                     O -> MEASURING    refused, busy for too long, silent -> failed
    MEASURING  pressure, 5 / s           K -> FETCHING     180 s -> failed, STOPPING    A -> STOPPING
    FETCHING   result                    a result -> complete or failed    refused, silent -> failed
    STOPPING   abort; after A pressure   K -> aborted      silent -> failed, state unknown

A start that got no answer may have been heard: it is followed by an abort, never by a second start.
Requests that change nothing in a patient are all there is here: no service command is known to this file.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, assert_never

from bedside.facts import (
    Flag,
    FlagName,
    Frame,
    Measurement,
    MeasurementFailed,
    Missing,
    Quality,
    Reading,
    Reason,
    Rejected,
    RejectReason,
)
from bedside.instants import MILLISECOND, SECOND, Instant, earliest
from bedside.vitals import NIBP_RESULT, QUANTITIES, NibpState, Vital
from drivers.contract import Closed, LineEvent, Opened, Output, Received, StartNibp, StopNibp, Transmit
from drivers.flags import FlagMemory
from drivers.framing import MORE, Framer, Noise, Verdict, Whole, noise_before, sum8

MODULE_START: Final = 0x3E
LETTER_SIZE: Final = 0x04
NUMBER_SIZE: Final = 0x05
RESULT_SIZE: Final = 0x18
SIZES: Final = (LETTER_SIZE, NUMBER_SIZE, RESULT_SIZE)

REST_PACE: Final = 5 * SECOND
MEASURING_PACE: Final = 200 * MILLISECOND
REPLY_LIMIT: Final = 1 * SECOND
BUSY_PAUSE: Final = 1 * SECOND
TRIES: Final = 5
"""How often a request is sent before its refusal as busy, or its silence, is taken for the answer."""

MEASUREMENT_LIMIT: Final = 180 * SECOND
"""An adult cuff must be released by then (nibp.md section 2)."""
RELEASE_LIMIT: Final = 10 * SECOND
"""From "aborted" to "done", and from "done" to an empty cuff: emptying one takes about 2 s."""

EMPTY_CUFF_MMHG: Final = 15
TURN_MMHG: Final = 10
"""A pressure this far off its peak or trough has turned; the pulse alone moves it by less."""

NO_PRESSURE: Final = 0xFFFF
CHECKED_PRESSURES_MMHG: Final = range(30, 301)
CHECKED_RATES: Final = range(30, 241)

REFUSALS: Final[Mapping[str, str]] = {
    "E": "error",
    "N": "undefined command",
    "D": "command not recognised",
    "S": "module asleep",
    "T": "timed out",
}
LETTERS: Final = frozenset({"O", "K", "A", "B", *REFUSALS})

ERRORS: Final[Mapping[int, str]] = {
    1: "weak or no signal",
    2: "artefact",
    3: "value out of range",
    4: "measurement time exceeded",
    85: "blocked pneumatics",
    86: "stopped by user",
    87: "inflation timeout: leak or loose cuff",
    88: "safety timeout",
    89: "cuff overpressure",
    90: "supply or other hardware",
    91: "safety override fitted, or autozero out of range",
    97: "transducer out of range",
    99: "calibration memory",
}
TWICE_CODED: Final = (85, 87, 88, 89, 90, 91, 97, 99)
"""An older text writes these decimal numbers as if they were hex: both forms mean the same failure."""
OVERPRESSURE: Final = 89


class Request(Enum):
    """Everything that this driver can ever send."""

    START = bytes.fromhex("3A 20 A6")
    ABORT = bytes.fromhex("3A 79 01 00 4C")
    PRESSURE = bytes.fromhex("3A 79 05 00 48")
    RESULT = bytes.fromhex("3A 79 03 00 4A")


class Phase(Enum):
    """Where the dialogue stands."""

    AT_REST = auto()
    STARTING = auto()
    MEASURING = auto()
    FETCHING = auto()
    STOPPING = auto()


class SunTechCodec:
    """Runs measurements, keeps asking for the pressure in between, and believes only finished results."""

    def __init__(self) -> None:
        self._framer = Framer(_judge, RESULT_SIZE)
        self._flags = FlagMemory()
        # Until a port is opened nothing was asked: what arrives is a recording, and is read by its length.
        self._recording = True
        self._open = False
        self._phase = Phase.AT_REST
        self._state: NibpState | None = None  # none: the device has not said, and we will not guess
        self._request = Request.PRESSURE  # what to send next, and when
        self._request_at: Instant = 0
        self._outstanding: Request | None = None
        self._overdue_at: Instant = 0
        self._tries = 0
        self._limit_at: Instant | None = None
        self._stopped_as = NibpState.ABORTED  # what a finished abort means: asked for, or after a failure
        self._done_while_stopping = False
        self._turn_mmhg = 0  # the peak while inflating, the trough while deflating
        self._empty_by: Instant | None = None  # from the first pressure in the cuff to the last
        self._overpressure_at: Instant | None = None

    @property
    def deadline(self) -> Instant | None:
        if not self._open:
            return None
        return earliest(self._overdue_at if self._outstanding else self._request_at, self._limit_at)

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        return [*self.tick(now), *self._handle(event, now), *self.tick(now)]

    def tick(self, now: Instant) -> list[Output]:
        out: list[Output] = []
        while (due := self.deadline) is not None and due <= now:
            out += self._fire(due)
        return self._without_late_requests(out)

    def _without_late_requests(self, outputs: list[Output]) -> list[Output]:
        """What a late tick would have sent long ago must not leave in one burst now; only an abort may."""
        current = self._outstanding.value if self._outstanding else b""
        late = [o for o in outputs if isinstance(o, Transmit) and o.data != Request.ABORT.value]
        if late and late[-1].data == current:
            late.pop()
        return [o for o in outputs if not any(o is unsent for unsent in late)]

    def _handle(self, event: LineEvent, now: Instant) -> list[Output]:
        match event:
            case Received(data):
                return self._receive(data, now)
            case Opened():
                return self._opened(now)
            case Closed():
                return self._closed()
            case StartNibp():
                return self._start(now)
            case StopNibp():
                return self._stop(now)
            case _:
                assert_never(event)

    # What time brings.

    def _fire(self, at: Instant) -> list[Output]:
        if self._outstanding is not None and self._overdue_at <= at:
            return self._overdue(self._outstanding, at)
        if self._limit_at is not None and self._limit_at <= at:
            return self._limit_passed(at)
        self._outstanding = self._request
        self._overdue_at = at + REPLY_LIMIT
        return [Transmit(self._request.value)]

    def _overdue(self, unanswered: Request, at: Instant) -> list[Output]:
        self._outstanding = None
        self._flags.forget()  # the line may be lost: what is on must be told again when it is back
        dropped: list[Output] = [*self._framer.flush()]  # half an answer is no beginning of the next one
        match unanswered:
            case Request.PRESSURE if self._phase is Phase.AT_REST:
                self._ask(Request.PRESSURE, at + REST_PACE - REPLY_LIMIT)
            case Request.PRESSURE:
                self._request_at = at
            case Request.START if self._phase is Phase.STARTING:
                failed = self._failed("no-answer", "start was not answered", at)
                self._begin_to_stop(NibpState.FAILED, at)
                return [*dropped, *failed]
            case Request.START:
                self._ask(Request.ABORT, at)
            case _:
                return [*dropped, *self._again(at, "no-answer", f"{_name(unanswered)} was not answered")]
        return dropped

    def _limit_passed(self, at: Instant) -> list[Output]:
        self._limit_at = None
        if self._phase is Phase.MEASURING:
            failed = self._failed("limit", f"not finished within {MEASUREMENT_LIMIT // SECOND} s", at)
            self._begin_to_stop(NibpState.FAILED, at)
            return failed
        return self._lost_track("no-end", "the end of the abort was not reported", at)

    # What a person or the schedule asks.

    def _start(self, now: Instant) -> list[Output]:
        if not self._open:
            return [MeasurementFailed("line", "not started: the line is closed")]
        if self._phase is Phase.AT_REST:
            self._phase = Phase.STARTING
            self._ask(Request.START, now)
        return []

    def _stop(self, now: Instant) -> list[Output]:
        # While the result is fetched the cuff is down already. At rest an abort is sent all the same: after a
        # loss of the line, or of this program, the module may be measuring and only the person can see it.
        if self._open and self._phase in (Phase.AT_REST, Phase.STARTING, Phase.MEASURING):
            self._begin_to_stop(NibpState.ABORTED, now)
        return []

    def _opened(self, now: Instant) -> list[Output]:
        out = self._closed()
        self._flags.forget()
        self._recording = False
        self._open = True
        self._ask(Request.PRESSURE, now)
        return out

    def _closed(self) -> list[Output]:
        out: list[Output] = [*self._framer.flush()]
        if self._phase is not Phase.AT_REST:
            out.append(MeasurementFailed("line", "the line was lost during the measurement"))
            out.append(Missing(Vital.NIBP_STATE, Reason.UNSURE))
        self._open = False
        self._phase = Phase.AT_REST
        self._state = None
        self._outstanding = None
        self._limit_at = None
        return out

    # What the module says.

    def _receive(self, data: bytes, now: Instant) -> list[Output]:
        out: list[Output] = []
        for packet in self._framer.feed(data):
            if isinstance(packet, Rejected):
                out.append(packet)
            elif len(packet) == LETTER_SIZE:
                out += self._letter(packet, now)
            elif len(packet) == NUMBER_SIZE:
                out += self._number(packet, now)
            else:
                out += self._result(packet, now)
        return out

    def _letter(self, packet: bytes, now: Instant) -> list[Output]:
        letter = chr(packet[2])
        if letter not in LETTERS:
            return [Rejected(RejectReason.SANITY, len(packet))]
        frame = Frame("letter")
        match letter:
            case "K":
                return [frame, *self._done(now)]
            case "A":
                return [frame, *self._aborted(now)]
            case "O" if self._outstanding is Request.START:
                self._outstanding = None
                return [frame, *self._accepted(now)]
            case "O":
                return [frame]
        return [frame, *self._refused(letter, now)]

    def _accepted(self, now: Instant) -> list[Output]:
        if self._phase is not Phase.STARTING:  # a stop was asked meanwhile: the abort goes out next
            return []
        self._phase = Phase.MEASURING
        self._limit_at = now + MEASUREMENT_LIMIT
        self._turn_mmhg = 0
        self._overpressure_at = None
        self._ask(Request.PRESSURE, now + MEASURING_PACE)
        return [*self._now_state(NibpState.INFLATING), *self._cuff_flags(now)]

    def _refused(self, letter: str, now: Instant) -> list[Output]:
        refused, self._outstanding = self._outstanding, None
        match refused:
            case Request.PRESSURE:
                self._ask_pressure_again(now)
                return [Missing(Vital.CUFF_PRESSURE, Reason.NOT_MEASURABLE), self._state_fact()]
            case Request.START if self._phase is Phase.STOPPING:
                return []
            case Request.START | Request.RESULT if letter in REFUSALS:
                return self._failed(letter, f"{_name(refused)}: {REFUSALS[letter]}", now)
            case Request.START | Request.RESULT | Request.ABORT:
                text = f"{_name(refused)}: {REFUSALS.get(letter, 'module busy')}"
                return self._again(now + BUSY_PAUSE, letter, text)
        return []

    def _done(self, now: Instant) -> list[Output]:
        match self._phase:
            case Phase.MEASURING:
                self._phase = Phase.FETCHING
                self._limit_at = None
                self._ask(Request.RESULT, now)
            case Phase.STOPPING if self._limit_at is not None:
                return self._stopped(now)
            case Phase.STOPPING:
                self._done_while_stopping = True  # it ended by itself while the abort was on its way
        return []

    def _aborted(self, now: Instant) -> list[Output]:
        out: list[Output] = []
        if self._phase is Phase.MEASURING:
            out.append(MeasurementFailed("A", "aborted at the device"))
            self._begin_to_stop(NibpState.ABORTED, now)
        elif self._outstanding is not Request.ABORT:
            return []
        else:
            self._outstanding = None
        self._tries = 0
        if self._done_while_stopping:
            return self._stopped(now)
        self._limit_at = now + RELEASE_LIMIT
        self._ask(Request.PRESSURE, now + MEASURING_PACE)
        if self._stopped_as is NibpState.ABORTED:
            out += self._now_state(NibpState.DEFLATING)
        return out

    def _stopped(self, now: Instant) -> list[Output]:
        self._rest(now)
        return self._now_state(self._stopped_as)

    def _number(self, packet: bytes, now: Instant) -> list[Output]:
        frame = Frame("number")
        pressure = int.from_bytes(packet[2:4], "little")
        known = pressure != NO_PRESSURE
        possible = not known or QUANTITIES[Vital.CUFF_PRESSURE].possible(pressure)
        if self._outstanding is Request.PRESSURE:
            self._outstanding = None
            self._ask_pressure_again(now)
        elif not self._recording:
            return [frame]
        if not possible:
            return [Rejected(RejectReason.SANITY, len(packet))]
        fact = (
            Reading(Vital.CUFF_PRESSURE, pressure)
            if known
            else Missing(Vital.CUFF_PRESSURE, Reason.NOT_MEASURABLE)
        )
        if self._recording:
            return [frame, fact]
        if known:
            self._follow(pressure, now)
        return [frame, fact, self._state_fact(), *self._cuff_flags(now)]

    def _follow(self, pressure: int, now: Instant) -> None:
        """What a pressure says about where the measurement stands."""
        if pressure <= EMPTY_CUFF_MMHG:
            self._empty_by = None
            # A cuff that burst its bounds is empty at once: the news must last long enough to be noticed.
            if self._overpressure_at is not None and now >= self._overpressure_at + RELEASE_LIMIT:
                self._overpressure_at = None
        elif self._empty_by is None:
            self._empty_by = now + MEASUREMENT_LIMIT
        match self._phase, self._state:
            case Phase.AT_REST, None if pressure <= EMPTY_CUFF_MMHG:
                self._state = NibpState.IDLE
            case Phase.MEASURING, NibpState.INFLATING:
                self._turn_mmhg = max(self._turn_mmhg, pressure)
                if pressure <= self._turn_mmhg - TURN_MMHG:
                    self._state, self._turn_mmhg = NibpState.DEFLATING, pressure
            case Phase.MEASURING, NibpState.DEFLATING:
                self._turn_mmhg = min(self._turn_mmhg, pressure)
                if pressure >= self._turn_mmhg + TURN_MMHG:  # a second attempt pumps up again
                    self._state, self._turn_mmhg = NibpState.INFLATING, pressure

    def _cuff_flags(self, now: Instant) -> list[Flag]:
        return self._flags.news(
            {
                FlagName.CUFF_OVERPRESSURE: self._overpressure_at is not None,
                FlagName.CUFF_NOT_DEFLATED: self._empty_by is not None and now > self._empty_by,
            }
        )

    def _result(self, packet: bytes, now: Instant) -> list[Output]:
        if self._outstanding is Request.RESULT:
            self._outstanding = None
        elif not self._recording:
            return [Frame("result")]
        code = packet[20]
        if code:
            meaning = _error(code)
            if meaning == ERRORS[OVERPRESSURE]:
                self._overpressure_at = now
            return [Frame("result"), *self._failed(str(code), meaning, now), *self._cuff_flags(now)]
        parts = _parts(packet)
        if all(isinstance(part, Missing) for part in parts[:3]):
            rejected = Rejected(RejectReason.SANITY, len(packet))
            return [rejected, *self._failed("no-values", "no pressure in the result", now)]
        self._rest(now)
        return [Frame("result"), Measurement(parts), *self._now_state(NibpState.COMPLETE)]

    # Moves that several phases share.

    def _ask(self, request: Request, at: Instant) -> None:
        self._request, self._request_at = request, at
        self._tries = 0

    def _ask_pressure_again(self, now: Instant) -> None:
        """The pressure was answered. What else is waiting to be asked goes first."""
        if self._request is Request.PRESSURE:
            self._request_at = now + (REST_PACE if self._phase is Phase.AT_REST else MEASURING_PACE)

    def _again(self, at: Instant, code: str, text: str) -> list[Output]:
        """Send the same request once more, or give up after `TRIES`."""
        self._tries += 1
        self._request_at = at
        if self._tries < TRIES:
            return []
        if self._phase is not Phase.STOPPING:
            return self._failed(code, text, at)
        return self._stopped(at) if self._done_while_stopping else self._lost_track(code, text, at)

    def _begin_to_stop(self, stopped_as: NibpState, now: Instant) -> None:
        self._phase = Phase.STOPPING
        self._stopped_as = stopped_as
        self._done_while_stopping = False
        self._limit_at = None
        self._ask(Request.ABORT, now)

    def _rest(self, now: Instant) -> None:
        self._phase = Phase.AT_REST
        self._limit_at = None
        if self._empty_by is not None:
            self._empty_by = min(self._empty_by, now + RELEASE_LIMIT)
        self._ask(Request.PRESSURE, now + MEASURING_PACE)

    def _failed(self, code: str, text: str, now: Instant) -> list[Output]:
        self._rest(now)
        return [MeasurementFailed(code, text), *self._now_state(NibpState.FAILED)]

    def _lost_track(self, code: str, text: str, now: Instant) -> list[Output]:
        """An abort came to no proper end: the cuff's state is unknown until a pressure shows it empty."""
        self._rest(now)
        self._state = None
        told_already = self._stopped_as is NibpState.FAILED
        return [*([] if told_already else [MeasurementFailed(code, text)]), self._state_fact()]

    def _now_state(self, state: NibpState) -> list[Output]:
        self._state = state
        return [self._state_fact()]

    def _state_fact(self) -> Reading | Missing:
        if self._state is None:
            return Missing(Vital.NIBP_STATE, Reason.UNSURE)
        return Reading(Vital.NIBP_STATE, self._state)


def _judge(buffer: bytearray) -> Verdict:
    if buffer[0] != MODULE_START:
        return Noise(noise_before(buffer, bytes([MODULE_START])))
    if len(buffer) < 2:
        return MORE
    size = buffer[1]
    if size not in SIZES:
        return Noise()
    if len(buffer) < size:
        return MORE
    # Only the first byte is given up: a cut packet must not take the next one with it.
    return Noise(1, RejectReason.CHECKSUM) if sum8(buffer[:size]) else Whole(size)


def _parts(packet: bytes) -> tuple[Reading | Missing, ...]:
    """The four values of a result, all questionable when they do not fit together."""
    systolic, diastolic, mean = (int.from_bytes(packet[i : i + 2], "little") for i in (2, 4, 18))
    values = (systolic, diastolic, mean, packet[16])
    fits = (
        systolic > mean > diastolic
        and all(pressure in CHECKED_PRESSURES_MMHG for pressure in values[:3])
        and packet[16] in CHECKED_RATES
    )
    quality = Quality.GOOD if fits else Quality.QUESTIONABLE
    return tuple(
        Reading(vital, value, quality)
        if QUANTITIES[vital].possible(value)
        else Missing(vital, Reason.NOT_MEASURABLE)
        for vital, value in zip(NIBP_RESULT, values, strict=True)
    )


def _error(code: int) -> str:
    for twice in TWICE_CODED:
        if code == int(str(twice), 16):
            return ERRORS[twice]
    return ERRORS.get(code, "unknown error code")


def _name(request: Request) -> str:
    return request.name.lower()
