"""The Alaris pump: what its replies mean, in which rhythm it is asked, and what can never be sent."""

import re
from binascii import crc_hqx
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.facts import Flag, FlagName, Frame, Missing, Quality, Reading, Reason, Rejected, RejectReason
from bedside.instants import MILLISECOND, SECOND, Instant
from bedside.vitals import PumpState, Vital
from drivers.alaris_gh import ALARIS_GH
from drivers.alaris_gh.codec import ALARMS, FRAME_LIMIT_BYTES, AlarisCodec, Question
from drivers.contract import Closed, LineEvent, Opened, Output, Received, StartNibp, StopNibp, Transmit

SERIAL = b"!INST_SERIALNO|457D\r"
STATUS = b"!INF|4961\r"
ALARM = b"!ALARM|50B2\r"
VTBI = b"!INF_VTBI|8456\r"

# Printed in pumps.md section 5; the check codes are the printed ones.
SERIAL_REPLY = b"!INST_SERIALNO^8002-51740|050B\r"
HELD = b"!INF^8002-51733^A^HLD^0.00^ml/h^^0.969^ml^530.15^mmHg^00:04:09^EVENT^214725|DB9D\r"
INFUSING = b"!INF^8002-51740^-^SET^3.50^ml/h^^1.250^ml^17.91^mmHg^24+^EVENT^127904|EAFA\r"
NO_ALARM = b"!ALARM^AL_NOALM^ ^ |C73B\r"
NO_ALARM_SHORT = b"!ALARM^AL_NOALM^ ^|7E7C\r"
OCCLUSION = b"!ALARM^AL_OCCLU^^|2F3B\r"
NOT_READ = (
    b"!SYRINGE_STATUS^BD PLASTIPAK^ 50^CONF|1CF8\r",
    b"!REMOTE_CTRL^ENABLED^****^PERMIT^0^ms|7BB0\r",
    b"!REMOTE_CTRL^DISABLED^****^PERMIT^0^ms|3C5D\r",
    b"!REMOTE_CTRL^DISABLED|EF95\r",
    b"!REMQUERY^DEACT^^^^|E5C9\r",
    b"!INF_RATE^3.50^ml/h|3885\r",
    b"!INF_START|38F3\r",
    b"!INF_STOP|CD57\r",
    b"!INF_VI_CLEAR|A706\r",
)


def framed(body: str) -> bytes:
    """A frame with the check of another implementation of the same CRC."""
    return b"!%s|%04X\r" % (body.encode(), crc_hqx(body.encode(), 0xFFFF))


def status(
    flag: str = "-", mode: str = "SET", rate: str = "3.50", volume: str = "1.250", left: str = "24+"
) -> bytes:
    return framed(f"INF^8002-51740^{flag}^{mode}^{rate}^ml/h^^{volume}^ml^17.91^mmHg^{left}^EVENT^127904")


def alarm(code: str) -> bytes:
    return framed(f"ALARM^{code}^^")


def read(*frames: bytes) -> list[Output]:
    """The facts of frames on a line that is only listened to."""
    codec = AlarisCodec()
    return [fact for frame in frames for fact in codec.on(Received(frame), 0)]


def state_of(*frames: bytes) -> object:
    states = [f.value for f in read(*frames) if isinstance(f, Reading) and f.vital is Vital.PUMP_STATE]
    return states[-1]


def flags(facts: list[Output]) -> list[Flag]:
    return [fact for fact in facts if isinstance(fact, Flag)]


class Pump:
    """A codec on an open line, and the instant of everything that it sent."""

    def __init__(self) -> None:
        self.codec = AlarisCodec()
        self.sent: list[tuple[Instant, bytes]] = []
        self.answered = 0
        self.on(Opened(), 0)

    def on(self, event: LineEvent, now: Instant) -> list[Output]:
        return self._kept(self.codec.on(event, now), now)

    def run(self, until: Instant, *, answers: dict[bytes, bytes], delay: Instant = 20 * MILLISECOND) -> None:
        """Let time pass with a pump that answers from a table."""
        while True:
            waiting = self.sent[self.answered :]
            if waiting and waiting[0][0] + delay <= until:
                at, question = waiting[0]
                self.answered += 1
                self.on(Received(answers[question]), at + delay)
            elif not waiting and (due := self.codec.deadline) is not None and due <= until:
                self._kept(self.codec.tick(due), due)
            else:
                return

    def _kept(self, outputs: list[Output], now: Instant) -> list[Output]:
        self.sent += [(now, o.data) for o in outputs if isinstance(o, Transmit)]
        return outputs


HEALTHY = {
    SERIAL: SERIAL_REPLY,
    STATUS: INFUSING,
    ALARM: NO_ALARM,
    VTBI: framed("INF_VTBI^ACTIV^11.000^ml^STOP"),
}


def test_every_question_is_one_of_the_four_published_ones() -> None:
    assert {question.value for question in Question} == {SERIAL, STATUS, ALARM, VTBI}


lines = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([*HEALTHY.values(), HELD, OCCLUSION, *NOT_READ, status(flag="A"), alarm("AL_COMTO")]),
)
events = st.one_of(
    lines.map(Received), st.sampled_from([Opened(), Closed(), StartNibp(), StopNibp()]), st.none()
)


@given(st.lists(st.tuples(events, st.integers(0, 3 * SECOND)), max_size=40))
def test_nothing_else_can_ever_be_sent(story: list[tuple[LineEvent | None, int]]) -> None:
    codec, now = AlarisCodec(), 0
    sent = [o.data for o in codec.on(Opened(), now) if isinstance(o, Transmit)]
    for event, pause in story:
        now += pause
        outputs = codec.tick(now) if event is None else codec.on(event, now)
        sent += [o.data for o in outputs if isinstance(o, Transmit)]
    assert set(sent) <= {SERIAL, STATUS, ALARM, VTBI}


def test_serial_number_is_asked_once_and_told_to_nobody() -> None:
    pump = Pump()
    assert pump.sent == [(0, SERIAL)]
    assert pump.on(Received(SERIAL_REPLY), 20 * MILLISECOND) == [Frame("INST_SERIALNO")]
    pump.run(20 * SECOND, answers=HEALTHY)
    assert [question for _, question in pump.sent].count(SERIAL) == 1


def test_rhythm_when_healthy() -> None:
    pump = Pump()
    pump.run(60 * SECOND, answers=HEALTHY)
    assert [question for _, question in pump.sent[1:10]] == [STATUS, ALARM, VTBI] + [STATUS, ALARM] * 3
    instants = [at for at, _ in pump.sent]
    assert {after - before for before, after in pairwise(instants)} == {500 * MILLISECOND}
    for question, longest in ((STATUS, 1.5), (ALARM, 1.5), (VTBI, 4.5)):
        asked = [at for at, sent in pump.sent if sent == question]
        assert max(after - before for before, after in pairwise(asked)) == longest * SECOND


def test_no_reply_is_repeated_once_and_invents_nothing() -> None:
    pump = Pump()
    pump.on(Received(SERIAL_REPLY), 20 * MILLISECOND)
    facts: list[Output] = []
    while (due := pump.codec.deadline) is not None and due <= 3 * SECOND:
        facts += pump.on(Received(b""), due)
    assert [o for o in facts if not isinstance(o, Transmit)] == []
    assert pump.sent[1:] == [
        (500 * MILLISECOND, STATUS),
        (1000 * MILLISECOND, STATUS),
        (1500 * MILLISECOND, ALARM),
        (2000 * MILLISECOND, ALARM),
        (2500 * MILLISECOND, VTBI),
        (3000 * MILLISECOND, VTBI),
    ]


def test_a_late_tick_does_not_flood_the_pump() -> None:
    pump = Pump()
    assert len([o for o in pump.codec.tick(10 * SECOND) if isinstance(o, Transmit)]) <= 1


def test_a_late_answer_is_still_an_answer() -> None:
    pump = Pump()
    assert Reading(Vital.INFUSION_RATE, 3.5) in pump.on(Received(INFUSING), 4 * SECOND)


def test_an_alarm_of_unknown_cause_is_asked_at_once() -> None:
    pump = Pump()
    pump.on(Received(SERIAL_REPLY), 10 * MILLISECOND)
    pump.on(Received(b""), 500 * MILLISECOND)
    assert pump.sent[-1] == (500 * MILLISECOND, STATUS)
    pump.on(Received(HELD), 520 * MILLISECOND)
    assert pump.sent[-1] == (520 * MILLISECOND, ALARM)
    facts = pump.on(Received(OCCLUSION), 540 * MILLISECOND)
    assert facts == [Frame("ALARM"), Flag(FlagName.OCCLUSION, on=True, detail="AL_OCCLU")]


def test_occlusion_is_seen_within_a_second_of_any_instant() -> None:
    for begins in range(0, 10 * SECOND, 130 * MILLISECOND):
        pump = Pump()
        pump.run(begins, answers=HEALTHY)
        pump.run(begins + 2 * SECOND, answers=HEALTHY | {STATUS: HELD, ALARM: OCCLUSION})
        asked = [at for at, question in pump.sent if question == ALARM and at >= begins]
        assert asked[0] - begins <= SECOND


def test_quoted_status() -> None:
    assert read(HELD) == [
        Frame("INF"),
        Reading(Vital.PUMP_STATE, PumpState.PAUSED),
        Reading(Vital.INFUSION_RATE, 0),
        Reading(Vital.VOLUME_INFUSED, 0.969),
    ]


def test_constructed_status() -> None:
    assert read(INFUSING) == [
        Frame("INF"),
        Reading(Vital.PUMP_STATE, PumpState.INFUSING),
        Reading(Vital.INFUSION_RATE, 3.5),
        Reading(Vital.VOLUME_INFUSED, 1.25),
    ]


@pytest.mark.parametrize("frame", [NO_ALARM, NO_ALARM_SHORT])
def test_no_alarm_in_both_spellings(frame: bytes) -> None:
    assert read(frame) == [Frame("ALARM")]


@pytest.mark.parametrize("frame", NOT_READ)
def test_replies_to_others_show_life_only(frame: bytes) -> None:
    assert read(frame) == [Frame(re.split(rb"[!^|]", frame)[1].decode())]


@pytest.mark.parametrize("frame", [INFUSING, HELD, OCCLUSION, NO_ALARM, SERIAL_REPLY])
def test_one_flipped_bit_is_refused(frame: bytes) -> None:
    for place in range(len(frame) * 8):
        damaged = bytearray(frame)
        damaged[place // 8] ^= 1 << place % 8
        facts = [*AlarisCodec().on(Received(bytes(damaged)), 0)]
        assert all(isinstance(fact, Rejected) for fact in facts), bytes(damaged)


def test_check_must_be_upper_case() -> None:
    assert read(INFUSING.replace(b"EAFA", b"eafa")) == [Rejected(RejectReason.LENGTH, len(INFUSING))]


@pytest.mark.parametrize("question", list(Question))
def test_our_own_echo_is_no_sign_of_life(question: Question) -> None:
    assert read(question.value) == [Rejected(RejectReason.SANITY, len(question.value))]


@pytest.mark.parametrize(
    "frame",
    [
        framed("INF_BOGUS^1"),
        framed("INF^8002-51740^-^SET^3.50"),
        status(rate="3.5x"),
        status(rate="2000.01"),
        status(volume="10000.001"),
        status(flag="B"),
        status(left="24"),
        framed("ALARM^AL_NOALM"),
        framed("ALARM^^^"),
        framed("INF_VTBI^ACTIV^10000.001^ml^STOP"),
        framed("INF_VTBI^ACTIV^11.000^l^STOP"),
    ],
)
def test_a_sound_check_does_not_make_sense_of_nonsense(frame: bytes) -> None:
    assert read(frame) == [Rejected(RejectReason.SANITY, len(frame))]


def test_esc_breaks_a_frame_off() -> None:
    assert read(INFUSING[:20] + b"\x1b" + INFUSING)[0] == Rejected(RejectReason.LENGTH, 21)
    assert read(INFUSING[:20] + b"\x1b" + INFUSING)[1] == Frame("INF")


def test_a_frame_without_end_is_bounded() -> None:
    codec = AlarisCodec()
    facts = codec.on(Received(b"!" + b"x" * 1000), 0)
    assert facts[0] == Rejected(RejectReason.OVERFLOW, 256)
    assert codec._framer.held_bytes < FRAME_LIMIT_BYTES


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (framed("INF_VTBI^ACTIV^11.000^ml^STOP"), Reading(Vital.VOLUME_REMAINING, 11)),
        (framed("INF_VTBI^ACTIV^^ml^STOP"), Missing(Vital.VOLUME_REMAINING, Reason.NOT_MEASURABLE)),
        (framed("INF_VTBI^DEACT^^ml^STOP"), Missing(Vital.VOLUME_REMAINING, Reason.NOT_MEASURABLE)),
        (b"!INF_VTBI^DEACT|D8C5\r", Missing(Vital.VOLUME_REMAINING, Reason.NOT_MEASURABLE)),
        (b"!INF_VTBI^ACTIV^11.000^ml^STOP|4433\r", Reading(Vital.VOLUME_REMAINING, 11)),
        (framed("INF_VTBI^OTHER^5.000^ml^STOP"), Missing(Vital.VOLUME_REMAINING, Reason.UNSURE)),
    ],
)
def test_volume_to_be_infused(frame: bytes, expected: Reading | Missing) -> None:
    assert read(frame) == [Frame("INF_VTBI"), expected]


def test_tolerated_forms() -> None:
    negative = framed("INF^8002-51740^-^SET^3.50^ml/h^KETAMINE^1.250^ml^-4.20^mmHg^01:02:03^EVENT^1")
    assert read(negative)[0] == Frame("INF")
    empty = read(status(rate="", volume=""))
    assert Missing(Vital.INFUSION_RATE, Reason.NOT_MEASURABLE) in empty
    assert Missing(Vital.VOLUME_INFUSED, Reason.NOT_MEASURABLE) in empty


def test_a_falling_volume_counter_is_no_fault() -> None:
    facts = read(status(volume="9.000"), status(volume="0.000"))
    assert facts[-1] == Reading(Vital.VOLUME_INFUSED, 0)
    assert not [fact for fact in facts if isinstance(fact, Flag | Rejected)]


def test_a_rate_on_hold_is_doubted() -> None:
    assert Reading(Vital.INFUSION_RATE, 3.5, Quality.QUESTIONABLE) in read(status(mode="HLD"))


@pytest.mark.parametrize(
    ("code", "mode", "rate", "state"),
    [
        ("AL_NOALM", "SET", "3.50", PumpState.INFUSING),
        ("AL_NOALM", "SET", "0.00", PumpState.STOPPED),
        ("AL_NOALM", "HLD", "0.00", PumpState.PAUSED),
        ("AL_NOALM", "PURGE", "0.00", PumpState.UNKNOWN),
        ("AL_NOALM", "PURGE", "0.01", PumpState.INFUSING),
        ("AL_NOALM", "BOLUS", "30.00", PumpState.INFUSING),
        ("AL_VTBIK", "BOLUS", "30.00", PumpState.INFUSING),
        ("AL_OCCLU", "HLD", "0.00", PumpState.PAUSED),
        ("AL_VTBIS", "HLD", "0.00", PumpState.COMPLETE),
        ("AL_EOIST", "SET", "0.00", PumpState.COMPLETE),
        ("AL_EOIST", "SET", "3.50", PumpState.INFUSING),
        ("AL_EOIKV", "SET", "1.00", PumpState.KVO),
        ("AL_VTBIK", "KVO", "1.00", PumpState.KVO),
        ("AL_VTBIK", "SET", "30.00", PumpState.INFUSING),
        ("AL_VTBIK", "HLD", "0.00", PumpState.PAUSED),
    ],
)
def test_state(code: str, mode: str, rate: str, state: PumpState) -> None:
    assert state_of(alarm(code), status(flag="A", mode=mode, rate=rate)) is state


@pytest.mark.parametrize(("mode", "quality"), [("SET", Quality.GOOD), ("BOLUS", Quality.QUESTIONABLE)])
def test_drug_that_flows_in_an_unknown_mode_is_doubted_but_told(mode: str, quality: Quality) -> None:
    assert read(status(mode=mode))[1:3] == [
        Reading(Vital.PUMP_STATE, PumpState.INFUSING, quality),
        Reading(Vital.INFUSION_RATE, 3.5),
    ]


EXPECTED_FLAGS = {
    "AL_OCCLU": FlagName.OCCLUSION,
    "AL_NEOIN": FlagName.NEAR_END,
    "AL_LWBAT": FlagName.LOW_BATTERY,
    "AL_LBTAC": FlagName.LOW_BATTERY,
    "AL_EMBAT": FlagName.BATTERY_EMPTY,
    "AL_ACDIS": FlagName.MAINS_LOST,
    "AL_DRDIS": FlagName.FLOW_ERROR,
    "AL DRDIS": FlagName.FLOW_ERROR,
    "AL_SYRCO": FlagName.FLOW_ERROR,
    "AL_FAULT": FlagName.DEVICE_FAULT,
    **dict.fromkeys(
        ["AL_VTBIC", "AL_CALLB", "AL_COMTO", "AL_LDSCN", "AL_PRDSC", "AL_RHIGH", "AL_TCITG", "AL_TITCA"],
        FlagName.DEVICE_ALARM,
    ),
    "AL_TITNC": FlagName.DEVICE_ALARM,
    "AL_NEWER": FlagName.DEVICE_ALARM,
    "unheard of": FlagName.DEVICE_ALARM,
}


@pytest.mark.parametrize(("code", "flag"), EXPECTED_FLAGS.items())
def test_every_alarm_is_shown_with_its_code(code: str, flag: FlagName) -> None:
    assert read(alarm(code)) == [Frame("ALARM"), Flag(flag, on=True, detail=code)]


def test_every_row_of_the_alarm_table_was_looked_at() -> None:
    states = {"AL_NOALM", "AL_EOIST", "AL_VTBIS", "AL_EOIKV", "AL_VTBIK"}
    assert (
        set(ALARMS)
        == {c for c, f in EXPECTED_FLAGS.items() if f is not FlagName.DEVICE_ALARM} - {"AL DRDIS"} | states
    )


def test_flags_come_on_change_only() -> None:
    facts = read(OCCLUSION, OCCLUSION, alarm("AL_LWBAT"), NO_ALARM, NO_ALARM)
    assert flags(facts) == [
        Flag(FlagName.OCCLUSION, on=True, detail="AL_OCCLU"),
        Flag(FlagName.OCCLUSION, on=False, detail="AL_OCCLU"),
        Flag(FlagName.LOW_BATTERY, on=True, detail="AL_LWBAT"),
        Flag(FlagName.LOW_BATTERY, on=False, detail="AL_LWBAT"),
    ]


def test_one_cause_after_another_of_the_same_flag() -> None:
    assert flags(read(alarm("AL_CALLB"), alarm("AL_RHIGH"))) == [
        Flag(FlagName.DEVICE_ALARM, on=True, detail="AL_CALLB"),
        Flag(FlagName.DEVICE_ALARM, on=False, detail="AL_CALLB"),
        Flag(FlagName.DEVICE_ALARM, on=True, detail="AL_RHIGH"),
    ]


def test_flags_are_told_again_after_the_line_was_lost() -> None:
    pump = Pump()
    on = Flag(FlagName.OCCLUSION, on=True, detail="AL_OCCLU")
    assert on in pump.on(Received(OCCLUSION), 0)
    pump.on(Closed(), SECOND)
    pump.on(Opened(), 2 * SECOND)
    assert on in pump.on(Received(OCCLUSION), 3 * SECOND)
    pump.on(Opened(), 4 * SECOND)
    assert Flag(FlagName.OCCLUSION, on=False) in pump.on(Received(NO_ALARM), 5 * SECOND)


FLAGGED = status(flag="A")


@pytest.mark.parametrize(
    ("before", "silent", "denial"),
    [
        ([OCCLUSION], [HELD, INFUSING], [NO_ALARM]),
        ([OCCLUSION, HELD], [INFUSING], [alarm("AL_LWBAT")]),
        ([alarm("AL_COMTO")], [INFUSING, NO_ALARM], [INFUSING]),
        ([alarm("AL_COMTO")], [NO_ALARM], [INFUSING]),
        ([NO_ALARM, FLAGGED, FLAGGED], [FLAGGED, NO_ALARM], [INFUSING]),
        ([alarm("AL_EOIST"), FLAGGED], [FLAGGED, alarm("AL_EOIST")], [status(flag="A", rate="0.00")]),
    ],
)
def test_after_reopening_a_flag_ends_only_when_the_pump_denies_it(
    before: list[bytes], silent: list[bytes], denial: list[bytes]
) -> None:
    codec = AlarisCodec()

    def tell(frames: list[bytes]) -> list[Flag]:
        return flags([fact for frame in frames for fact in codec.on(Received(frame), 0)])

    (began,) = tell(before)
    assert began.on
    codec.on(Closed(), 0)
    codec.on(Opened(), 0)
    assert tell(silent) == []
    assert tell(denial)[0] == Flag(began.name, on=False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([NO_ALARM, FLAGGED, FLAGGED], [FLAGGED, NO_ALARM, FLAGGED]),
        ([alarm("AL_EOIST"), FLAGGED], [FLAGGED, alarm("AL_EOIST"), FLAGGED]),
    ],
)
def test_after_reopening_an_alarm_that_lasts_is_never_off(before: list[bytes], after: list[bytes]) -> None:
    codec = AlarisCodec()
    (began,) = flags([fact for frame in before for fact in codec.on(Received(frame), 0)])
    codec.on(Opened(), 0)
    assert flags([fact for frame in after for fact in codec.on(Received(frame), 0)]) == [began]


def test_a_pump_that_never_answers_the_alarm_question_still_shows_its_alarm_flag() -> None:
    pump = Pump()
    told = [*pump.on(Received(FLAGGED), 0), *pump.on(Received(FLAGGED), SECOND)]
    assert flags(told) == [Flag(FlagName.DEVICE_ALARM, on=True, detail="alarm without a code")]
    pump.on(Received(b""), 10 * SECOND)
    assert flags(pump.on(Received(INFUSING), 10 * SECOND)) == [Flag(FlagName.DEVICE_ALARM, on=False)]


def test_flags_are_told_again_after_silence() -> None:
    pump = Pump()
    pump.on(Received(OCCLUSION), 0)
    for second in range(1, 8):
        pump.on(Received(b""), second * SECOND)
    assert flags(pump.on(Received(OCCLUSION), 8 * SECOND)) == [
        Flag(FlagName.OCCLUSION, on=True, detail="AL_OCCLU")
    ]


def test_an_end_that_the_state_does_not_show_is_an_alarm() -> None:
    facts = read(alarm("AL_EOIST"), status(flag="A", rate="3.50"))
    assert flags(facts) == [Flag(FlagName.DEVICE_ALARM, on=True, detail="AL_EOIST")]
    assert not flags(read(alarm("AL_EOIST"), status(flag="A", mode="HLD", rate="0.00")))


def test_an_alarm_that_has_no_code_is_shown() -> None:
    once = read(NO_ALARM, HELD, NO_ALARM, INFUSING)
    assert flags(once) == []
    lasting = read(NO_ALARM, HELD, NO_ALARM, HELD, INFUSING)
    assert flags(lasting) == [
        Flag(FlagName.DEVICE_ALARM, on=True, detail="alarm without a code"),
        Flag(FlagName.DEVICE_ALARM, on=False, detail="alarm without a code"),
    ]


def test_a_pump_has_no_cuff() -> None:
    codec = AlarisCodec()
    assert codec.on(StartNibp(), 0) == []
    assert codec.on(StopNibp(), 0) == []
    assert codec.deadline is None


def test_closed_stops_the_questions() -> None:
    pump = Pump()
    assert pump.on(Received(INFUSING[:10]), 0) == []
    assert pump.on(Closed(), 10 * MILLISECOND) == [Rejected(RejectReason.LENGTH, 10)]
    assert pump.codec.deadline is None


def test_the_record_waits_longer_than_the_pump_may_take() -> None:
    assert ALARIS_GH.silence_limit_ms > 4000
    assert ALARIS_GH.line.baud == 38400
    assert not ALARIS_GH.starts_nibp
