"""The Alaris wire against recorded and quoted messages, and the pump behind it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bedside.instants import MINUTE, SECOND, seconds
from simulators.alaris_gh import crc, frame, inf_fields, time_left
from simulators.bed import Bed
from simulators.infusion import Course, Infusion, Notice
from tests.simulators.beds import PUMP, bed_of

CAPTURES = Path(os.environ.get("VIGIL_CAPTURES", "../shared/captures"))


def test_crc_of_the_usual_text() -> None:
    assert crc(b"123456789") == 0x29B1


def test_every_recorded_line_has_our_check() -> None:
    recording = CAPTURES / "pumps" / "alaris_gh_serial_lines.txt"
    if not recording.exists():
        pytest.skip("recordings are not here")
    lines = [line[4:] for line in recording.read_text().splitlines() if line[:1] in "<>"]
    assert len(lines) == 23
    for line in lines:
        body, _, check = line[1:].partition("|")
        assert f"{crc(body.encode()):04X}" == check


FLOWING = Infusion(Course.INFUSING, Notice.NONE, 3.5, 1.25, None, 17.91, events=4)


def test_inf_while_infusing() -> None:
    made = frame(*inf_fields(FLOWING, alarm=False, pressure_mmhg=17.91, serial="8002-51740"))
    assert made == b"!INF^8002-51740^-^SET^3.50^ml/h^^1.250^ml^17.91^mmHg^24+^EVENT^127904|EAFA\r"


def test_inf_on_hold_with_an_occlusion() -> None:
    # 4 min 9 s left of 3.5 ml/h
    held = replace(
        FLOWING, course=Course.HELD, infused_ml=0.969, remaining_ml=3.5 * 249 / 3600, events=214_725 - 127_900
    )
    made = frame(*inf_fields(held, alarm=True, pressure_mmhg=530.15, serial="8002-51733"))
    assert made == b"!INF^8002-51733^A^HLD^0.00^ml/h^^0.969^ml^530.15^mmHg^00:04:09^EVENT^214725|DB9D\r"


@pytest.mark.parametrize(
    ("left_s", "text"),
    [(None, "24+"), (86_400, "24+"), (86_399, "23:59:59"), (249, "00:04:09"), (0, "00:00:00")],
)
def test_time_left(left_s: float | None, text: str) -> None:
    assert time_left(left_s) == text


def ask(bed: Bed, at_s: float, query: bytes) -> list[str]:
    """The fields of a query's reply."""
    [reply] = bed.devices["alaris-gh"].on(query + b"\r", seconds(at_s))
    body = reply[1:].partition(b"|")[0]
    assert reply == b"!%s|%04X\r" % (body, crc(body))
    return body.decode().split("^")[1:]


INF, ALARM, VTBI = b"!INF|4961", b"!ALARM|50B2", b"!INF_VTBI|8456"


@pytest.mark.parametrize(
    ("query", "reply"),
    [
        (b"!INST_SERIALNO|457D", b"!INST_SERIALNO^8002-51740|050B"),
        (b"!COMMS_PROTOCOL|E8DA", b"!COMMS_PROTOCOL^Asena Rev 2.1.5|661A"),
        (b"!COMMS_RESPONSE_MAX|7E29", b"!COMMS_RESPONSE_MAX^4000^ms|DFDF"),
        (b"!SYRINGE_STATUS|4102", b"!SYRINGE_STATUS^BD PLASTIPAK^ 50^CONF|1CF8"),
        (b"!INF_RATE_MAX_SYRINGE|8F30", b"!INF_RATE_MAX_SYRINGE^1200.00^ml/h|8575"),
        (ALARM, b"!ALARM^AL_NOALM^ ^ |C73B"),
    ],
)
def test_queries_with_recorded_replies(query: bytes, reply: bytes) -> None:
    device = bed_of().devices["alaris-gh"]
    assert device.on(query + b"\r", 0) == [reply + b"\r"]
    assert list(device.violations) == []


def test_an_infusion_from_start_to_end() -> None:
    bed = bed_of(pump=PUMP | {"start_s": 60})
    assert ask(bed, 30, INF)[1:7] == ["-", "HLD", "0.00", "ml/h", "", "0.000"]
    assert ask(bed, 30, VTBI) == ["ACTIV", "50.000", "ml", "STOP"]
    assert ask(bed, 660, INF)[1:7] == ["-", "SET", "75.00", "ml/h", "", "12.500"]
    assert ask(bed, 660, INF)[10] == "00:30:00"
    assert ask(bed, 660, VTBI)[1] == "37.500"
    assert ask(bed, 660, b"!INF_VI|B42C") == ["12.500", "ml"]
    assert ask(bed, 660, b"!INF_RATE|8E6D") == ["75.00", "ml/h"]
    assert ask(bed, 2279, ALARM)[0] == "AL_NOALM"
    assert ask(bed, 2281, ALARM)[0] == "AL_NEOIN"
    assert ask(bed, 2281, INF)[1:3] == ["A", "SET"]
    assert ask(bed, 2461, INF)[1:7] == ["A", "HLD", "0.00", "ml/h", "", "50.000"]
    assert ask(bed, 2461, ALARM)[0] == "AL_VTBIS"


def test_an_occlusion_raises_the_pressure_then_holds_the_pump() -> None:
    bed = bed_of({"at_s": 600, "occlusion": True}, {"at_s": 700, "occlusion": False}, pump=PUMP)
    assert float(ask(bed, 599, INF)[8]) < 30
    assert 180 < float(ask(bed, 610, INF)[8]) < 280
    assert ask(bed, 610, INF)[1:3] == ["-", "SET"]
    # 75 ml/h fill the line by 20.8 mmHg a second: 500 mmHg after 23 s
    assert ask(bed, 630, INF)[1:4] == ["A", "HLD", "0.00"]
    assert float(ask(bed, 630, INF)[8]) > 480
    assert ask(bed, 630, ALARM) == ["AL_OCCLU", "", ""]
    assert ask(bed, 730, ALARM)[0] == "AL_OCCLU"
    assert float(ask(bed, 730, INF)[8]) < 10
    events = [int(ask(bed, at, INF)[12]) for at in (599, 610, 630, 730)]
    assert events == sorted(set(events))


def test_keys_of_the_pump() -> None:
    bed = bed_of(
        {"at_s": 100, "pump": "pause"},
        {"at_s": 200, "pump": "start"},
        {"at_s": 300, "pump": "stop"},
        pump=PUMP,
    )
    assert ask(bed, 150, INF)[1:4] == ["-", "HLD", "0.00"]
    assert ask(bed, 150, VTBI)[0] == "ACTIV"
    assert ask(bed, 250, INF)[1:3] == ["-", "SET"]
    assert ask(bed, 350, INF)[2] == "HLD"
    assert ask(bed, 350, VTBI)[:2] == ["DEACT", ""]
    assert ask(bed, 350, INF)[6] == f"{200 * 75 / 3600:.3f}"


@pytest.mark.parametrize(
    ("battery", "code"), [("low", "AL_LWBAT"), ("empty", "AL_EMBAT"), ("mains-lost", "AL_ACDIS")]
)
def test_battery(battery: str, code: str) -> None:
    bed = bed_of({"at_s": 100, "battery": {"pump": battery}}, pump=PUMP)
    assert ask(bed, 99, ALARM)[0] == "AL_NOALM"
    assert ask(bed, 101, ALARM)[0] == code


@pytest.mark.parametrize(
    "command",
    [
        b"!REMOTE_CTRL^ENABLED^3CC1|B1F1",
        b"!INF_RATE^3.50^ml/h|3885",
        b"!INF_START|38F3",
        b"!INF_STOP|CD57",
        b"!INF_VTBI^ACTIV^11.000^ml^STOP|4433",
        b"!INF_VTBI^DEACT|D8C5",
        b"!INF_BOLUS^ENABLED|E288",
        b"!INF_VI_CLEAR|A706",
        b"!REMQUERY^DEACT|F295",
    ],
)
def test_writing_is_refused_and_remembered(command: bytes) -> None:
    bed = bed_of(pump=PUMP)
    device = bed.devices["alaris-gh"]
    assert device.on(command + b"\r", MINUTE) == []
    assert list(device.violations) == [command[1:].split(b"|")[0].decode()]
    assert ask(bed, 61, INF)[1:4] == ["-", "SET", "75.00"]


def test_damaged_and_broken_frames_are_not_answered() -> None:
    device = bed_of().devices["alaris-gh"]
    assert device.on(b"!INF|4962\r", 0) == []
    assert device.on(b"!INF|49\x1b61\r", 0) == []
    assert device.on(b"!IN", 0) == []
    assert len(device.on(b"F|4961\r!ALARM|50B2\r", SECOND)) == 2
    assert list(device.violations) == []
