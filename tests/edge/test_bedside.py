"""The whole path on real processes: bytes on a pseudo-terminal in, sounder, lamps and MQTT out."""

import re
import time
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from bedside.wire import KnownVital, MissingVital, Vitals
from tests.edge.bedside import Bedside, bedside, eventually
from tests.recordings import CAPTURES

NELLCOR = CAPTURES / "oximeters" / "nellcor_n560_realtime_2017-12-29.txt"
IVY = CAPTURES / "nibp" / "ivy450c_ansar_b.bin"

needs_nellcor = pytest.mark.skipif(not NELLCOR.exists(), reason="real bytes are not here: VIGIL_CAPTURES")
needs_ivy = pytest.mark.skipif(not IVY.exists(), reason="real bytes are not here: VIGIL_CAPTURES")


# --- What the recording itself says ---------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One data line of the N-560, in seconds from the first one."""

    at: float
    spo2: str
    codes: tuple[str, ...]


def samples() -> list[Sample]:
    found = []
    for line in NELLCOR.read_text(encoding="ascii").splitlines():
        if match := re.match(r"\d\d-\w{3}-\d\d (\d\d):(\d\d):(\d\d) +(\S+) +\S+ +\S+ *(.*)", line):
            hours, minutes, seconds = (int(match[n]) for n in (1, 2, 3))
            at = hours * 3600 + minutes * 60 + seconds
            found.append(Sample(at, match[4].rstrip("*"), tuple(match[5].split())))
    return [Sample(sample.at - found[0].at, sample.spo2, sample.codes) for sample in found]


@dataclass(frozen=True)
class Story:
    """When the table of the clinical basis (7.1, 7.3) wants what, given these samples."""

    s2: float
    s1: float
    s1_high: float
    recovery: float
    t1: float
    t5: float
    sensor_off: tuple[float, float]
    searching: tuple[float, float]


def story() -> Story:
    told = samples()
    numbers = [s for s in told if s.spo2.isdigit() and "PS" not in s.codes]
    s1 = next(s.at for s in numbers if int(s.spo2) < 90) + 15
    off = [s.at for s in told if {"SD", "SO"} & set(s.codes)]
    search = [s.at for s in told if "PS" in s.codes and s.at < told[-1].at]
    back = next(s.at for s in numbers if s.at > off[-1] and int(s.spo2) >= 92 and "MO" not in s.codes)
    return Story(
        s2=next(s.at for s in numbers if int(s.spo2) < 85) + 5,
        s1=s1,
        s1_high=s1 + 60,
        recovery=back + 5,
        t1=off[0] + 10,
        t5=told[-1].at + 10,
        sensor_off=(off[0], off[-1]),
        searching=(search[0], search[-1]),
    )


def test_the_recording_is_the_one_the_instants_were_worked_out_for() -> None:
    if not NELLCOR.exists():
        pytest.skip("real bytes are not here: VIGIL_CAPTURES")
    assert story() == Story(
        s2=21, s1=29, s1_high=89, recovery=125, t1=56, t5=160, sensor_off=(46, 102), searching=(104, 118)
    )


# --- The Nellcor recording, whole path ------------------------------------------------------------


def spo2(vitals: Vitals) -> KnownVital | MissingVital:
    return next(vital for vital in vitals.vitals if vital.name == "spo2")


def beginning_ms(bed: Bedside) -> int:
    """The bed's own time of the first data line: arrival of the first reading."""
    for vitals in bed.vitals:
        first = spo2(vitals)
        if isinstance(first, KnownVital):
            return vitals.mono_ms - first.age_ms
    raise AssertionError("no reading ever came")


def changed_at(bed: Bedside, condition: str, presence: str, priority: str | None = None) -> float:
    """Seconds of the story at which a condition was first told to stand so."""
    start_ms = beginning_ms(bed)
    for alarms in bed.alarms:
        for state in alarms.conditions:
            right = priority is None or state.priority.word == priority
            if state.id == condition and state.presence.value == presence and right:
                return (alarms.mono_ms - start_ms) / 1000
    raise AssertionError(f"{condition} was never {presence} {priority or ''}")


@needs_nellcor
@pytest.mark.parametrize(
    ("speed", "slack_s"), [(20, 1.0), pytest.param(1, 0.25, marks=pytest.mark.long)], ids=["x20", "own-pace"]
)
def test_a_desaturation_and_a_lost_probe(tmp_path: Path, speed: int, slack_s: float) -> None:
    wanted = story()
    with bedside(tmp_path, oximeter="nellcor") as bed:
        bed.start_panel()
        bed.play("oximeter", NELLCOR, speed)
        bed.start_agent(speed)
        bed.wait_for("T5", patience_s=PLAYED_S / speed + 25)

        assert changed_at(bed, "S2", "present", "high") == pytest.approx(wanted.s2, abs=slack_s)
        assert changed_at(bed, "S1", "present", "medium") == pytest.approx(wanted.s1, abs=slack_s)
        assert changed_at(bed, "S1", "present", "high") == pytest.approx(wanted.s1_high, abs=slack_s)
        assert changed_at(bed, "S1", "ended") == pytest.approx(wanted.recovery, abs=slack_s)
        assert changed_at(bed, "S2", "latched") == pytest.approx(wanted.recovery, abs=slack_s)
        assert changed_at(bed, "T1", "present") == pytest.approx(wanted.t1, abs=slack_s)
        assert changed_at(bed, "T1", "ended") == pytest.approx(wanted.recovery, abs=slack_s)
        assert changed_at(bed, "T5", "present") == pytest.approx(wanted.t5, abs=slack_s)

        check_presence(bed, wanted, slack_s)
        check_vitals(bed, wanted, slack_s)
        check_burst(bed)
        assert bed.condition("S2", "latched")


PLAYED_S = 170


def check_presence(bed: Bedside, wanted: Story, slack_s: float) -> None:
    """S1 is never gone between being raised and the recovery; P5 never comes; T19 neither."""
    start_ms = beginning_ms(bed)
    for alarms in bed.alarms:
        at = (alarms.mono_ms - start_ms) / 1000
        states = {state.id: state for state in alarms.conditions}
        assert "P5" not in states, f"pulse lost at {at:.1f} s"
        assert "T19" not in states, f"panel fault at {at:.1f} s: {states['T19'].text}"
        if wanted.s1 + slack_s < at < wanted.recovery - slack_s:
            assert states["S1"].presence.value == "present", at
            assert (states["S1"].priority.word == "high") is (at >= wanted.s1_high) or (
                abs(at - wanted.s1_high) < slack_s
            ), at


def check_vitals(bed: Bedside, wanted: Story, slack_s: float) -> None:
    """99 falling to 73 %; no zero ever; sensor off and search are missing with their reasons."""
    start_ms = beginning_ms(bed)
    values = []
    for vitals in bed.vitals:
        at = (vitals.mono_ms - start_ms) / 1000
        for vital in vitals.vitals:
            if isinstance(vital, KnownVital):
                assert vital.value != 0
                assert vital.age_ms <= 5000
                if vital.name == "spo2":
                    values.append(vital.value)
        shown = spo2(vitals)
        if wanted.sensor_off[0] + slack_s < at < wanted.sensor_off[1]:
            assert isinstance(shown, MissingVital), at
            assert shown.missing.value == "probe-off"
        if wanted.searching[0] + slack_s < at < wanted.searching[1]:
            assert isinstance(shown, MissingVital), at
            assert shown.missing.value == "searching"
    assert values[0] == 99
    assert min(float(value) for value in values if isinstance(value, int | float)) == 73


def check_burst(bed: Bedside) -> None:
    """The first HIGH burst, pulse for pulse, inside the bounds of IEC 60601-1-8 tables 3 and 4."""
    sounder = bed.edges("sounder", after_self_test=True)
    burst = sounder[:20]
    assert [edge["on"] for edge in burst] == [True, False] * 10
    for edge in burst[::2]:
        assert 150 <= edge["frequency_hz"] <= 1000
    instants = [edge["at_ns"] / 1e6 for edge in burst]
    durations = [off - on for on, off in zip(instants[::2], instants[1::2], strict=True)]
    gaps = [after - before for before, after in zip(instants[1::2], instants[2::2], strict=False)]
    assert all(75 <= duration <= 200 for duration in durations), durations
    short = [gaps[n] for n in (0, 1, 3, 5, 6, 8)]
    assert all(50 * 0.8 <= gap <= 125 * 1.2 for gap in short), gaps
    assert max(short) <= 1.5 * min(short), gaps
    for n in (2, 7):
        assert gaps[n] > 1.5 * max(short), gaps
    assert 350 <= gaps[4] <= 1300, gaps
    if len(sounder) > 20:
        assert 2500 <= sounder[20]["at_ns"] / 1e6 - instants[-1] <= 15_000


# --- The Ivy recording ----------------------------------------------------------------------------


@needs_ivy
def test_a_monitor_that_repeats_its_last_cuff_reading(tmp_path: Path) -> None:
    with bedside(tmp_path, monitor="ivy-450c") as bed:
        bed.start_panel()
        bed.play("monitor", IVY, 20)
        bed.start_agent(20)
        bed.wait_for("T5")
        known: dict[str, set[object]] = {}
        ages: list[int] = []
        for vitals in bed.vitals:
            for vital in vitals.vitals:
                if isinstance(vital, KnownVital):
                    known.setdefault(vital.name.value, set()).add(vital.value)
                    if vital.name == "nibp_sys":
                        ages.append(vital.age_ms)
        assert known["hr"] == {80}
        assert known["spo2"] == {100}
        assert known["nibp_sys"] == {121}
        assert known["nibp_dia"] == {75}
        assert known["nibp_mean"] == {92}
        # One reading that grows older, not twenty-seven new ones.
        assert all(later > earlier for earlier, later in pairwise(ages))
        line = bed.lines[-1]
        assert line.frames == 27
        assert line.rejected == {"length": 1}


# --- When things go wrong -------------------------------------------------------------------------


@needs_nellcor
def test_cable_out_during_a_high_alarm_then_in_again(tmp_path: Path) -> None:
    with bedside(tmp_path, oximeter="nellcor") as bed:
        bed.start_panel()
        bed.play("oximeter", NELLCOR, 20)
        bed.start_agent(20)
        before = bed.wait_for("S2")
        bed.kill("play")
        bed.link("oximeter").unlink(missing_ok=True)
        bed.wait_for("T5")
        stays = bed.condition("S2", "present")
        assert stays is not None
        assert stays.episode == before.episode
        assert stays.value is None
        eventually(lambda: bed.edges("red", after_self_test=True), "a red lamp")
        agent = bed.running["agent"].pid
        bed.play("oximeter", NELLCOR, 20)
        bed.wait_for("T5", "ended")
        assert bed.running["agent"].pid == agent
        assert bed.running["agent"].poll() is None
        states = [state for state, _ in groupby(line.state for line in bed.lines)]
        assert states[-2:] == ["down", "up"]


def test_a_killed_agent_is_loud_within_three_seconds(tmp_path: Path) -> None:
    with bedside(tmp_path, oximeter="nonin") as bed:
        bed.start_panel()
        bed.start_agent()
        eventually(lambda: bed.alarms, "the agent")
        killed_at = time.monotonic_ns()
        bed.kill("agent")
        sound = eventually(lambda: bed.edges("sounder", after_self_test=True), "the sounder")[0]
        lamp = eventually(lambda: bed.edges("red", after_self_test=True), "the red lamp")[0]
        assert sound["on"]
        assert lamp["on"]
        assert sound["at_ns"] - killed_at < 3_000_000_000
        assert lamp["at_ns"] - killed_at < 3_000_000_000


@needs_nellcor
def test_a_killed_panel_comes_back_with_the_present_level(tmp_path: Path) -> None:
    with bedside(tmp_path, oximeter="nellcor") as bed:
        bed.start_panel()
        bed.play("oximeter", NELLCOR, 20, hold=True)
        bed.start_agent(20)
        bed.wait_for("S2")
        eventually(lambda: bed.edges("red", after_self_test=True), "a red lamp")
        bed.kill("panel")
        told = bed.wait_for("T19")
        assert told.priority.word == "high"
        bed.trace.unlink()
        bed.start_panel(tested=False)
        restarted_at = time.monotonic_ns()
        lamp = eventually(lambda: bed.edges("red"), "the red lamp")[0]
        sound = eventually(lambda: bed.edges("sounder"), "the sounder")[0]
        assert lamp["at_ns"] - restarted_at < 3_000_000_000
        assert sound["at_ns"] - restarted_at < 3_000_000_000
        bed.wait_for("T19", "latched")
