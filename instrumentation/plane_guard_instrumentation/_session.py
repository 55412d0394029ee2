"""One span per guarded process that says: the guard is in place here. Without it, quiet and unguarded look alike.

It is written at start-up, where importing the SDK would cost what every child process feels; so this one line is
encoded here. A test holds it against OpenTelemetry's own encoding.
"""

from __future__ import annotations

import atexit
import json
import os
import time
from typing import TYPE_CHECKING

from plane_guard import _process
from plane_guard_instrumentation import _attributes as names
from plane_guard_instrumentation import _file, _floor, _record, _resource, _shells

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPAN_KIND_INTERNAL = 1
_FLAGS_CONTEXT_HAS_IS_REMOTE = 256


class _State:
    announced = 0
    registered = False


def announce() -> None:
    """Write this process's session span and hand the guard to its children, once it is a test process."""
    if _State.announced == os.getpid():
        return
    if _process.test_evidence():
        _State.announced = os.getpid()
        problem = _file.append(line() + "\n")
        if problem:
            _record.note_unwritten(problem)
        _floor.hand_to_children(_file.path())
    elif not _State.registered:
        _State.registered = True
        atexit.register(announce)


def line() -> str:
    """The session span as OTLP JSON."""
    now = str(time.time_ns())
    span = {
        "traceId": os.urandom(16).hex(),
        "spanId": os.urandom(8).hex(),
        "name": names.SESSION,
        "kind": _SPAN_KIND_INTERNAL,
        "startTimeUnixNano": now,
        "endTimeUnixNano": now,
        "attributes": _encode(described()),
        "status": {},
        "flags": _FLAGS_CONTEXT_HAS_IS_REMOTE,
    }
    scope = {"name": names.SCOPE, "version": _resource.version()}
    resource = {"attributes": _encode(_resource.attributes())}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [span]}]}]}
    return json.dumps(document, separators=(",", ":"))


def described() -> dict[str, str | int | list[str]]:
    """The attributes of the session span."""
    return {names.SESSION_EVIDENCE: _process.test_evidence(), names.SESSION_SHELLS: _shells.layers()}


def _encode(attributes: Mapping[str, str | int | list[str]]) -> list[object]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: str | int | list[str]) -> dict[str, object]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(member) for member in value]}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
