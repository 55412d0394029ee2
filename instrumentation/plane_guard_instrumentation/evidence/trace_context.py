"""The span around a decision: the program's current one, or the one that a CI job names as ``TRACEPARENT``.

The variables are read once, as OpenTelemetry's specification of environment carriers says. It does not matter if the
parent was sampled, because a decision is evidence.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import redaction
from plane_guard_instrumentation.evidence.system import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

PARENT_VARIABLE = "TRACEPARENT"
STATE_VARIABLE = "TRACESTATE"
_TRACEPARENT = (  # compiled only if the variable is set
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_MEMBER = r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}"
_LONGEST_STATE = 512
_FIRST_VERSION = "00"
_API = "opentelemetry.trace"


class SpanContext:
    """The place of a span in a trace; ids as hexadecimal text, ``state`` as W3C writes it."""

    __slots__ = ("flags", "is_remote", "span_id", "state", "trace_id")

    def __init__(
        self,
        trace_id: str,
        span_id: str,
        flags: int = 0,
        state: str = "",
        is_remote: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags
        self.state = state
        self.is_remote = is_remote


class _State:
    inherited: SpanContext | None = None
    is_known = False
    api: ModuleType | None = None


def api() -> ModuleType | None:
    """Return the module ``opentelemetry.trace``, if the program uses it.

    Without it the program has no spans, so it is not imported here.
    """
    _State.api = _State.api or sys.modules.get(_API)
    return _State.api


def current() -> SpanContext | None:
    """Return the program's current span, else the one that the environment names."""
    trace = api()
    if trace is not None:
        found = trace.get_current_span().get_span_context()
        if found.is_valid:
            state = found.trace_state.to_header() if found.trace_state else ""
            ids = format(found.trace_id, "032x"), format(found.span_id, "016x")
            return SpanContext(*ids, int(found.trace_flags), state, bool(found.is_remote))
    return inherited()


def inherited() -> SpanContext | None:
    """Return the span that the environment named when the guard was installed."""
    if not _State.is_known:
        _State.inherited, _State.is_known = read(SYSTEM.environ), True
    return _State.inherited


def read(environ: Mapping[str, str]) -> SpanContext | None:
    """Return the span that these variables name, or ``None`` if they are missing or malformed."""
    text = environ.get(PARENT_VARIABLE, "").strip(" \t")
    match = re.fullmatch(_TRACEPARENT, text) if text else None
    if match is None or (match["version"] == _FIRST_VERSION and match["more"]):
        return None
    state = _state(environ.get(STATE_VARIABLE, ""))
    return SpanContext(match["trace"], match["span"], int(match["flags"], 16), state)


def _state(text: str) -> str:
    members = [member.strip(" \t") for member in text.split(",") if member.strip(" \t")]
    whole = ",".join(members)
    well_formed = len(whole) <= _LONGEST_STATE and all(re.fullmatch(_MEMBER, member) for member in members)
    return whole if well_formed and redaction.clean(whole, redaction.of_environment()) == whole else ""
