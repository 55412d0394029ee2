"""deploy/clickhouse.sql runs, twice as well, and makes what collector and dashboard need."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.store.clickhouse import ClickHouse
from plane_guard_dashboard.store.queries import Filters
from tests.dashboard.clickhouse import exporter
from tests.dashboard.clickhouse.spans import story

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = exporter.SCHEMA.read_text()
OPTIONAL = SCRIPT[SCRIPT.index("-- Optional") :]


ACCOUNTS = [one for one in exporter.statements(SCRIPT) if not one.startswith(exporter.MAKES_TABLES)]
USER = (exporter.SCHEMA.parent / "clickhouse-dashboard-user.sh").read_text()


@pytest.fixture
def database(client: Any) -> Iterator[Any]:
    for _ in range(2):
        for statement in exporter.statements(SCRIPT):
            if statement not in ACCOUNTS:
                client.command(statement)
    yield client
    client.command("DROP DATABASE plane_guard")


def optional() -> list[str]:
    """The statements that are comments until somebody wants them."""
    text = re.sub(r"^-- ?", "", OPTIONAL, flags=re.MULTILINE)
    return list(exporter.statements(text[text.index("CREATE TABLE") :]))


def test_the_dashboards_account_reads_within_limits_and_nobody_has_it_yet(client: Any) -> None:
    """The engine of this process has no accounts: it reads the statements, and cannot run them."""
    [alter] = re.findall(r'"(ALTER USER .*)"', USER)
    for statement in (*ACCOUNTS, alter):
        assert client.query("SELECT formatQuery({sql:String})", parameters={"sql": statement}).first_row[0]
    profile, user, grant = (" ".join(one.split()) for one in ACCOUNTS)
    assert "SETTINGS readonly = 1, max_execution_time = 30," in profile
    assert user.endswith("plane_guard_dashboard HOST NONE SETTINGS PROFILE 'plane_guard_reader'")
    assert grant == "GRANT SELECT ON plane_guard.* TO plane_guard_dashboard"


def test_the_narrow_table_answers_like_the_wide_one(database: Any, dial: Any) -> None:
    early, late = story()[:40], story()[40:]
    exporter.insert(database, "plane_guard", *early)
    for statement in optional():
        database.command(statement)
    exporter.insert(database, "plane_guard", *late)
    case = {**Filters().parameters(), "limit": 500, "before_ns": 2**62, "before_id": ""}
    wide = ClickHouse("clickhouse://host/plane_guard", dial)
    narrow = ClickHouse("clickhouse://host/plane_guard?table=plane_guard_traces", dial)
    assert narrow.query("latest", case) == wide.query("latest", case)
    assert narrow.query("runs", case) == wide.query("runs", case)


def test_the_table_finds_a_trace_by_its_id(database: Any) -> None:
    exporter.insert(database, "plane_guard", *story())
    [[found]] = database.query("SELECT count() FROM plane_guard.otel_traces_trace_id_ts").result_rows
    assert found > 10
