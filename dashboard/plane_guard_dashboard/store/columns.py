"""The columns of the three relations that the named queries read. No value is ever NULL.

An absent text is empty, or `(none)` in the columns that pages group and filter by; an absent number is 0. Only `tests`
of a session is -1 if it is absent, because a session that executed no test has 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DECISIONS: Mapping[str, type] = {
    "decision_id": str,
    "time_ns": int,
    "seq": int,
    "verdict": str,
    "outcome": str,
    "expected": bool,
    "attempt": bool,
    "prod_attempt": bool,
    "possible_prod_attempt": bool,
    "prod_allowed": bool,
    "target": str,
    "reason": str,
    "op": str,
    "workspace": str,
    "project": str,
    "project_name": str,
    "work_item": str,
    "work_item_id": str,
    "work_item_key": str,
    "method": str,
    "url_template": str,
    "server_address": str,
    "server_port": int,
    "layer": str,
    "test": str,
    "test_group": str,
    "test_key": str,
    "folder": str,
    "phase": str,
    "caller": str,
    "issue": str,
    "run": str,
    "demo": bool,
    "service": str,
    "branch": str,
    "revision": str,
    "repository": str,
    "repository_url": str,
    "job": str,
    "actor": str,
    "pipeline": str,
    "guard_version": str,
    "pid": int,
    "host": str,
    "worker": str,
    "trace_id": str,
    "span_id": str,
    "parent_span_id": str,
    "span_name": str,
    "start_ns": int,
    "duration_ns": int,
    "failed": bool,
}
_OF_A_PROCESS = (
    *("run", "demo", "service", "branch", "revision", "repository", "repository_url", "job", "actor", "pipeline"),
    *("guard_version", "pid", "host", "worker"),
)
_OF_A_SPAN = ("trace_id", "span_id", "parent_span_id", "service", "start_ns", "duration_ns", "failed")
SESSIONS: Mapping[str, type] = {
    name: DECISIONS[name] for name in ("time_ns", *_OF_A_PROCESS, "trace_id", "span_id")
} | {
    "evidence": str,
    "shells": str,
    "uncovered": str,  # one text a line: a text may contain a comma
    "tests": int,
    "test_keys": str,
}
SPANS: Mapping[str, type] = {name: DECISIONS[name] for name in _OF_A_SPAN} | {"name": str}
