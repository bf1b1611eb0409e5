"""The bad cable, one kind of badness at a time."""

from itertools import pairwise

import pytest

from bedside.instants import Instant, milliseconds, seconds
from simulators.faults import BOUNDS, MOST_HELD_BYTES, Cable, Fault, FaultKind, parse_fault

DATA = bytes(range(200))
EVERY = milliseconds(100)


def carried(cable: Cable, pieces: int = 200) -> list[tuple[Instant, bytes]]:
    """What comes out when a piece of data goes in every 100 ms; every deadline is kept."""
    out: list[tuple[Instant, bytes]] = []

    def keep_deadlines(until: Instant) -> None:
        while cable.deadline is not None and cable.deadline <= until:
            now = cable.deadline
            out.extend((now, data) for data in cable.tick(now))

    for n in range(pieces):
        keep_deadlines(n * EVERY)
        out.extend((n * EVERY, data) for data in cable.on(DATA, n * EVERY))
    keep_deadlines(pieces * EVERY + seconds(3600))
    return out


def whole(out: list[tuple[Instant, bytes]]) -> bytes:
    return b"".join(data for _, data in out)


def test_a_good_cable_carries_at_once_and_in_full() -> None:
    assert carried(Cable()) == [(n * EVERY, DATA) for n in range(200)]


def test_split_cuts_and_loses_nothing() -> None:
    out = carried(Cable([Fault(FaultKind.SPLIT, 1)]))
    assert len(out) == 400
    assert whole(out) == DATA * 200


def test_merge_joins_and_loses_nothing() -> None:
    out = carried(Cable([Fault(FaultKind.MERGE, 1000)]))
    assert len(out) in range(20, 23)
    assert whole(out) == DATA * 200
    assert all(at % seconds(1) == 0 for at, _ in out)


def test_flip_changes_single_bits() -> None:
    out = whole(carried(Cable([Fault(FaultKind.FLIP, 0.01)])))
    changed = [a ^ b for a, b in zip(out, DATA * 200, strict=True) if a != b]
    assert 300 < len(changed) < 500
    assert all(bits.bit_count() == 1 for bits in changed)


def test_drop_loses_and_noise_adds() -> None:
    assert len(whole(carried(Cable([Fault(FaultKind.DROP, 0.1)])))) in range(35_000, 37_000)
    assert len(whole(carried(Cable([Fault(FaultKind.NOISE, 0.1)])))) in range(43_000, 45_000)
    assert whole(carried(Cable([Fault(FaultKind.DROP, 1)]))) == b""


def test_stall_holds_everything_and_lets_it_go_in_order() -> None:
    out = carried(Cable([Fault(FaultKind.STALL, 3)]), pieces=1000)
    assert whole(out) == DATA * 1000
    gaps = [b - a for (a, _), (b, _) in pairwise(out)]
    assert seconds(2.8) < max(gaps) <= seconds(3.1)


def test_hang_is_silent_for_ever() -> None:
    out = carried(Cable([Fault(FaultKind.HANG, 5)]))
    assert out[-1][0] == seconds(4.9)
    assert len(out) == 50


def test_what_a_cable_holds_is_bounded() -> None:
    cable = Cable([Fault(FaultKind.MERGE, 10_000)], start=1)
    for n in range(1000):
        cable.on(DATA, 1 + n)
    assert len(whole([(0, data) for data in cable.tick(seconds(20))])) <= MOST_HELD_BYTES


def test_pulling_the_cable_loses_what_was_on_its_way() -> None:
    cable = Cable([Fault(FaultKind.MERGE, 1000)])
    assert cable.on(DATA, 1) == []
    cable.pull()
    assert cable.deadline is None
    assert cable.tick(seconds(2)) == []


def test_the_same_seed_is_the_same_cable() -> None:
    faults = [Fault(kind, 0.2 if bounds.unit == "a probability" else 20) for kind, bounds in BOUNDS.items()]
    assert carried(Cable(faults, seed=4)) == carried(Cable(faults, seed=4))
    assert carried(Cable(faults, seed=4)) != carried(Cable(faults, seed=5))


def test_faults_in_words() -> None:
    assert parse_fault("oximeter:noise=0.01") == ("oximeter", Fault(FaultKind.NOISE, 0.01))
    assert parse_fault("alaris-gh:hang=60") == ("alaris-gh", Fault(FaultKind.HANG, 60))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noise=0.01", "expected DEVICE:KIND=AMOUNT"),
        ("nonin:noise", "expected DEVICE:KIND=AMOUNT"),
        ("nonin:niose=0.1", "expected one of split, merge"),
        ("nonin:noise=2", "expected a probability from 0 to 1"),
        ("nonin:merge=0", "expected milliseconds from 1 to 10000"),
        ("nonin:merge=1.2.3", "expected milliseconds"),
    ],
)
def test_wrong_faults_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fault(text)
