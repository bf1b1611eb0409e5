"""What the conformance suite runs over: every driver, every vector, every capture.

A vector is a TOML file in `drivers/<device>/vectors/`:

    device = "..."       maker, model, format
    origin = "built"     or "recorded" or "simulator"
    source = "..."       where the bytes or their layout come from
    about = "..."        what it shows
    damaged = true       when it holds bytes that must be refused; left out otherwise
    bytes = "01 81 ..."  what the device sends, hex, blanks and line ends as wanted
    facts = [ ... ]      what `vigil decode` must print for it
"""

import random
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.facts import Fact, Missing, Reading
from cli.decode import decode
from cli.recordings import device_bytes
from drivers import DRIVERS
from drivers.contract import Closed, Driver, LineEvent, Output, Received, Transmit
from tests.recordings import CAPTURES, RECORDINGS, ROOT

MOST_HELD = 4096
"""No codec needs more than this many remembered items; a queue without bound passes it at once."""


@dataclass(frozen=True, slots=True)
class Vector:
    driver: Driver
    path: Path
    data: bytes
    facts: list[dict[str, Any]]
    damaged: bool

    @property
    def name(self) -> str:
        return f"{self.driver.name}-{self.path.stem}"


def _vectors() -> Iterator[Vector]:
    for driver in DRIVERS.values():
        folder = ROOT / "drivers" / driver.name.replace("-", "_") / "vectors"
        for path in sorted(folder.glob("*.toml")):
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            yield Vector(
                driver, path, bytes.fromhex(table["bytes"]), table["facts"], table.get("damaged", False)
            )


VECTORS = tuple(_vectors())
HEALTHY = tuple(vector for vector in VECTORS if not vector.damaged)


def capture(name: str) -> bytes | None:
    """What the device sent in the capture of a driver, or None where the captures are absent."""
    paths = [CAPTURES / file for file in RECORDINGS[name]]
    if not all(path.is_file() for path in paths):
        return None
    return b"".join(device_bytes(path.read_bytes()) for path in paths)


def described(driver: Driver, data: bytes) -> list[dict[str, Any]]:
    """What `vigil decode` prints for some bytes."""
    return list(decode(driver.new_codec(), [data]))


def heard(driver: Driver, pieces: Iterable[bytes]) -> list[Fact]:
    """Every fact in the bytes of a line that ends with them, all at one instant."""
    codec = driver.new_codec()
    events: list[LineEvent] = [*map(Received, pieces), Closed()]
    return [fact for event in events for fact in codec.on(event, 0) if not isinstance(fact, Transmit)]


def vitals(facts: Iterable[Output]) -> list[Reading | Missing]:
    return [fact for fact in facts if isinstance(fact, Reading | Missing)]


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def cut_up(data: bytes, rng: random.Random, longest: int = 40) -> list[bytes]:
    """The same bytes in chunks of random size, some of them empty."""
    pieces, at = [], 0
    while at < len(data):
        size = rng.randint(0, longest)
        pieces.append(data[at : at + size])
        at += size
    return pieces


def runs_of_subsequence(part: Sequence[Any], whole: Sequence[Any]) -> bool:
    """Whether `part` can be had from `whole` by leaving things out."""
    rest = iter(whole)
    return all(item in rest for item in part)


def held(machine: object) -> int:
    """How many items a machine of ours remembers, in all the collections it holds."""
    count, seen, waiting = 0, set[int](), [machine]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        match thing:
            case str() | bytes() | bytearray():
                count += len(thing)
            case dict():
                count += len(thing)
                waiting += [*thing.keys(), *thing.values()]
            case list() | tuple() | set() | frozenset():
                count += len(thing)
                waiting += thing
            case _ if type(thing).__module__.startswith(("drivers", "collections")):
                waiting += [*getattr(thing, "__dict__", {}).values()]
                waiting += [*thing] if hasattr(thing, "__iter__") else []
            case _:
                pass
    return count
