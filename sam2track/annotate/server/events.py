"""Events for the pages that watch: published from any thread, sent as server-sent events."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

MOST_WAITING = 2000  # events of a client that does not read; then it must begin anew
ALIVE_EVERY = 15.0  # seconds


class Events:
    """The clients, and what they are told."""

    def __init__(self) -> None:
        self._clients: set[tuple[asyncio.AbstractEventLoop, asyncio.Queue[str | None]]] = set()
        self._guard = threading.Lock()
        self._closed = False

    def publish(self, kind: str, /, **data: Any) -> None:
        """Tell every client; from any thread."""
        text = f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
        self._put(text)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._put(None)

    async def stream(self) -> AsyncIterator[str]:
        """The events of one client, from now on."""
        own = asyncio.get_running_loop(), asyncio.Queue[str | None](MOST_WAITING)
        with self._guard:
            self._clients.add(own)
        try:
            yield "retry: 1000\nevent: hello\ndata: {}\n\n"
            while not self._closed:
                try:
                    text = await asyncio.wait_for(own[1].get(), ALIVE_EVERY)
                except (asyncio.TimeoutError, TimeoutError):
                    yield ": alive\n\n"
                    continue
                if text is None:
                    return
                yield text
        finally:
            with self._guard:
                self._clients.discard(own)

    def _put(self, text: str | None) -> None:
        with self._guard:
            clients = tuple(self._clients)
        for loop, queue in clients:
            try:
                loop.call_soon_threadsafe(_offer, queue, text)
            except RuntimeError:  # its loop has ended
                with self._guard:
                    self._clients.discard((loop, queue))


def _offer(queue: asyncio.Queue[str | None], text: str | None) -> None:
    """Put an event into a queue. A client that is too slow is cut off, and loads anew."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        text = None
    queue.put_nowait(text)
