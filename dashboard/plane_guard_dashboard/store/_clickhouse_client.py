"""A read-only connection to ClickHouse with limits. Each failure becomes a sentence that says what to do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.store.clickhouse_errors import missing_package, no_answer, refused_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clickhouse_connect.driver.client import Client
    from clickhouse_connect.driver.query import QueryResult

    from plane_guard_dashboard.store.clickhouse_address import Address

CONNECT_SECONDS = 5
READ_SECONDS = 60
LIMITS: Mapping[str, int | str] = {
    "readonly": 1,
    "max_execution_time": 30,
    "max_result_rows": 100_000,
    "result_overflow_mode": "throw",
}


def connect(address: Address) -> Client:
    """Return a client over HTTP. Needs the packages of the extra `clickhouse`."""
    from clickhouse_connect import get_client

    return get_client(
        host=address.host,
        port=address.port,
        username=address.user,
        password=address.password,
        interface="https" if address.secure else "http",
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=READ_SECONDS,
        query_retries=0,
        autogenerate_session_id=False,  # queries of one session would wait for each other
        client_name="plane-guard",
    )


class Connection:
    """A connection that opens with the first query. Safe to use from several threads."""

    def __init__(self, address: Address, dial: Callable[[Address], Client] = connect) -> None:
        self.address = address
        self._dial = dial
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._limits: dict[str, Any] = {}

    @property
    def server_version(self) -> str:
        """The version of the server. Empty before the first query."""
        return (self._client and self._client.server_version) or ""

    def ask(self, sql: str, parameters: Mapping[str, object] | None = None) -> QueryResult:
        """Return the result of one statement.

        Raises:
            NoTracesError: The query failed; the text says why and what to do.
        """
        try:
            from clickhouse_connect.driver.exceptions import ClickHouseError
        except ImportError:
            raise missing_package() from None
        try:
            client = self._connected()
            try:
                return client.query(sql, parameters=dict(parameters or {}), settings=self._limits)
            except ClickHouseError as error:
                if not self._limits or not refused_settings(error):
                    raise
            self._limits = {}  # the account has limits of its own
            return client.query(sql, parameters=dict(parameters or {}))
        except ClickHouseError as error:
            raise no_answer(self.address.place, error) from error

    def row(self, sql: str) -> Sequence[Any]:
        """Return the only row of a result."""
        found: Sequence[Any] = self.ask(sql).result_rows[0]
        return found

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                client = self._dial(self.address)
                self._limits = {name: value for name, value in LIMITS.items() if _may_be_set(client, name)}
                self._client = client
            return self._client


def _may_be_set(client: Client, name: str) -> bool:
    known = client.server_settings.get(name)
    return known is not None and not known.readonly
