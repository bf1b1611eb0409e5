"""`vigil run SETTINGS.toml`: the agent of one bed, in the foreground."""

import argparse
import sys
from pathlib import Path

from agent.main import run as run_bed
from agent.settings import SettingsError, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The settings file; the rate of the clock."""
    parser.add_argument("settings", type=Path, metavar="SETTINGS.toml")
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="N",
        help="rate of the bed's clock, for demonstrations with simulated devices (default 1)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Watch until stopped; 2 with every problem of the settings when they are wrong."""
    if not arguments.speed > 0:
        sys.stderr.write(f"vigil run: --speed {arguments.speed}: expected a number above 0\n")
        return 2
    try:
        plan = load(arguments.settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run_bed(plan, arguments.speed)
