"""vigil decode DRIVER [FILE]: what a driver makes of bytes, as one JSON object a line.

Works on a running stream as well as on a recording: a fact is printed when its bytes are there. The codec
is never told of an open port, so it asks the device nothing, and nothing is ever sent.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from bedside.instants import Instant
from cli import recordings
from cli.drivers import find
from drivers.contract import Closed, Codec, LineEvent, Received, Transmit
from drivers.describe import Row, rows

CHUNK_BYTES: Final = 65_536
STANDARD_INPUT: Final = "-"
THE_INSTANT: Final[Instant] = 0
"""A recording has no clock, and what bytes mean does not depend on one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("driver", help="a name from `vigil drivers`")
    parser.add_argument(
        "file",
        nargs="?",
        default=STANDARD_INPUT,
        help="device bytes, or a listing of them as text; standard input when left out or -",
    )


def run(arguments: argparse.Namespace) -> int:
    driver = find(arguments.driver, "decode")
    if driver is None:
        return 2
    codec = driver.new_codec()
    if arguments.file == STANDARD_INPUT:
        show(decode(codec, chunks(sys.stdin.buffer)))
        return 0
    try:
        with Path(arguments.file).open("rb") as stream:
            show(decode(codec, chunks(stream)))
    except BrokenPipeError:
        raise  # our reader went away: that is not about the file
    except OSError as problem:
        print(f"vigil decode: {arguments.file}: {problem.strerror}", file=sys.stderr)
        return 2
    return 0


def decode(codec: Codec, stream: Iterable[bytes]) -> Iterator[Row]:
    """Every fact in the bytes of a stream, described."""
    for data in stream:
        yield from _facts(codec, Received(data))
    yield from _facts(codec, Closed())


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Device bytes as they come; what looks like a written record is read to its end first."""
    head = _read(stream)
    if recordings.is_written_down(head):
        yield recordings.device_bytes(head + stream.read())
        return
    while head:
        yield head
        head = _read(stream)


def show(found: Iterable[Row]) -> None:
    for row in found:
        print(json.dumps(row), flush=True)


def _facts(codec: Codec, event: LineEvent) -> Iterator[Row]:
    for output in codec.on(event, THE_INSTANT):
        if not isinstance(output, Transmit):
            yield from rows(output)


def _read(stream: BinaryIO) -> bytes:
    # read1 gives what is there; read would wait until the chunk is full.
    return stream.read1(CHUNK_BYTES) if hasattr(stream, "read1") else stream.read(CHUNK_BYTES)
