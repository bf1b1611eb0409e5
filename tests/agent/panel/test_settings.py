"""Nothing in a settings file stops the panel; everything wrong in it is told."""

from pathlib import Path

import pytest

from agent.panel.settings import DEFAULTS, PIN_KEYS, PanelSettings, load, parse

GOOD = """
[station]
name = "not ours"

[panel]
socket = "run/panel.sock"
pins = "mock"
sounder_pin = 12
lamp_red_pin = 5
lamp_yellow_pin = 6
lamp_cyan_pin = 13
lamp_blue_pin = 19
button_pin = 26
long_press_ms = 2000
screen = "/dev/tty1"
"""
GOOD_SETTINGS = PanelSettings("run/panel.sock", "mock", 12, 5, 6, 13, 19, 26, 2_000, "/dev/tty1")


def test_all_keys_are_read() -> None:
    assert parse(GOOD) == (GOOD_SETTINGS, ())


def test_an_empty_file_and_an_absent_table_mean_the_defaults() -> None:
    assert parse("") == (DEFAULTS, ())
    assert parse("[station]\n") == (DEFAULTS, ())


def test_default_pins_keep_clear_of_the_buses() -> None:
    pins = [getattr(DEFAULTS, key) for key in PIN_KEYS]
    assert len(set(pins)) == 6
    uart, i2c, spi, hat_memory = {14, 15}, {2, 3}, {7, 8, 9, 10, 11}, {0, 1}
    assert not set(pins) & (uart | i2c | spi | hat_memory)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("socket = 5", "panel.socket"),
        ('socket = ""', "panel.socket"),
        (f'socket = "/{"s" * 120}"', "panel.socket"),
        ('socket = "a\\u0000b"', "panel.socket"),
        ('pins = "pigpio"', "panel.pins"),
        ("pins = []", "panel.pins"),
        ("sounder_pin = 28", "panel.sounder_pin"),
        ("sounder_pin = -1", "panel.sounder_pin"),
        ("sounder_pin = true", "panel.sounder_pin"),
        ("sounder_pin = 18.0", "panel.sounder_pin"),
        ('button_pin = "24"', "panel.button_pin"),
        ("long_press_ms = 10", "panel.long_press_ms"),
        ("long_press_ms = nan", "panel.long_press_ms"),
        ("screen = 1", "panel.screen"),
    ],
)
def test_a_bad_value_falls_back_alone(line: str, told: str) -> None:
    key = line.split(maxsplit=1)[0]
    other = "button_pin = 25" if key != "button_pin" else "sounder_pin = 25"
    settings, faults = parse(f"[panel]\n{line}\n{other}\n")
    assert getattr(settings, key) == getattr(DEFAULTS, key)
    assert 25 in {settings.button_pin, settings.sounder_pin}
    assert [fault.split(":")[0] for fault in faults] == [told]


def test_a_misspelt_key_is_told_with_the_nearest_one() -> None:
    settings, faults = parse("[panel]\nlamp_redd_pin = 5\n")
    assert settings == DEFAULTS
    assert faults == ("panel.lamp_redd_pin: unknown key; did you mean lamp_red_pin?",)


def test_two_wires_on_one_pin_mean_the_default_pins_and_keep_the_rest() -> None:
    settings, faults = parse('[panel]\npins = "mock"\nsounder_pin = 17\n')
    assert settings == PanelSettings(pins="mock")
    assert len(faults) == 1


@pytest.mark.parametrize("broken", ["[devices\nx = 1\n", "= = =\n", 'a = "unclosed\n', "x = " + "[" * 5_000])
@pytest.mark.parametrize("before", [True, False])
def test_a_file_that_is_no_toml_still_yields_its_panel_table(broken: str, before: bool) -> None:  # noqa: FBT001 - a case of a table
    text = f"{broken}\n{GOOD}" if before else f"{GOOD}\n{broken}"
    settings, faults = parse(text)
    assert settings == GOOD_SETTINGS
    assert faults


def test_a_broken_line_in_the_panel_table_costs_only_itself() -> None:
    settings, faults = parse(GOOD.replace("lamp_red_pin = 5", "lamp_red_pin = = 5"))
    assert settings.lamp_red_pin == DEFAULTS.lamp_red_pin
    assert settings.button_pin == 26
    assert len(faults) == 2


@pytest.mark.parametrize("text", ["panel = 3\n", "[[panel]]\npins = 'mock'\n"])
def test_panel_that_is_no_table(text: str) -> None:
    settings, faults = parse(text)
    assert settings == DEFAULTS
    assert faults


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        settings, faults = load(path)
        assert settings == DEFAULTS
        assert len(faults) == 1
    noise = tmp_path / "noise.toml"
    noise.write_bytes(bytes(range(256)) * 10)
    settings, faults = load(noise)
    assert settings == DEFAULTS
    assert faults
