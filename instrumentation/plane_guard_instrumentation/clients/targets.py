"""Where requests and connections pass in each client, as tables: the seams at which `_shells` puts shells in place."""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Seam:
    """One method of a client through which its requests (or connections) pass, and the shell around it.

    ``module`` is the module whose import puts the shell in place; ``shell`` is ``module:function`` of ours, called
    with the method that was found there and with ``layer``.
    """

    __slots__ = ("layer", "method", "module", "owner", "shell")

    def __init__(self, layer: str, module: str, owner: str, method: str, shell: str) -> None:
        self.layer = layer
        self.module = module
        self.owner = owner
        self.method = method
        self.shell = shell


_HERE = "plane_guard_instrumentation"
SEAMS = (
    Seam("httpx", "httpcore", "ConnectionPool", "handle_request", f"{_HERE}.clients.httpcore:guard_sync"),
    Seam("httpx", "httpcore", "AsyncConnectionPool", "handle_async_request", f"{_HERE}.clients.httpcore:guard_async"),
    Seam("httpx2", "httpcore2", "ConnectionPool", "handle_request", f"{_HERE}.clients.httpcore:guard_sync"),
    Seam("httpx2", "httpcore2", "AsyncConnectionPool", "handle_async_request", f"{_HERE}.clients.httpcore:guard_async"),
    Seam("http.client", "http.client", "HTTPConnection", "endheaders", f"{_HERE}.clients.http_client:guard_request"),
    Seam("http.client", "http.client", "HTTPConnection", "send", f"{_HERE}.clients.http_client:guard_bytes"),
    Seam("http.client", "http.client", "HTTPConnection", "connect", f"{_HERE}.clients.http_connection:guard"),
    Seam("http.client", "http.client", "HTTPSConnection", "connect", f"{_HERE}.clients.http_connection:guard"),
    Seam("http.client", "urllib3.connection", "HTTPConnection", "connect", f"{_HERE}.clients.http_connection:guard"),
    Seam("http.client", "urllib3.connection", "HTTPSConnection", "connect", f"{_HERE}.clients.http_connection:guard"),
    Seam("http.client", "urllib3.connection", "HTTPConnection", "request", f"{_HERE}.clients.http_connection:note"),
    Seam(
        "http.client",
        "urllib3.connection",
        "HTTPConnection",
        "request_chunked",
        f"{_HERE}.clients.http_connection:note",
    ),
    Seam(
        "http.client",
        "urllib3.http2.connection",
        "HTTP2Connection",
        "endheaders",
        f"{_HERE}.clients.http_client:guard_request",
    ),
    Seam("http.client", "httplib2", "HTTPConnectionWithTimeout", "connect", f"{_HERE}.clients.http_connection:guard"),
    Seam("http.client", "httplib2", "HTTPSConnectionWithTimeout", "connect", f"{_HERE}.clients.http_connection:guard"),
    Seam("aiohttp", "aiohttp.connector", "BaseConnector", "connect", f"{_HERE}.clients.aiohttp:guard_connect"),
    Seam("aiohttp", "aiohttp.client_reqrep", "ClientRequest", "send", f"{_HERE}.clients.aiohttp:guard_send"),
)
# The floor beneath the shells, for test processes only: where the audit hook sees no name, or not whose lookup it is.
FLOOR = (
    Seam("asyncio", "asyncio.base_events", "BaseEventLoop", "getaddrinfo", f"{_HERE}.connections.dns:guard_asyncio"),
    Seam("gevent", "gevent.resolver.thread", "Resolver", "getaddrinfo", f"{_HERE}.connections.dns:guard_gevent"),
    Seam("uvloop", "uvloop", "Loop", "getaddrinfo", f"{_HERE}.connections.dns:guard_uvloop"),
    Seam("uvloop", "uvloop", "Loop", "create_connection", f"{_HERE}.connections.dns:guard_connection"),
    Seam("uvloop", "uvloop", "Loop", "sock_connect", f"{_HERE}.connections.dns:guard_socket"),
    Seam("ssl", "ssl", "SSLContext", "wrap_socket", f"{_HERE}.connections.tls:guard_socket"),
    Seam("ssl", "ssl", "SSLContext", "wrap_bio", f"{_HERE}.connections.tls:guard_bio"),
    Seam("ssl", "gevent.ssl", "SSLContext", "wrap_socket", f"{_HERE}.connections.tls:guard_socket"),
    Seam("pycurl", "pycurl", "Curl", "setopt", f"{_HERE}.connections.libcurl:guard_url"),
    Seam("pycurl", "pycurl", "Curl", "setopt_string", f"{_HERE}.connections.libcurl:guard_url"),
    Seam("curl_cffi", "curl_cffi.curl", "Curl", "setopt", f"{_HERE}.connections.libcurl:guard_url"),
)
EVERY = SEAMS + FLOOR
_KEEPERS = (dict, MappingProxyType)


def attribute(place: object, name: str) -> object:
    """Return an attribute, or ``None``. A placeholder in `sys.modules` may raise anything when it is asked."""
    try:
        return getattr(place, name, None)
    except Exception:  # noqa: BLE001  such as the ImportError of a missing optional dependency
        return None


_NOTHING = object()


class Sight:
    """What was seen at some seams: which modules, which classes in them, which functions on those.

    Every test begins with the question whether that has changed, so only what is imported is looked at, each thing
    once, and where a module or a class keeps it. What is compared are identities: nothing that stands there has a say.
    """

    def __init__(self, seams: Sequence[Seam]) -> None:
        self.seams = seams
        self.seen: list[tuple[str, object, object]] = []
        """For every seam of an imported client the name of the class, what stands there, and what is its method."""
        every = dict.fromkeys(seam.module for seam in seams)
        modules = {name: sys.modules[name] for name in every if name in sys.modules}
        self._absent = [name for name in every if name not in modules]
        self._kept: dict[tuple[int, str], tuple[Mapping[str, object], str, object]] = {}
        self._given: list[tuple[object, str, object]] = []
        for seam in seams:
            if seam.module in modules:
                owner = self._look(modules[seam.module], seam.owner)
                self.seen.append((seam.owner, owner, self._look(owner, seam.method)))
        self._modules = sys.modules
        self._places = [*((sys.modules, name, module) for name, module in modules.items()), *self._kept.values()]

    def _look(self, place: object, name: str) -> object:
        found = attribute(place, name)
        keeper = getattr(place, "__dict__", {})
        if type(keeper) in _KEEPERS and keeper.get(name, _NOTHING) is found:
            self._kept[id(place), name] = keeper, name, found
        else:
            self._given.append((place, name, found))
        return found

    def lasts(self) -> bool:
        """Whether the same would be seen now."""
        modules = self._modules
        if modules is not sys.modules:
            return False
        try:
            for keeper, name, found in self._places:
                if keeper[name] is not found:
                    return False
        except KeyError:
            return False
        for place, name, found in self._given:
            if attribute(place, name) is not found:
                return False
        return modules.keys().isdisjoint(self._absent)
