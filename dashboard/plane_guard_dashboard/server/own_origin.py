"""Refuse every request that a page of another origin could have made."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_REFUSAL = "This dashboard answers its own pages on this machine only. Open the address that it printed at its start.\n"


class OwnOrigin:
    """ASGI middleware that lets requests of the dashboard's own pages pass, over HTTP and WebSocket."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with status 403."""
        if scope["type"] == "lifespan" or is_own(Headers(scope=scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # the handshake, which a close before the answer refuses with 403
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await PlainTextResponse(_REFUSAL, status_code=403)(scope, receive, send)


def is_own(headers: Headers) -> bool:
    """Return True for a request to a name of loopback, from no page or from a page of the very same origin.

    Streamlit itself lets the pages of every other server on this machine read its WebSocket. The name is checked
    because a page can point a name of its own to 127.0.0.1, and then Origin and Host are equal.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name in LOOPBACK_NAMES and origin in {None, f"http://{host}"}
