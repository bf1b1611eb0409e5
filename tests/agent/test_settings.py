"""Settings files: what becomes of a right one, and what is said of a wrong one."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from agent.panel.settings import DEFAULTS as PANEL
from agent.panel.settings import parse as parse_panel
from agent.plan import BedPlan, BrokerPlan, DevicePlan, NibpPlan
from agent.settings import LONGEST_FILE_BYTES, MOST_DEVICES, TABLES, Problem, SettingsError, load, read
from alarms.limits import LIMITS
from drivers import DRIVERS
from drivers.contract import Driver

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "settings.example.toml"
PAGE = ROOT / "docs" / "settings.md"

# The records of a driver that starts cuffs and of one that cannot, under names of our own.
_ANY = next(iter(DRIVERS.values()))
KNOWN: Mapping[str, Driver] = {
    "finger": replace(_ANY, name="finger", starts_nibp=False),
    "arm": replace(_ANY, name="arm", starts_nibp=True),
}

SMALL = """\
[bed]
site = "clinic"
bed = "room-1"
[[device]]
name = "probe"
driver = "finger"
port = "/dev/probe"
"""
SMALL_LINES = SMALL.count("\n")


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as refused:
        read(text, KNOWN)
    return refused.value.problems


def told(addition: str) -> list[tuple[int, str, str]]:
    """The problems that these lines cause after a right file; lines counted from the first of them."""
    return [(p.line - SMALL_LINES, p.key_path, p.message) for p in problems(SMALL + addition)]


def test_a_small_file_is_a_plan_of_defaults() -> None:
    assert read(SMALL, KNOWN) == BedPlan("clinic", "room-1", (DevicePlan("probe", "finger", "/dev/probe"),))


def test_everything_a_file_says_is_in_the_plan() -> None:
    addition = """
[[device]]
name = "cuff"
driver = "arm"
port = "/dev/serial/by-id/cuff"
[mqtt]
host = "broker.local"
port = 8883
protocol = "3.1.1"
keepalive_s = 7
username = "bed"
password_file = "/etc/p"
tls_ca_file = "/etc/ca"
tls_certificate_file = "/etc/c"
tls_key_file = "/etc/k"
stations = ["ward", "desk"]
remote_pause_audio = true
[nibp]
start_by_agent = true
cuff_on_probe_limb = true
dosing_interval_min = 5
[limits]
s1_spo2_low_percent = 92
p1_pulse_high_per_min = 110.5
[panel]
socket = "/srv/p.sock"
"""
    assert read(SMALL + addition, KNOWN) == BedPlan(
        site="clinic",
        bed="room-1",
        devices=(
            DevicePlan("probe", "finger", "/dev/probe"),
            DevicePlan("cuff", "arm", "/dev/serial/by-id/cuff"),
        ),
        limits={"s1_spo2_low": 92, "p1_pulse_high": 110.5},
        nibp=NibpPlan(start_by_agent=True, cuff_on_probe_limb=True, dosing_interval_min=5),
        broker=BrokerPlan("broker.local", 8883, "3.1.1", 7, "bed", "/etc/p", "/etc/ca", "/etc/c", "/etc/k"),
        stations=("ward", "desk"),
        remote_pause_audio=True,
        panel_socket="/srv/p.sock",
    )


NUMBER = "expected a number in"


@pytest.mark.parametrize(
    ("addition", "line", "key_path", "message"),
    [
        # unknown keys and tables
        ("[limit]\n", 1, "limit", "unknown table; did you mean [limits]?"),
        ("[devices]\n", 1, "devices", "unknown table; did you mean [[device]]?"),
        (
            "\n[nibp]\nstart_by_agnet = 1\n",
            3,
            "nibp.start_by_agnet",
            "unknown key; did you mean start_by_agent?",
        ),
        ("[nibp]\nstations = []\n", 2, "nibp.stations", "unknown key here; it belongs into [mqtt]"),
        ('[mqtt]\npassword = "x"\n', 2, "mqtt.password", "unknown key; did you mean password_file?"),
        (
            "[nibp.deep]\n",
            1,
            "nibp.deep",
            "unknown key; known are: start_by_agent, cuff_on_probe_limb, dosing_interval_min",
        ),
        ("nam = 1\n", 1, "device[1].nam", "unknown key; did you mean name?"),
        # the wrong unit
        (
            "[limits]\ns1_spo2_low_mmhg = 90\n",
            2,
            "limits.s1_spo2_low_mmhg",
            "unit: expected percent, key s1_spo2_low_percent",
        ),
        (
            "[limits]\np1_pulse_high_percent = 90\n",
            2,
            "limits.p1_pulse_high_percent",
            "unit: expected per_min, key p1_pulse_high_per_min",
        ),
        (
            "[limits]\nb1_sys_high_kpa = 20\n",
            2,
            "limits.b1_sys_high_kpa",
            "unit: expected mmhg, key b1_sys_high_mmhg",
        ),
        (
            "[limits]\nb1_sys_high = 150\n",
            2,
            "limits.b1_sys_high",
            "unit: expected mmhg, key b1_sys_high_mmhg",
        ),
        ("[mqtt]\nkeepalive_ms = 5000\n", 2, "mqtt.keepalive_ms", "unit: expected s, key keepalive_s"),
        (
            "[nibp]\ndosing_interval_s = 600\n",
            2,
            "nibp.dosing_interval_s",
            "unit: expected min, key dosing_interval_min",
        ),
        ("[panel]\nlong_press_s = 1\n", 2, "panel.long_press_s", "unit: expected ms, key long_press_ms"),
        # the wrong type
        (
            '[limits]\np1_pulse_high_per_min = "120 mmHg"\n',
            2,
            "limits.p1_pulse_high_per_min",
            NUMBER + ' {beat}/min, found "120 mmHg"',
        ),
        (
            "[limits]\ns1_spo2_low_percent = true\n",
            2,
            "limits.s1_spo2_low_percent",
            NUMBER + " %, found true",
        ),
        (
            "[limits]\nb1_sys_high_mmhg = [\n150]\n",
            2,
            "limits.b1_sys_high_mmhg",
            NUMBER + " mm[Hg], found a list",
        ),
        ("limits = 3\n", 1, "device[1].limits", "unknown key; known are: name, driver, port"),
        (
            "[nibp]\ndosing_interval_min = 10.0\n",
            2,
            "nibp.dosing_interval_min",
            "expected a whole number of minutes (min), 5 to 15, found 10.0",
        ),
        ('[nibp]\nstart_by_agent = "yes"\n', 2, "nibp.start_by_agent", 'expected true or false, found "yes"'),
        ('[mqtt]\nport = "1883"\n', 2, "mqtt.port", 'expected a port number, 1 to 65535, found "1883"'),
        (
            '[mqtt]\nstations = "ward"\n',
            2,
            "mqtt.stations",
            'expected a list of at most 32 station names, found "ward"',
        ),
        # out of range
        (
            "[nibp]\ndosing_interval_min = 4\n",
            2,
            "nibp.dosing_interval_min",
            "expected a whole number of minutes (min), 5 to 15, found 4",
        ),
        (
            "[nibp]\ndosing_interval_min = 16\n",
            2,
            "nibp.dosing_interval_min",
            "expected a whole number of minutes (min), 5 to 15, found 16",
        ),
        ("[mqtt]\nport = 0\n", 2, "mqtt.port", "expected a port number, 1 to 65535, found 0"),
        (
            "[mqtt]\nkeepalive_s = 60\n",
            2,
            "mqtt.keepalive_s",
            "expected a whole number of seconds (s), 2 to 10, found 60",
        ),
        ('[mqtt]\nprotocol = "4"\n', 2, "mqtt.protocol", 'expected "auto", "5" or "3.1.1", found "4"'),
        (
            '[mqtt]\nhost = "mqtt://h"\n',
            2,
            "mqtt.host",
            'expected a host name or address, without port or scheme, found "mqtt://h"',
        ),
        (
            '[mqtt]\nstations = [\n"a",\n"B c"]\n',
            4,
            "mqtt.stations[2]",
            'expected a station\'s name, 1 to 32 of a-z, 0-9 and -, found "B c"',
        ),
        ("[panel]\nbutton_pin = 28\n", 2, "panel.button_pin", "expected a BCM pin number, 2 to 27, found 28"),
        (
            "[panel]\nlong_press_ms = 100\n",
            2,
            "panel.long_press_ms",
            "expected a whole number of milliseconds (ms), 500 to 10000, found 100",
        ),
        ('[panel]\npins = "real"\n', 2, "panel.pins", 'expected "lgpio" or "mock", found "real"'),
        # what does not go together
        ('[mqtt]\nstations = ["a",\n"a"]\n', 3, "mqtt.stations[2]", '"a" is the name of another station too'),
        ('[mqtt]\npassword_file = "/p"\n', 2, "mqtt.password_file", "needs username beside it"),
        ("[panel]\nbutton_pin = 18\n", 2, "panel.button_pin", "pin 18 is that of sounder_pin too"),
        (
            "[nibp]\nstart_by_agent = true\n",
            2,
            "nibp.start_by_agent",
            "expected false: no cuff of this bed can be started; drivers that can: arm",
        ),
        (
            '[[device]]\nname = "probe"\ndriver = "finger"\nport = "/dev/other"\n',
            2,
            "device[2].name",
            '"probe" is the name of another device too',
        ),
        (
            '[[device]]\nname = "other"\ndriver = "finger"\nport = "/dev//probe"\n',
            4,
            "device[2].port",
            '"/dev/probe" is the port of another device too',
        ),
        (
            '[[device]]\nname = "other"\ndriver = "fingr"\nport = "/dev/other"\n',
            3,
            "device[2].driver",
            'unknown driver "fingr"; did you mean "finger"?',
        ),
        (
            '[[device]]\nname = "other"\ndriver = "x"\nport = "/dev/other"\n',
            3,
            "device[2].driver",
            'unknown driver "x"; known are: arm, finger',
        ),
        (
            '[[device]]\nname = "other"\ndriver = "finger"\nport = "ttyUSB0"\n',
            4,
            "device[2].port",
            'expected an absolute path such as "/dev/serial/by-id/…", found "ttyUSB0"',
        ),
        (
            '[[device]]\nname = "other"\nport = "/dev/other"\n',
            1,
            "device[2].driver",
            "missing: expected the name of a driver (vigil drivers lists them)",
        ),
        # not TOML at all
        ("[mqtt]\nport = \n", 2, "file", "not TOML: Invalid value, column 8"),
        ("[bed]\n", 1, "file", "not TOML: Cannot declare ('bed',) twice, column 5"),
        ('\nlast = """', 2, "file", "not TOML: Unterminated string, at the end of the file"),
    ],
)
def test_each_problem_names_line_key_and_what_was_expected(
    addition: str, line: int, key_path: str, message: str
) -> None:
    assert told(addition) == [(line, key_path, message)]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", ["bed", "device"]),
        ("[bed]\n", ["bed.bed", "bed.site", "device"]),
        ("device = []\n[bed]\nsite = 'a'\nbed = 'b'\n", ["device"]),
        ("device = 3\n[bed]\nsite = 'a'\nbed = 'b'\n", ["device"]),
        ("[device]\nname = 'x'\n[bed]\nsite = 'a'\nbed = 'b'\n", ["device"]),
        ("bed = 'b'\n[[device]]\nname='n'\ndriver='arm'\nport='/p'\n", ["bed"]),
    ],
)
def test_a_bed_needs_its_name_and_a_device(text: str, missing: list[str]) -> None:
    assert sorted(problem.key_path for problem in problems(text)) == missing


def test_too_many_devices_are_refused() -> None:
    blocks = "".join(
        f'[[device]]\nname = "d{n}"\ndriver = "arm"\nport = "/dev/d{n}"\n' for n in range(MOST_DEVICES)
    )
    assert [key_path for _, key_path, _ in told(blocks)] == ["device"]


@pytest.mark.parametrize("row", LIMITS.values(), ids=lambda row: row.key)
def test_a_limit_outside_its_hard_bounds_is_refused_with_bounds_and_reason(row: Any) -> None:
    for value in (row.lowest - 1, row.highest + 1):
        bounds = f"{row.lowest:g} to {row.highest:g} {row.unit}"
        sentence = f"{value:g} {row.unit} is outside {bounds}: {row.reason}"
        assert (2, f"limits.{row.setting}", sentence) in told(f"[limits]\n{row.setting} = {value}\n")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_limit_that_is_no_real_number_is_refused(value: str) -> None:
    assert told(f"[limits]\nb1_dia_high_mmhg = {value}\n")


def test_a_limit_on_the_wrong_side_of_its_neighbour_is_refused() -> None:
    assert told("[limits]\np3_pulse_low_per_min = 40\n") == [
        (2, "limits.p3_pulse_low_per_min", "p4_pulse_very_low (40) must stay below p3_pulse_low (40)")
    ]


def test_nothing_is_compared_with_a_limit_that_cannot_be_read() -> None:
    addition = '[limits]\np3_pulse_low_per_min = 41\np4_pulse_very_low_per_min = "30 bpm"\n'
    assert [line for line, _, _ in told(addition + "p1_pulse_high_per_min = 91\n")] == [3]


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    addition = """\
prt = 1
[nibp]
dosing_interval_min = 99
start_by_agent = true
[limits]
s1_spo2_low_mmhg = 90
s2_spo2_very_low_percent = 20
[limit]
[mqtt]
stations = ["x", "x", "Y"]
"""
    assert [line for line, _, _ in told(addition)] == [1, 3, 4, 6, 7, 8, 10, 10]


def test_a_value_that_may_be_a_secret_is_not_repeated() -> None:
    assert all("hunter2" not in message for _, _, message in told('[mqtt]\npasword = "hunter2"\n'))


def test_a_long_value_is_cut() -> None:
    [(_, _, message)] = told(f'[mqtt]\nusername = "{"x" * 1000}"\n')
    assert len(message) < 200


@pytest.mark.parametrize(
    "setting",
    [
        "button_pin = 99",
        "button_pin = 18",
        'pins = "x"',
        "long_press_ms = 1",
        "screen = 1",
        'socket = ""',
        f'socket = "/{"x" * 107}"',
        "sounder_pn = 1",
    ],
)
def test_what_the_panel_would_not_take_is_told(setting: str) -> None:
    assert parse_panel(f"[panel]\n{setting}\n")[1]
    assert told(f"[panel]\n{setting}\n")


def test_the_panel_s_keys_and_defaults_are_the_panel_s_own() -> None:
    assert {name: field.default for name, field in TABLES["panel"].model_fields.items()} == asdict(PANEL)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"a = 1\nb = '\xff'\n", 2, "not UTF-8 text"),
        (b"#" * (LONGEST_FILE_BYTES + 1), 1, f"longer than {LONGEST_FILE_BYTES} bytes"),
        (b"a = " + b"[" * 50_000, 1, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_text_of_ours_is_refused(
    tmp_path: Path, content: bytes, line: int, message: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(write(tmp_path / "s.toml", content))
    assert refused.value.problems == (Problem(line, "file", message),)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_an_editor_s_byte_order_mark_and_line_ends_do_no_harm(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode()
    assert load(write(tmp_path / "s.toml", content), KNOWN).bed == "room-1"


def test_the_example_is_right_and_shows_every_key_and_preset() -> None:
    assert load(EXAMPLE).bed == "room-1"
    text = EXAMPLE.read_text(encoding="utf-8")
    bare = re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)
    plan = read(bare)
    assert plan.limits == {key: row.preset for key, row in LIMITS.items()}
    for model in TABLES.values():
        for key in model.model_fields:
            assert re.search(rf"^{key} = ", bare, re.MULTILINE), key


def test_the_page_tells_every_key_with_its_bounds() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for table, model in TABLES.items():
        section = page.split(f"[{table}]", 1)[1]
        for key in model.model_fields:
            assert f"`{key}`" in section, key
    for row in LIMITS.values():
        assert (
            f"| `{row.setting}` | {row.unit} | {row.preset:g} | {row.lowest:g} to {row.highest:g} |" in page
        )
