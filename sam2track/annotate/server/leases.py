"""Leases: one client at a time annotates a video, others watch."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

LASTS = 30.0  # seconds after the last sign of life


class LeaseTaken(RuntimeError):
    """Somebody else annotates the video."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who has a video: an id of the page, the person's name, and the frame where they are.

    It ends at ``until``, in seconds of the monotonic clock.
    """

    client: str
    who: str
    frame: int | None
    until: float


class Leases:
    """The leases by video; they end with the server."""

    def __init__(self) -> None:
        self._leases: dict[int, Lease] = {}
        self._guard = threading.Lock()

    def of(self, video_id: int) -> Lease | None:
        """The lease of a video, if it has one."""
        with self._guard:
            return self._living(video_id)

    def take(
        self,
        video_id: int,
        client: str,
        who: str,
        *,
        take_over: bool = False,
        frame: int | None = None,
    ) -> tuple[Lease, bool]:
        """Take or keep a lease; whether it is new.

        Raises:
            LeaseTaken: if another client has it, unless ``take_over``.
        """
        with self._guard:
            old = self._living(video_id)
            if old is not None and old.client != client and not take_over:
                raise LeaseTaken(
                    f"{old.who} annotates this video; watch, or take it over to change it"
                )
            mine = old is not None and old.client == client
            known = old.frame if old is not None and mine else None
            lease = Lease(client, who, known if frame is None else frame, time.monotonic() + LASTS)
            self._leases[video_id] = lease
            return lease, not mine

    def give_back(self, video_id: int, client: str) -> bool:
        """End a lease of this client; whether it had it."""
        with self._guard:
            old = self._living(video_id)
            if old is None or old.client != client:
                return False
            del self._leases[video_id]
            return True

    def take_ended(self) -> list[int]:
        """The videos whose leases have run out since this was asked last."""
        with self._guard:
            ended = [own for own in self._leases if self._living(own) is None]
            for own in ended:
                del self._leases[own]
            return ended

    def _living(self, video_id: int) -> Lease | None:
        lease = self._leases.get(video_id)
        return None if lease is None or lease.until < time.monotonic() else lease
