"""Connections of clients: handed over by the namespace, or accepted on loopback without containment."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from mitmproxy.proxy import layers, mode_specs
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from plane_guard_contained.namespace import clients
from plane_guard_instrumentation.evidence.outgoing import Client

if TYPE_CHECKING:
    from mitmproxy.master import Master

    from plane_guard_contained.proxy.addon import Guard
    from plane_guard_contained.proxy.orders import Orders

_LONGEST_DESCRIPTION = 4_096
_FIRST_BYTE_SECONDS = 20
_CHUNK = 65_536
_SILENT = "the client waits for the server to speak first, so it is neither HTTP nor TLS"
_MODE = mode_specs.ProxyMode.parse("regular")


class Connections:
    """Takes connections and runs mitmproxy on them."""

    def __init__(self, master: Master, guard: Guard) -> None:
        self._master = master
        self._guard = guard
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, orders: Orders) -> None:
        """Take connections from now on."""
        loop = asyncio.get_running_loop()
        if orders.door >= 0:
            door = socket.socket(fileno=orders.door)
            door.setblocking(False)  # noqa: FBT003  its only form
            loop.add_reader(door, self._take, door)
        if orders.listener >= 0:
            await asyncio.start_server(self._proxied, sock=socket.socket(fileno=orders.listener))

    def _take(self, door: socket.socket) -> None:
        """Take the connections that the namespace has handed over."""
        while True:
            try:
                description, descriptors, *_ = socket.recv_fds(door, _LONGEST_DESCRIPTION, 1)
            except BlockingIOError:
                return
            except OSError:
                description, descriptors = b"", []
            if not description:
                asyncio.get_running_loop().remove_reader(door)
                return
            for descriptor in descriptors:
                connection = socket.socket(fileno=descriptor)
                task = asyncio.create_task(self._handed_over(connection, json.loads(description)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _handed_over(self, connection: socket.socket, facts: dict[str, list[object] | None]) -> None:
        to, by = facts["to"], facts["by"]
        with suppress(OSError):
            connection.setblocking(False)  # noqa: FBT003  its only form
            reader, writer = await asyncio.open_connection(sock=connection)
            destination = (str(to[0]), int(str(to[1]))) if to else None
            client = Client(str(by[0]), int(str(by[1]))) if by else None
            await self._serve(reader, writer, destination, client)

    async def _proxied(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port, *_ = writer.get_extra_info("peername")
        await self._serve(reader, writer, None, clients.find(host, port))

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        destination: tuple[str, int] | None,
        client: Client | None,
    ) -> None:
        """Serve one connection: to a destination, or of a client that uses a proxy."""
        try:
            first = await asyncio.wait_for(reader.read(_CHUNK), _FIRST_BYTE_SECONDS)
        except (TimeoutError, OSError):
            first = b""
            if destination:
                self._guard.refused[f"{destination[0]}:{destination[1]} ({_SILENT})"] += 1
        if not first or (destination and not destination[0]):
            writer.close()
            return
        handler = ProxyConnectionHandler(self._master, _Resumed(first, reader), writer, self._master.options, _MODE)
        context = handler.layer.context
        if destination is None:
            handler.layer = layers.modes.HttpProxy(context)
        else:
            context.server.address = destination
            handler.layer = layers.modes.TransparentProxy(context)
        if client is not None:
            self._guard.clients[handler.client.id] = client
        try:
            await handler.handle_client()
        finally:
            self._guard.clients.pop(handler.client.id, None)


class _Resumed:
    """A reader whose first bytes were read already."""

    def __init__(self, first: bytes, reader: asyncio.StreamReader) -> None:
        self._first = first
        self._reader = reader

    async def read(self, most: int) -> bytes:
        first, self._first = self._first, b""
        return first or await self._reader.read(most)
