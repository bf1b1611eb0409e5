"""vigil panel: the panel process. Bad or missing settings never stop it: it uses defaults and says so."""

import argparse
import sys
from pathlib import Path

WRONG_USE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("settings", metavar="SETTINGS.toml", type=Path, help="only its [panel] table is read")
    parser.add_argument(
        "--trace",
        metavar="FILE",
        type=Path,
        help="add every output edge with its instant to FILE, as JSON lines",
    )
    parser.add_argument(
        "--keys", action="store_true", help="short or long on stdin presses the button (mock pins only)"
    )


def run(arguments: argparse.Namespace) -> int:
    from agent.panel import process, settings

    chosen, faults = settings.load(arguments.settings)
    if arguments.keys and chosen.pins != "mock":
        print(f'vigil panel: --keys needs pins = "mock", not "{chosen.pins}"', file=sys.stderr)
        return WRONG_USE
    return process.serve(chosen, faults, arguments.trace, sys.stdin if arguments.keys else None)
