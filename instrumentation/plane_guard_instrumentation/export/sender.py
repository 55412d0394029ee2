"""A thread that exports finished spans in the background, and the queue before it.

Handing over a span is one put into a queue that is safe in signal handlers. Connections, retries and timeouts happen
in the thread. What could not be sent is kept and tried again.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread, get_ident
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


class Flush:
    """A request to send everything now. ``is_good`` says if all of it was accepted."""

    def __init__(self) -> None:
        self._is_done = Event()
        self.is_good = False

    def done(self, *, is_good: bool) -> None:
        """Set the result."""
        self.is_good = is_good
        self._is_done.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the result; return if there is one."""
        return self._is_done.wait(seconds)


class Sender:
    """Exports spans to one target until it is closed.

    Over HTTP it begins at once, and the exporter is imported by the caller: an import in the thread could be cut off by
    a fork. Over gRPC everything waits for the first flush, because a fork while gRPC has threads may crash the child.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._queue: SimpleQueue[Span | Flush] = SimpleQueue()
        self._flushes: deque[Flush] = deque()  # those in the queue
        self._unsent: deque[Span] = deque()
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
        if self.unsent() >= _MOST_HELD:
            self._lost += 1
        else:
            self._queue.put(span)

    def flush(self) -> Flush:
        """Try to send everything now."""
        flush = Flush()
        try:
            self._begin()
        except Exception:  # noqa: BLE001  nothing can be imported or started any more, at the end of a process
            flush.done(is_good=False)
        else:
            self._flushes.append(flush)
            self._queue.put(flush)
        return flush

    def unsent(self) -> int:
        """Return the number of spans that were not accepted so far."""
        return self._lost + self._queue.qsize() - len(self._flushes) + len(self._unsent)

    def close(self) -> None:
        """Abandon what is going on, so that the interpreter can end."""
        self._is_closing = True
        if self._exporter is not None:
            with suppress(Exception):
                self._exporter.shutdown()
            self.flush()
            self._thread.join(_LONGEST_FAREWELL)

    def _run(self) -> None:
        _hush()
        _suppress_instrumentation()
        with request_scope.connecting():
            while not self._is_closing:
                with suppress(Exception):
                    self._turn()

    def _turn(self) -> None:
        flushes: list[Flush] = []
        for item in self._next():
            if isinstance(item, Flush):
                flushes.append(self._flushes.popleft())
            else:
                self._unsent.append(item)
        if flushes or time.monotonic() >= self._not_before:
            self._send()
        for flush in flushes:
            flush.done(is_good=not self._unsent and not self._lost)

    def _next(self) -> list[Span | Flush]:
        """Return what is in the queue. Wait for it, but not forever if something has to be tried again."""
        found: list[Span | Flush] = []
        with suppress(Empty):
            found.append(self._queue.get(timeout=_PAUSE_AFTER_FAILURE if self._unsent else None))
            while len(found) < _BATCH:
                found.append(self._queue.get_nowait())
        return found

    def _send(self) -> None:
        while self._unsent and not self._is_closing:
            batch = list(itertools.islice(self._unsent, _BATCH))
            result = self._exporter.export([one for span in batch for one in self._convert(span)])
            if result.name != "SUCCESS":
                self._not_before = time.monotonic() + _PAUSE_AFTER_FAILURE
                return
            for _ in batch:
                self._unsent.popleft()


def _suppress_instrumentation() -> None:
    # As `opentelemetry.instrumentation.utils` does it. Its import costs more than that of an exporter.
    from opentelemetry import context

    for key in (context._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation"):  # noqa: SLF001  see above
        context.attach(context.set_value(key, value=True))


def _hush() -> None:
    own = get_ident()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(lambda _: get_ident() != own)
