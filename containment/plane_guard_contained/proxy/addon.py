"""The add-on: hands each request to the check that all clients share, and inserts tokens into those that pass.

An error in a hook would let mitmproxy send the request, so each hook ends in a refusal instead.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from mitmproxy import ctx, http
from mitmproxy.addons.clientplayback import ReplayHandler
from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events, layer, layers

from plane_guard import PlaneWriteBlocked, process
from plane_guard.advice import PROXY_LAYER
from plane_guard.classification import classify
from plane_guard.hosts import host_name, is_loopback, matches
from plane_guard_contained.proxy import clients, refusals
from plane_guard_contained.proxy.recorded import RecordedDecisions
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check, learning
from plane_guard_instrumentation.enforcement.ownership import LookupRequest, LookupResponse
from plane_guard_instrumentation.evidence.outgoing import Client, OutgoingRequest
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from mitmproxy.proxy.layer import CommandGenerator
    from mitmproxy.proxy.server_hooks import ServerConnectionHookData
    from mitmproxy.tls import ClientHelloData

    from plane_guard_contained.credentials.vault import Vault
    from plane_guard_contained.proxy.clients import Origin
    from plane_guard_contained.proxy.orders import Orders

LAYER = PROXY_LAYER
_LOOKUP = "plane_guard.lookup"
_LOOKUP_SECONDS = 30
_LARGEST_HELD = 8 << 20
_LARGEST_IN_ONE_PIECE = 64 << 10
_ADDRESSES_SECONDS = 60
_NOT_HTTP = "neither HTTP nor TLS"
_LOOPBACK = "an address of this machine"


class Guard:
    """The hooks of mitmproxy that decide."""

    def __init__(self, orders: Orders, vault: Vault) -> None:
        self._orders = orders
        self._vault = vault
        self._recorded = RecordedDecisions(run.current().trace_dir, run.current().run_id)
        self._connect_to = {(host, port): (to, at) for host, port, to, at in orders.connect_to}
        self._addresses: tuple[float, frozenset[str]] = (0.0, frozenset())
        self._asked: dict[str, tuple[str, int]] = {}
        self._is_contained = orders.door >= 0
        self.origins: dict[str, Origin] = {}
        """The client's end of each connection, by the id of the connection."""
        self.blocked = 0
        self.refused: Counter[str] = Counter()
        """The connections that were refused, and how often."""

    # Connections: which are read, which are passed on as they are, which are refused.

    async def other_server(self, destination: tuple[str, int], sni: str) -> tuple[str, int] | None:
        """Return where to pass on a TLS connection that is not to Plane; ``None`` if it has to be read.

        Raises `OSError` if it is refused.
        """
        host, port = destination
        if await self._concerns_plane(host, sni, port):
            return None
        # The name that the client will check is where the connection goes, not an address that it says has that name.
        host = sni if sni and _is_address(host) and not _is_this_machine(host) else host
        server, problem = self._server(host, port)
        if problem:
            raise OSError(problem)
        return server

    async def tls_clienthello(self, data: ClientHelloData) -> None:
        """Pass on what a client sends through CONNECT to another host, and read what is sent to Plane."""
        try:
            server, sni = data.context.server, data.client_hello.sni or ""
            host, port = server.address or ("", 0)
            known = matches(process.fixed().hosts, host, port)
            if sni and _is_address(host) and not known and not _is_this_machine(host):
                server.address = (sni, port)
            data.ignore_connection = not await self._concerns_plane(host, sni, port)
        except Exception:  # noqa: BLE001  what cannot be read is not passed on unread
            data.ignore_connection = False

    async def _concerns_plane(self, host: str, sni: str, port: int) -> bool:
        hosts = process.fixed().hosts
        if any(matches(hosts, name, port) for name in (host, sni) if name):
            return True
        return not sni and _is_address(host) and host in await self._addresses_of_plane()

    async def _addresses_of_plane(self) -> frozenset[str]:
        """Return the addresses of the Plane hosts: a client may name one by its address alone."""
        since, known = self._addresses
        if time.monotonic() - since > _ADDRESSES_SECONDS:
            found = set[str]()
            for entry in process.fixed().hosts:
                with suppress(OSError, UnicodeError):
                    loop = asyncio.get_running_loop()
                    for *_, address in await loop.getaddrinfo(_without_port(entry), None):
                        found.add(str(address[0]))
            known = frozenset(found)
            self._addresses = time.monotonic(), known
        return known

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Refuse a connection that is neither HTTP nor TLS. Registered behind the add-on that finds out."""
        if isinstance(nextlayer.layer, (layers.TCPLayer, layers.UDPLayer, layers.DNSLayer)):
            self.refuse(nextlayer.context.server.address or ("unknown", 0), _NOT_HTTP)
            nextlayer.layer = _Closed(nextlayer.context)

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Connect elsewhere if the user said so, and never to another service of this machine."""
        asked = data.server.address or ("", 0)
        self._asked[data.server.id] = asked
        data.server.address, problem = self._server(*asked)
        if problem:
            data.server.error = problem

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Name a connection by the address that was asked for: mitmproxy uses it again for the same address only."""
        # The class forbids to change the address of an open connection, because it would connect elsewhere.
        object.__setattr__(data.server, "address", self._asked.pop(data.server.id, data.server.address))

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """Forget the address of a connection that was not made."""
        self._asked.pop(data.server.id, None)

    def _server(self, host: str, port: int) -> tuple[tuple[str, int], str]:
        """Return the address to connect to, and why it is refused if it is."""
        address = self._connect_to.get((host_name(host), port))
        if address is not None:
            return address, ""
        if self._is_contained and _is_this_machine(host) and not matches(process.fixed().hosts, host, port):
            self.refuse((host, port), _LOOPBACK)
            return (host, port), f"plane-guard: {host}:{port} is {_LOOPBACK}"
        return (host, port), ""

    def refuse(self, server: tuple[str, int], why: str) -> None:
        """Note that a connection was refused."""
        self.refused[f"{server[0]}:{server[1]} ({why})"] += 1

    # Requests.

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Pass on a large body to another host while it arrives."""
        with suppress(Exception):  # it is held until it is complete, and decided then
            request = flow.request
            length = request.headers.get("content-length", "")
            if "transfer-encoding" not in request.headers and not length:
                return
            is_large = not length.isdecimal() or int(length) > _LARGEST_HELD
            has_placeholder = self._vault.occurs_in(request.path.encode()) or self._vault.occurs_in_fields(
                request.headers.fields
            )
            request.stream = is_large and not has_placeholder and not self._may_be_plane(flow)

    async def request(self, flow: http.HTTPFlow) -> None:
        """Decide a request, and insert the tokens into it if it passes."""
        if flow.request.stream:
            return
        refusal = None
        try:
            if flow.metadata.get(_LOOKUP) is not True:
                await self._check(flow)
            refusal = self._insert_tokens(flow)
            _frame(flow.request)
        except PlaneWriteBlocked as blocked:
            self.blocked += 1
            refusal = refusals.of_decision(blocked)
        except Exception:  # noqa: BLE001  nothing is sent that was not decided
            self.blocked += 1
            refusal = refusals.of_decision(
                PlaneWriteBlocked("plane-guard failed internally: the request was not sent.")
            )
        if refusal is not None:
            flow.response = http.Response.make(refusals.FORBIDDEN, refusal.body, refusal.headers)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass on a response while it arrives, unless it answers a lookup."""
        if flow.response is not None and refusals.REASON_HEADER not in flow.response.headers:
            length = flow.response.headers.get("content-length", "")
            # A short body is sent in one piece with its head, which saves the client a wait.
            is_short = length.isdecimal() and int(length) <= _LARGEST_IN_ONE_PIECE
            flow.response.stream = not is_short and flow.metadata.get(_LOOKUP) is not True

    async def _check(self, flow: http.HTTPFlow) -> None:
        sent = self._outgoing(flow)
        if "upgrade" in flow.request.headers and self._may_be_plane(flow):
            known_hosts.refuse(flow.request.host, flow.request.port, LAYER)
        learning.learn_host(sent.url)
        if check.is_read(sent.method.encode(), sent.headers):
            return
        origin = self.origins.get(flow.client_conn.id)
        write = classify(sent.method, sent.url, sent.body, headers=sent.headers, hosts=process.fixed().hosts)
        if write is not None and origin is not None:
            sent = sent._replace(client=await asyncio.to_thread(self._client, origin))

        async def look_up(lookup: LookupRequest) -> LookupResponse:
            return await _look_up(flow, lookup)

        await check.run_check_async(check.check_request(sent), look_up)

    def _client(self, origin: Origin) -> Client:
        client = clients.find(origin)
        if client.pid is None:
            return client
        return client._replace(has_recorded=functools.partial(self._recorded.use, clients.own_pid(client.pid)))

    def _outgoing(self, flow: http.HTTPFlow) -> OutgoingRequest:
        request = flow.request
        fields = tuple(request.headers.fields)
        if request.authority and "host" not in request.headers:
            fields = (*fields, (b"Host", request.authority.encode()))
        origin = f"{request.scheme}://{_bracketed(request.host)}:{request.port}"
        return OutgoingRequest(
            LAYER, request.method, origin + request.path, fields, request.raw_content, origin, Client()
        )

    def _may_be_plane(self, flow: http.HTTPFlow) -> bool:
        sent = self._outgoing(flow)
        hosts = process.fixed().hosts
        names = (flow.request.host, *(value.decode("latin-1").partition(":")[0] for name, value in sent.headers
                                      if name.lower() == b"host"))  # fmt: skip
        if any(matches(hosts, name, flow.request.port) for name in names):
            return True
        # A read of the same path tells that a write would be one of Plane.
        return classify("POST", sent.url, headers=sent.headers, hosts=hosts) is not None

    def _insert_tokens(self, flow: http.HTTPFlow) -> refusals.Refusal | None:
        request = flow.request
        fields = tuple(request.headers.fields)
        if self._may_hold_tokens(flow):
            request.headers.fields = tuple(self._vault.inserted(fields))
        elif self._vault.occurs_in_fields(fields):
            return refusals.of_placeholder()
        content = request.raw_content or b""
        if self._vault.occurs_in(content, request.data.path, b"".join(name for name, _ in request.headers.fields)):
            return refusals.of_placeholder()
        return None

    def _may_hold_tokens(self, flow: http.HTTPFlow) -> bool:
        request = flow.request
        if not matches(self._orders.token_hosts, request.host, request.port):
            return False
        return request.scheme == "https" or matches(self._orders.plain_hosts, request.host, request.port)


class _Closed(layer.Layer):  # type: ignore[misc]  # mitmproxy is not installed for Python 3.11
    """A connection that is closed at once."""

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


def _frame(request: http.Request) -> None:
    """Name the length of a body.

    HTTP/2 needs none, but mitmproxy may send the request as HTTP/1.1, and without a length the server would read the
    body as another request.
    """
    content = request.raw_content or b""
    request.trailers = None
    if content or "content-length" in request.headers:
        request.headers.pop("transfer-encoding", None)
        request.headers["content-length"] = str(len(content))


async def _look_up(flow: http.HTTPFlow, lookup: LookupRequest) -> LookupResponse:
    """Send a lookup where the request of the flow goes, over a connection of its own."""
    await asyncio.sleep(lookup.delay)
    request = flow.request
    asked = http.Request.make(
        lookup.method,
        f"{request.scheme}://{_bracketed(request.host)}:{request.port}{lookup.path}",
        lookup.content,
        http.Headers([(name.title(), value) for name, value in lookup.headers if not name.startswith(b":")]),
    )
    asked.headers["Host"] = request.host_header or request.authority or request.host
    asking = http.HTTPFlow(flow.client_conn, Server(address=(request.host, request.port)))
    asking.request = asked
    asking.metadata[_LOOKUP] = True
    async with asyncio.timeout(_LOOKUP_SECONDS):
        await ReplayHandler(asking, ctx.options).replay()
    answer = asking.response
    if answer is None:
        return LookupResponse(0, (), b"", asking.error.msg if asking.error else "no answer")
    return LookupResponse(answer.status_code, tuple(answer.headers.fields), answer.content or b"")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_this_machine(host: str) -> bool:
    if is_loopback(host):
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
