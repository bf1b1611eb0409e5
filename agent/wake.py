"""A way to end another thread's `select` early."""

import contextlib
import os
import threading


class Wake:
    """A pipe whose reading end can stand in a `select`. Any number of wakes count as one."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._is_closed = False
        self._lock = threading.Lock()

    def fileno(self) -> int:
        return self._reading

    def wake(self) -> None:
        """From any thread; never blocks. Nothing after `close`: the number may be another file by then."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if not self._is_closed:
                os.write(self._writing, b".")

    def clear(self) -> None:
        """By the sleeper, before it looks for work."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reading, 4096)

    def close(self) -> None:
        """When the sleeper has ended."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._reading)
                os.close(self._writing)
