"""The application: routes, errors as one sentence, and the page itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from . import file_routes, object_routes, video_routes, work_routes
from .leases import LeaseTaken
from .service import NotFound, OtherProject, Service
from .worker import ModelUnavailable

LEASES_EVERY = 1.0  # seconds from look to look
PAGE = Path(__file__).parents[1] / "page"
_ABOUT = """Annotation of videos: objects are clicked on, tracked, corrected, reviewed and exported.

Coordinates are video pixels, frames count from 0, `stop` is the frame after the last. A mask is
`{"size": [height, width], "counts": "COCO's compressed run lengths"}`. A refusal is
`{"error": "one sentence"}`. With another host than localhost a token is needed: as
`Authorization: Bearer`, or as the cookie that `POST /api/token` with that header sets.
"""
LOG = logging.getLogger("sam2track.serve")


def make_app(service: Service) -> FastAPI:
    """The application of a service, without protection: see ``security.py``."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.worker.start()
        watching = asyncio.create_task(_watch_leases(service))
        yield
        watching.cancel()
        service.close()

    app = FastAPI(
        title="sam2track",
        version=version("sam2track"),
        description=_ABOUT,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )
    app.state.service = service
    for routes in (video_routes, file_routes, object_routes, work_routes):
        app.include_router(routes.router)
    _add_errors(app)
    _add_page(app)
    return app


async def _watch_leases(service: Service) -> None:
    """Tell when a lease runs out."""
    while True:
        await asyncio.sleep(LEASES_EVERY)
        for video_id in service.leases.take_ended():
            service.events.publish("lease", video=video_id, who=None, frame=None)


def _add_errors(app: FastAPI) -> None:
    """Every refusal is a sentence."""

    def refuse(status: int, error: object) -> JSONResponse:
        return JSONResponse({"error": " ".join(str(error).split())}, status)

    def refusing(status: int, begin: str = "") -> Callable[..., Awaitable[JSONResponse]]:
        async def handle(request: Request, error: Exception) -> JSONResponse:
            return refuse(status, f"{begin}{error}")

        return handle

    app.add_exception_handler(ValueError, refusing(400))
    app.add_exception_handler(NotFound, refusing(404))
    app.add_exception_handler(LeaseTaken, refusing(409))
    app.add_exception_handler(OtherProject, refusing(409))
    app.add_exception_handler(ModelUnavailable, refusing(503, "the model cannot be used: "))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return refuse(error.status_code, error.detail)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query"))
        return refuse(422, f"{where or 'the body'}: {first['msg']}")

    @app.exception_handler(OSError)
    async def not_written(request: Request, error: OSError) -> JSONResponse:
        return refuse(507, f"a file cannot be read or written: {error.strerror or error}")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        LOG.error("unexpected at %s %s: %r", request.method, request.url.path, error)
        return refuse(500, f"unexpected: {type(error).__name__}; the server's log says more")


def _add_page(app: FastAPI) -> None:
    """The page and its files, which come with the package."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        if not (PAGE / "index.html").is_file():
            raise HTTPException(404, f"the page is missing: {PAGE / 'index.html'}; reinstall")
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    if PAGE.is_dir():
        app.mount("/static", StaticFiles(directory=PAGE), name="static")
