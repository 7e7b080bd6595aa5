"""An event loop on a thread of its own, so that what has been begun goes on while the main thread waits for a typed line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines on a thread that lives as long as this object is open; a context manager.

    Ctrl-C reaches the main thread only, so ``run`` hands it on.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="alpi", daemon=True)

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin some work and do not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T], on_interrupt: Callable[[], None] | None = None) -> T:
        """Do some work and wait for it. ``on_interrupt`` is called, on the loop's thread, each time Ctrl-C is pressed meanwhile."""
        future = self.start(work)
        while True:
            try:
                return future.result()
            except KeyboardInterrupt:
                if on_interrupt is None:
                    future.cancel()
                    raise
                self._loop.call_soon_threadsafe(on_interrupt)

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
