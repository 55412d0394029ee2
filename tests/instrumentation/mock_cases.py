"""Ways to answer a request of httpx without a network, and ways in which mocks let one through all the same.

Children import a copy of this file, also where plane-guard is not installed: it imports nothing of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpcore
import httpx
import respx
import vcr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, MutableMapping
    from pathlib import Path

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Reply = Callable[[Message], Awaitable[None]]

KINDS = ("sync", "async")
MOCKED = 299
# Sends one PATCH with the options of httpx.Client that it is given, and returns the status of the answer.
Send = Callable[..., int]
Case = Callable[[Send, str, "Path"], int]


def sender(kind: str, url: str, headers: dict[str, str]) -> Send:
    """A `Send` for the sync or the async client. Both come without a TLS context: it costs more than all the rest."""
    body = {"name": "renamed"}

    def send_sync(**options: Any) -> int:
        with httpx.Client(headers=headers, verify=False, **options) as client:
            return client.patch(url, json=body).status_code

    async def send_async(**options: Any) -> int:
        async with httpx.AsyncClient(headers=headers, verify=False, **options) as client:
            return (await client.patch(url, json=body)).status_code

    return send_sync if kind == "sync" else lambda **options: asyncio.run(send_async(**options))


def _respx_context(using: str) -> Case:
    def case(send: Send, url: str, _: Path) -> int:
        with respx.mock(using=using) as router:
            router.patch(url).respond(MOCKED)
            return send()

    return case


def _respx_decorator(using: str) -> Case:
    def case(send: Send, url: str, _: Path) -> int:
        @respx.mock(using=using)
        def decorated(respx_mock: respx.MockRouter) -> int:
            respx_mock.patch(url).respond(MOCKED)
            return send()

        return int(decorated())

    return case


def _respx_pass_through(using: str) -> Case:
    def case(send: Send, url: str, _: Path) -> int:
        with respx.mock(using=using) as router:
            router.patch(url).pass_through()
            return send()

    return case


def _mock_transport(send: Send, _: str, __: Path) -> int:
    return send(transport=httpx.MockTransport(lambda _: httpx.Response(MOCKED)))


def _asgi_transport(send: Send, _: str, __: Path) -> int:
    async def app(_: Message, __: Receive, reply: Reply) -> None:
        await reply({"type": "http.response.start", "status": MOCKED, "headers": []})
        await reply({"type": "http.response.body", "body": b""})

    return send(transport=httpx.ASGITransport(app))


def _wsgi_transport(send: Send, _: str, __: Path) -> int:
    def app(_: dict[str, Any], start: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
        start(f"{MOCKED} Mocked", [])
        return [b""]

    return send(transport=httpx.WSGITransport(app))


def _app_that_writes(send: Send, url: str, _: Path) -> int:
    """A mock answers the test, but the app behind it sends the same write for real."""

    def app(request: httpx.Request) -> httpx.Response:
        kept = {name: request.headers[name] for name in ("X-API-Key", "Content-Type")}
        return httpx.Response(httpx.patch(url, content=request.content, headers=kept, verify=False).status_code)

    return send(transport=httpx.MockTransport(app))


def _vcr_playback(send: Send, url: str, folder: Path) -> int:
    cassette = folder / "cassette.yaml"
    cassette.write_text(
        f"""\
version: 1
interactions:
- request: {{method: PATCH, uri: '{url}', body: null, headers: {{}}}}
  response: {{status: {{code: {MOCKED}, message: Mocked}}, headers: {{}}, body: {{string: ''}}}}
""",
        encoding="utf-8",
    )
    with vcr.use_cassette(str(cassette), record_mode="none"):
        return send()


def _vcr_recording(mode: str) -> Case:
    def case(send: Send, _: str, folder: Path) -> int:
        with vcr.use_cassette(str(folder / "recorded.yaml"), record_mode=mode):
            return send()

    return case


def _vcr_ignoring(send: Send, _: str, folder: Path) -> int:
    with vcr.use_cassette(str(folder / "ignored.yaml"), record_mode="none", ignore_localhost=True):
        return send()


def _patched(sync: tuple[type, str], asynchronous: tuple[type, str], answer: Callable[[], object]) -> Case:
    def case(send: Send, _: str, __: Path) -> int:
        with (
            mock.patch.object(*sync, return_value=answer()),
            mock.patch.object(*asynchronous, return_value=answer()),
        ):
            return send()

    return case


def _spied_on(send: Send, _: str, __: Path) -> int:
    sync, asynchronous = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request
    with (
        mock.patch.object(httpx.HTTPTransport, "handle_request", autospec=True, side_effect=sync),
        mock.patch.object(httpx.AsyncHTTPTransport, "handle_async_request", autospec=True, side_effect=asynchronous),
    ):
        return send()


def _afterwards(answered: Case) -> Case:
    """What is sent when a mock has gone, taking its patches with it."""

    def case(send: Send, url: str, folder: Path) -> int:
        assert answered(send, url, folder) == MOCKED
        return send()

    return case


_TRANSPORT = (httpx.HTTPTransport, "handle_request"), (httpx.AsyncHTTPTransport, "handle_async_request")
_POOL = (httpcore.ConnectionPool, "handle_request"), (httpcore.AsyncConnectionPool, "handle_async_request")

ANSWERED: dict[str, Case] = {
    "respx-context-httpcore": _respx_context("httpcore"),
    "respx-context-httpx": _respx_context("httpx"),
    "respx-decorator-httpcore": _respx_decorator("httpcore"),
    "respx-decorator-httpx": _respx_decorator("httpx"),
    "MockTransport": _mock_transport,
    "ASGITransport": _asgi_transport,
    "WSGITransport": _wsgi_transport,
    "vcr-playback": _vcr_playback,
    "patched-client": _patched((httpx.Client, "send"), (httpx.AsyncClient, "send"), lambda: httpx.Response(MOCKED)),
    "patched-transport": _patched(*_TRANSPORT, lambda: httpx.Response(MOCKED)),
    "patched-pool": _patched(*_POOL, lambda: httpcore.Response(MOCKED)),
}
LET_THROUGH: dict[str, Case] = {
    "respx-pass-through-httpcore": _respx_pass_through("httpcore"),
    "respx-pass-through-httpx": _respx_pass_through("httpx"),
    "vcr-record-all": _vcr_recording("all"),
    "vcr-record-once": _vcr_recording("once"),
    "vcr-ignored-host": _vcr_ignoring,
    "spied-on-transport": _spied_on,
    "app-behind-MockTransport": _app_that_writes,
    **{f"after-{name}": _afterwards(case) for name, case in ANSWERED.items() if "Transport" not in name},
}
ONLY = {"ASGITransport": "async", "WSGITransport": "sync"}


def pairs(cases: dict[str, Case]) -> list[tuple[str, str]]:
    """Every case with every kind of client that it is for."""
    return [(name, kind) for name in cases for kind in KINDS if ONLY.get(name, kind) == kind]
