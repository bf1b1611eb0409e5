"""A recording's own pace."""

import os
from pathlib import Path

import pytest

from bedside.instants import SECOND
from simulators.recordings import pieces

CAPTURES = Path(os.environ.get("VIGIL_CAPTURES", "../shared/captures"))


def capture(name: str) -> bytes:
    path = CAPTURES / name
    if not path.exists():
        pytest.skip("recordings are not here")
    return path.read_bytes()


def test_nellcor_lines_keep_their_own_time() -> None:
    recording = capture("oximeters/nellcor_n560_realtime_2017-12-29.txt")
    made = pieces(recording)
    assert b"".join(piece.data for piece in made) == recording
    # 85 lines, of which three header blocks of three lines travel with the data line after them.
    assert len(made) == 85 - 9
    # 07:18:43 is the first line, 07:21:13 a later one.
    assert made[0].offset == 0
    [late] = [piece for piece in made if b"07:21:13" in piece.data]
    assert late.offset == 150 * SECOND
    with_header = [piece for piece in made if b"VERSION" in piece.data]
    assert len(with_header) == 3
    assert with_header[0].data.splitlines()[-1].startswith(b"29-Dec-17 07:19:21")
    assert with_header[0].offset == 38 * SECOND


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_nellcor_over_midnight_and_a_header_at_the_end(end: bytes) -> None:
    lines = (b"29-Dec-17 23:59:59    99", b"30-Dec-17 00:00:01    98", b"N-560    VERSION")
    recording = end.join(lines) + end
    made = pieces(recording)
    assert [piece.offset for piece in made] == [0, 2 * SECOND, 2 * SECOND]
    assert b"".join(piece.data for piece in made) == recording


def test_nellcor_clock_that_was_set_does_not_stop_the_play() -> None:
    made = pieces(b"29-Dec-17 07:00:00 99\n29-Dec-17 05:00:00 99\n29-Dec-17 05:00:02 99\n")
    assert [piece.offset for piece in made] == [0, 2 * SECOND, 4 * SECOND]


def test_ivy_frames_one_a_second_after_the_half_frame() -> None:
    recording = capture("nibp/ivy450c_ansar_b.bin")
    made = pieces(recording)
    assert b"".join(piece.data for piece in made) == recording
    assert [len(piece.data) for piece in made] == [252] + [562] * 27
    assert [piece.offset for piece in made] == [n * SECOND for n in range(28)]


def test_other_bytes_at_960_a_second() -> None:
    recording = bytes(1000)
    made = pieces(recording)
    assert b"".join(piece.data for piece in made) == recording
    assert made[10].offset == SECOND
    assert pieces(b"") == []
