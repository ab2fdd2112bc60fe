"""Runs the server: a project in, an address out, until it is stopped."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn

from ..engine import Engine
from ..jobs import FindPrompts
from ..project import Project
from .app import make_app
from .security import LOCAL, Guard
from .service import Limits, Service


def serve(
    project: Project,
    load: Callable[[], Engine],
    *,
    model: str,
    host: str = "localhost",
    port: int = 8017,
    token: str | None = None,
    folders: Sequence[Path] = (),
    limits: Limits | None = None,
    open_browser: bool = True,
    video: int | None = None,
    automatic: FindPrompts | None = None,
    say: Callable[[str], None] = print,
    framed: bool = False,
) -> None:
    """Serve a project until Ctrl-C. It is closed then.

    Args:
        load: makes the model, in the background.
        model: its name.
        host: other than localhost, a token is needed to ask for anything.
        port: 0 = one that is free; one that is taken is replaced by a free one.
        token: default: a random one, if one is needed.
        folders: from which videos may be added by path, beside the project's.
        open_browser: open the page.
        video: that the page begins with.
        automatic: see :class:`Service`.
        framed: the page may be shown in a frame of a page of this computer, such as a notebook.

    Raises:
        OSError: if the address cannot be used.
    """
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("sam2track.serve").setLevel(logging.INFO)
    if host not in LOCAL or token is not None:
        token = token or secrets.token_urlsafe(32)
    listening = _listen(host, port)
    options = {"model": model, "folders": folders, "limits": limits, "automatic": automatic}
    service = Service(project, load, **options)
    guarded = Guard(make_app(service), token=token, limits=service.limits, framed=framed)
    address = f"http://{_shown(host)}:{listening.getsockname()[1]}/"
    marks = [f"video={video}"] * (video is not None) + [f"token={token}"] * (token is not None)
    address += f"#{'&'.join(marks)}" if marks else ""
    server = _Server(guarded, service)
    say(f"serving {project.folder}: {address}")
    if open_browser:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    with suppress(KeyboardInterrupt):  # the usual end
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends the streams of events when it is stopped, which would otherwise keep it waiting."""

    def __init__(self, app: Guard, service: Service) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=1 << 16,
        )
        super().__init__(config)
        self.service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.service.events.close()
        super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
    """A socket at a port, or at a free one if that is taken."""
    name = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    for chosen in dict.fromkeys((port, 0)):
        # With TCP named, asyncio sets TCP_NODELAY; without that an answer takes up to 40 ms longer.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((name, chosen))
            listening.listen(128)  # who comes before the server is ready waits
            return listening
        except OSError as error:
            listening.close()
            if chosen == 0 or port == 0:
                raise OSError(error.errno, f"host={host}: {error.strerror}") from None
    raise AssertionError


def _shown(host: str) -> str:
    """A host as an address has it."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
