"""The rows in an in-memory DuckDB: no file, no lock, nothing to clean up; only named queries reach it."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from plane_guard_dashboard._groups import NOBODY
from plane_guard_dashboard.queries import QUERIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from plane_guard_dashboard.rows import DecisionRow, SessionRow
    from plane_guard_dashboard.traces import Accounting, Traces

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "lock_configuration": "true",
}
_TIME = pa.timestamp("us")
_PARAMETER = re.compile(r"\$(\w+)")


def _caller(row: DecisionRow) -> str:
    place = f"{row.file}:{row.line}" if row.file and row.line else row.file or ""
    return f"{place} {row.function}".strip() if row.function else place


Column = tuple[Any, "Callable[[Any], object]"]
_SHARED: Mapping[str, Column] = {
    "ts": (_TIME, lambda row: row.time_ns // 1000),
    "time_ns": (pa.int64(), lambda row: row.time_ns),
    "run": (pa.string(), lambda row: row.run_id or NOBODY),
    "demo": (pa.bool_(), lambda row: row.demo),
    "trace_id": (pa.string(), lambda row: row.trace_id),
    "span_id": (pa.string(), lambda row: row.span_id),
}
_DECISIONS: Mapping[str, Column] = {
    **_SHARED,
    "decision_id": (pa.string(), lambda row: row.decision_id),
    "seq": (pa.int64(), lambda row: row.seq),
    "outcome": (pa.string(), lambda row: str(row.outcome)),
    "expected": (pa.bool_(), lambda row: row.expected),
    "blocked": (pa.bool_(), lambda row: row.blocked),
    "prod_attempt": (pa.bool_(), lambda row: row.prod_attempt),
    "prod_allowed": (pa.bool_(), lambda row: row.prod_allowed),
    "target": (pa.string(), lambda row: row.target),
    "reason": (pa.string(), lambda row: row.reason),
    "op": (pa.string(), lambda row: row.op),
    "project": (pa.string(), lambda row: row.project_id or NOBODY),
    "work_item": (pa.string(), lambda row: row.work_item or ""),
    "test": (pa.string(), lambda row: row.test or NOBODY),
    "caller": (pa.string(), _caller),
}


class Store:
    """Answers named queries about one reading of the traces."""

    def __init__(self, traces: Traces) -> None:
        self.accounting: Accounting = traces.accounting
        self._connection = duckdb.connect(":memory:", config=_SETTINGS)
        self._fill("decisions", _DECISIONS, traces.decisions)
        self._fill("sessions", _SHARED, traces.sessions)

    def query(self, name: str, **parameters: object) -> list[dict[str, Any]]:
        """The rows of a named query; it takes from `parameters` what it names."""
        sql = QUERIES[name]
        wanted = {key: parameters[key] for key in _PARAMETER.findall(sql)}
        cursor = self._connection.cursor().execute(sql, wanted)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, map(_aware, values), strict=True)) for values in cursor.fetchall()]

    def one(self, name: str, **parameters: object) -> dict[str, Any]:
        """The only row of a named query."""
        return self.query(name, **parameters)[0]

    def values(self, name: str, limit: int) -> list[str]:
        """The first column of a named query: what a filter offers."""
        return [next(iter(row.values())) for row in self.query(name, limit=limit)]

    def _fill(self, name: str, columns: Mapping[str, Column], rows: Sequence[DecisionRow | SessionRow]) -> None:
        arrays = [pa.array([read(row) for row in rows], type=kind) for kind, read in columns.values()]
        self._connection.register("incoming", pa.Table.from_arrays(arrays, names=list(columns)))
        self._connection.execute(f"CREATE TABLE {name} AS FROM incoming")
        self._connection.unregister("incoming")


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if hasattr(value, "tzinfo") and value.tzinfo is None else value
