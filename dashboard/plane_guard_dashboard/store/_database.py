"""A DuckDB file with the rows of a source, and how far each file of the source has been read.

Rows and progress change in the same transaction. After a crash the file therefore holds either both or neither.
The SQL in here is put together from constants, numbers and the names of our own files.
"""
# ruff: noqa: S608

from __future__ import annotations

import contextlib
import json
import logging
import weakref
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import duckdb

from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.otlp import text
from plane_guard_dashboard.evidence.rows import DECISION
from plane_guard_dashboard.store import _cache
from plane_guard_dashboard.store._batch import SCHEMAS
from plane_guard_dashboard.store._follow import Tracked
from plane_guard_dashboard.store._layout import KINDS
from plane_guard_dashboard.store._rows import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa  # type: ignore[import-untyped]

    from plane_guard_dashboard.store._cache import Cache

_logger = logging.getLogger("plane_guard")
_MEMORY = ":memory:"
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "1200MB",  # the process needs a few hundred megabytes in addition
    "write_buffer_row_group_count": 1,  # by default it waits for 5 groups of rows, which costs 200 MB
    "allocator_flush_threshold": "32MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
# One thread inserts with a quarter less processor time, and the thread that decodes lines needs the other processor.
_WHILE_READING = {"threads": 1, "memory_limit": "150MB"}
_MACROS = (
    "countIf(condition) AS count(*) FILTER (condition)",
    "has(list, item) AS list_contains(list, item)",
    "empty(list) AS len(list) = 0",
    "intDiv(a, b) AS a // b",
    "lowerUTF8(s) AS lower(s)",
    "splitByChar(separator, s) AS string_split(s, separator)",
    "arrayJoin(list) AS unnest(list)",
    "positionUTF8(hay, needle) AS strpos(hay, needle)",
    "startsWith(s, beginning) AS starts_with(s, beginning)",
)
_TYPES = {str: "VARCHAR", int: "BIGINT", bool: "BOOLEAN"}
_TRACKED = {
    "number": "BIGINT",
    "key": "VARCHAR",
    "name": "VARCHAR",
    "position": "BIGINT",
    "lines": "BIGINT",
    "unreadable": "BIGINT",
    "duplicates": "BIGINT",
    "samples": "VARCHAR",
    "shadowed_by": "BIGINT[]",
}
# A process may write its session again, from the same start. The later record tells more, and replaces the others.
_LAST_OF_A_PROCESS = f"""
    QUALIFY row_number() OVER (
        PARTITION BY CASE WHEN run = '{NOBODY}' OR pid = 0 OR starts_with(span_id, '{ANONYMOUS}')
                     THEN trace_id || span_id ELSE '' END, run, host, pid
        ORDER BY time_ns DESC, tests DESC, length(uncovered) DESC, source DESC, position DESC) = 1"""
# The digest of a decision's id is kept next to it: to look for copies, a column of numbers is scanned instead of texts.
_DIGEST = "md5_number_lower(decision_id)"
_FIRST = f"span_name <> '{DECISION}', source, position"


_NOTHING = SCHEMAS["spans"].empty_table()


class _Incoming:
    """The table that SQL knows as `incoming`. A registered table would be kept until the end of the transaction."""

    def __init__(self) -> None:
        self.table = _NOTHING

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class Database:
    """The relations that the named queries read. One thread at a time may change it, any number may ask."""

    _connection: duckdb.DuckDBPyConnection
    _file: Path | None
    _closing: weakref.finalize[..., Any]

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._incoming = _Incoming()
        self._changing = False
        self.uncommitted = 0
        self.opened = 0

    def start(self) -> None:
        """Open the file of the cache, once. A source without evidence needs none."""
        if not self.opened:
            self._open(self._cache.claim())

    def ask(self, sql: str, parameters: object = None) -> list[dict[str, Any]]:
        """Return the rows of a query, by column."""
        self.start()
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def tracked(self) -> list[Tracked]:
        """Return how far each file has been read."""
        rows = self._connection.execute("FROM tracked ORDER BY number").fetchall()
        return [_tracked(*row) for row in rows]

    def share(self, *, reading: bool) -> None:
        """Set the memory and threads of DuckDB: less while rows are read, because decoding needs both as well."""
        for name, less in _WHILE_READING.items():
            self._connection.execute(f"SET {name} = '{less if reading else _SETTINGS[name]}'")

    def take(self, tables: Mapping[str, pa.Table]) -> tuple[dict[int, int], dict[int, set[int]]]:
        """Add rows, without those that are known. They are seen after the next `commit`.

        Return how many copies of decisions each source had, and the sources that hold what was a copy in another one.
        """
        copies: dict[int, int] = {}
        holders: dict[int, set[int]] = {}
        self._begin()
        for kind, table in tables.items():
            self._incoming.table = table
            self.uncommitted += len(table)
            if kind != "decisions":
                self._connection.execute(f"INSERT INTO all_{kind} FROM incoming")
            elif self._take_decisions():
                copies, holders = self._copies(), self._holders()
        self._incoming.table = _NOTHING
        return copies, holders

    def _take_decisions(self) -> bool:
        """Add what is new of `incoming`. Return True if there were copies; then `fresh` holds the other rows."""
        run = self._connection.execute
        [(copies,)] = run(
            f"""SELECT (SELECT count(*) FROM all_decisions WHERE digest IN (SELECT {_DIGEST} FROM incoming))
                     + (SELECT count(*) - count(DISTINCT {_DIGEST}) FROM incoming)"""
        ).fetchall()
        if not copies:
            run(f"INSERT INTO all_decisions SELECT *, {_DIGEST} FROM incoming")
            return False
        run(
            f"""CREATE OR REPLACE TEMP TABLE fresh AS FROM incoming ANTI JOIN all_decisions USING (decision_id)
                QUALIFY row_number() OVER (PARTITION BY decision_id ORDER BY {_FIRST}) = 1"""
        )
        run(f"INSERT INTO all_decisions SELECT *, {_DIGEST} FROM fresh")
        return True

    def _copies(self) -> dict[int, int]:
        left = "SELECT source FROM incoming EXCEPT ALL SELECT source FROM fresh"
        return dict(self._connection.execute(f"SELECT source, count(*) FROM ({left}) GROUP BY source").fetchall())

    def _holders(self) -> dict[int, set[int]]:
        holders: dict[int, set[int]] = {}
        found = self._connection.execute(
            """SELECT DISTINCT incoming.source, held.source FROM incoming
               JOIN all_decisions AS held USING (decision_id) WHERE incoming.source <> held.source"""
        )
        for source, holder in found.fetchall():
            holders.setdefault(source, set()).add(holder)
        return holders

    def commit(self, read: Iterable[Tracked]) -> None:
        """Keep the rows that were taken, and how far their files have been read."""
        self._begin()
        for one in read:
            *plain, samples, shadowed_by = astuple(one)
            values = [*plain, json.dumps(samples), shadowed_by]
            self._connection.execute("DELETE FROM tracked WHERE number = ?", [one.number])
            self._connection.execute(f"INSERT INTO tracked VALUES ({', '.join('?' * len(values))})", values)
        self._connection.commit()
        self._changing, self.uncommitted = False, 0

    def rollback(self) -> None:
        """Forget the rows that were taken since the last `commit`."""
        if self._changing:
            self._changing, self.uncommitted = False, 0
            with contextlib.suppress(duckdb.Error):  # DuckDB has rolled back after some errors
                self._connection.rollback()

    def forget(self, sources: Iterable[int]) -> None:
        """Delete the rows of sources that are gone."""
        numbers = ", ".join(map(str, sorted(sources)))
        self._begin()
        for kind in KINDS:
            self._connection.execute(f"DELETE FROM all_{kind} WHERE source IN ({numbers})")
        self._connection.execute(f"DELETE FROM tracked WHERE number IN ({numbers})")
        self.commit(())

    def empty(self) -> bool:
        """Return True if there is neither a decision nor a session."""
        rows = "SELECT 1 FROM all_decisions UNION ALL SELECT 1 FROM all_sessions"
        return self._connection.execute(f"SELECT * FROM ({rows}) LIMIT 1").fetchone() is None

    def damaged(self) -> bool:
        """Return True if a row cannot be read from disk. Reads everything."""
        try:
            for table in ("tracked", *(f"all_{kind}" for kind in KINDS)):
                self.ask(f"SELECT max(hash(one)) FROM {table} AS one")
        except duckdb.OutOfMemoryException:
            return False
        except duckdb.Error:
            return True
        return False

    def start_again(self) -> None:
        """Replace the damaged database by an empty one."""
        self._close()
        if self._file is not None:
            self._discard(self._file)
        self._open(self._file)

    def move_to_memory(self, error: duckdb.Error) -> bool:
        """Go on without rows, in memory, because the file cannot be written. False if it is in memory already."""
        if self._file is None:
            return False
        self._close()
        self._connect_to_memory(self._file, error)
        return True

    def _open(self, file: Path | None) -> None:
        """Open the file. A damaged one is replaced."""
        if file is None:
            self._connect(None)
            return
        try:
            self._connect(file)
        except duckdb.Error:
            self._discard(file)
            try:
                self._connect(file)
            except duckdb.Error as error:
                self._connect_to_memory(file, error)

    def _discard(self, file: Path) -> None:
        if file.exists():
            _logger.warning("The cache in %s is damaged. The dashboard reads the traces again.", self._cache.folder)
        _cache.delete(file)

    def _connect_to_memory(self, file: Path, error: duckdb.Error) -> None:
        _cache.delete(file)
        self._cache.unusable(text(str(error).partition("\n")[0]))
        self._connect(None)

    def _connect(self, file: Path | None) -> None:
        spill = _cache.spill_folder(file or self._cache.folder / f"memory-{id(self)}")
        connection = duckdb.connect(str(file or _MEMORY), config=_SETTINGS)
        try:
            connection.execute("SET late_materialization_max_rows = 1000")
            connection.execute(f"SET temp_directory = '{_escaped(str(spill))}'")
            connection.execute("SET enable_external_access = false")
            connection.register("incoming", self._incoming)
            connection.begin()
            _create(connection)
            connection.commit()
        except BaseException:
            connection.close()
            raise
        self._file, self._connection, self._changing, self.uncommitted = file, connection, False, 0
        self._closing = weakref.finalize(self, _release, connection, self._cache, file)
        self.opened += 1

    def _close(self) -> None:
        self._closing.detach()
        self._connection.close()

    def _begin(self) -> None:
        if not self._changing:
            self._connection.begin()
            self._changing = True


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    _create_table(connection, "tracked", _TRACKED)
    for macro in _MACROS:
        connection.execute(f"CREATE OR REPLACE MACRO {macro}")
    for kind, columns in KINDS.items():
        types = {name: _TYPES[type_] for name, type_ in columns.items()}
        if kind == "decisions":
            types["digest"] = "UBIGINT"
        _create_table(connection, f"all_{kind}", types)
        shown = ", ".join(name for name in columns if name not in ("source", "position"))
        last = _LAST_OF_A_PROCESS if kind == "sessions" else ""
        connection.execute(f"CREATE OR REPLACE VIEW {kind} AS SELECT {shown} FROM all_{kind}{last}")


def _create_table(connection: duckdb.DuckDBPyConnection, name: str, types: Mapping[str, str]) -> None:
    connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(map(' '.join, types.items()))})")
    found = connection.execute(f"DESCRIBE {name}").fetchall()
    if [(column, type_) for column, type_, *_ in found] != [*types.items()]:
        raise duckdb.DataError(f"{name} has other columns")


def _tracked(*row: Any) -> Tracked:
    *plain, samples, shadowed_by = row
    found = Tracked(*plain)
    found.samples, found.shadowed_by = [(offset, reason) for offset, reason in json.loads(samples)], shadowed_by
    return found


def _release(connection: duckdb.DuckDBPyConnection, cache: Cache, file: Path | None) -> None:
    connection.close()
    cache.release(file)


def _escaped(value: str) -> str:
    return value.replace("'", "''")
