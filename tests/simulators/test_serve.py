"""The edge: real pseudo-terminals, a real clock run fast, and the two commands that offer them."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from simulators.bed import Bed
from simulators.faults import Fault, FaultKind
from simulators.serve import Ports, ScaledClock, Wire
from tests.simulators.beds import PUMP, story

LIMIT_S = 10.0


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that must happen soon."""
    end = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.002)


@contextmanager
def served(bed: Bed, wires: list[Wire], clock: ScaledClock) -> Iterator[list[str]]:
    """A bed served by a thread; what the ports have said."""
    said: list[str] = []
    stop = threading.Event()
    with Ports(bed, wires, clock) as ports:
        thread = threading.Thread(target=ports.serve, args=(stop, said.append))
        thread.start()
        try:
            yield said
        finally:
            stop.set()
            thread.join(LIMIT_S)
    assert not thread.is_alive()


def open_port(link: Path) -> serial.Serial:
    return serial.Serial(str(link), 9600, timeout=LIMIT_S, exclusive=True)


def test_a_device_on_a_port(tmp_path: Path) -> None:
    clock = ScaledClock(20)
    link = tmp_path / "oximeter"
    with served(Bed(story(), start=clock.now()), [Wire("nonin", link)], clock):
        with open_port(link) as port:
            data = port.read(500)
        start = next(n for n in range(125) if data[n] == 1 and data[n + 1] & 0x81 == 0x81)
        frames = [data[n : n + 5] for n in range(start, 490, 5)]
        assert all(frame[0] == 1 and sum(frame[:4]) % 256 == frame[4] for frame in frames)
    assert not link.is_symlink()


def test_bytes_before_the_port_was_opened_are_lost(tmp_path: Path) -> None:
    clock = ScaledClock(1)
    link = tmp_path / "monitor"
    bed = Bed(story(), start=clock.now() - 100_000_000_000)  # a hundred frames are due at once
    with served(bed, [Wire("ivy-450c", link)], clock):
        time.sleep(0.05)
        with open_port(link) as port:
            frame = port.read(562)
    assert frame.count(b"\xffANSAR-B ") == 1


def test_the_host_is_heard(tmp_path: Path) -> None:
    clock = ScaledClock(20)
    link = tmp_path / "pump"
    with (
        served(Bed(story(pump=PUMP), start=clock.now()), [Wire("alaris-gh", link)], clock) as said,
        open_port(link) as port,
    ):
        port.write(b"!INST_SERIALNO|457D\r")
        assert port.read_until(b"\r") == b"!INST_SERIALNO^8002-51740|050B\r"
        port.write(b"!INF_STOP|CD57\r")
        until(lambda: said == ["alaris-gh: refused what the host sent: INF_STOP"])


def test_a_pulled_cable_hangs_up_and_comes_back_under_its_link(tmp_path: Path) -> None:
    clock = ScaledClock(20)
    link = tmp_path / "oximeter"
    steps = ({"at_s": 8, "cable": {"oximeter": "out"}}, {"at_s": 12, "cable": {"oximeter": "in"}})
    with served(Bed(story(*steps), start=clock.now()), [Wire("nonin", link)], clock):
        with open_port(link) as port:
            assert port.read(5)
            until(lambda: not link.is_symlink())
            with pytest.raises(serial.SerialException):
                port.read(100_000)
        until(link.exists)
        with open_port(link) as port:
            assert len(port.read(100)) == 100


def test_a_bad_cable_is_between_device_and_port(tmp_path: Path) -> None:
    clock = ScaledClock(20)
    link = tmp_path / "oximeter"
    faults = [Fault(FaultKind.HANG, 0)]
    with served(Bed(story(), start=clock.now()), [Wire("nonin", link, faults)], clock):
        port = serial.Serial(str(link), 9600, timeout=0.2)
        assert port.read(1) == b""
        port.close()


def test_a_file_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "precious"
    link.write_text("data")
    clock = ScaledClock()
    with pytest.raises(FileExistsError):
        Ports(Bed(story()), [Wire("nonin", tmp_path / "a"), Wire("suntech", link)], clock)
    assert link.read_text() == "data"
    assert not (tmp_path / "a").is_symlink()


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "cli", *words], stderr=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    ready, _, _ = select.select([process.stderr], [], [], LIMIT_S)
    assert ready
    return process.stderr.readline()


def finish(process: subprocess.Popen[str], number: int | None = None) -> int:
    if number is not None:
        process.send_signal(number)
    process.communicate(timeout=LIMIT_S)
    return process.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_simulate_until_it_is_stopped(tmp_path: Path, number: int) -> None:
    oximeter, cuff = tmp_path / "oximeter", tmp_path / "nibp"
    process = start(
        "simulate", f"nonin:df8={oximeter}", f"nibp={cuff}", "--scenario", "demo", "--speed", "20"
    )
    line = first_line(process)
    expected = f"ready: nonin on {oximeter}, suntech on {cuff}; scenario demo, seed 0, speed 20"
    assert line == f"vigil simulate: {expected}\n"
    with open_port(oximeter) as port:
        assert port.read(1)[0] & 0x80
    assert finish(process, number) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonnin=/a"], "no simulated device 'nonnin'; did you mean nonin?"),
        (["nonin"], "'nonin': expected DEVICE=PATH"),
        (["nonin=a", "oximeter=b"], "nonin is named twice"),
        (["nonin=a", "suntech=a"], "a is named twice"),
        (["nonin:df3=a"], "nonin:df3: expected one of df2, df7, df8 after the colon; did you mean df"),
        (["nonin=a", "--scenario", "hypertention"], "no scenario hypertention; did you mean hypertension?"),
        (["nonin=a", "--fault", "pump:noise=0.1"], "--fault pump:noise=0.1: alaris-gh is not simulated here"),
        (["nonin=a", "--fault", "nonin:dorp=0.1"], "expected one of split, merge, flip, drop"),
        (["nonin=a", "--speed", "0"], "speed 0: expected a number above 0"),
        (["nonin=/nowhere/at/all"], "/nowhere/at: no such directory"),
    ],
)
def test_simulate_refuses_wrong_use(words: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "simulate", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("vigil simulate: ")
    assert message in done.stderr


RECORDING = b"".join(b"29-Dec-17 07:00:%02d    99      66      12\n" % second for second in range(0, 40, 2))


def test_play_waits_for_a_reader_keeps_its_pace_and_hangs_up(tmp_path: Path) -> None:
    recording, link = tmp_path / "recording", tmp_path / "port"
    recording.write_bytes(RECORDING)
    process = start("play", str(recording), "--link", str(link), "--rate", "50")
    assert first_line(process).startswith("vigil play: ready")
    began = time.monotonic()
    with open_port(link) as port:
        assert port.read(len(RECORDING)) == RECORDING
        assert 0.7 < time.monotonic() - began < 5  # 38 s at rate 50
        assert finish(process) == 0
    assert not link.is_symlink()


def test_play_faster_than_the_port_can_hold_loses_nothing(tmp_path: Path) -> None:
    recording, link = tmp_path / "recording", tmp_path / "port"
    recording.write_bytes(os.urandom(50_000))
    process = start("play", str(recording), "--link", str(link), "--rate", "1000000")
    first_line(process)
    with open_port(link) as port:
        time.sleep(0.1)
        assert port.read(50_000) == recording.read_bytes()
    assert finish(process) == 0


def test_play_hold_falls_silent_but_stays(tmp_path: Path) -> None:
    recording, link = tmp_path / "recording", tmp_path / "port"
    recording.write_bytes(b"\x55" * 10)
    process = start("play", str(recording), "--link", str(link), "--hold")
    first_line(process)
    with serial.Serial(str(link), 9600, timeout=0.3) as port:
        assert port.read(20) == b"\x55" * 10
        assert port.read(1) == b""
        assert link.is_symlink()
    assert finish(process, signal.SIGTERM) == 0
    assert not link.is_symlink()


def test_play_refuses_wrong_use(tmp_path: Path) -> None:
    process = start("play", str(tmp_path / "none"), "--link", str(tmp_path / "port"))
    assert "No such file" in first_line(process)
    assert finish(process) == 2
