"""A connection to another host than Plane's, passed on as it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


class _Side(asyncio.Protocol):
    """One side of a tunnel: what arrives here is written to the other side, as fast as that takes it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  for mypy
        self.transport = transport
        if self.other is None:
            transport.pause_reading()  # until there is another side

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        if self.other is not None and self.other.transport is not None and self.other.transport.can_write_eof():
            self.other.transport.write_eof()
        return True  # the other direction may go on

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the call of asyncio
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()
        if not self.lost.done():
            self.lost.set_result(None)


async def run(connection: socket.socket, host: str, port: int) -> None:
    """Pass bytes between a client and a server until both sides have ended. Raises `OSError` without a server."""
    loop = asyncio.get_running_loop()
    _, server = await loop.create_connection(_Side, host, port)
    _, client = await loop.create_connection(_Side, sock=connection)
    client.other, server.other = server, client
    for side in (client, server):
        if side.transport is not None:
            side.transport.resume_reading()
    await asyncio.gather(client.lost, server.lost)
