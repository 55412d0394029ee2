"""What is known about a decision, in groups, with the names that the evidence uses. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence.rows import EVENT_ATTRIBUTES as EVENT
from plane_guard_dashboard.evidence.rows import RESOURCE_ATTRIBUTES as RESOURCE
from plane_guard_dashboard.evidence.rows import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CODE = "code.*"
# Group, what people call it, the column, the attribute that it comes from.
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
    ("Which process", "Run", "run", RESOURCE["run_id"]),
    ("Which process", "Service", "service", RESOURCE["service"]),
    ("Which process", "Process", "pid", RESOURCE["pid"]),
    ("Which process", "Worker", "worker", RESOURCE["worker"]),
    ("Which process", "Host", "host", RESOURCE["host"]),
    ("Which process", "Guard", "guard_version", RESOURCE["guard_version"]),
    ("Which process", "Number in the process", "seq", EVENT["seq"]),
    ("Which process", "Decision", "decision_id", EVENT["decision_id"]),
    ("Which process", "Trace", "trace_id", "trace id"),
    ("Which process", "Span", "span_id", "span id"),
)


def attributes(decision: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for everything that is known."""
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
