r"""Alaris / Asena GH syringe pump, read only: one question at a time, the pump answers with the same name.

    !  name [^ field]*  |  CRC  CR

    !INF^8002-51740^-^SET^3.50^ml/h^^1.250^ml^17.91^mmHg^24+^EVENT^127904|EAFA\r
     1   serial    │ │    rate      │ volume   pressure    │   log type, newest log entry
          alarm A/-┘ └ mode    drug ┘            time left ┘

CRC: four upper-case hex digits, CCITT-FALSE over the bytes between `!` and `|`. ESC breaks a frame off.

`Question` is the allow-list: four constant byte strings, the only bytes this file can send. Remote control is
never enabled, because it arms a watchdog that stops the pump when the agent dies.

A slot is 0.5 s. The questions go round as `ROUND` has them; the alarm flag in INF brings the alarm question
forward, so an occlusion is known half a second after the pump knows it. No answer within 0.5 s: the question
is repeated once, then the round goes on. Silence is no fact here: it says nothing about the pump's motor.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from bedside.facts import Flag, FlagName, Frame, Missing, Quality, Reading, Reason, Rejected, RejectReason
from bedside.instants import MILLISECOND, Instant
from bedside.vitals import QUANTITIES, PumpState, Vital
from drivers.contract import Closed, LineEvent, Opened, Output, Received, StartNibp, StopNibp, Transmit
from drivers.flags import CauseMemory
from drivers.framing import MORE, Framer, Noise, Refused, Verdict, Whole, crc16_ccitt_false, noise_before

SLOT: Final = 500 * MILLISECOND
REPLY_LIMIT: Final = 500 * MILLISECOND
FRAME_LIMIT_BYTES: Final = 200
"""The longest reply in print has 83 bytes; a drug name may come on top."""


class Question(Enum):
    """Every byte string that may ever be sent, with its published check code."""

    SERIAL = b"!INST_SERIALNO|457D\r"
    STATUS = b"!INF|4961\r"
    ALARM = b"!ALARM|50B2\r"
    VTBI = b"!INF_VTBI|8456\r"


ROUND: Final = (
    Question.STATUS,
    Question.ALARM,
    Question.VTBI,
    *(Question.STATUS, Question.ALARM) * 3,
)
"""4.5 s: status and alarm about once a second, the volume to be infused once."""


class Ends(Enum):
    """Alarm codes that tell what the pump is doing, not what is wrong with it."""

    COMPLETE = PumpState.COMPLETE
    KVO = PumpState.KVO


@dataclass(frozen=True, slots=True)
class NoAlarm:
    """Nothing is reported."""


NO_ALARM: Final = NoAlarm()

ALARMS: Final[Mapping[str, NoAlarm | Ends | FlagName]] = {
    "AL_NOALM": NO_ALARM,
    "AL_OCCLU": FlagName.OCCLUSION,
    "AL_NEOIN": FlagName.NEAR_END,
    "AL_EOIST": Ends.COMPLETE,
    "AL_VTBIS": Ends.COMPLETE,
    "AL_EOIKV": Ends.KVO,
    "AL_VTBIK": Ends.KVO,
    "AL_LWBAT": FlagName.LOW_BATTERY,
    "AL_LBTAC": FlagName.LOW_BATTERY,
    "AL_EMBAT": FlagName.BATTERY_EMPTY,
    "AL_ACDIS": FlagName.MAINS_LOST,
    "AL_DRDIS": FlagName.FLOW_ERROR,
    "AL_SYRCO": FlagName.FLOW_ERROR,
    "AL_FAULT": FlagName.DEVICE_FAULT,
}
"""Every other code, known to a list or not, is a `DEVICE_ALARM` and keeps its own spelling."""

UNNAMED_ALARM: Final = "alarm without a code"
BY_ALARM_REPLY: Final = frozenset(FlagName) - {FlagName.DEVICE_ALARM}

KVO_LIMIT_ML_PER_H: Final = 2.5
"""A pump that runs faster than this is not merely keeping a vein open, whatever its alarm code says."""

NUMBER: Final = r"(\d{1,5}(\.\d{1,3})?)?"
TEXT: Final = r".{0,40}"
STATUS_FORM: Final = (
    r"[0-9A-Z-]{1,20}",  # serial
    r"[-A]",
    r"[A-Z]{1,8}",  # mode
    NUMBER,  # rate
    r"ml/h",
    TEXT,  # drug, empty in every reply seen
    NUMBER,  # volume infused
    r"ml",
    r"-?\d{1,4}(\.\d{1,2})?",  # line pressure
    r"mmHg",
    r"(\d\d:\d\d:\d\d|24\+)?",  # time left
    r"[A-Z]{1,10}",  # log type
    r"\d{1,10}",  # newest log entry
)
SERIAL_FORM: Final = (r"[0-9A-Z-]{1,20}",)
ALARM_FORM: Final = (r".{1,20}", TEXT, TEXT)
VTBI_FORM: Final = (r"[A-Z]{1,8}", NUMBER, r"(ml)?", r"[A-Z]{0,8}")
VTBI_OFF: Final = ["DEACT"]

NOT_OURS: Final = frozenset(
    {
        "COMMS_PROTOCOL",
        "COMMS_RESPONSE_MAX",
        "SYRINGE_STATUS",
        "INF_RATE_MAX_SYRINGE",
        "INF_VI",
        "INF_RATE",
        "INF_START",
        "INF_STOP",
        "INF_BOLUS",
        "INF_VI_CLEAR",
        "REMOTE_CTRL",
        "REMOTE_CFG",
        "REMQUERY",
    }
)
"""Replies to what others ask: they prove that the pump lives, and are not read."""

BREAKS: Final = re.compile(rb"[^ -~]")
"""A frame is printable up to its CR; ESC, or anything else, breaks it off."""
TAIL: Final = re.compile(rb"\|[0-9A-F]{4}")


class AlarisCodec:
    """Asks in turn and reads what comes. A late answer still carries its name, so it is still an answer."""

    def __init__(self) -> None:
        self._framer = Framer(_judge, FRAME_LIMIT_BYTES)
        self._flags = CauseMemory()
        self._next = Question.SERIAL
        self._next_at: Instant | None = None
        self._place = 0
        self._asked: Question | None = None
        self._asked_at: Instant = 0
        self._repeated = False
        # What the pump has said since the port was opened.
        self._alarm: str | None = None
        self._unnamed_alarms = 0
        self._state_contradicts_alarm = False
        self._device_alarm_known = False  # it can follow from status and alarm together

    @property
    def deadline(self) -> Instant | None:
        return self._next_at if self._asked is None else self._asked_at + REPLY_LIMIT

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        return [*self.tick(now), *self._handle(event, now), *self.tick(now)]

    def tick(self, now: Instant) -> list[Output]:
        out: list[Output] = []
        while (due := self.deadline) is not None and due <= now:
            # What a late tick would have asked long ago is not asked any more: at most the last question is.
            out = self._fire(due)
        return out

    def _handle(self, event: LineEvent, now: Instant) -> list[Output]:
        match event:
            case Received(data):
                return self._receive(data, now)
            case Opened():
                rejected = self._close()
                self._next, self._next_at = Question.SERIAL, now
                return rejected
            case Closed():
                return self._close()
            case StartNibp() | StopNibp():
                return []  # a pump has no cuff
            case _:
                assert_never(event)

    def _close(self) -> list[Output]:
        self._flags.forget()
        self._next_at = None
        self._place = 0
        self._asked = None
        self._repeated = False
        self._alarm = None
        self._unnamed_alarms = 0
        self._state_contradicts_alarm = False
        self._device_alarm_known = False
        return [*self._framer.flush()]

    # Asking.

    def _fire(self, at: Instant) -> list[Output]:
        if self._asked is None:
            return self._ask(self._next, at)
        if not self._repeated:
            self._repeated = True
            return self._ask(self._asked, at)
        self._flags.forget()  # the line may be lost: what is on must be told again when it is back
        self._turn_to_next(at)
        return []

    def _ask(self, question: Question, at: Instant) -> list[Output]:
        self._asked, self._asked_at = question, at
        return [Transmit(question.value)]

    def _turn_to_next(self, now: Instant) -> None:
        """The question was answered or given up: the next one of the round has its turn, in its slot."""
        self._asked = None
        self._repeated = False
        self._next = ROUND[self._place]
        self._place = (self._place + 1) % len(ROUND)
        self._next_at = max(now, self._asked_at + SLOT)

    # Reading.

    def _receive(self, data: bytes, now: Instant) -> list[Output]:
        out: list[Output] = []
        for frame in self._framer.feed(data):
            out += [frame] if isinstance(frame, Rejected) else self._read(frame, now)
        return out

    def _read(self, frame: bytes, now: Instant) -> list[Output]:
        name, *fields = frame[1:-6].decode("ascii").split("^")
        facts = self._facts(name, fields)
        if facts is None:
            return [Rejected(RejectReason.SANITY, len(frame))]
        if self._asked is not None and self._asked.value.startswith(f"!{name}|".encode()):
            self._turn_to_next(now)
            if self._unnamed_alarms and self._next is Question.ALARM:
                self._next_at = now  # an alarm of unknown cause does not wait for its slot
        return [Frame(name), *facts]

    def _facts(self, name: str, fields: list[str]) -> list[Output] | None:
        """What a reply says; none when it does not look like the reply of that name."""
        match name:
            case "INF" if _has_form(fields, STATUS_FORM):
                return self._status(fields)
            case "ALARM" if _has_form(fields, ALARM_FORM):
                return self._new_alarm(fields[0])
            case "INF_VTBI" if fields == VTBI_OFF or _has_form(fields, VTBI_FORM):
                return _volume_remaining(fields)
            case "INST_SERIALNO" if _has_form(fields, SERIAL_FORM):
                return []  # asked to wake the line; it stays here, and with no patient's data
            case _ if name in NOT_OURS:
                return []
        return None

    def _status(self, fields: list[str]) -> list[Output] | None:
        _, alarm_flag, mode, rate_text, _, _, volume_text, *_ = fields
        rate = _number(Vital.INFUSION_RATE, rate_text)
        volume = _number(Vital.VOLUME_INFUSED, volume_text)
        if rate is None or volume is None:
            return None
        rate_ml_per_h = float(rate_text or 0)
        if mode == "HLD" and rate_ml_per_h > 0:
            rate = Reading(Vital.INFUSION_RATE, rate_ml_per_h, Quality.QUESTIONABLE)
        meaning = _meaning(self._alarm)
        state = _state(mode, rate_ml_per_h, meaning)
        # In a mode that we do not know only the rate tells that drug flows.
        guessed = state is PumpState.INFUSING and mode != "SET"
        quality = Quality.QUESTIONABLE if guessed else Quality.GOOD
        unnamed = alarm_flag == "A" and meaning is NO_ALARM
        self._unnamed_alarms = self._unnamed_alarms + 1 if unnamed else 0
        self._state_contradicts_alarm = isinstance(meaning, Ends) and state is not meaning.value
        if self._alarm is not None and self._unnamed_alarms != 1:
            self._device_alarm_known = True
        return [Reading(Vital.PUMP_STATE, state, quality), rate, volume, *self._news()]

    def _new_alarm(self, code: str) -> list[Output]:
        if code != self._alarm:
            self._state_contradicts_alarm = False  # the next status says whether the state agrees
        self._alarm = code
        if _meaning(code) is not NO_ALARM:
            self._unnamed_alarms = 0
        return [*self._news()]

    def _news(self) -> list[Flag]:
        """What is new about the flags. One that was on before a loss stays on until the pump denies it."""
        causes = self._causes()
        self._device_alarm_known |= FlagName.DEVICE_ALARM in causes
        unsure = set(BY_ALARM_REPLY) if self._alarm is None else set[FlagName]()
        if not self._device_alarm_known:
            unsure.add(FlagName.DEVICE_ALARM)
        return self._flags.news(causes, unsure)

    def _causes(self) -> Mapping[FlagName, str]:
        meaning = _meaning(self._alarm)
        if isinstance(meaning, NoAlarm):
            # Once may be a race between the two questions; twice is an alarm that has no name.
            return {FlagName.DEVICE_ALARM: UNNAMED_ALARM} if self._unnamed_alarms > 1 else {}
        code = self._alarm or ""
        if isinstance(meaning, Ends):
            return {FlagName.DEVICE_ALARM: code} if self._state_contradicts_alarm else {}
        return {meaning: code}


def _judge(buffer: bytearray) -> Verdict:
    if buffer[0] != ord("!"):
        return Noise(noise_before(buffer, b"!"))
    broken = BREAKS.search(buffer)
    if broken is None:
        return MORE
    if broken[0] != b"\r":
        return Noise(broken.end())
    reason = _damage(bytes(buffer[1 : broken.start()]))
    if reason is None:
        return Whole(broken.end())
    again = buffer.find(b"!", 1, broken.start())
    # A frame that was cut short must not take the one behind it along.
    return Refused(reason, broken.end()) if again < 0 else Noise(again)


def _damage(line: bytes) -> RejectReason | None:
    """What is wrong with the bytes between `!` and CR, if anything."""
    body, tail = line[:-5], line[-5:]
    if not body or not TAIL.fullmatch(tail):
        return RejectReason.LENGTH
    return None if crc16_ccitt_false(body) == int(tail[1:], 16) else RejectReason.CHECKSUM


def _has_form(fields: list[str], form: tuple[str, ...]) -> bool:
    return len(fields) == len(form) and all(map(re.fullmatch, form, fields))


def _number(vital: Vital, text: str) -> Reading | Missing | None:
    """A number of a reply; none when no sound pump could send it."""
    if not text:
        return Missing(vital, Reason.NOT_MEASURABLE)
    value = float(text)
    return Reading(vital, value) if QUANTITIES[vital].possible(value) else None


def _meaning(code: str | None) -> NoAlarm | Ends | FlagName:
    # One list spells a code with a space for the underscore.
    return ALARMS.get(code.replace(" ", "_"), FlagName.DEVICE_ALARM) if code else NO_ALARM


def _state(mode: str, rate_ml_per_h: float, alarm: NoAlarm | Ends | FlagName) -> PumpState:
    held = mode == "HLD"
    if alarm is Ends.COMPLETE and (held or rate_ml_per_h == 0):
        return PumpState.COMPLETE
    if alarm is Ends.KVO and not held and rate_ml_per_h <= KVO_LIMIT_ML_PER_H:
        return PumpState.KVO
    if held:
        return PumpState.PAUSED
    if rate_ml_per_h > 0:
        return PumpState.INFUSING
    return PumpState.STOPPED if mode == "SET" else PumpState.UNKNOWN


def _volume_remaining(fields: list[str]) -> list[Output] | None:
    if fields[0] == "DEACT":
        return [Missing(Vital.VOLUME_REMAINING, Reason.NOT_MEASURABLE)]
    if fields[0] != "ACTIV":
        return [Missing(Vital.VOLUME_REMAINING, Reason.UNSURE)]
    volume = _number(Vital.VOLUME_REMAINING, fields[1])
    return None if volume is None else [volume]
