"""Asking a server what a proof needs to know, over the connector of the aiohttp request that is being judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_instrumentation.enforcement import check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientRequest
    from aiohttp.connector import Connection

    Connect = Callable[..., Awaitable[Connection]]

_LONGEST_PROOF = 30.0


async def ask(connect: Connect, request: ClientRequest, probe: check.LookupRequest) -> check.LookupResponse:
    """Send a probe the way of the request, once more if the server had hung up on a connection that was kept."""
    import asyncio

    import aiohttp

    async with asyncio.timeout(_LONGEST_PROOF):
        await asyncio.sleep(probe.delay)
        try:
            return await _get(connect, request, probe)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return await _get(connect, request, probe)


async def _get(connect: Connect, request: ClientRequest, probe: check.LookupRequest) -> check.LookupResponse:
    from aiohttp import ClientTimeout

    question = _probe_request(request, probe)
    connection = await connect(question, [], ClientTimeout(total=_LONGEST_PROOF))
    try:
        connection.protocol.set_response_params(read_until_eof=True)  # type: ignore[union-attr]
        response = await question.send(connection)
        try:
            await response.start(connection)
            # Not `response.read`, which tests replace: a proof is what came over the wire.
            return check.LookupResponse(response.status, response.raw_headers, await response.content.read())
        finally:
            response.close()
    except BaseException:
        connection.close()
        raise


def _probe_request(request: ClientRequest, probe: check.LookupRequest) -> ClientRequest:
    from aiohttp import ClientRequest

    names = [name.decode("utf-8", "surrogatepass") for name, _ in probe.headers]
    values = [value.decode("utf-8", "surrogatepass") for _, value in probe.headers]
    return ClientRequest(
        probe.method,
        request.url.with_path(probe.path, encoded=True),
        headers=list(zip(names, values, strict=True)),
        data=probe.content or None,
        skip_auto_headers=["Accept", "User-Agent"],
        version=request.version,
        loop=request.loop,
        ssl=request.ssl,
        server_hostname=request.server_hostname,
        proxy=request.proxy,
        proxy_auth=request.proxy_auth,
        proxy_headers=request.proxy_headers,
    )
