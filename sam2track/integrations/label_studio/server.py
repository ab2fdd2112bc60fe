"""The addresses that Label Studio calls, as a FastAPI application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from ...annotate.server import LOCAL, Guard, Limits
from .backend import Backend

_MOST = 64 << 20  # bytes of a request, which may hold masks


def make_app(backend: Backend) -> FastAPI:
    """``/health``, ``/setup``, ``/predict``, ``/versions`` and ``/webhook`` of a backend.

    An error of the input is status 400 with one line in ``error``.
    """
    app = FastAPI(title="sam2track for Label Studio", docs_url=None, redoc_url=None)

    @app.exception_handler(ValueError)
    def bad_input(request: Request, error: ValueError) -> JSONResponse:
        return JSONResponse({"error": " ".join(str(error).split())}, status_code=400)

    @app.get("/")
    @app.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "UP", "model_class": "sam2track"}

    @app.post("/setup")
    def setup(body: dict[str, Any]) -> dict[str, Any]:
        return {"model_version": backend.version}

    @app.post("/predict")
    def predict(body: dict[str, Any]) -> dict[str, Any]:
        return {"results": backend.predict(body), "model_version": backend.version}

    @app.get("/versions")
    def versions() -> dict[str, Any]:
        return {"versions": [backend.version]}

    @app.post("/webhook")
    def webhook(body: dict[str, Any]) -> dict[str, Any]:
        """Nothing is trained here; Label Studio only wants an answer."""
        return {}

    return app


def guarded(app: FastAPI, host: str) -> Guard:
    """An application behind a guard against web pages.

    No request of a page of another site is served, and on this computer's own address none
    under another name (DNS rebinding). A host that other computers reach has names that are not
    known here.
    """
    local = host in LOCAL
    return Guard(app, token=None, limits=Limits(body=_MOST), names=LOCAL if local else None)
