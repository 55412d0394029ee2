"""Ways to answer a request of httpx without a network, and ways in which mocks let one through all the same.

Children import a copy of this file, also where plane-guard is not installed: it imports nothing of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpcore
import httpx
import pook
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
# A mock that is in place for the time of a `with` block, and the options that a client of httpx needs for it.
Options = dict[str, Any]
Mock = Callable[[str, "Path"], AbstractContextManager[Options]]


def send(kind: str, url: str, headers: dict[str, str], **options: Any) -> int:
    """Send one PATCH; the status of the answer. Without TLS, whose context costs more than all the rest."""
    client_options = {"headers": headers, "verify": False, **options}

    async def send_async() -> int:
        async with httpx.AsyncClient(**client_options) as client:
            return (await client.patch(url, json={"name": "renamed"})).status_code

    if kind == "async":
        return asyncio.run(send_async())
    with httpx.Client(**client_options) as client:
        return client.patch(url, json={"name": "renamed"}).status_code


def _respx(using: str, answer: Callable[[respx.MockRouter, str], object]) -> Mock:
    @contextmanager
    def mocking(url: str, _: Path) -> Iterator[Options]:
        with respx.mock(using=using) as router:
            answer(router, url)
            yield {}

    return mocking


def _transport(make: Callable[[str], object]) -> Mock:
    return lambda url, _: nullcontext({"transport": make(url)})


async def _asgi(_: Message, __: Receive, reply: Reply) -> None:
    await reply({"type": "http.response.start", "status": MOCKED, "headers": []})
    await reply({"type": "http.response.body", "body": b""})


def _wsgi(_: dict[str, Any], start: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    start(f"{MOCKED} Mocked", [])
    return [b""]


def _app_that_writes(url: str) -> Callable[[httpx.Request], httpx.Response]:
    """A mock answers the test, but the app behind it sends the same write for real."""

    def app(request: httpx.Request) -> httpx.Response:
        return httpx.Response(send("sync", url, {"X-API-Key": request.headers["X-API-Key"]}))

    return app


@contextmanager
def _vcr_playback(url: str, folder: Path) -> Iterator[Options]:
    cassette = folder / "cassette.yaml"
    interaction = f"""
- request: {{method: PATCH, uri: '{url}', body: null, headers: {{}}}}
  response: {{status: {{code: {MOCKED}, message: Mocked}}, headers: {{}}, body: {{string: ''}}}}"""
    cassette.write_text(f"version: 1\ninteractions:{interaction}\n", encoding="utf-8")
    with vcr.use_cassette(str(cassette), record_mode="none", allow_playback_repeats=True):
        yield {}


def _vcr_recording(**options: Any) -> Mock:
    @contextmanager
    def recording(_: str, folder: Path) -> Iterator[Options]:
        with vcr.use_cassette(str(folder / "recorded.yaml"), **options):
            yield {}

    return recording


@contextmanager
def _pook(url: str, _: Path) -> Iterator[Options]:
    with pook.use():
        pook.patch(url, reply=MOCKED, persist=True)
        yield {}


@contextmanager
def _pook_network(_: str, __: Path) -> Iterator[Options]:
    with pook.use(network=True):
        yield {}


def _patched(answer: Callable[[], object], *places: tuple[type, str]) -> Mock:
    @contextmanager
    def patching(_: str, __: Path) -> Iterator[Options]:
        (sync, sync_name), (asynchronous, async_name) = places
        with (
            mock.patch.object(sync, sync_name, side_effect=lambda *_, **__: answer()),
            mock.patch.object(asynchronous, async_name, side_effect=lambda *_, **__: answer()),
        ):
            yield {}

    return patching


@contextmanager
def _spied_on(_: str, __: Path) -> Iterator[Options]:
    sync, asynchronous = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request
    with (
        mock.patch.object(httpx.HTTPTransport, "handle_request", autospec=True, side_effect=sync),
        mock.patch.object(httpx.AsyncHTTPTransport, "handle_async_request", autospec=True, side_effect=asynchronous),
    ):
        yield {}


def _gone(mocking: Mock) -> Mock:
    """What is sent when a mock has gone, taking its patches with it."""

    @contextmanager
    def gone(url: str, folder: Path) -> Iterator[Options]:
        with mocking(url, folder) as options:
            assert send("sync", url, {}, **options) == MOCKED
        yield {}

    return gone


def _answered(router: respx.MockRouter, url: str) -> object:
    return router.patch(url).respond(MOCKED)


def _passed_on(router: respx.MockRouter, _: str) -> object:
    return router.route().pass_through()


ANSWERING: dict[str, Mock] = {
    "respx-httpcore": _respx("httpcore", _answered),
    "respx-httpx": _respx("httpx", _answered),
    "MockTransport": _transport(lambda _: httpx.MockTransport(lambda _: httpx.Response(MOCKED))),
    "ASGITransport": _transport(lambda _: httpx.ASGITransport(_asgi)),
    "WSGITransport": _transport(lambda _: httpx.WSGITransport(_wsgi)),
    "vcr-playback": _vcr_playback,
    "pook": _pook,
    "patched-client": _patched(lambda: httpx.Response(MOCKED), (httpx.Client, "send"), (httpx.AsyncClient, "send")),
    "patched-transport": _patched(
        lambda: httpx.Response(MOCKED),
        (httpx.HTTPTransport, "handle_request"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
    ),
    "patched-pool": _patched(
        lambda: httpcore.Response(MOCKED),
        (httpcore.ConnectionPool, "handle_request"),
        (httpcore.AsyncConnectionPool, "handle_async_request"),
    ),
}
LETTING_THROUGH: dict[str, Mock] = {
    "respx-pass-through-httpcore": _respx("httpcore", _passed_on),
    "respx-pass-through-httpx": _respx("httpx", _passed_on),
    "vcr-recording-all": _vcr_recording(record_mode="all"),
    "vcr-recording-new": _vcr_recording(record_mode="new_episodes"),
    "vcr-ignored-host": _vcr_recording(record_mode="none", ignore_localhost=True),
    "pook-network": _pook_network,
    "spied-on-transport": _spied_on,
    "app-behind-MockTransport": _transport(lambda url: httpx.MockTransport(_app_that_writes(url))),
    **{f"gone-{name}": _gone(mocking) for name, mocking in ANSWERING.items() if "Transport" not in name},
}
_ONLY = {"ASGITransport": "async", "WSGITransport": "sync"}


def pairs(mocks: dict[str, Mock]) -> list[tuple[str, str]]:
    """Every mock with every kind of client that it is for."""
    return [(name, kind) for name in mocks for kind in KINDS if _ONLY.get(name, kind) == kind]
