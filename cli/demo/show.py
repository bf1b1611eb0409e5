"""The demo's one loop: starts the cast, hears the bed, watches the panel, draws, counts, and ends them all.

Whatever goes wrong is a reason in the summary, never a hang: every wait has its end, and every program is
watched while something is waited for.
"""

import contextlib
import json
import os
import platform
import queue
import select
import signal
import sys
import tempfile
import termios
import time
import tty
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from agent.panel.screen import CLEAR
from bedside.effects import Change
from bedside.instants import SECOND, Instant, in_seconds
from bedside.level import Press
from bedside.wire import read_report
from cli import VERSION
from cli.demo.cast import AGENT, BED, HOST, PANEL, SIMULATORS, SITE, STOP_ORDER, Cast, ports
from cli.demo.stage import Picture, clock, draw
from cli.demo.supervisor import Ended, GivenUp, News, Program, Returned, Supervisor
from cli.demo.tally import Tally
from cli.demo.trace import SOUNDER, Signals, Tail
from cli.screen import BedView
from simulators.listener import BrokerAddress, Heard, Listener
from simulators.scenario import Scenario

TURN_S: Final = 0.12
"""Eight pictures a second: the fastest lamp is on for 250 ms."""
POLL_S: Final = 0.02
START_S: Final = 30.0
"""For each program, on a small machine that does other things too."""
HEARD_WITHIN_S: Final = 15.0
"""A bed from which nothing has come after so long is a failure."""
WAITING_MESSAGES: Final = 5_000
NEWS_KEPT: Final = 100
LONGEST_SOCKET_PATH: Final = 107
SCREEN_BYTES: Final = 64 * 1024
STATION: Final = "vigil-demo"
READY: Final = b"ready"
REFUSED: Final = b"refused what the host sent"
ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """The demo cannot go on; `program` is the one to blame, if any."""

    def __init__(self, reason: str, program: str = "") -> None:
        super().__init__(reason)
        self.program = program


class Stopped(Exception):  # noqa: N818 - no error: somebody has seen enough
    """Somebody wants the end before everything has started."""


def play(  # noqa: PLR0913 - what the command line offers
    scenario: Scenario, *, story: str, seed: int, speed: float, duration_s: float | None, screen: bool
) -> int:
    """Play a story; the summary goes to stdout. 0 when all was well, else 1."""
    with contextlib.ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="vigil-demo-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(made))
        show = Show(scenario, Cast(folder, story=story, seed=seed, speed=speed), speed, duration_s)
        for number in ENDINGS:
            stack.callback(signal.signal, number, signal.signal(number, show.end))
        summary = show.run(draws=screen and sys.stderr.isatty())
    summary |= {"scenario": scenario.name, "seed": seed}
    with contextlib.suppress(OSError):  # the terminal has gone: nobody is left to read it
        print(json.dumps(summary), flush=True)
    return 0 if summary["healthy"] else 1


class Show:
    """One performance."""

    def __init__(self, scenario: Scenario, cast: Cast, speed: float, duration_s: float | None) -> None:
        self._scenario = scenario
        self._cast = cast
        self._speed = speed
        self._duration_s = in_seconds(scenario.duration) / speed if duration_s is None else duration_s
        self._supervisor = Supervisor(cast.folder)
        self._heard: queue.Queue[Heard] = queue.Queue(WAITING_MESSAGES)
        self._view = BedView(BED)
        self._tally = Tally()
        self._signals = Signals()
        self._tail = Tail(cast.trace)
        self._news: deque[str] = deque(maxlen=NEWS_KEPT)
        self._say: Callable[[str], None] = _say
        self._live: Live | None = None
        self._keyboard: int | None = None
        self._panel_screen = -1
        self._panel_text = ""
        self._port = 0
        self._began: Instant | None = None
        self._told_steps = 0
        self._is_over = False
        self._reasons: list[str] = []

    def end(self, *_: object) -> None:
        """Come to the end soon; also a signal handler."""
        self._is_over = True

    def run(self, *, draws: bool) -> dict[str, Any]:
        """Start, play, stop. The summary."""
        blamed = ""
        try:
            with self._panel_pipe():
                began = self._open()
                with self._listener(), _screen(draws) as self._live, _keyboard(draws) as self._keyboard:
                    self._introduce()
                    self._play(began)
        except Stopped:
            pass
        except DemoError as failure:
            self._reasons.append(str(failure))
            blamed = failure.program
        except OSError as problem:
            self._reasons.append(f"{problem.filename or 'the demo'}: {problem.strerror or problem}")
        tails = {name: self._supervisor.tail(name) for name in ([blamed] if blamed else STOP_ORDER)}
        summary = self._summary(is_healthy_so_far=not self._reasons)
        self._supervisor.stop(STOP_ORDER)
        if not summary["healthy"]:
            for name, tail in tails.items():
                _say(f"--- {name} ---\n{tail.rstrip() or '(said nothing)'}")
            _say(f"vigil demo: {'; '.join(summary['reasons'])}")
        return summary

    # Up

    def _open(self) -> Instant:
        """Everything is started when what it needs is there; the agent last."""
        if len(os.fsencode(self._cast.socket)) > LONGEST_SOCKET_PATH:
            raise DemoError(f"{self._cast.folder}: too long a path for a socket; set TMPDIR to a shorter one")
        self._start_broker()
        self._cast.write_settings(self._port)
        self._start(self._cast.panel(), self._cast.socket.exists)
        # The story begins now; so does the time of everybody who looks on.
        self._start(self._cast.simulators(), lambda: READY in self._supervisor.log(SIMULATORS))
        began = self._began = time.monotonic_ns()
        self._supervisor.start(self._cast.agent())
        return began

    def _start_broker(self) -> None:
        for port in ports():
            program = self._cast.broker(port)
            try:
                self._start(program, lambda: READY in self._supervisor.log("broker"))
            except DemoError:
                continue  # somebody else was quicker to take the port
            self._port = port
            return
        raise DemoError("the embedded broker does not start", "broker")

    def _start(self, program: Program, is_there: Callable[[], bool]) -> None:
        self._supervisor.start(program)
        end = time.monotonic() + START_S
        while not is_there():
            if self._is_over:
                raise Stopped
            if not self._supervisor.runs(program.name):
                raise DemoError(f"{program.name} ended while starting", program.name)
            if time.monotonic() > end:
                raise DemoError(f"{program.name} was not ready within {START_S:g} s", program.name)
            time.sleep(POLL_S)

    @contextlib.contextmanager
    def _listener(self) -> Iterator[None]:
        def keep(message: Heard) -> None:
            # A terminal that hangs loses messages, not memory.
            if not self._heard.full():
                self._heard.put_nowait(message)

        with Listener(BrokerAddress(HOST, self._port), SITE, STATION, bed=BED, on_heard=keep):
            yield

    @contextlib.contextmanager
    def _panel_pipe(self) -> Iterator[None]:
        """What the panel takes for its console. Open at both ends, so that it is never without a reader."""
        os.mkfifo(self._cast.screen)
        self._panel_screen = os.open(self._cast.screen, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield
        finally:
            os.close(self._panel_screen)

    # The loop

    def _introduce(self) -> None:
        if self._live is None:
            _say(
                f"vigil demo: {self._scenario.name}, {clock(in_seconds(self._scenario.duration))} at speed "
                f"{self._speed:g}; Ctrl-C ends it\n"
                f"  mosquitto_sub -h {HOST} -p {self._port} -t 'vigil/v1/#' -v\n"
                f"  ./vigil watch --broker mqtt://{HOST}:{self._port}"
            )

    def _play(self, began: Instant) -> None:
        ends = began + round(self._duration_s * SECOND)
        while not self._is_over and time.monotonic_ns() < ends:
            self._wait(min(TURN_S, in_seconds(ends - time.monotonic_ns())))
            for item in self._supervisor.tick():
                self._on_process(item)
            self._take_all()
            self._draw()
            self._check_alive(began)

    def _draw(self) -> None:
        if self._live is None:
            return
        try:
            self._live.update(draw(self._picture(self._live.console)), refresh=True)
        except OSError:  # the terminal is gone, and with it the audience
            self._is_over = True

    def _wait(self, timeout_s: float) -> None:
        watched = [] if self._keyboard is None else [self._keyboard]
        readable, _, _ = select.select(watched, [], [], max(0.0, timeout_s))
        if not readable or self._keyboard is None:
            return
        try:
            typed = os.read(self._keyboard, 64)
        except OSError:
            typed = b""
        if not typed:
            self._keyboard = None
        for key in typed.decode(errors="replace"):
            self._press(key)

    def _press(self, key: str) -> None:
        match key:
            case "a":
                self._button(Press.SHORT)
            case "p":
                self._button(Press.LONG)
            case "k" if self._supervisor.kill(AGENT):
                self._tell("key", "the agent is killed")
            case "l" if self._supervisor.kill(PANEL):
                self._tell("key", "the panel is killed")
            case "q":
                self._is_over = True
            case _:
                pass

    def _button(self, press: Press) -> None:
        """Through the panel's own button."""
        if self._supervisor.tell(PANEL, f"{press.value}\n".encode()):
            self._tell("button", f"a {press.value} press")

    def _on_process(self, item: News) -> None:
        match item:
            case Ended(name, code, asked):
                if name == PANEL:
                    self._signals.panel_gone(time.monotonic_ns())
                    self._panel_text = ""
                if not asked:
                    self._reasons.append(f"{name} ended by itself with code {code}")
                self._tell("process", f"{name} ended")
            case Returned(name):
                self._tell("process", f"{name} started again")
            case GivenUp(name):
                raise DemoError(f"{name} is not started again", name)

    def _take_all(self) -> None:
        now = time.monotonic_ns()
        for step in self._scenario.steps[self._told_steps :]:
            if in_seconds(step.at) > self._story_s():
                break
            self._told_steps += 1
            if step.text:
                self._tell("story", step.text)
        while not self._heard.empty():
            heard = self._heard.get_nowait()
            read = read_report(heard.topic, heard.payload)
            if read is None:
                continue
            self._view.take(read[1], heard.at, retained=heard.retained)
            for news in () if heard.retained else self._tally.on(*read):
                self._tell("alarm", f"{news.change.value} {news.priority.marks} {news.condition} {news.text}")
        for edge in self._tail.edges():
            for text in self._signals.on(edge):
                self._tell("panel", text)
        for text in self._signals.tick(now):
            self._tell("panel", text)
        self._read_panel_screen()

    def _read_panel_screen(self) -> None:
        """The last whole screen; each begins with a clearing."""
        try:
            drawn = os.read(self._panel_screen, SCREEN_BYTES).decode(errors="replace")
        except BlockingIOError:
            return
        before, clearing, text = (self._panel_text + drawn).rpartition(CLEAR)
        self._panel_text = text if clearing else before[-SCREEN_BYTES:]

    def _check_alive(self, began: Instant) -> None:
        if self._view.heard is None and time.monotonic_ns() - began > HEARD_WITHIN_S * SECOND:
            raise DemoError(f"nothing was heard of the bed within {HEARD_WITHIN_S:g} s", AGENT)

    # What is told

    def _story_s(self) -> float:
        """Seconds of the story played so far."""
        return 0.0 if self._began is None else in_seconds(time.monotonic_ns() - self._began) * self._speed

    def _tell(self, kind: str, text: str) -> None:
        line = f"{clock(self._story_s())} {kind:<7} {text}"
        self._news.append(line)
        if self._live is None:
            _say(line)

    def _picture(self, console: Console) -> Picture:
        told = [step.text for step in self._scenario.steps[: self._told_steps] if step.text]
        coming = [step for step in self._scenario.steps[self._told_steps :] if step.text]
        return Picture(
            now=time.monotonic_ns(),
            size=(console.size.width, console.size.height),
            title=self._scenario.text,
            story_s=self._story_s(),
            length_s=in_seconds(self._scenario.duration),
            speed=self._speed,
            happening=told[-1] if told else "",
            coming=(in_seconds(coming[0].at), coming[0].text) if coming else None,
            view=self._view,
            signals=self._signals,
            panel_text=self._panel_text,
            running={name: self._supervisor.runs(name) for name in (AGENT, PANEL)},
            host=HOST,
            port=self._port,
            news=list(self._news),
            has_keys=self._keyboard is not None,
        )

    def _summary(self, *, is_healthy_so_far: bool) -> dict[str, Any]:
        reasons = list(self._reasons)
        if is_healthy_so_far and self._began is not None:
            reasons += [
                f"{name} does not run"
                for name in STOP_ORDER
                if not self._supervisor.runs(name) and not self._supervisor.waits(name)
            ]
        changes = self._tally.changes
        return {
            "healthy": not reasons,
            "reasons": reasons,
            "vigil": VERSION,
            "python": platform.python_version(),
            "speed": self._speed,
            "duration_s": round(self._story_s() / self._speed, 1),
            "story_s": round(self._story_s(), 1),
            "vitals": dict(self._tally.vitals),
            "alarms": {change.value: changes[change].total() for change in changes}
            | {
                "by_condition": {
                    condition: {
                        change.value: changes[change][condition]
                        for change in changes
                        if changes[change][condition]
                    }
                    for condition in sorted(changes[Change.RAISED])
                }
            },
            "lamp_edges": sum(self._signals.edges.values()) - self._signals.edges[SOUNDER],
            "lamps": {name: count for name, count in self._signals.edges.items() if name != SOUNDER},
            "sounder_edges": self._signals.edges[SOUNDER],
            "mqtt": {
                "url": f"mqtt://{HOST}:{self._port}" if self._port else None,
                "messages": self._tally.messages.total(),
                "by_topic": dict(self._tally.messages),
            },
            "restarts": {
                "by_key": dict(self._supervisor.asked),
                "unexpected": dict(self._supervisor.unasked),
            },
            "refused_by_devices": self._supervisor.log(SIMULATORS).count(REFUSED),
        }


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _screen(draws: bool) -> Iterator[Live | None]:  # noqa: FBT001 - whether there is one
    """The terminal's other screen on stderr; the first one is back afterwards."""
    if not draws:
        yield None
        return
    console = Console(stderr=True)
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # a suspended screen would be left as it is
    live = Live(console=console, auto_refresh=False, screen=True)
    try:
        live.start()
        yield live
    finally:
        with contextlib.suppress(OSError):  # the terminal is gone
            live.stop()
        signal.signal(signal.SIGTSTP, before)


@contextlib.contextmanager
def _keyboard(draws: bool) -> Iterator[int | None]:  # noqa: FBT001 - whether there is a screen to go with it
    """stdin, key by key and without echo; as it was afterwards."""
    if not (draws and sys.stdin.isatty()):
        yield None
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)
    try:
        yield number
    finally:
        with contextlib.suppress(termios.error):  # hung up
            termios.tcsetattr(number, termios.TCSADRAIN, before)
