"""Clients that send a few requests over one connection pool, all to be called alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import httpx
import httpx2
import httpx_aiohttp
import trio
import uvloop
import yarl

from plane_guard_dashboard.evidence import traces
from plane_guard_instrumentation.evidence import evidence_file

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import pytest

    from plane_guard_dashboard.evidence.rows import DecisionRow


class Ask(NamedTuple):
    """A request to send."""

    method: str
    url: str
    json: object = None
    headers: Mapping[str, str] = {}


class Reply(NamedTuple):
    """What came back."""

    status: int
    text: str


# Sends requests one after the other; `follow`: follows redirects.
Sender = Callable[..., list[Reply]]
Asking = Callable[..., "Coroutine[Any, Any, list[Reply]]"]


def httpx2_sync(*asks: Ask, follow: bool = False) -> list[Reply]:
    """With one connection and no TLS context, which costs more than all the rest."""
    limits = httpx2.Limits(max_connections=1)
    with httpx2.Client(verify=False, limits=limits, follow_redirects=follow) as client:
        replies = [client.request(ask.method, ask.url, json=ask.json, headers=ask.headers) for ask in asks]
    return [Reply(reply.status_code, reply.text) for reply in replies]


async def _httpx2(*asks: Ask, follow: bool = False) -> list[Reply]:
    limits = httpx2.Limits(max_connections=1)
    async with httpx2.AsyncClient(verify=False, limits=limits, follow_redirects=follow) as client:
        replies = [await client.request(ask.method, ask.url, json=ask.json, headers=ask.headers) for ask in asks]
    return [Reply(reply.status_code, reply.text) for reply in replies]


async def _aiohttp(*asks: Ask, follow: bool = False, as_it_is: bool = False) -> list[Reply]:
    found = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        for method, text, json, headers in asks:
            url = yarl.URL(text, encoded=as_it_is)
            async with session.request(method, url, json=json, headers=headers, allow_redirects=follow) as reply:
                found.append(Reply(reply.status, await reply.text()))
    return found


async def _httpx_aiohttp(*asks: Ask, follow: bool = False) -> list[Reply]:
    transport = httpx_aiohttp.AiohttpTransport(verify=False, limits=httpx.Limits(max_connections=1))
    async with httpx.AsyncClient(transport=transport, follow_redirects=follow) as client:
        replies = [await client.request(ask.method, ask.url, json=ask.json, headers=ask.headers) for ask in asks]
    return [Reply(reply.status_code, reply.text) for reply in replies]


def _on_asyncio(ask: Asking) -> Sender:
    return lambda *asks, **options: asyncio.run(ask(*asks, **options))


def _on_uvloop(ask: Asking) -> Sender:
    return lambda *asks, **options: uvloop.run(ask(*asks, **options))


def _on_trio(ask: Asking) -> Sender:
    return lambda *asks, **options: trio.run(partial(ask, *asks, **options))


def _in_a_thread(send: Sender) -> Sender:
    def send_in_a_thread(*asks: Ask, **options: bool) -> list[Reply]:
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(send, *asks, **options).result()

    return send_in_a_thread


AIOHTTP: dict[str, Sender] = {
    "aiohttp": _on_asyncio(_aiohttp),
    "aiohttp-as-it-is": _on_asyncio(partial(_aiohttp, as_it_is=True)),
    "aiohttp-uvloop": _on_uvloop(_aiohttp),
    "aiohttp-thread": _in_a_thread(_on_asyncio(_aiohttp)),
    "httpx-aiohttp": _on_asyncio(_httpx_aiohttp),
}
HTTPX2: dict[str, Sender] = {
    "httpx2": httpx2_sync,
    "httpx2-thread": _in_a_thread(httpx2_sync),
    "httpx2-asyncio": _on_asyncio(_httpx2),
    "httpx2-uvloop": _on_uvloop(_httpx2),
    "httpx2-trio": _on_trio(_httpx2),
}
SENDERS = AIOHTTP | HTTPX2


def layer(name: str) -> str:
    """The layer that must be named in the evidence of a sender."""
    return "aiohttp" if name in AIOHTTP else "httpx2"


def decisions(test: pytest.FixtureRequest) -> list[DecisionRow]:
    """What the evidence of this process says about a test."""
    return [row for row in traces.read(evidence_file.path()).decisions if row.test == test.node.nodeid]
