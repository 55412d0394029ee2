"""The attributes of a decision in groups, with their names in the evidence. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence.rows import EVENT_ATTRIBUTES as EVENT
from plane_guard_dashboard.evidence.rows import RESOURCE_ATTRIBUTES as RESOURCE
from plane_guard_dashboard.evidence.rows import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CODE = "code.*"
# Group, label, column, attribute.
ATTRIBUTES: tuple[tuple[str, str, str, str], ...] = (
    ("What", "Verdict", "verdict", ""),
    ("What", "Outcome", "outcome", EVENT["outcome"]),
    ("What", "Reason", "reason", EVENT["reason"]),
    ("What", "Expected by the test", "expected", EVENT["expected"]),
    ("What", "Op", "op", EVENT["op"]),
    ("What", "Method", "method", EVENT["method"]),
    ("What", "Path", "url_template", EVENT["url_template"]),
    ("What", "Issue", "issue", ""),
    ("Where", "Target", "target", EVENT["target"]),
    ("Where", "Workspace", "workspace", EVENT["workspace"]),
    ("Where", "Project", "project", EVENT["project_id"]),
    ("Where", "Work item", "work_item_key", EVENT["work_item_key"]),
    ("Where", "Work item id", "work_item_id", EVENT["work_item_id"]),
    ("Where", "Server", "server_address", EVENT["server_address"]),
    ("Where", "Port", "server_port", EVENT["server_port"]),
    ("Who", "Test", "test", EVENT["test"]),
    ("Who", "Phase", "phase", EVENT["phase"]),
    ("Who", "Called from", "caller", _CODE),
    ("Who", "Client", "layer", EVENT["layer"]),
    ("Who", "Branch", "branch", "vcs.ref.head.name"),
    ("Who", "Revision", "revision", "vcs.ref.head.revision"),
    ("Who", "Pipeline", "pipeline", "cicd.pipeline.run.url.full"),
    ("Process", "Run", "run", RESOURCE["run_id"]),
    ("Process", "Service", "service", RESOURCE["service"]),
    ("Process", "Process", "pid", RESOURCE["pid"]),
    ("Process", "Worker", "worker", RESOURCE["worker"]),
    ("Process", "Host", "host", RESOURCE["host"]),
    ("Process", "Guard", "guard_version", RESOURCE["guard_version"]),
    ("Process", "Number in the process", "seq", EVENT["seq"]),
    ("Process", "Decision", "decision_id", EVENT["decision_id"]),
    ("Process", "Trace", "trace_id", "trace id"),
    ("Process", "Span", "span_id", "span id"),
)


def attributes(decision: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a line per known attribute."""
    return [
        {"group": "What", "name": "Time (UTC)", "value": _time(decision["time_ns"]), "attribute": ""},
        *_known(decision),
    ]


def _known(decision: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for group, name, column, attribute in ATTRIBUTES:
        value = decision[column]
        if value or isinstance(value, bool):
            yield {"group": group, "name": name, "value": _text(value), "attribute": attribute}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _time(time_ns: int) -> str:
    return f"{moment(time_ns):%Y-%m-%d %H:%M:%S.%f}"
