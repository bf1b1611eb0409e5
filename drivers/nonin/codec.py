"""Nonin data formats 2, 7 and 8, told apart by listening. Layout and sources: PROTOCOL.md.

    DF2    01      | STATUS    | PLETH     | FLOAT | CHK      75 /s, 25 frames make a packet
    DF7    STATUS  | PLETH MSB | PLETH LSB | FLOAT | CHK      75 /s, 25 frames make a packet
    DF8    1 F O L M A H H | 0 H H H H H H H | 0 SpO2-D | 0 - S - N - - B      1 /s

    STATUS   bit 7 always 1, 6 SNSD sensor disconnected, 5 ARTF artefact, 4 OOT out of track, 3 SNSA finger
             out, 2 RPRF and 1 GPRF (one pulse: 01 green, 11 yellow, 10 red), 0 SYNC on frame 1 of a packet
    FLOAT    frame 1 HR MSB, 2 HR LSB, 3 SpO2, 8 STAT2 (bit 0 low battery); the rest is not used
    CHK      sum of the four bytes before it
    DF8      F SNSD, O OOT, L low perfusion, M marginal, A ARTF, H pulse rate, N SNSA, B low battery

The same bytes cannot be two formats: frames of DF2 and DF7 differ in their first byte, and a run of three DF8
records would need a mark on every fourth byte where the others have one on every fifth.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from bedside.facts import (
    Fact,
    FlagName,
    Frame,
    Missing,
    Quality,
    Reading,
    Reason,
    Rejected,
    RejectReason,
    Waveform,
)
from bedside.instants import Instant
from bedside.vitals import QUANTITIES, Vital
from drivers.contract import Closed, LineEvent, Opened, Output, Received
from drivers.flags import FlagMemory
from drivers.framing import MORE, Framer, More, Noise, Refused, Verdict, Whole, sum8

FRAME_BYTES: Final = 5
PACKET_FRAMES: Final = 25
RECORD_BYTES: Final = 4
PLETH_RATE_HZ: Final = 75
WAVEFORM_SAMPLES: Final = 15

PULSE_HOLD_FRAMES: Final = 7 * PLETH_RATE_HZ // 2
"""3.5 s. The slowest rate a device tells, 18 /min, has a pulse every 3.3 s: later than this there is none."""

RECORDS_TO_LOCK: Final = 5
"""DF8 has no checksum. Three records in a row rule out DF2 and DF7; five make chance on a noisy line rare."""

NOISE_TO_UNLOCK_BYTES: Final = 8
"""Two DF8 records' worth of unbelieved bytes between good ones: it is something else, listen anew."""

LIMIT_BYTES: Final = (PACKET_FRAMES + 1) * FRAME_BYTES
"""The most that is looked at before a lock: a DF7 packet and the first frame of the next."""

NO_RATE: Final = 511
NO_SATURATION: Final = 127

ACK: Final = 0x06
NAK: Final = 0x15
STX: Final = 0x02
ETX: Final = 0x03
REPLY_IDS: Final = range(0xF2, 0xF6)
LONGEST_REPLY_DATA: Final = 16

MARK: Final = 0x80
SNSD: Final = 0x40
ARTF: Final = 0x20
OOT: Final = 0x10
SNSA: Final = 0x08
RPRF: Final = 0x04
GPRF: Final = 0x02
SYNC: Final = 0x01
LOW_BATTERY: Final = 0x01


class Format(Enum):
    """The data formats that this codec recognises; the value names their frames."""

    DF2 = "DF2"
    DF7 = "DF7"
    DF8 = "DF8"


@dataclass(frozen=True, slots=True)
class State:
    """What one packet, or one DF8 record, says. None: nothing was said about it since the port was opened."""

    rate: int
    saturation: int
    probe_off: bool
    out_of_track: bool
    artefact: bool | None
    low_perfusion: bool | None
    low_battery: bool

    @property
    def sane(self) -> bool:
        """Whether each value is missing or possible."""
        return (self.rate == NO_RATE or QUANTITIES[Vital.PR].possible(self.rate)) and (
            self.saturation == NO_SATURATION or QUANTITIES[Vital.SPO2].possible(self.saturation)
        )


class NoninCodec:
    """Listens for all three formats until one is certain, then reads it until it fails."""

    def __init__(self) -> None:
        self._framer = Framer(self._judge, LIMIT_BYTES)
        self._flags = FlagMemory()
        self._format: Format | None = None
        self._broken = RejectReason.LENGTH  # why the last lock was lost: names the noise that follows
        self._noise_bytes = 0  # since the last good DF8 record
        self._packet: list[bytes] = []
        self._samples: list[int] = []
        # Of the last pulse seen: between pulses the device says nothing. None before the first.
        self._artefact: bool | None = None
        self._red: bool | None = None
        self._unmarked_frames = 0  # since the last frame that told of a pulse or an artefact

    @property
    def deadline(self) -> Instant | None:
        """None: nothing is ever sent, so nothing is ever due."""
        return None

    def tick(self, now: Instant) -> list[Output]:
        """Nothing is ever due."""
        return []

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        """Decode what arrived."""
        match event:
            case Received(data):
                out: list[Output] = []
                for piece in self._framer.feed(data):
                    out += [piece] if isinstance(piece, Rejected) else self._read(piece)
                return out
            case Opened() | Closed():
                self._unlock(RejectReason.LENGTH)
                self._artefact = self._red = None
                self._unmarked_frames = 0
                self._flags.forget()
                return [*self._framer.flush()]
            case _:
                return []

    # Which bytes are frames

    def _judge(self, buffer: bytearray) -> Verdict:
        if self._format is not None:
            verdict = self._reply(buffer) or self._locked(buffer, self._format)
            if verdict is not None:
                return verdict
        return self._search(buffer)

    def _search(self, buffer: bytearray) -> Verdict:
        """Weigh the evidence for each format at the front of the buffer."""
        hopes = {
            Format.DF2: _packet_evidence(buffer, Format.DF2, PACKET_FRAMES),
            Format.DF7: _packet_evidence(buffer, Format.DF7, PACKET_FRAMES + 1),
            Format.DF8: _record_evidence(buffer),
        }
        for candidate, certain in hopes.items():
            if certain is True:
                self._format = candidate
                self._broken = RejectReason.LENGTH
                return Whole(RECORD_BYTES if candidate is Format.DF8 else FRAME_BYTES)
        if MORE in hopes.values():
            return MORE
        reason, self._broken = self._broken, RejectReason.LENGTH
        return Noise(1, reason)

    def _locked(self, buffer: bytearray, spoken: Format) -> Verdict | None:
        """The next frame in a known format; None when the lock is lost."""
        if spoken is Format.DF8:
            return self._next_record(buffer)
        if len(buffer) < FRAME_BYTES:
            return MORE
        if _is_frame(buffer[:FRAME_BYTES], spoken, len(self._packet)):
            return Whole(FRAME_BYTES)
        sums = sum8(buffer[: FRAME_BYTES - 1]) == buffer[FRAME_BYTES - 1]
        self._unlock(RejectReason.LENGTH if sums else RejectReason.CHECKSUM)
        return None

    def _next_record(self, buffer: bytearray) -> Verdict | None:
        """One damaged record does not end a lock of DF8: the next one is a second away."""
        if buffer[0] & MARK and len(buffer) < RECORD_BYTES:
            return MORE
        if not _is_record(buffer[:RECORD_BYTES]):
            verdict: Noise | Refused = Noise(1)
        elif not _record_state(buffer[:RECORD_BYTES]).sane:
            verdict = Refused(RejectReason.SANITY, RECORD_BYTES)
        else:
            self._noise_bytes = 0
            return Whole(RECORD_BYTES)
        self._noise_bytes += verdict.size
        if self._noise_bytes > NOISE_TO_UNLOCK_BYTES:
            self._unlock(RejectReason.LENGTH)
        return verdict

    def _reply(self, buffer: bytearray) -> Verdict | None:
        """An answer to somebody's command between two frames; it is no frame and no noise."""
        if buffer[0] in (ACK, NAK):
            return Whole(1)
        if buffer[0] != STX:
            return None
        if len(buffer) < 3:
            return MORE
        size = buffer[2] + 4
        if buffer[1] not in REPLY_IDS or buffer[2] > LONGEST_REPLY_DATA:
            return None
        if len(buffer) < size:
            return MORE
        return Whole(size) if buffer[size - 1] == ETX else None

    def _unlock(self, why: RejectReason) -> None:
        self._format = None
        self._broken = why
        self._noise_bytes = 0
        self._packet.clear()
        self._samples.clear()

    # What a frame says

    def _read(self, frame: bytes) -> list[Fact]:
        if frame[0] in (ACK, NAK, STX):
            return []
        if self._format is Format.DF8:
            return self._tell(Format.DF8, _record_state(frame))
        spoken = Format.DF2 if frame[0] == 0x01 else Format.DF7
        status = _status(frame, spoken)
        self._packet.append(frame)
        self._note_pulse(status)
        facts: list[Fact] = [*self._sample(frame, spoken, status)]
        if len(self._packet) == PACKET_FRAMES:
            facts += self._finish_packet(spoken)
        return facts

    def _note_pulse(self, status: int) -> None:
        """Perfusion and artefact belong to a pulse: they hold until the next one, or until it is overdue.

        A heart that stands still has no next pulse. The last one's artefact must not explain its silence.
        """
        marked = status & (RPRF | GPRF | ARTF)
        self._unmarked_frames = 0 if marked else min(self._unmarked_frames + 1, PULSE_HOLD_FRAMES)
        if status & (SNSA | SNSD) or self._unmarked_frames == PULSE_HOLD_FRAMES:
            self._artefact = self._red = False
        elif status & (RPRF | GPRF):
            self._artefact = bool(status & ARTF)
            self._red = not status & GPRF
        elif status & ARTF:
            self._artefact = True

    def _sample(self, frame: bytes, spoken: Format, status: int) -> list[Fact]:
        """The waveform, cut every 200 ms. What a bare sensor sees is no pleth and breaks it."""
        if status & (SNSA | SNSD):
            self._samples.clear()
            return []
        self._samples.append(frame[2] if spoken is Format.DF2 else frame[1] << 8 | frame[2])
        if len(self._samples) < WAVEFORM_SAMPLES:
            return []
        samples = tuple(self._samples)
        self._samples.clear()
        return [Waveform(PLETH_RATE_HZ, samples)]

    def _finish_packet(self, spoken: Format) -> list[Fact]:
        seen = 0
        for frame in self._packet:
            seen |= _status(frame, spoken)
        floats = [frame[3] for frame in self._packet]
        self._packet.clear()
        state = State(
            rate=(floats[0] & 0x03) << 7 | floats[1] & 0x7F,
            saturation=floats[2] & 0x7F,
            probe_off=bool(seen & (SNSA | SNSD)),
            out_of_track=bool(seen & OOT),
            artefact=self._artefact,
            low_perfusion=self._red,
            low_battery=bool(floats[7] & LOW_BATTERY),
        )
        if not state.sane:
            return [Rejected(RejectReason.SANITY, PACKET_FRAMES * FRAME_BYTES)]
        return self._tell(spoken, state)

    def _tell(self, spoken: Format, state: State) -> list[Fact]:
        flags = {
            FlagName.ARTEFACT: state.artefact,
            FlagName.LOW_PERFUSION: state.low_perfusion,
            FlagName.LOW_BATTERY: state.low_battery,
        }
        return [
            Frame(spoken.value),
            _vital(Vital.SPO2, state.saturation, NO_SATURATION, state),
            _vital(Vital.PR, state.rate, NO_RATE, state),
            *self._flags.news({name: on for name, on in flags.items() if on is not None}),
        ]


def _packet_evidence(buffer: bytearray, spoken: Format, frames: int) -> bool | More:
    """Whether so many frames of one format stand at the front, or may yet."""
    for number in range(frames):
        frame = buffer[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]
        if len(frame) < FRAME_BYTES:
            return MORE
        if not _is_frame(frame, spoken, number % PACKET_FRAMES):
            return False
    return True


def _record_evidence(buffer: bytearray) -> bool | More:
    """Whether enough DF8 records stand at the front, or may yet."""
    for at in range(0, RECORDS_TO_LOCK * RECORD_BYTES, RECORD_BYTES):
        record = buffer[at : at + RECORD_BYTES]
        if len(record) < RECORD_BYTES:
            return MORE
        if not _is_record(record) or not _record_state(record).sane:
            return False
    return True


def _is_frame(frame: bytearray, spoken: Format, number: int) -> bool:
    """Whether these five bytes can be frame `number` (from 0) of a packet."""
    status = _status(frame, spoken)
    return (
        (spoken is Format.DF7 or frame[0] == 0x01)
        and status & MARK != 0
        and (status & SYNC != 0) == (number == 0)
        and sum8(frame[:4]) == frame[4]
    )


def _status(frame: bytes | bytearray, spoken: Format) -> int:
    return frame[1] if spoken is Format.DF2 else frame[0]


def _is_record(record: bytearray) -> bool:
    return [byte & MARK for byte in record] == [MARK, 0, 0, 0]


def _record_state(record: bytes | bytearray) -> State:
    first, rate, saturation, last = record
    return State(
        rate=(first & 0x03) << 7 | rate,
        saturation=saturation,
        probe_off=bool(first & 0x40 or last & 0x08),
        out_of_track=bool(first & 0x20),
        artefact=bool(first & 0x04),
        low_perfusion=bool(first & 0x10),
        low_battery=bool(last & LOW_BATTERY),
    )


def _vital(vital: Vital, value: int, missing: int, state: State) -> Reading | Missing:
    """A number counts only while the sensor is on: display values are held for 10 s after the finger left."""
    if state.probe_off:
        return Missing(vital, Reason.PROBE_OFF)
    if value != missing:
        doubtful = state.artefact or state.low_perfusion or state.out_of_track
        return Reading(vital, value, Quality.QUESTIONABLE if doubtful else Quality.GOOD)
    if state.artefact:
        return Missing(vital, Reason.MOTION)
    if state.low_perfusion and not state.out_of_track:
        return Missing(vital, Reason.LOW_PERFUSION)
    return Missing(vital, Reason.SEARCHING)
