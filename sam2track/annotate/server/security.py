"""Who may ask for what: hosts, origins, the token, kinds and sizes of bodies; safe headers.

Without a token only this computer is served, under its local names, so that a name of another site
that points here (DNS rebinding) is refused. A request that a browser sends from another site is
refused always.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .service import Limits

LOG = logging.getLogger("sam2track.serve")
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
COOKIE = "sam2track_token"
TOKEN_PATH = "/api/token"
UPLOADS = {"/api/uploads": "video", "/api/imports": "annotations"}
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_NOTEBOOKS = "http://localhost:* http://127.0.0.1:* https://localhost:* vscode-webview:"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Refused(HTTPException):
    """A request is not served; the status is HTTP's, the reason one sentence."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(status, why)


class Guard:
    """Stands before the application; each refusal is one line in the log.

    Args:
        token: must come with each request for data; None = only requests under certain names are
            served.
        framed: whether pages of this computer may show it in a frame.
        names: the names; None = all.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        limits: Limits,
        framed: bool = False,
        names: frozenset[str] | None = LOCAL,
    ) -> None:
        self.app, self.token, self.limits, self.names = app, token, limits, names
        self.headers = dict(_HEADERS)
        if framed:
            del self.headers["X-Frame-Options"]
            policy = _POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {_NOTEBOOKS}")
            self.headers["Content-Security-Policy"] = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        where = f"{scope['method']} {ascii(scope['path'])[1:-1][:200]}"
        client = (scope.get("client") or ("?",))[0]
        told = False

        async def safely(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self.headers)
                data = scope["path"].startswith("/api")
                headers.setdefault("Cache-Control", "no-store" if data else "no-cache")
                if message["status"] >= 400 and not told:
                    told = True
                    LOG.warning("refused %s: %s from %s", message["status"], where, client)
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._check(scope, headers)
            if scope["path"] == TOKEN_PATH and scope["method"] == "POST":
                await self._set_cookie(scope, safely)
                return
            await self.app(scope, self._limited(scope, headers, receive), safely)
        except Refused as refused:
            told = True
            why = str(refused.detail)
            LOG.warning("refused %s: %s from %s: %s", refused.status_code, where, client, why)
            await _answer(safely, refused.status_code, {"error": why})

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if self.token is None and self.names is not None and _name_of(host) not in self.names:
            raise Refused(403, "this server answers only under localhost; open its own address")
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Refused(403, "the request comes from another site")
        data = scope["path"].startswith("/api")
        if data and site not in (None, "same-origin", "none"):
            raise Refused(403, "the request comes from another site")
        if data and self.token is not None and not self._has_token(headers):
            raise Refused(401, "the token is missing or wrong; open the address that was printed")
        self._check_body(scope, headers)

    def _has_token(self, headers: Headers) -> bool:
        assert self.token is not None
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            try:
                cookies = SimpleCookie(headers.get("cookie", ""))
            except CookieError:
                cookies = SimpleCookie()
            given = cookies[COOKIE].value if COOKIE in cookies else ""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def _check_body(self, scope: Scope, headers: Headers) -> None:
        """Refuse a body of another kind, or one that says that it is too large."""
        if scope["method"] in ("GET", "HEAD"):
            return
        length = headers.get("content-length")
        if length is not None and (not length.isdigit() or int(length) > self._most(scope)):
            raise Refused(413, f"the body is larger than {self._most(scope)} bytes")
        if length in (None, "0") and "transfer-encoding" not in headers:
            return
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        wanted = "application/octet-stream" if scope["path"] in UPLOADS else "application/json"
        if kind != wanted:
            raise Refused(415, f"the body is {kind[:60] or 'of no kind'}; send {wanted}")

    def _most(self, scope: Scope) -> int:
        return getattr(self.limits, UPLOADS.get(scope["path"], "body"))

    def _limited(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Count what comes: a body may have no length, or a wrong one."""
        most, came = self._most(scope), 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise Refused(413, f"the body is larger than {most} bytes")
            return message

        return counted

    async def _set_cookie(self, scope: Scope, send: Send) -> None:
        """Turn the token of a request into a cookie, which pictures and events bring along."""
        cookie = f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        headers = {} if self.token is None else {"set-cookie": cookie + secure}
        await _answer(send, 200, {"ok": True}, headers)


async def _answer(
    send: Callable, status: int, data: object, headers: dict[str, str] | None = None
) -> None:
    body = json.dumps(data).encode()
    pairs = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    pairs += [(key.encode(), value.encode()) for key, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
