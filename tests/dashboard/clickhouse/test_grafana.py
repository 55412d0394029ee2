"""deploy/grafana fits the schema of Grafana, and its queries count on ClickHouse as the dashboard does."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafana_foundation_sdk.cog import encoder
from grafana_foundation_sdk.models import alerting
from grafana_foundation_sdk.models.dashboard import Dashboard

from plane_guard_dashboard.store.clickhouse import ClickHouse
from tests.dashboard.clickhouse import exporter, grafana
from tests.dashboard.clickhouse.spans import story
from tests.dashboard.clickhouse.test_equal_counts import by_hand, history
from tests.dashboard.evidence import SECOND, START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clickhouse_connect.driver.client import Client

COMPOSE = yaml.safe_load((grafana.FOLDER.parent / "compose.yaml").read_text())
DASHBOARD = json.loads(grafana.DASHBOARD.read_text())
RULES = [rule for group in yaml.safe_load(grafana.ALERTS.read_text())["groups"] for rule in group["rules"]]
ACCOUNT = (grafana.FOLDER / "clickhouse-user.sh").read_text()
FROM, TO = START // SECOND - 3600, START // SECOND + 7200


def queries() -> dict[str, str]:
    """Return the SQL of each panel and rule by its title."""
    found = {panel["title"]: panel["targets"][0]["rawSql"] for panel in DASHBOARD["panels"]}
    return found | {rule["title"]: rule["data"][0]["model"]["rawSql"] for rule in RULES}


def expanded(sql: str, database: str) -> str:
    """Replace the macros of Grafana's plugin as it does."""
    sql = sql.replace("$__fromTime", f"toDateTime({FROM})")
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime({FROM}) AND \1 <= toDateTime({TO})", sql)
    sql = re.sub(r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)", sql)
    assert "$__" not in sql
    return sql.replace("plane_guard.", f"{database}.")


def statements(database: str) -> Iterator[str]:
    for one in exporter.statements(grafana.VIEWS.read_text()):
        yield one.replace("`plane_guard`.", f"`{database}`.").replace(" plane_guard.", f" {database}.")


@pytest.fixture(scope="module")
def asked(client: Client, made: Callable[..., str]) -> Callable[[str], list[dict[str, Any]]]:
    """Answers a query of Grafana over the history."""
    database = made(*history())
    for _ in range(2):
        for statement in statements(database):
            if statement.startswith("CREATE OR REPLACE VIEW"):
                client.command(statement)

    def ask(title: str) -> list[dict[str, Any]]:
        return list(client.query(expanded(queries()[title], database)).named_results())

    return ask


def test_the_numbers_are_those_of_the_dashboard_without_the_demo(asked: Callable[[str], list[dict[str, Any]]]) -> None:
    counts = by_hand(0, 1)
    one = {title: next(iter(asked(title)[0].values())) for title in queries() if len(asked(title)[0]) == 1}
    assert one == {
        "Writes that got through": counts["prod_allowed"],
        "Blocked on production": counts["prod_attempts"],
        "Possibly on production": counts["possible_prod_attempts"],
        "Expected blocks": counts["expected"],
        "Guarded processes": 2,
        "A test wrote to production Plane": counts["prod_allowed"],
        "A test tried to write to production Plane": counts["prod_attempts"] + counts["possible_prod_attempts"],
    }
    attempts = counts["blocked"] + counts["prod_allowed"]
    assert sum(row["attempts"] for row in asked("Attempts")) == attempts
    assert sum(row["attempts"] for row in asked("Groups of attempts")) == attempts
    newest = asked("Newest attempts, those that got through first")
    assert len(newest) == attempts
    assert {row["reason"] for row in newest[: counts["prod_allowed"]]} == {"sandbox-allowed"}


def test_the_views_have_the_rows_of_the_dashboard(client: Client, made: Callable[..., str], dial: Any) -> None:
    database = made(*story())
    for statement in statements(database):
        if statement.startswith("CREATE OR REPLACE VIEW"):
            client.command(statement)
    engine = ClickHouse(f"clickhouse://host/{database}", dial)
    rows = client.query(f"SELECT * FROM {database}.decisions(since = toDateTime(0))").named_results()
    for row in rows:
        [expected] = engine.query("decision", {"id": row["decision_id"]})
        assert {name: expected[name] for name in row.keys() - {"time"}} == {
            name: value for name, value in row.items() if name != "time"
        }


def test_the_dashboard_fits_the_schema_of_grafana() -> None:
    assert grafana.views() == grafana.VIEWS.read_text(), "run: python -m tests.dashboard.clickhouse.grafana"
    assert grafana.dashboard() == grafana.DASHBOARD.read_text(), "run: python -m tests.dashboard.clickhouse.grafana"
    read = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=encoder.JSONEncoder))
    # What the schema does not know, it leaves out.
    assert _known(DASHBOARD, read) == []
    assert _known(DASHBOARD | {"panel": []}, read) == [".panel"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {_source()["uid"]}


def _known(written: Any, read: Any, place: str = "") -> list[str]:
    """Return what was lost when a document was read by the schema."""
    if place.endswith("targets"):
        return []  # the data source has a schema of its own
    if isinstance(written, dict):
        lost = [f"{place}.{name}" for name in written if name not in read]
        return lost + [
            gap for name in written if name in read for gap in _known(written[name], read[name], f"{place}.{name}")
        ]
    if isinstance(written, list):
        assert len(written) == len(read), place
        return [gap for one, other in zip(written, read, strict=True) for gap in _known(one, other, place)]
    return [] if written == read else [place]


def _source() -> dict[str, Any]:
    file = grafana.FOLDER / "provisioning" / "datasources" / "plane-guard.yaml"
    [found] = yaml.safe_load(file.read_text())["datasources"]
    assert isinstance(found, dict)
    return found


def test_the_rules_fit_the_schema_and_fire_above_zero() -> None:
    assert len({rule["uid"] for rule in RULES}) == 2
    for rule in RULES:
        read = json.loads(json.dumps(alerting.Rule.from_json(rule), cls=encoder.JSONEncoder))
        assert _known(rule, read) == []
        steps = {step["refId"]: step for step in rule["data"]}
        assert steps["A"]["datasourceUid"] == _source()["uid"]
        assert (steps["B"]["model"]["expression"], steps["C"]["model"]["expression"]) == ("A", "B")
        assert steps[rule["condition"]]["model"]["conditions"][0]["evaluator"] == {"type": "gt", "params": [0]}


def test_compose_mounts_what_is_there_and_gives_grafana_an_account_that_reads() -> None:
    service = COMPOSE["services"]["grafana"]
    mounted = [*service["volumes"], *COMPOSE["services"]["clickhouse"]["volumes"]]
    for place in (one.partition(":")[0] for one in mounted if one.startswith("./")):
        assert (grafana.FOLDER.parent / place).exists(), place
    source = _source()
    assert source["jsonData"]["host"] == "$PLANE_GUARD_CLICKHOUSE_HOST"
    assert {"PLANE_GUARD_CLICKHOUSE_HOST", "PLANE_GUARD_GRAFANA_DB_PASSWORD"} <= service["environment"].keys()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    account = source["jsonData"]["username"]
    assert f"ALTER USER {account} " in ACCOUNT
    [profile] = [one for one in statements("plane_guard") if "SETTINGS PROFILE IF" in one]
    assert "readonly = 1" in profile
    assert "max_execution_time = 30 MIN 1 MAX 60 CHANGEABLE_IN_READONLY" in profile
    assert any(one == f"GRANT SELECT ON plane_guard.* TO {account}" for one in statements("plane_guard"))


def test_the_script_can_be_parsed(client: Client) -> None:
    [alter] = re.findall(r'"(ALTER USER .*)"', ACCOUNT)
    for statement in (*statements("plane_guard"), alter):
        assert client.query("SELECT formatQuery({sql:String})", parameters={"sql": statement}).first_item
