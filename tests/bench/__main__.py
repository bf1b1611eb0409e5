"""`python -m tests.bench [--events N]`: latencies, CPU and memory of one bed, as one JSON object on stdout.

    alarm_to_edge_ms       last byte of the frame that raises I1 is written, to the red lamp's edge
    alarm_to_message_ms    the same, to the `alarms` message at a subscriber through mosquitto
    vitals_to_message_ms   last byte of an oximeter frame, to the first `vitals` message that tells it. Vitals
                           go out once a second: most of this is the wait for that, in the bed's own time
    report_to_message_ms   the instant a `vitals` report was made, to the subscriber

The alarm is I1 because it has no delay. Every device of the bed is attached and sends at its full rate.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any

from bedside.wire import Alarms, KnownVital, Subject, Vitals, parse_topic, read_report
from simulators.listener import BrokerAddress, Heard, Listener
from simulators.serve import Terminal
from tests.edge.bedside import BED, SITE, Bedside, bedside, eventually

EVENTS = 2000
CPU_S = 60
VITALS_SPEED = 20
HOLD_S = 0.03
OCCLUDED = b"!ALARM^AL_OCCLU^^|2F3B\r"
QUIET = b"!ALARM^AL_NOALM^ ^ |C73B\r"
INFUSING = b"!INF^8002-51740^-^SET^3.50^ml/h^^1.250^ml^17.91^mmHg^24+^EVENT^127904|EAFA\r"
FOUR_DEVICES = {"oximeter": "nonin", "nibp": "suntech", "monitor": "ivy-450c"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="events for each latency")
    parser.add_argument("--cpu-seconds", type=float, default=CPU_S, help="how long CPU time is counted")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "events": arguments.events,
    }
    with tempfile.TemporaryDirectory() as folder:
        figures |= alarm_latency(Path(folder), arguments.events)
    with tempfile.TemporaryDirectory() as folder:
        figures |= cost(Path(folder), arguments.cpu_seconds)
    with tempfile.TemporaryDirectory() as folder:
        figures |= vitals_latency(Path(folder), arguments.events)
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


def spread(nanoseconds: list[int]) -> dict[str, float]:
    """Median and 99th percentile in ms."""
    cuts = statistics.quantiles(nanoseconds, n=100, method="inclusive")
    return {
        "p50": round(cuts[49] / 1e6, 2),
        "p99": round(cuts[98] / 1e6, 2),
        "max": round(max(nanoseconds) / 1e6, 2),
        "n": len(nanoseconds),
    }


class Pump:
    """An Alaris on a pseudo-terminal that is occluded and freed on demand, and answers what it is asked."""

    def __init__(self, link: Path) -> None:
        self._terminal = Terminal(link)
        self._occluded = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def occlude(self, *, yes: bool) -> int:
        """Say so unasked; the instant after the last byte was written."""
        with self._lock:
            self._occluded = yes
            self._terminal.write(OCCLUDED if yes else QUIET)
            return time.monotonic_ns()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._terminal.close()

    def _answer(self) -> None:
        while not self._over.wait(0.005):
            asked = self._terminal.read()
            with self._lock:
                for question in asked.split(b"\r"):
                    if question.startswith(b"!INF|"):
                        self._terminal.write(INFUSING)
                    elif question.startswith(b"!ALARM|"):
                        self._terminal.write(OCCLUDED if self._occluded else QUIET)


def simulate(bed: Bedside, speed: float = 1.0) -> None:
    """The other devices of the bed at their full rate."""
    ports = [f"{driver}={bed.link(name)}" for name, driver in bed.devices.items() if driver != "alaris-gh"]
    bed.start("simulate", "simulate", *ports, "--scenario", "normal", "--speed", speed)
    for name, driver in bed.devices.items():
        if driver != "alaris-gh":
            eventually(bed.link(name).exists, f"the port of {name}")


def alarm_latency(folder: Path, events: int) -> dict[str, Any]:
    with bedside(folder, pump="alaris-gh", **FOUR_DEVICES) as bed:
        pump = Pump(bed.link("pump"))
        simulate(bed)
        bed.start_panel()
        raised: dict[str, int] = {}
        news = threading.Condition()

        def hear(heard: Heard) -> None:
            read = read_report(heard.topic, heard.payload)
            if read is None or not isinstance(read[1], Alarms):
                return
            for condition in read[1].conditions:
                if condition.id == "I1" and condition.presence.value == "present":
                    with news:
                        raised.setdefault(condition.episode, heard.at)
                        news.notify_all()

        with Listener(BrokerAddress(port=bed.broker.port), SITE, bed=BED, on_heard=hear):
            bed.start_agent()
            eventually(lambda: bed.vitals and bed.lines, "the agent")
            time.sleep(5)
            written: list[int] = []
            messages: list[int] = []
            for ordinal in range(events):
                with news:
                    known = set(raised)
                at = pump.occlude(yes=True)
                with news:
                    news.wait_for(partial(is_more, raised, known), 5)
                    new = raised.keys() - known
                if new:
                    messages.append(raised[new.pop()] - at)
                    written.append(at)
                time.sleep(HOLD_S)
                pump.occlude(yes=False)
                time.sleep(HOLD_S * (1 + ordinal % 3 / 3))
        edges = [edge["at_ns"] for edge in bed.edges("red") if edge["on"]]
        pump.close()
    return {
        "alarm_to_edge_ms": spread(first_after(written, edges)),
        "alarm_to_message_ms": spread(messages),
    }


def is_more(raised: Mapping[str, int], known: AbstractSet[str]) -> bool:
    """Whether an episode was raised that was not known before."""
    return len(raised) > len(known)


def first_after(written: list[int], edges: list[int]) -> list[int]:
    """For each instant of writing, how long until the next edge; none when the next writing came first."""
    found = []
    for at, following in zip(written, [*written[1:], written[-1] + 10**12], strict=True):
        edge = next((edge for edge in edges if edge > at), None)
        if edge is not None and edge < following:
            found.append(edge - at)
    return found


def vitals_latency(folder: Path, events: int) -> dict[str, Any]:
    """On a bed whose clock runs faster, so that enough reports come."""
    with bedside(folder, pump="alaris-gh", **FOUR_DEVICES) as bed:
        pump = Pump(bed.link("pump"))
        simulate(bed, VITALS_SPEED)
        bed.start_panel()
        from_frame: list[int] = []
        from_report: list[int] = []

        def hear(heard: Heard) -> None:
            place = parse_topic(heard.topic)
            if place is None or place.subject is not Subject.VITALS:
                return
            read = read_report(heard.topic, heard.payload)
            vitals = read[1] if read else None
            if not isinstance(vitals, Vitals):
                return
            # Both processes scale the same monotonic clock.
            late_ms = heard.at * VITALS_SPEED / 1e6 - vitals.mono_ms
            from_report.append(round(late_ms * 1e6 / VITALS_SPEED))
            from_frame.extend(
                vital.age_ms * 1_000_000 + from_report[-1]
                for vital in vitals.vitals
                if vital.name == "spo2" and vital.primary and isinstance(vital, KnownVital)
            )

        with Listener(BrokerAddress(port=bed.broker.port), SITE, bed=BED, on_heard=hear):
            bed.start_agent(VITALS_SPEED)
            eventually(lambda: len(from_frame) >= events, "enough reports", events / VITALS_SPEED * 2 + 60)
        pump.close()
    return {
        "vitals_to_message_ms": spread(from_frame[:events]),
        "report_to_message_ms": spread(from_report[:events]),
        "vitals_speed": VITALS_SPEED,
    }


def cost(folder: Path, seconds: float) -> dict[str, Any]:
    """CPU and memory with all four devices at full rate, and the time to the first published vital."""
    with bedside(folder, pump="alaris-gh", **FOUR_DEVICES) as bed:
        pump = Pump(bed.link("pump"))
        simulate(bed)
        bed.start_panel()
        started = time.monotonic()
        bed.start_agent()

        def first_vital() -> bool:
            return any(isinstance(vital, KnownVital) for vitals in bed.vitals for vital in vitals.vitals)

        eventually(first_vital, "the first vital")
        first_s = time.monotonic() - started
        time.sleep(5)
        agent, panel = bed.running["agent"].pid, bed.running["panel"].pid
        before = cpu_s(agent), cpu_s(panel)
        time.sleep(seconds)
        minutes = seconds / 60
        figures = {
            "start_to_first_vital_s": round(first_s, 2),
            "agent_cpu_s_per_patient_minute": round((cpu_s(agent) - before[0]) / minutes, 2),
            "panel_cpu_s_per_patient_minute": round((cpu_s(panel) - before[1]) / minutes, 3),
            "agent_resident_mb": resident_mb(agent),
            "panel_resident_mb": resident_mb(panel),
        }
        pump.close()
    return figures


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise AssertionError(pid)


if __name__ == "__main__":
    sys.exit(main())
