"""Connections of clients: handed over by the namespace, or accepted on loopback without containment."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layers, mode_specs
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from plane_guard_contained.proxy import tunnel
from plane_guard_contained.proxy.clients import Origin

if TYPE_CHECKING:
    from mitmproxy.master import Master

    from plane_guard_contained.proxy.addon import Guard
    from plane_guard_contained.proxy.clients import Address
    from plane_guard_contained.proxy.orders import Orders

_LONGEST_DESCRIPTION = 4_096
_FIRST_BYTE_SECONDS, _HELLO_SECONDS = 20, 5
_PEEKED = 65_536
_AGAIN_SECONDS = 0.005
_SILENT = "the client waits for the server to speak first, so it is neither HTTP nor TLS"
_MODE = mode_specs.ProxyMode.parse("regular")


class Connections:
    """Takes connections. Those to other hosts are passed on, mitmproxy reads the rest."""

    def __init__(self, master: Master, guard: Guard) -> None:
        self._master = master
        self._guard = guard
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, orders: Orders) -> None:
        """Take connections from now on."""
        loop = asyncio.get_running_loop()
        if orders.door >= 0:
            door = socket.socket(fileno=orders.door)
            door.setblocking(False)  # noqa: FBT003  its only form
            loop.add_reader(door, self._take, door)
        if orders.listener >= 0:
            listener = socket.socket(fileno=orders.listener)
            listener.setblocking(False)  # noqa: FBT003  its only form
            loop.add_reader(listener, self._accept, listener)

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
            facts = json.loads(description)
            for descriptor in descriptors:
                destination = tuple(facts["to"]) if facts["to"] else None
                self._begin(socket.socket(fileno=descriptor), destination, tuple(facts["reached"]), facts["namespace"])

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            self._begin(listener.accept()[0], None, listener.getsockname(), "self")

    def _begin(
        self, connection: socket.socket, destination: Address | None, reached: Address, neighbour: int | str
    ) -> None:
        task = asyncio.create_task(self._serve(connection, destination, reached, neighbour))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, connection: socket.socket, destination: Address | None, reached: Address, neighbour: int | str
    ) -> None:
        """Serve one connection: to a destination, or of a client that uses a proxy."""
        with connection, suppress(OSError):
            connection.setblocking(False)  # noqa: FBT003  its only form
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            first = await _peek(connection, _FIRST_BYTE_SECONDS)
            if not first and destination:
                self._guard.refuse(destination, _SILENT)
            if not first or (destination and not destination[0]):
                return
            server = await self._other_server(connection, first, destination) if destination else None
            if server is not None:
                await tunnel.run(connection, *server)
            else:
                host, port, *_ = connection.getpeername()
                await self._read(connection, destination, Origin((host, port), reached, neighbour))

    async def _other_server(self, connection: socket.socket, first: bytes, destination: Address) -> Address | None:
        """Return the server to pass the connection on to, or ``None`` if it has to be read."""
        if not starts_like_tls_record(first):
            return None
        deadline = asyncio.get_running_loop().time() + _HELLO_SECONDS
        try:
            while (hello := parse_client_hello(first)) is None:
                if asyncio.get_running_loop().time() > deadline:
                    return None
                await asyncio.sleep(_AGAIN_SECONDS)
                first = await _peek(connection, _HELLO_SECONDS)
        except ValueError:
            return None
        return await self._guard.other_server(destination, hello.sni or "")

    async def _read(self, connection: socket.socket, destination: Address | None, origin: Origin) -> None:
        """Let mitmproxy read a connection."""
        reader, writer = await asyncio.open_connection(sock=connection)
        handler = ProxyConnectionHandler(self._master, reader, writer, self._master.options, _MODE)
        context = handler.layer.context
        if destination is None:
            handler.layer = layers.modes.HttpProxy(context)
        else:
            context.server.address = destination
            handler.layer = layers.modes.TransparentProxy(context)
        self._guard.origins[handler.client.id] = origin
        try:
            await handler.handle_client()
        finally:
            self._guard.origins.pop(handler.client.id, None)


def _resolve(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


async def _peek(connection: socket.socket, seconds: float) -> bytes:
    """Return the first bytes of a connection, which stay there to be read; nothing after so many seconds."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(connection, _resolve, readable)
    try:
        async with asyncio.timeout(seconds):
            await readable
        return connection.recv(_PEEKED, socket.MSG_PEEK)
    except (TimeoutError, BlockingIOError):
        return b""
    finally:
        loop.remove_reader(connection)
