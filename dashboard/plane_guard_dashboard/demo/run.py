"""Run the child against the server, and collect what child, server and evidence show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from plane_guard_dashboard.demo import child as _child
from plane_guard_dashboard.demo.assertions import Observed
from plane_guard_dashboard.evidence import traces

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_dashboard.evidence.rows import DecisionRow
    from plane_guard_instrumentation.testing import FakePlane, ReceivedRequest


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence files of the run and their decisions."""

    files: tuple[Path, ...]
    decisions: tuple[DecisionRow, ...]
    sessions: int


def observe(folder: Path, plane: FakePlane, trace_dir: Path) -> tuple[Observed, Evidence]:
    """Run the tests, and return the observations."""
    before, there = plane.snapshot(plane.prod.id), _files(trace_dir)
    child = _child.run_tests(folder, plane, trace_dir)
    evidence = _read(_files(trace_dir) - there, plane.port)
    observed = Observed(
        child=child,
        decisions=evidence.decisions,
        sessions=evidence.sessions,
        prod_id=plane.prod.id,
        prod_writes=tuple(write for write in plane.writes if _names_production(write, plane)),
        prod_changes=_changes(plane, plane.prod.id),
        prod_unchanged=plane.snapshot(plane.prod.id) == before,
        sandbox_changes=frozenset(_changes(plane, plane.sandbox.id)),
    )
    return observed, evidence


def _files(trace_dir: Path) -> set[Path]:
    return set(trace_dir.glob("*.jsonl"))


def _read(files: set[Path], port: int) -> Evidence:
    """Return the evidence in the new files that is about our port.

    Other processes may write into the same folder.
    """
    found = {path: one for path in sorted(files) if (one := _traces(path))}
    ours = {path: one for path, one in found.items() if any(row.server_port == port for row in one.decisions)}
    decisions = [row for one in ours.values() for row in one.decisions if row.server_port == port]
    decisions.sort(key=lambda row: (row.time_ns, row.seq or 0))
    return Evidence(tuple(ours), tuple(decisions), sum(len(one.sessions) for one in ours.values()))


def _traces(path: Path) -> traces.Traces | None:
    try:
        return traces.read(path)
    except traces.NoTracesError:
        return None


def _changes(plane: FakePlane, project: str) -> tuple[str, ...]:
    return tuple(f"{change.table}: {change.what}" for change in plane.changes_of(project))


def _names_production(write: ReceivedRequest, plane: FakePlane) -> bool:
    said = unquote(write.target) + write.body.decode("utf-8", "replace")
    return any(key in said for key in (plane.prod.id, *plane.prod.items.values()))
