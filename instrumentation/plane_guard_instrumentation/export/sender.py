"""A thread that exports finished spans in the background, and the spans that it has not sent yet.

Handing over a span is safe in signal handlers. Connections, retries and timeouts happen in the thread. What could not
be sent is kept and tried again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.enforcement import request_scope
from plane_guard_instrumentation.export import target as targets

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.otlp_json import Span
    from plane_guard_instrumentation.export.target import Target

_MOST_HELD = 10_000
_BATCH = 512
_PAUSE_AFTER_FAILURE = 5.0
_LONGEST_FAREWELL = 0.2
# A failure is reported once by `live`. A test that looks at its log must not find the exporter's messages there.
_LOGGERS = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    *("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.exporter.otlp.proto.http._log_exporter"),
    *("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"),
)


class Sender:
    """Exports spans to one target until it is closed.

    Over HTTP it begins at once, and the exporter is imported by the caller: an import in the thread could be cut off by
    a fork. Over gRPC everything waits for the first flush, because a fork while gRPC has threads may crash the child.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._unsent: deque[Span] = deque()  # the thread takes from the left
        self._wake: SimpleQueue[Future[bool] | None] = SimpleQueue()  # None for a span, or a flush
        self._lost = 0
        self._not_before = 0.0
        self._is_closing = False
        self._thread = Thread(target=self._run, name="plane-guard-live-export", daemon=True)
        self._exporter: Any = None
        if target.protocol == targets.HTTP:
            self._begin()

    def _begin(self) -> None:
        if self._exporter is None:
            from plane_guard_instrumentation.export import sdk_spans

            self._convert = sdk_spans.CONVERTERS[self._target.signal]
            self._exporter = targets.build(self._target)
            self._thread.start()

    def put(self, span: Span) -> None:
        """Send this span soon, unless too many are waiting already."""
        if get_ident() == self._thread.ident:
            return
        if len(self._unsent) >= _MOST_HELD:
            self._lost += 1
        else:
            self._unsent.append(span)
            self._wake.put(None)

    def flush(self) -> Future[bool]:
        """Try to send everything now. The result is true if all of it was accepted."""
        flush: Future[bool] = Future()
        try:
            self._begin()
        except Exception:  # noqa: BLE001  nothing can be imported or started any more, at the end of a process
            flush.set_result(False)
        else:
            self._wake.put(flush)
        return flush

    def unsent(self) -> int:
        """Return the number of spans that were not accepted so far."""
        return self._lost + len(self._unsent)

    def close(self) -> None:
        """Abandon what is going on, so that the interpreter can end."""
        self._is_closing = True
        if self._exporter is not None:
            with suppress(Exception):
                self._exporter.shutdown()
            self._wake.put(None)
            self._thread.join(_LONGEST_FAREWELL)

    def _run(self) -> None:
        _hush()
        _suppress_instrumentation()
        with request_scope.connecting():
            while not self._is_closing:
                with suppress(Exception):
                    self._turn()

    def _turn(self) -> None:
        flushes = self._wait()
        if flushes or time.monotonic() >= self._not_before:
            is_sent = self._send()
            for flush in flushes:
                flush.set_result(is_sent and not self._lost)

    def _wait(self) -> list[Future[bool]]:
        """Wait until there is something to send, but not forever if something has to be tried again."""
        found: list[Future[bool] | None] = []
        with suppress(Empty):
            found.append(self._wake.get(timeout=_PAUSE_AFTER_FAILURE if self._unsent else None))
            while True:
                found.append(self._wake.get_nowait())
        return [flush for flush in found if flush is not None]

    def _send(self) -> bool:
        while self._unsent and not self._is_closing:
            # By index: other threads append meanwhile.
            batch = [self._unsent[place] for place in range(min(_BATCH, len(self._unsent)))]
            result = self._exporter.export([one for span in batch for one in self._convert(span)])
            if result.name != "SUCCESS":
                self._not_before = time.monotonic() + _PAUSE_AFTER_FAILURE
                return False
            for _ in batch:
                self._unsent.popleft()
        return True


def _suppress_instrumentation() -> None:
    # As `opentelemetry.instrumentation.utils` does it. Its import costs more than that of an exporter.
    from opentelemetry import context

    for key in (context._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation"):  # noqa: SLF001  see above
        context.attach(context.set_value(key, value=True))


def _hush() -> None:
    own = get_ident()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(lambda _: get_ident() != own)
