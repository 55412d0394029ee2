"""The steps that every client shares between its patch and the check."""

from __future__ import annotations

import zlib
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from plane_guard import PlaneWriteBlocked
from plane_guard_instrumentation.clients import mcp_session, self_check
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check, learning, request_scope
from plane_guard_instrumentation.enforcement.ownership import LookupRequest, LookupResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from plane_guard_instrumentation.enforcement.check import OutgoingRequest

    Fields = Iterable[tuple[bytes, bytes]]

_LARGEST_ANSWER = 4_194_304
_UPGRADE = b"upgrade"
_HARMLESS_UPGRADES = frozenset({b"h2c"})
_EITHER_WRAPPER = zlib.MAX_WBITS | 32  # gzip or zlib, whichever the data has


def connecting(layer: str) -> AbstractContextManager[object]:
    """Let the request at hand open a connection to a known Plane host, unless its client is closed."""
    return nullcontext() if self_check.is_closed(layer) else request_scope.connecting()


def run_check(sent: OutgoingRequest, look_up: Callable[[LookupRequest], LookupResponse]) -> None:
    """Return if the request may be sent, raise `PlaneWriteBlocked` if not."""
    __tracebackhide__ = True
    _begin(sent)
    check.run_check(check.check_request(sent), look_up)


async def run_check_async(sent: OutgoingRequest, look_up: Callable[[LookupRequest], Awaitable[LookupResponse]]) -> None:
    """Return if the request may be sent, raise `PlaneWriteBlocked` if not."""
    __tracebackhide__ = True
    _begin(sent)
    with _telling_callers(sent):
        await check.run_check_async(check.check_request(sent), look_up)


def decides_without_lookup(sent: OutgoingRequest) -> bool:
    """Run a check as far as possible before there is a connection; return if it needs no lookup and has passed.

    A refusal is raised here, so a refused request opens no connection.
    """
    __tracebackhide__ = True
    _begin(sent)
    steps = check.check_request(sent)
    with _telling_callers(sent):
        for _ in steps:
            steps.close()  # The check starts again where a connection can answer the lookup.
            return False
    return True


@contextmanager
def _telling_callers(sent: OutgoingRequest) -> Iterator[None]:
    """Tell callers of a refusal whose client hands their requests to another task."""
    __tracebackhide__ = True
    try:
        yield
    except PlaneWriteBlocked as refusal:
        mcp_session.end_wait(sent.body, refusal)
        raise


def _begin(sent: OutgoingRequest) -> None:
    """Stop here if the request is a probe; learn its host if it is Plane-shaped, reads included."""
    self_check.stop_probe()
    learning.learn_host(sent.url)


def refuse_upgrade(host: object, port: object, fields: Fields, layer: str) -> None:
    """Refuse to upgrade a connection to a known Plane host: nothing could check what is sent after that."""
    __tracebackhide__ = True
    if not known_hosts.plane_host(host, port):
        return
    if any(name.lower() == _UPGRADE and value.strip().lower() not in _HARMLESS_UPGRADES for name, value in fields):
        known_hosts.refuse(host, port, layer)


def response(status: int, fields: Fields, content: bytes) -> LookupResponse:
    """Return the answer to a lookup, decoded: some servers compress whatever a client accepts."""
    kept = list(fields)
    encodings = {value.strip().lower() for name, value in kept if name.lower() == b"content-encoding"}
    if encodings & {b"gzip", b"x-gzip", b"deflate"}:
        decoder: Any = zlib.decompressobj(_EITHER_WRAPPER)
        content = decoder.decompress(content, _LARGEST_ANSWER + 1)
    return LookupResponse(status, kept, content)
