"""vigil check SETTINGS.toml: is this file right, and what would be in force with it?

Problems go to stderr, one a line, as FILE:LINE: key: message, and the exit code is 2. When there is none,
stdout has a short summary: devices, every limit with its unit and origin, who may watch.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from agent.plan import BedPlan, BrokerPlan
from agent.settings import SettingsError, load
from alarms.limits import in_force

WRONG_SETTINGS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("settings", type=Path, metavar="SETTINGS.toml")


def run(arguments: argparse.Namespace) -> int:
    path: Path = arguments.settings
    try:
        plan = load(path)
    except SettingsError as refused:
        for problem in refused.problems:
            print(f"{path}:{problem.line}: {problem.key_path}: {problem.message}", file=sys.stderr)
        return WRONG_SETTINGS
    print(f"{path}: good\n")
    print("\n".join(summary(plan)))
    return 0


def summary(plan: BedPlan) -> Iterator[str]:
    """What a plan puts in force, in lines for a person."""
    yield f"bed       {plan.site}/{plan.bed}"
    yield f"broker    {_broker(plan.broker)}"
    yield f"stations  {', '.join(plan.stations) or 'none: nobody is expected to watch from afar'}"
    allowed = "may" if plan.remote_pause_audio else "may not"
    yield f"          a station {allowed} pause the sound at the bedside"
    yield f"panel     {plan.panel_socket}"
    yield f"cuff      {_cuff(plan)}"
    yield ""
    widths = (
        max(len(device.name) for device in plan.devices),
        max(len(device.driver) for device in plan.devices),
    )
    for device in plan.devices:
        yield f"device    {device.name:<{widths[0]}}  {device.driver:<{widths[1]}}  {device.port}"
    yield ""
    width = max(len(threshold.row.setting) for threshold in in_force(plan.limits).values())
    for threshold in in_force(plan.limits).values():
        value = f"{threshold.value:g} {threshold.row.unit}"
        yield f"limit     {threshold.row.setting:<{width}}  {value:<16}  {threshold.origin.value}"


def _broker(broker: BrokerPlan) -> str:
    protocol = "MQTT 5, else 3.1.1" if broker.protocol == "auto" else f"MQTT {broker.protocol}"
    secured = "TLS" if broker.tls_ca_file else "not encrypted"
    return f"{broker.host} port {broker.port}, {protocol}, {secured}"


def _cuff(plan: BedPlan) -> str:
    started = "started by the agent" if plan.nibp.start_by_agent else "started by its own device or by hand"
    limb = "on the limb of the probe" if plan.nibp.cuff_on_probe_limb else "not on the limb of the probe"
    return f"{started}, {limb}; while dosing every {plan.nibp.dosing_interval_min} min"
