"""The trace that this process is a part of: what a CI job hands over as ``TRACEPARENT`` and ``TRACESTATE``.

Read once, as OpenTelemetry's specification of environment carriers says. Whether the parent was sampled does not
matter: a decision is evidence.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import redaction

if TYPE_CHECKING:
    from collections.abc import Mapping

PARENT_VARIABLE = "TRACEPARENT"
STATE_VARIABLE = "TRACESTATE"
_TRACEPARENT = (  # compiled where there is one
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_MEMBER = r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}"
_LONGEST_STATE = 512
_FIRST_VERSION = "00"


class Parent:
    """The span that this process runs under; ids as hexadecimal text, ``state`` as W3C writes it."""

    __slots__ = ("flags", "span_id", "state", "trace_id")

    def __init__(self, trace_id: str, span_id: str, flags: int = 0, state: str = "") -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags
        self.state = state


class _State:
    parent: Parent | None = None
    known = False


def inherited() -> Parent | None:
    """The parent that the environment named when this was first asked."""
    if not _State.known:
        _State.parent, _State.known = read(os.environ), True
    return _State.parent


def read(environ: Mapping[str, str]) -> Parent | None:
    """The parent that these variables name, or ``None`` where they are malformed."""
    text = environ.get(PARENT_VARIABLE, "").strip(" \t")
    match = re.fullmatch(_TRACEPARENT, text) if text else None
    if match is None or (match["version"] == _FIRST_VERSION and match["more"]):
        return None
    return Parent(match["trace"], match["span"], int(match["flags"], 16), _state(environ.get(STATE_VARIABLE, "")))


def _state(text: str) -> str:
    members = [member.strip(" \t") for member in text.split(",") if member.strip(" \t")]
    whole = ",".join(members)
    well_formed = len(whole) <= _LONGEST_STATE and all(re.fullmatch(_MEMBER, member) for member in members)
    return whole if well_formed and redaction.clean(whole, redaction.of_environment()) == whole else ""
