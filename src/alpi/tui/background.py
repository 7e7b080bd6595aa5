"""An event loop on a thread of its own, so that what has been begun goes on while the main thread waits for a typed line."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines on a thread that lives as long as this object is open; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="alpi", daemon=True)

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin some work and do not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T], on_interrupt: Callable[[], None] | None = None) -> T:
        """Do some work and wait for it. ``on_interrupt`` is called, on the loop's thread, each time Ctrl-C is pressed meanwhile."""
        future = self.start(work)
        if on_interrupt is None:
            try:
                return future.result()
            except KeyboardInterrupt:
                future.cancel()
                raise
        with self._interrupts(on_interrupt):
            return future.result()

    @contextmanager
    def _interrupts(self, on_interrupt: Callable[[], None]) -> Iterator[None]:
        """Hand Ctrl-C on to the loop.

        Python's own handlers run in the main thread, and that sleeps until the work is done: when the kernel gives the signal to another
        thread, as it does now and then while a process is being started, nothing wakes it. The wakeup descriptor is written to by
        whichever thread gets the signal.
        """
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)

        def pressed() -> None:
            with suppress(BlockingIOError):
                for number in reading.recv(64):
                    if number == signal.SIGINT:
                        on_interrupt()

        self._loop.call_soon_threadsafe(self._loop.add_reader, reading, pressed)
        handler = signal.signal(signal.SIGINT, lambda number, frame: None)
        descriptor = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            signal.signal(signal.SIGINT, handler)
            asyncio.run_coroutine_threadsafe(self._forget(reading), self._loop).result()
            writing.close()

    async def _forget(self, reading: socket.socket) -> None:
        self._loop.remove_reader(reading)
        reading.close()

    def __enter__(self) -> BackgroundLoop:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._loop.close()
