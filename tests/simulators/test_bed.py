"""A bed and the face that all its devices share."""

import pytest

from bedside.instants import SECOND
from simulators import SIMULATORS
from simulators.bed import Bed
from tests.simulators.beds import PUMP, bed_of, drive, story


def test_steps_begin_at_their_instants() -> None:
    bed = Bed(
        story({"at_s": 10, "probe": "off"}, {"at_s": 20}, {"at_s": 20, "text": "two"}), start=5 * SECOND
    )
    assert bed.deadline == 15 * SECOND
    assert bed.tick(14 * SECOND) == []
    assert [step.at for step in bed.tick(15 * SECOND)] == [10 * SECOND]
    assert bed.deadline == 25 * SECOND
    assert [step.text for step in bed.tick(99 * SECOND)] == ["", "two"]
    assert bed.deadline is None


def test_cables_are_pulled_by_role() -> None:
    bed = bed_of({"at_s": 10, "cable": {"oximeter": "out"}}, {"at_s": 20, "cable": {"oximeter": "in"}})
    plugged = [bed.cable("nonin", second * SECOND) for second in (9, 10, 19, 20)]
    assert plugged == [True, False, False, True]
    assert bed.cable("suntech", 15 * SECOND)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="nonin:df9: expected one of df2, df7, df8"):
        bed_of(option={"nonin": "df9"})


@pytest.mark.parametrize("name", SIMULATORS)
def test_a_device_started_later_says_the_same_later(name: str) -> None:
    early, late = Bed(story(pump=PUMP), seed=3), Bed(story(pump=PUMP), seed=3, start=1000 * SECOND)
    first = drive(early.devices[name], 10 * SECOND)
    second = drive(late.devices[name], 1010 * SECOND)
    assert [(at + 1000 * SECOND, data) for at, data in first] == second


@pytest.mark.parametrize("name", SIMULATORS)
@pytest.mark.parametrize("junk", [b"\x00" * 300, b"\xff" * 300, b"!" * 300, b"\x3a" * 300, b"\x02" * 300])
def test_junk_from_the_host_does_no_harm(name: str, junk: bytes) -> None:
    device = bed_of(pump=PUMP).devices[name]
    for n in range(500):
        device.on(junk, n)
    assert len(device.violations) <= 100
