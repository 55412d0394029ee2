"""Who emits, encoded once: it is the same in every line of a process, and a fifth of what a line takes.

The exporter is handed a span without its resource, and what it left empty is filled on the way to the file. How the
exporter writes a resource, and where, is learnt from the exporter.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from plane_guard_instrumentation.evidence import evidence_file

if TYPE_CHECKING:
    from plane_guard_instrumentation.evidence.sanitize import Attributes

_EMPTY = '"resource":{}'


class Emitter(Resource):
    """A resource that is hashed once: the exporter asks for its hash at each line, and gets it by way of JSON."""

    def __init__(self, attributes: Attributes) -> None:
        super().__init__(attributes)
        self._hash = super().__hash__()

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)

    def __hash__(self) -> int:
        return self._hash


_NOBODY = Emitter({})


class Span(ReadableSpan):
    """A span whose resource can be left out."""

    is_anonymous = False

    @property
    def resource(self) -> Resource:
        """Who emits it."""
        return _NOBODY if self.is_anonymous else super().resource


class Line(evidence_file.Line):
    """A line of evidence that is told who emits it, as `learn` has found that to be written."""

    def __init__(self, emitter: str) -> None:
        super().__init__()
        self._emitter = emitter

    def write(self, text: str) -> int:
        """Append the line with its emitter; raises `ValueError` if there is no place for it."""
        if self._emitter:
            head, empty, tail = text.partition(_EMPTY)
            if not empty:
                raise ValueError("the line has no place for its resource")
            text = head + self._emitter + tail
        return super().write(text)


def learn(span: Span) -> str:
    """How the exporter writes the resource of this span, or the empty string if that cannot be told from the rest."""
    whole = _exported(span)
    span.is_anonymous = True
    head, empty, tail = _exported(span).partition(_EMPTY)
    span.is_anonymous = False
    if not empty or not whole.startswith(head) or not whole.endswith(tail):
        return ""
    return whole[len(head) : len(whole) - len(tail)]


def _exported(span: Span) -> str:
    stream = StringIO()
    FileSpanExporter(stream=stream).export([span])
    return stream.getvalue()
