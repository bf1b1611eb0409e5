"""The demo's supervisor, with small children."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.demo import cast, supervisor
from cli.demo.supervisor import CHECKOUT, Ended, GivenUp, News, Program, Returned, Supervisor

CHILDREN = {
    "sleeper": "import time\nprint('ready', flush=True)\ntime.sleep(60)\n",
    "goner": "import sys\nsys.exit(3)\n",
    "echo": "import sys\nfor line in sys.stdin:\n    print('heard', line.strip(), flush=True)\n",
    "polite": """
import pathlib, signal, sys, time
def leave(*_):
    with pathlib.Path(sys.argv[2]).open('a') as book:
        book.write(sys.argv[1] + '\\n')
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print('ready', flush=True)
time.sleep(60)
""",
    "deaf": """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
time.sleep(60)
""",
    "owner": """
import pathlib, sys, time
from cli.demo.supervisor import Program, Supervisor
keeper = Supervisor(pathlib.Path(sys.argv[1]))
keeper.start(Program('deaf', 'deaf'))
print(keeper.pid('deaf'), flush=True)
time.sleep(60)
""",
}


@pytest.fixture(autouse=True)
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in CHILDREN.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def keeper(tmp_path: Path, clock: Time) -> Iterator[Supervisor]:
    keeper = Supervisor(tmp_path, clock)
    yield keeper
    keeper.stop()


def wait_until(is_so: Callable[[], bool], limit_s: float = 10.0) -> None:
    end = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def next_news(keeper: Supervisor) -> list[News]:
    news: list[News] = []

    def look() -> bool:
        news.extend(keeper.tick())
        return bool(news)

    wait_until(look)
    return news


def is_ready(keeper: Supervisor, *names: str) -> Callable[[], bool]:
    return lambda: all(b"ready" in keeper.log(name) for name in names)


def exists(pid: int) -> bool:
    """Whether there is such a process; one that only waits to be collected is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_killed_program_is_back_after_its_time_and_not_before(keeper: Supervisor, clock: Time) -> None:
    keeper.start(Program("a", "sleeper", back_after_s=3.0))
    first = keeper.pid("a")
    assert keeper.kill("a")
    assert next_news(keeper) == [Ended("a", -signal.SIGKILL, asked=True)]
    assert not keeper.runs("a")
    assert keeper.waits("a")
    clock.now = 2.9
    assert keeper.tick() == []
    clock.now = 3.0
    assert keeper.tick() == [Returned("a")]
    assert keeper.runs("a")
    assert keeper.pid("a") != first
    assert (dict(keeper.asked), dict(keeper.unasked)) == ({"a": 1}, {})


def test_what_is_not_to_come_back_is_given_up(keeper: Supervisor) -> None:
    keeper.start(Program("a", "goner"))
    assert next_news(keeper) == [Ended("a", 3, asked=False), GivenUp("a")]
    assert not keeper.waits("a")
    assert keeper.unasked["a"] == 1
    assert not keeper.kill("a")


def test_a_program_that_dies_again_and_again_is_given_up(keeper: Supervisor) -> None:
    keeper.start(Program("a", "goner", back_after_s=0.0))
    seen: list[News] = []
    while GivenUp("a") not in seen:
        seen += next_news(keeper)
    # The first start, and five more.
    assert seen.count(Ended("a", 3, asked=False)) == 6
    assert keeper.tick() == []


def test_stdin_and_last_words(keeper: Supervisor) -> None:
    keeper.start(Program("a", "echo"))
    assert keeper.tell("a", b"short\n")
    wait_until(lambda: keeper.tail("a") == "heard short\n")
    keeper.kill("a")
    next_news(keeper)
    assert not keeper.tell("a", b"short\n")
    assert not keeper.tell("b", b"short\n")
    assert keeper.tail("b") == ""


def test_all_are_stopped_in_the_order_given(keeper: Supervisor, tmp_path: Path) -> None:
    book = tmp_path / "book"
    for name in ("a", "b", "c"):
        keeper.start(Program(name, "polite", (name, str(book))))
    wait_until(is_ready(keeper, "a", "b", "c"))
    keeper.stop(["c", "a", "unknown"])
    assert book.read_text(encoding="utf-8").split() == ["c", "a", "b"]


def test_who_does_not_listen_is_killed(keeper: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_S", 0.2)
    keeper.start(Program("a", "deaf"))
    wait_until(is_ready(keeper, "a"))
    pid = keeper.pid("a")
    keeper.stop()
    assert not exists(pid)


def test_ctrl_c_does_not_reach_a_child(keeper: Supervisor) -> None:
    keeper.start(Program("a", "sleeper"))
    wait_until(is_ready(keeper, "a"))
    assert os.getsid(keeper.pid("a")) == keeper.pid("a")


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{tmp_path}"}
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "owner.py"), str(tmp_path)], stdout=subprocess.PIPE, env=environment
    ) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        log = tmp_path / "deaf.log"
        wait_until(lambda: b"ready" in log.read_bytes())
        assert exists(child)
        owner.kill()
    wait_until(lambda: not exists(child))


def test_the_usual_port_is_left_to_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(cast, "USUAL_PORT", taken.getsockname()[1])
        assert taken.getsockname()[1] not in list(cast.ports())
    assert next(cast.ports()) == cast.USUAL_PORT
