"""ClickHouse in this process: chdb behind the same client that speaks HTTP elsewhere."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.store.clickhouse import ClickHouse
from plane_guard_dashboard.store.local import Local
from tests.dashboard.clickhouse import exporter
from tests.dashboard.clickhouse.server import SECRET, Server
from tests.dashboard.clickhouse.spans import story
from tests.dashboard.evidence import batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clickhouse_connect.driver.client import Client

    Made = Callable[..., str]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def dial() -> Callable[[Any], Client]:
    """Connects to the engine of this process, whatever the address."""
    pytest.importorskip("chdb", reason="chdb, ClickHouse as a Python package, is not made for this platform")
    connect = pytest.importorskip("clickhouse_connect").get_client
    return lambda _: connect(interface="chdb")


@pytest.fixture(scope="session")
def client(dial: Callable[[Any], Client]) -> Iterator[Client]:
    """An account that may do everything."""
    with dial(None) as found:
        yield found


@pytest.fixture
def server(client: Client) -> Iterator[Server]:
    """The same engine, asked over HTTP by an account with a password."""
    import chdb

    engine = chdb.connect(":memory:")  # type: ignore[no-untyped-call]
    with Server(engine, ("reader", SECRET)) as found:
        yield found
    engine.close()


@pytest.fixture(scope="session")
def made(client: Client) -> Made:
    """Makes a database with the exporter's tables and these spans in it."""

    def make(*spans: Any, json_type: bool = False) -> str:
        name = f"test_{next(_numbers)}"
        for statement in exporter.tables(name, json_type=json_type):
            client.command(statement)
        if spans:
            exporter.insert(client, name, *spans, json_type=json_type)
        return name

    return make


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    """The story as files."""
    folder = tmp_path_factory.mktemp("story")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        engine = Local(str(batch(folder / "traces.jsonl", *story())))
    engine.refresh()
    return engine


@pytest.fixture(scope="session", params=[False, True], ids=["map", "json"])
def engine(request: pytest.FixtureRequest, made: Made, dial: Callable[[Any], Client]) -> ClickHouse:
    """The story in ClickHouse, in both kinds of tables that the exporter makes."""
    found = ClickHouse(f"clickhouse://reader@host/{made(*story(), json_type=request.param)}", dial)
    found.refresh()
    return found
