"""The engine for the table of the Collector's ClickHouse exporter, over HTTP."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState, shown
from plane_guard_dashboard.store import _clickhouse_client as clients
from plane_guard_dashboard.store._clickhouse_span import span_as_json
from plane_guard_dashboard.store._clickhouse_sql import account, generation, shown_name, statement
from plane_guard_dashboard.store._clickhouse_table import Table
from plane_guard_dashboard.store.clickhouse_address import AddressError, parsed
from plane_guard_dashboard.store.clickhouse_errors import NoAnswerError
from plane_guard_dashboard.store.engine import Health, Source
from plane_guard_dashboard.store.queries import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from plane_guard_dashboard.store.clickhouse_address import Address
    from plane_guard_dashboard.store.engine import Progress

SHARE_OF_LOOKING = 0.1


class ClickHouse:
    """A table on a server. Every query goes to the server; only the counts of `refresh` are kept."""

    def __init__(self, source: str, dial: Callable[[Address], Client] = clients.connect) -> None:
        self.source = source
        self._dial = dial
        self._lock = threading.Lock()
        self._known: tuple[clients.Connection, Table] | None = None
        self._size: Sequence[object] = ()
        self._counts: tuple[int, ...] = ()
        self._next_look = 0.0

    def refresh(self, progress: Progress | None = None) -> Hashable:  # noqa: ARG002 - there is nothing to read first
        """Check if the table has grown, and count the spans of plane-guard if so."""
        with self._lock:
            connection, table = self._opened()
            try:
                size = _size(connection, table)
                if size != self._size or size[0] is None:
                    self._look(connection, table, size)
            except NoTracesError:
                self._known, self._counts, self._size = None, (), ()
                raise
            if not self._counts[0]:
                raise nothing(connection, table)
            return self._counts

    def query(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Return the rows of a named query."""
        connection, table = self._opened()
        wanted = needed(name, parameters)
        found = connection.ask(statement(name, wanted, table), wanted)
        names = [shown_name(column) for column in found.column_names]
        return [dict(zip(names, values, strict=True)) for values in found.result_rows]

    def raw(self, decision_id: str) -> str | None:
        """Return the span of the decision as JSON text."""
        rows = self.query("decision", {"id": decision_id})
        connection, table = self._opened()
        return span_as_json(connection, table, rows[0]["trace_id"], rows[0]["span_id"]) if rows else None

    def health(self) -> Health:
        """Return the size of the table, and the number of events that could not be understood."""
        connection, table = self._opened()
        rows, size = _size(connection, table)
        events, unique, unknown, spans = connection.row(account(table))
        return Health(
            engine=f"ClickHouse {connection.server_version}".strip(),
            place=connection.address.place,
            sources=(Source(table.name, size or 0, size or 0, spans if rows is None else rows, unknown),),
            lines=spans,
            unreadable_lines=unknown,
            unreadable_files=0,
            pending_lines=0,
            duplicates=events - unknown - unique,
            samples=(),
        )

    def _opened(self) -> tuple[clients.Connection, Table]:
        """Return the connection and the table. The columns are read once."""
        if self._known is None:
            self._known = opened(self.source, self._dial)
        return self._known

    def _look(self, connection: clients.Connection, table: Table, size: Sequence[object]) -> None:
        """Count the spans of plane-guard, in at most a tenth of the time."""
        started = time.monotonic()
        if self._counts and started < self._next_look:
            return
        self._counts, self._size = tuple(connection.row(generation(table))), size
        ended = time.monotonic()
        self._next_look = ended + (ended - started) / SHARE_OF_LOOKING


def opened(source: str, dial: Callable[[Address], Client]) -> tuple[clients.Connection, Table]:
    """Return the connection to an address, and the table with its columns.

    Raises:
        NoTracesError: The address or the table cannot be used; the text says why and what to do.
    """
    try:
        address = parsed(source, os.environ)
    except AddressError as error:
        raise NoAnswerError(SourceState.BROKEN, shown(source), f"is no address. {error}") from error
    connection = clients.Connection(address, dial)
    return connection, _described(connection)


def _size(connection: clients.Connection, table: Table) -> Sequence[Any]:
    """Return rows and bytes from the statistics of the server; None for views."""
    sql = "SELECT total_rows, total_bytes FROM system.tables WHERE database = {d:String} AND name = {t:String}"
    found = connection.ask(sql, {"d": table.database, "t": table.name}).result_rows
    return found[0] if found else (None, None)


def _described(connection: clients.Connection) -> Table:
    address = connection.address
    table = Table(address.database, address.table, {})
    found = connection.ask(f"DESCRIBE TABLE {table.quoted}").result_rows
    table = Table(address.database, address.table, {row[0]: row[1] for row in found})
    if table.missing:
        sentence = f"is no table of the collector's: it has no column {table.missing[0]}. Name another one with ?table="
        raise NoAnswerError(SourceState.FOREIGN, address.place, sentence)
    return table


def nothing(connection: clients.Connection, table: Table) -> NoTracesError:
    """Return the error for a table without spans of plane-guard."""
    place, rows = connection.address.place, _size(connection, table)[0]
    if not rows:
        return NoTracesError(SourceState.EMPTY, place)
    return NoTracesError(SourceState.FOREIGN, place, f"{rows} other spans in {table.name}")
