"""The thread that exports finished spans in the background, and the queue in front of it.

Handing a span over is one put into a queue that is safe in signal handlers; everything slow or breakable (imports,
connections, retries, time-outs) happens in the thread. What could not be sent is kept and tried again.

Over gRPC everything is held back until the end: a process that forks while gRPC has threads may lose its child to a
crash, and the tests that are guarded may fork at any time.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  its hooks for forks must be complete before the first one
import itertools
import logging
import time
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, get_ident
from typing import TYPE_CHECKING

from plane_guard_instrumentation.enforcement import request_scope
from plane_guard_instrumentation.export import target as _live_target
from plane_guard_instrumentation.export.budget import Answer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from plane_guard_instrumentation.evidence.otlp_json import Span
    from plane_guard_instrumentation.export.target import Target

_MOST_HELD = 10_000
_BATCH = 512
_PAUSE_AFTER_FAILURE = 5.0
_NO_NEWS = 1.0  # a collector that did not answer so short ago is not asked again when the end waits for it
_LONGEST_FAREWELL = 0.2
_LONGEST_IMPORT = 2.0
_LONGEST_CANCEL = 1.0
# What a retry has to say is said once, by `_live_export`; a test that looks at its log must not find it there.
_LOGGERS = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)


class Sender:
    """Exports what it is given, in the background, until it is closed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.holds_back = target.protocol == _live_target.GRPC
        self._queue: SimpleQueue[Span | Answer] = SimpleQueue()
        self._backlog: deque[Span] = deque()
        self._dropped = itertools.count()
        self._exporter: SpanExporter | None = None
        self._asked: Answer | None = None
        self._asking = False  # whether the queue holds, beside spans, a question
        self._not_before = 0.0
        self._closing = False
        self._imported = Event()
        self._exporting = Lock()
        self._forking = False
        self._thread = Thread(target=self._run, name="plane-guard-live-export", daemon=True)
        self.lost = 0

    def start(self) -> None:
        """Begin to send; raises `RuntimeError` where the interpreter starts no threads any more."""
        self._thread.start()

    def put(self, span: Span) -> None:
        """Send this some time soon, unless too much is waiting already."""
        if get_ident() == self._thread.ident:
            return
        if self.unsent() >= _MOST_HELD:
            self.lost = next(self._dropped) + 1
        else:
            self._queue.put(span)

    def flush(self) -> Answer:
        """Try now to send everything; the answer is good when all of it was accepted."""
        if self._asked is None or self._asked.done.is_set():
            self._asked, self._asking = Answer(), True
            self._queue.put(self._asked)
        return self._asked

    def unsent(self) -> int:
        """How much has not been accepted so far."""
        return self.lost + self._queue.qsize() - self._asking + len(self._backlog)

    def wait_for_imports(self) -> None:
        """Let imports end: a child forked within one could never repeat it, and some fail while Python shuts down."""
        if self._thread.is_alive():
            self._imported.wait(_LONGEST_IMPORT)

    def before_fork(self) -> None:
        """Get out of the exporter: a child that is forked while a thread is inside of gRPC may crash."""
        if not self.holds_back:
            self.wait_for_imports()
        else:
            self._drop_exporter()
            self._forking = self._exporting.acquire(timeout=_LONGEST_CANCEL)
            self._drop_exporter()

    def after_fork(self) -> None:
        """Go on in the parent."""
        if self._forking:
            self._forking = False
            self._not_before = 0.0
            self._exporting.release()

    def close(self) -> None:
        """Give up what is going on, so that the interpreter can end."""
        self._closing = True
        self._drop_exporter()
        self.flush()
        self._thread.join(_LONGEST_FAREWELL)

    def _run(self) -> None:
        _hush()
        _suppress_instrumentation()
        with request_scope.connecting():
            while not self._closing:
                with suppress(Exception):
                    self._turn()

    def _turn(self) -> None:
        answers: list[Answer] = []
        for item in self._waiting():
            if isinstance(item, Answer):
                self._asking = False
                answers.append(item)
            else:
                self._backlog.append(item)
        pause = _PAUSE_AFTER_FAILURE - _NO_NEWS if answers else 0.0
        if (answers or not self.holds_back) and time.monotonic() >= self._not_before - pause:
            self._send()
        for answer in answers:
            answer.good = not self._backlog and not self.lost
            answer.done.set()

    def _waiting(self) -> list[Span | Answer]:
        """What is in the queue; waits for it, but not for ever while something is to be tried again."""
        found: list[Span | Answer] = []
        with suppress(Empty):
            found.append(self._queue.get(timeout=_PAUSE_AFTER_FAILURE if self._backlog else None))
            while len(found) < _BATCH:
                found.append(self._queue.get_nowait())
        return found

    def _send(self) -> None:
        while self._backlog and not self._closing:
            batch = list(itertools.islice(self._backlog, _BATCH))
            if not self._export(batch):
                self._not_before = time.monotonic() + _PAUSE_AFTER_FAILURE
                return
            for _ in batch:
                self._backlog.popleft()

    def _export(self, batch: list[Span]) -> bool:
        from opentelemetry.sdk.trace.export import SpanExportResult

        from plane_guard_instrumentation.export import sdk_spans

        with self._exporting:
            try:
                exporter = self._exporter = self._exporter or _live_target.build(self._target)
            finally:
                self._imported.set()
            return exporter.export([sdk_spans.readable(span) for span in batch]) is SpanExportResult.SUCCESS

    def _drop_exporter(self) -> None:
        """Cancel what the exporter is doing; the next batch gets a new one."""
        exporter, self._exporter = self._exporter, None
        with suppress(Exception):
            if exporter is not None:
                exporter.shutdown()


def _suppress_instrumentation() -> None:
    """As `opentelemetry.instrumentation.utils` does it, whose import costs more than the exporter's."""
    from opentelemetry import context

    for key in (context._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation"):  # noqa: SLF001  see above
        context.attach(context.set_value(key, value=True))


def _hush() -> None:
    own = get_ident()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(lambda _: get_ident() != own)
