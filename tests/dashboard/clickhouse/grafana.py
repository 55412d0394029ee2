"""The files of deploy/grafana that are made from the code: `python -m tests.dashboard.clickhouse.grafana` writes them.

The view has the rules of the dashboard, so Grafana's numbers are those of its pages.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plane_guard_dashboard.store._clickhouse_relations import RELATIONS
from plane_guard_dashboard.store._clickhouse_table import NEEDED, Table

FOLDER = Path(__file__).parents[3] / "deploy" / "grafana"
VIEWS = FOLDER / "views.sql"
DASHBOARD = FOLDER / "dashboards" / "plane-guard.json"
ALERTS = FOLDER / "provisioning" / "alerting" / "plane-guard.yaml"
SOURCE = {"type": "grafana-clickhouse-datasource", "uid": "plane-guard"}
_TABLE = Table(
    "plane_guard",
    "otel_traces",
    dict.fromkeys((*NEEDED, "SpanAttributes"), "Map(LowCardinality(String), String)"),
)
# A span may begin an hour before its event.
_WINDOW = ["Timestamp >= {since:DateTime} - INTERVAL 1 HOUR"]
_HEAD = """-- What Grafana needs in ClickHouse besides clickhouse.sql, made once; it may be run again.
--
--   clickhouse-client --multiquery < deploy/grafana/views.sql
--
-- Both views take the time from which rows are wanted: SELECT * FROM plane_guard.decisions(since = now() - 3600).
-- This file is made from the dashboard's own rules: python -m tests.dashboard.clickhouse.grafana
"""
_ACCOUNT = """
-- Grafana's client sets a time limit for each query, so that one setting may be changed. Nobody can use the account
-- before it has a password and a host:
--   ALTER USER plane_guard_grafana IDENTIFIED BY '...' HOST ANY;
CREATE SETTINGS PROFILE IF NOT EXISTS plane_guard_grafana SETTINGS
    readonly = 1,
    max_execution_time = 30 MIN 1 MAX 60 CHANGEABLE_IN_READONLY,
    max_memory_usage = 4000000000,
    max_result_rows = 100000,
    result_overflow_mode = 'throw';
CREATE USER IF NOT EXISTS plane_guard_grafana HOST NONE SETTINGS PROFILE 'plane_guard_grafana';
GRANT SELECT ON plane_guard.* TO plane_guard_grafana;
"""


def views() -> str:
    """Return the script of the views."""
    made = "".join(
        f"\nCREATE OR REPLACE VIEW plane_guard.{kind} AS\n"
        f"SELECT fromUnixTimestamp64Nano(time_ns) AS time, * FROM ({RELATIONS[kind](_TABLE, _WINDOW)}\n);\n"
        for kind in ("decisions", "sessions")
    )
    return f"{_HEAD}{made}{_ACCOUNT}"


_RECENT = "FROM plane_guard.decisions(since = $__fromTime) WHERE $__timeFilter(time) AND NOT demo"
_KIND = (
    "multiIf(prod_allowed, 'got through', prod_attempt, 'blocked on production', possible_prod_attempt, "
    "'possibly on production', 'blocked elsewhere')"
)
_STATS = (
    ("Writes that got through", "prod_allowed", "red", "Writes to production that left a test process. Act at once."),
    ("Blocked on production", "prod_attempt", "orange", "Attempts to write to production that were stopped."),
    ("Possibly on production", "possible_prod_attempt", "orange", "The object is not in the sandbox."),
    ("Expected blocks", "verdict = 'expected block'", "text", "Tests that assert on a refusal. They never count."),
)
_ROWS = "time, test, project_name, work_item, op, reason, caller, branch, repository, job, host, run, decision_id"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    panels = [_stat(number, *stat) for number, stat in enumerate(_STATS)]
    panels.append(
        _panel(
            5,
            "Guarded processes",
            "stat",
            (16, 0, 8, 4),
            "SELECT count() AS processes FROM plane_guard.sessions(since = $__fromTime) "
            "WHERE $__timeFilter(time) AND NOT demo",
            description="Without any, nobody knows what the tests wrote.",
            thresholds=[{"color": "red", "value": None}, {"color": "green", "value": 1}],
        )
    )
    panels.append(
        _panel(
            6,
            "Attempts",
            "timeseries",
            (0, 4, 24, 8),
            f"SELECT $__timeInterval(time) AS time, {_KIND} AS kind, count() AS attempts {_RECENT} AND attempt "
            "GROUP BY time, kind ORDER BY time",
            query="timeseries",
        )
    )
    groups = (
        "SELECT test_group, project, op, reason, count() AS attempts, countIf(prod_allowed) AS got_through, "
        f"min(time) AS first, max(time) AS last, any(branch) AS branch {_RECENT} AND attempt "
        "GROUP BY test_group, project, op, reason ORDER BY got_through DESC, attempts DESC LIMIT 50"
    )
    panels.append(_panel(7, "Groups of attempts", "table", (0, 12, 24, 9), groups))
    latest = f"SELECT {_ROWS} {_RECENT} AND attempt ORDER BY prod_allowed DESC, time DESC LIMIT 50"
    panels.append(_panel(8, "Newest attempts, those that got through first", "table", (0, 21, 24, 9), latest))
    document = {
        "uid": "plane-guard",
        "title": "plane-guard: writes of tests to Plane",
        "tags": ["plane-guard"],
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 0,
        "schemaVersion": 39,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "panels": panels,
    }
    return json.dumps(document, indent=2) + "\n"


def _stat(number: int, title: str, condition: str, colour: str, description: str) -> dict[str, Any]:
    sql = f"SELECT countIf({condition}) AS decisions {_RECENT}"
    thresholds: list[dict[str, Any]] = [{"color": "green" if colour != "text" else colour, "value": None}]
    thresholds += [{"color": colour, "value": 1}] if colour != "text" else []
    place = (number * 4, 0, 4, 4)
    return _panel(number + 1, title, "stat", place, sql, description=description, thresholds=thresholds)


def _panel(  # noqa: PLR0913  the parts of a panel
    number: int,
    title: str,
    kind: str,
    place: tuple[int, int, int, int],
    sql: str,
    *,
    description: str = "",
    thresholds: list[dict[str, Any]] | None = None,
    query: str = "table",
) -> dict[str, Any]:
    defaults: dict[str, Any] = {"color": {"mode": "thresholds"}} if thresholds else {}
    if thresholds:
        defaults["thresholds"] = {"mode": "absolute", "steps": thresholds}
    target = {"datasource": SOURCE, "refId": "A", "editorType": "sql", "queryType": query, "rawSql": sql}
    return {
        "id": number,
        "type": kind,
        "title": title,
        **({"description": description} if description else {}),
        "datasource": SOURCE,
        "gridPos": dict(zip(("x", "y", "w", "h"), place, strict=True)),
        "targets": [{**target, "format": 0 if query == "timeseries" else 1}],
        "fieldConfig": {"defaults": defaults, "overrides": []},
    }


if __name__ == "__main__":
    VIEWS.write_text(views(), encoding="utf-8")
    DASHBOARD.write_text(dashboard(), encoding="utf-8")
