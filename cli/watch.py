"""vigil watch: a bed, or all beds of a site, live in the terminal; without a terminal one line a message."""

import argparse
import queue
import sys
import time
from typing import Final

from rich.console import Console
from rich.live import Live

from cli import connection
from cli.screen import Ward, one_line
from simulators.listener import Heard, Listener

NO_BROKER: Final = 3
WRONG_USE: Final = 2
REFRESH_S: Final = 0.25
WAITING_MESSAGES: Final = 5_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    connection.add_arguments(parser)
    parser.add_argument("--station", type=connection.name, default="vigil-watch", help="default vigil-watch")
    parser.add_argument("--duration", type=float, default=None, metavar="S", help="end after so many seconds")
    parser.add_argument("bed", nargs="?", type=connection.name, metavar="BED", help="default: all beds")


def run(arguments: argparse.Namespace) -> int:
    heard: queue.Queue[Heard] = queue.Queue(WAITING_MESSAGES)

    def keep(message: Heard) -> None:
        # A terminal that hangs loses messages, not memory.
        if not heard.full():
            heard.put_nowait(message)

    try:
        broker = connection.address(arguments)
    except OSError as error:
        print(f"vigil watch: certificates: {error}", file=sys.stderr)
        return WRONG_USE
    end = None if arguments.duration is None else time.monotonic() + arguments.duration
    show = _live if sys.stdout.isatty() else _lines
    try:
        with Listener(broker, arguments.site, arguments.station, bed=arguments.bed, on_heard=keep):
            show(heard, end)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"vigil watch: broker {broker.host}:{broker.port}: {error}", file=sys.stderr)
        return NO_BROKER
    return 0


def _live(heard: "queue.Queue[Heard]", end: float | None) -> None:
    ward = Ward()
    with Live(ward.render(time.monotonic_ns()), console=Console(), auto_refresh=False, screen=True) as live:
        while _time_left(end):
            for message in _taken(heard):
                ward.feed(message.topic, message.payload, message.at, retained=message.retained)
            live.update(ward.render(time.monotonic_ns()), refresh=True)


def _lines(heard: "queue.Queue[Heard]", end: float | None) -> None:
    while _time_left(end):
        for message in _taken(heard):
            line = one_line(message.topic, message.payload)
            if line is not None:
                print(f"{line}{' (retained)' if message.retained else ''}", flush=True)


def _taken(heard: "queue.Queue[Heard]") -> list[Heard]:
    """What has come, after a short wait for the first."""
    try:
        taken = [heard.get(timeout=REFRESH_S)]
    except queue.Empty:
        return []
    while not heard.empty():
        taken.append(heard.get_nowait())
    return taken


def _time_left(end: float | None) -> bool:
    return end is None or time.monotonic() < end
