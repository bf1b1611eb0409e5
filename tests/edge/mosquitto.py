"""Real brokers for tests: mosquitto (MQTT 3.1.1 and 5) as a process, amqtt (3.1.1 only) in a thread."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from amqtt.broker import Broker as AmqttBroker

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")

BASE = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
log_dest stderr
user root
"""
# Started by root it would else drop to a user that may not read the test's folder; others are not affected.


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, timeout_s: float = 5.0) -> None:
    end = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the broker does not accept connections"
            time.sleep(0.01)
        else:
            return


class Mosquitto:
    """One mosquitto on a free port. `kill` and `start` again keep the port; nothing is stored."""

    def __init__(self, folder: Path, settings: str = BASE) -> None:
        if PROGRAM is None:
            pytest.skip("mosquitto is not installed")
        self.port = free_port()
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(settings.format(port=self.port), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM is not None
        assert self._process is None
        self._process = subprocess.Popen(
            [PROGRAM, "-c", str(self._settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for_port(self.port)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(5)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


@contextlib.contextmanager
def amqtt_broker() -> Iterator[int]:
    """An amqtt on a free port, which it yields."""
    port = free_port()
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        broker = AmqttBroker(config)
        await broker.start()
        ready.set()
        await over.wait()
        await broker.shutdown()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="amqtt", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
