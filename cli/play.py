"""`vigil play FILE --link PATH`: a recording on a pseudo-terminal, at its own pace or faster.

Begins when somebody opens the port, so that nothing is lost or comes late; ends when the last byte has been
read. With --hold the port then stays open and silent, as a device that has fallen mute.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Final

from bedside.instants import Instant
from cli import recordings as written
from simulators.recordings import pieces
from simulators.serve import ScaledClock, Terminal

LOOK_AGAIN_S: Final = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The recording, its port and its pace."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="bytes of a device, or a listing of them as text"
    )
    parser.add_argument(
        "--link", type=Path, required=True, metavar="PATH", help="the link to make to the port"
    )
    parser.add_argument(
        "--rate", type=float, default=1.0, metavar="N", help="how many times faster than recorded (default 1)"
    )
    parser.add_argument("--hold", action="store_true", help="keep the port open, silent, after the last byte")


def run(arguments: argparse.Namespace) -> int:
    """Play once; 2 for wrong use, 130 when interrupted before the end."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        recording = written.device_bytes(arguments.file.read_bytes())
        clock = ScaledClock(arguments.rate)
        terminal = Terminal(arguments.link)
    except ValueError as problem:
        _say(str(problem))
        return 2
    except OSError as problem:
        _say(f"{problem.filename2 or problem.filename}: {problem.strerror}")
        return 2
    try:
        _say(f"ready: {arguments.link} plays {arguments.file.name} when it is opened")
        finished = _play(recording, terminal, clock, stop)
        if arguments.hold:
            stop.wait()
    finally:
        terminal.close()
    return 0 if finished else 128 + signal.SIGINT


def _play(recording: bytes, terminal: Terminal, clock: ScaledClock, stop: threading.Event) -> bool:
    """Whether the whole recording was played and read."""
    while not terminal.opened:
        if stop.wait(LOOK_AGAIN_S):
            return False
    began = clock.now()
    for piece in pieces(recording):
        if _wait_until(began + piece.offset, clock, stop):
            return False
        left = piece.data
        while left and terminal.opened:
            left = left[terminal.write(left) :]
            if left and stop.wait(LOOK_AGAIN_S):
                return False
        terminal.read()  # what the host says is not heard, but must not fill the port
    while not terminal.all_read:
        if stop.wait(LOOK_AGAIN_S):
            return False
    return True


def _wait_until(instant: Instant, clock: ScaledClock, stop: threading.Event) -> bool:
    """Whether it was stopped before."""
    return stop.wait(clock.real_wait(instant - clock.now()))


def _say(text: str) -> None:
    print(f"vigil play: {text}", file=sys.stderr, flush=True)
