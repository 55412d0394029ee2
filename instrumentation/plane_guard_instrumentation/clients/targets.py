"""Patch targets: the methods of each client through which its requests, connections and name lookups pass.

The tables are the only place that names another library's classes. `patches` puts the patches in place.
"""

from __future__ import annotations

from dataclasses import dataclass

from plane_guard_watch import NATIVE_CLIENTS


@dataclass(frozen=True, slots=True)
class PatchTarget:
    """One method of a client, and the function of ours that returns its patched form.

    ``module`` is the module whose import makes the class available. ``patch`` is ``module:function`` below this
    package or ``connections``; it is called with the method found on the class and with ``layer``. ``optional``
    targets are missing from some versions of a library. If another is missing, the client is uncovered, too.
    """

    layer: str
    module: str
    owner: str
    method: str
    patch: str
    probe: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.layer} ({self.module}.{self.owner}.{self.method})"


def _httpcore(layer: str, core: str) -> tuple[PatchTarget, ...]:
    """Return the targets of httpcore or of its successor.

    The pool decides before anything connects. The connections of one protocol each are the last methods that every
    request passes, below all mocks, proxies and retries.
    """
    sync, asynchronous = "handle_request", "handle_async_request"
    return (
        PatchTarget(layer, core, "ConnectionPool", sync, "clients.httpcore:patch_request"),
        PatchTarget(layer, core, "AsyncConnectionPool", asynchronous, "clients.httpcore:patch_async_request"),
        PatchTarget(layer, core, "HTTPConnection", sync, "clients.httpcore:patch_request"),
        PatchTarget(layer, core, "AsyncHTTPConnection", asynchronous, "clients.httpcore:patch_async_request"),
        PatchTarget(layer, core, "HTTP11Connection", sync, "clients.httpcore:patch_wire", "clients.httpcore:probe"),
        PatchTarget(
            layer,
            core,
            "AsyncHTTP11Connection",
            asynchronous,
            "clients.httpcore:patch_async_wire",
            "clients.httpcore:probe_async",
        ),
        PatchTarget(
            layer, core, "HTTP2Connection", sync, "clients.httpcore:patch_wire", "clients.httpcore:probe", optional=True
        ),
        PatchTarget(
            layer,
            core,
            "AsyncHTTP2Connection",
            asynchronous,
            "clients.httpcore:patch_async_wire",
            "clients.httpcore:probe_async",
            optional=True,
        ),
    )


def _http_client(module: str) -> tuple[PatchTarget, ...]:
    """Return the targets of `http.client`, or of a copy of it."""
    return (
        PatchTarget(
            "http.client",
            module,
            "HTTPConnection",
            "endheaders",
            "clients.http_client:patch_endheaders",
            "clients.http_client:probe",
        ),
        PatchTarget("http.client", module, "HTTPConnection", "send", "clients.http_client:patch_send"),
        PatchTarget("http.client", module, "HTTPConnection", "connect", "clients.http_client:patch_connect"),
        PatchTarget("http.client", module, "HTTPSConnection", "connect", "clients.http_client:patch_connect"),
    )


def _urllib3(package: str) -> tuple[PatchTarget, ...]:
    """Return the targets of urllib3, and of urllib3-future, which is installed under the same name or its own."""
    layer, connection, pool = "http.client", f"{package}.connection", f"{package}.connectionpool"
    here, future = "clients.http_client", "clients.urllib3_future"
    backend, async_backend = f"{package}.backend.hface", f"{package}.backend._async.hface"
    async_connection, async_pool = f"{package}._async.connection", f"{package}._async.connectionpool"
    return (
        PatchTarget(layer, pool, "HTTPConnectionPool", "urlopen", f"{here}:patch_asking"),
        PatchTarget(layer, connection, "HTTPConnection", "connect", f"{here}:patch_connect"),
        PatchTarget(layer, connection, "HTTPSConnection", "connect", f"{here}:patch_connect"),
        PatchTarget(layer, connection, "HTTPConnection", "request", f"{here}:patch_body"),
        PatchTarget(layer, connection, "HTTPConnection", "request_chunked", f"{here}:patch_body", optional=True),
        PatchTarget(layer, f"{package}.http2.connection", "HTTP2Connection", "endheaders", f"{here}:patch_http2"),
        PatchTarget(
            "urllib3-future", backend, "HfaceBackend", "endheaders", f"{future}:patch_endheaders", f"{future}:probe"
        ),
        PatchTarget(
            "urllib3-future",
            async_backend,
            "AsyncHfaceBackend",
            "endheaders",
            f"{future}:patch_async_endheaders",
            f"{future}:probe_async",
        ),
        PatchTarget("urllib3-future", async_connection, "AsyncHTTPConnection", "request", f"{future}:patch_async_body"),
        PatchTarget(
            "urllib3-future", async_connection, "AsyncHTTPConnection", "connect", f"{future}:patch_async_connect"
        ),
        PatchTarget(
            "urllib3-future", async_connection, "AsyncHTTPSConnection", "connect", f"{future}:patch_async_connect"
        ),
        PatchTarget("urllib3-future", async_pool, "AsyncHTTPConnectionPool", "urlopen", f"{future}:patch_async_asking"),
    )


CLIENT_TARGETS = (
    *_httpcore("httpx", "httpcore"),
    *_httpcore("httpx2", "httpcore2"),
    *_http_client("http.client"),
    *_http_client("eventlet.green.http.client"),
    *_urllib3("urllib3"),
    *_urllib3("urllib3_future"),
    PatchTarget("http.client", "httplib2", "Http", "request", "clients.http_client:patch_asking"),
    PatchTarget("http.client", "httplib2", "HTTPConnectionWithTimeout", "connect", "clients.http_client:patch_connect"),
    PatchTarget(
        "http.client", "httplib2", "HTTPSConnectionWithTimeout", "connect", "clients.http_client:patch_connect"
    ),
    PatchTarget("aiohttp", "aiohttp.connector", "BaseConnector", "connect", "clients.aiohttp:patch_connect"),
    PatchTarget(
        "aiohttp",
        "aiohttp.client_reqrep",
        "ClientRequest",
        "send",
        "clients.aiohttp:patch_send",
        "clients.aiohttp:probe",
    ),
)
# The connection layer, in test processes only: what the audit hook cannot see, or sees without the caller's context.
CONNECTION_TARGETS = (
    PatchTarget("asyncio", "asyncio.base_events", "BaseEventLoop", "getaddrinfo", "connections.dns:patch_asyncio"),
    PatchTarget("gevent", "gevent.resolver.thread", "Resolver", "getaddrinfo", "connections.dns:patch_gevent"),
    PatchTarget("uvloop", "uvloop", "Loop", "getaddrinfo", "connections.dns:patch_uvloop"),
    PatchTarget("uvloop", "uvloop", "Loop", "create_connection", "connections.dns:patch_uvloop_connection"),
    PatchTarget("uvloop", "uvloop", "Loop", "sock_connect", "connections.dns:patch_uvloop_socket"),
    PatchTarget(
        "twisted", "twisted.internet.endpoints", "HostnameEndpoint", "connect", "connections.twisted:patch_endpoint"
    ),
    PatchTarget(
        "twisted",
        "twisted.internet.posixbase",
        "PosixReactorBase",
        "connectTCP",
        "connections.twisted:patch_connect_tcp",
    ),
    PatchTarget("ssl", "ssl", "SSLContext", "wrap_socket", "connections.tls:patch_wrap_socket"),
    PatchTarget("ssl", "ssl", "SSLContext", "wrap_bio", "connections.tls:patch_wrap_bio"),
    PatchTarget("ssl", "gevent.ssl", "SSLContext", "wrap_socket", "connections.tls:patch_wrap_socket"),
    PatchTarget("pycurl", "pycurl", "Curl", "setopt", "connections.libcurl:patch_pycurl_setopt"),
    PatchTarget("pycurl", "pycurl", "Curl", "setopt_string", "connections.libcurl:patch_pycurl_setopt"),
    PatchTarget("pycurl", "pycurl", "Curl", "perform", "connections.libcurl:patch_perform"),
    PatchTarget("pycurl", "pycurl", "CurlMulti", "info_read", "connections.libcurl:patch_info_read"),
    PatchTarget("curl_cffi", "curl_cffi.curl", "Curl", "setopt", "connections.libcurl:patch_curl_cffi_setopt"),
    PatchTarget("curl_cffi", "curl_cffi.curl", "Curl", "_get_error", "connections.libcurl:patch_get_error"),
)
# In test processes only: where a refusal would not reach its caller.
CALLER_TARGETS = (
    PatchTarget("mcp", "mcp.shared.session", "BaseSession", "send_request", "clients.mcp_session:patch_send_request"),
)
ALL_TARGETS = CLIENT_TARGETS + CONNECTION_TARGETS + CALLER_TARGETS

_NATIVE = "not guarded: it sends requests from Rust or Go, where Python sees neither requests nor connections"
_KNOWN_HOSTS_ONLY = "guarded by host only: known Plane hosts are closed to it, requests to other hosts are not checked"
_GUARDED_BY_HOST = (
    "aiosonic",
    "asks",
    "curl_cffi",
    "geventhttpclient",
    "pycurl",
    "tornado.simple_httpclient",
    "twisted.web.client",
    "websockets.client",
)
# Clients whose requests no patch checks, by the module whose import is reported.
UNCHECKED = dict.fromkeys(sorted(NATIVE_CLIENTS), _NATIVE) | dict.fromkeys(_GUARDED_BY_HOST, _KNOWN_HOSTS_ONLY)
