"""`vigil demo`: a scripted session with simulated devices, and everything else real.

    ./vigil demo --speed 20
    ./vigil demo --no-tui --duration 60 --speed 20 >summary.json

Agent, panel, simulated devices and an embedded broker run as processes of their own, in a temporary folder.
The screen (or with --no-tui a line an event) goes to stderr. stdout gets one JSON object at the end: what was
seen over MQTT and in the panel's trace. Exit 0 when all went well, else 1 with the reasons in the object.

The rooms: `cast` names the programs and writes their settings, `supervisor` keeps them running (each inside
`child`, which dies with us), `broker` is the embedded one, `trace` reads what lamps and sounder did, `tally`
counts, `stage` draws, and `show` is the loop around all of them.
"""

import argparse
import math
import sys
from typing import Final

WRONG_USE: Final = 2
FASTEST: Final = 100.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How fast, how long, which story."""
    parser.add_argument(
        "--speed",
        type=_rate,
        default=1.0,
        metavar="N",
        help="rate of the bed's clock (default 1); 20 shows an hour in three minutes",
    )
    parser.add_argument(
        "--duration", type=_seconds, default=None, metavar="S", help="real seconds (default: the story's end)"
    )
    parser.add_argument("--no-tui", action="store_true", help="a line an event on stderr, no screen")
    parser.add_argument("--scenario", default="demo", metavar="FILE|NAME", help="the story (default demo)")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="for everything that is random (default 0)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Play until the end, Ctrl-C or a failure; 2 for wrong use."""
    from cli.demo.show import play
    from simulators.scenario import ScenarioError
    from simulators.serve import load_scenario

    try:
        scenario = load_scenario(arguments.scenario)
    except ScenarioError as problem:
        print(f"vigil demo: {problem}", file=sys.stderr)
        return WRONG_USE
    return play(
        scenario,
        story=arguments.scenario,
        seed=arguments.seed,
        speed=arguments.speed,
        duration_s=arguments.duration,
        screen=not arguments.no_tui,
    )


def _rate(word: str) -> float:
    rate = float(word)
    if not 0 < rate <= FASTEST:
        raise argparse.ArgumentTypeError(f"{word}: expected a number above 0, at most {FASTEST:g}")
    return rate


def _seconds(word: str) -> float:
    duration = float(word)
    if not (duration > 0 and math.isfinite(duration)):
        raise argparse.ArgumentTypeError(f"{word}: expected seconds (s), above 0")
    return duration
