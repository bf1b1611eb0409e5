"""`vigil simulate DEVICE=PATH …`: simulated devices on pseudo-terminals, all attached to one simulated body.

    vigil simulate nonin=oximeter suntech=nibp alaris-gh=pump --scenario occlusion --speed 10
    vigil simulate nonin:df7=oximeter --fault oximeter:noise=0.01 --seed 7

Runs until stopped, and removes the links. What a reading host must never send is refused and reported on
stderr.
"""

import argparse
import difflib
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from simulators import SIMULATORS
from simulators.bed import Bed
from simulators.faults import BOUNDS, Fault, parse_fault
from simulators.scenario import ScenarioError
from simulators.serve import Ports, ScaledClock, Wire, load_scenario, role_names, scenario_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The devices and their links; the story; what is wrong with the cables."""
    devices = ", ".join(
        f"{name} ({' '.join(simulator.options)})" if len(simulator.options) > 1 else name
        for name, simulator in SIMULATORS.items()
    )
    faults = ", ".join(f"{kind}={bounds.unit}" for kind, bounds in BOUNDS.items())
    parser.add_argument(
        "devices",
        nargs="+",
        metavar="DEVICE=PATH",
        help=f"a device and the link to make to its port; DEVICE:VARIANT=PATH for another than the first "
        f"variant: {devices}",
    )
    parser.add_argument(
        "--scenario",
        default="normal",
        metavar="FILE|NAME",
        help=f"the story (default normal): a TOML file, or one of {', '.join(scenario_names())}",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="for everything that is random (default 0)"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="DEVICE:KIND=AMOUNT",
        help=f"a bad cable, may be repeated: {faults}",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="N", help="rate of the bed's clock (default 1)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; 2 for wrong use."""
    try:
        wires, options = _wires(arguments.devices, arguments.fault)
        scenario = load_scenario(arguments.scenario)
        clock = ScaledClock(arguments.speed)
        bed = Bed(scenario, arguments.seed, clock.now(), options)
    except (ScenarioError, ValueError) as problem:
        _say(str(problem))
        return 2
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    links = ", ".join(f"{wire.device} on {wire.link}" for wire in wires)
    ready = f"ready: {links}; scenario {scenario.name}, seed {arguments.seed}, speed {arguments.speed:g}"
    try:
        with Ports(bed, wires, clock) as ports:
            _say(ready)
            ports.serve(stop, _say)
    except OSError as problem:
        _say(f"{problem.filename2 or problem.filename}: {problem.strerror}")
        return 2
    return 0


def _say(text: str) -> None:
    print(f"vigil simulate: {text}", file=sys.stderr, flush=True)


def _wires(words: Iterable[str], fault_words: Iterable[str]) -> tuple[list[Wire], Mapping[str, str]]:
    """The wires, and the variants asked for; ValueError says what was expected."""
    links: dict[str, Path] = {}
    options: dict[str, str] = {}
    for word in words:
        spec, equals, path = word.partition("=")
        if not (equals and path):
            raise ValueError(f"{word!r}: expected DEVICE=PATH")
        called, colon, option = spec.partition(":")
        device = _device(called)
        if device in links:
            raise ValueError(f"{device} is named twice")
        if Path(path) in links.values():
            raise ValueError(f"{path} is named twice")
        links[device] = Path(path)
        if colon:
            known = SIMULATORS[device].options
            if option not in known:
                raise ValueError(
                    f"{spec}: expected one of {', '.join(known)} after the colon{_hint(option, known)}"
                )
            options[device] = option
    faults: dict[str, list[Fault]] = {device: [] for device in links}
    for word in fault_words:
        called, fault = parse_fault(word)
        device = _device(called)
        if device not in links:
            raise ValueError(f"--fault {word}: {device} is not simulated here")
        faults[device].append(fault)
    return [Wire(device, link, faults[device]) for device, link in links.items()], options


def _device(called: str) -> str:
    names = role_names()
    if called not in names:
        raise ValueError(
            f"no simulated device {called!r}{_hint(called, names)} (there are: {', '.join(SIMULATORS)})"
        )
    return names[called]


def _hint(word: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""
