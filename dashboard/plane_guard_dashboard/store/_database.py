"""An in-memory DuckDB: the rows of the cache's Parquet files, and those that are in no file yet (the tail).

The SQL in here is put together from constants, numbers and the names of our own files.
"""
# ruff: noqa: S608

from __future__ import annotations

import contextlib
import shutil
import weakref
from typing import TYPE_CHECKING, Any

import duckdb

from plane_guard_dashboard.evidence.groups import NOBODY
from plane_guard_dashboard.evidence.rows import DECISION
from plane_guard_dashboard.store import _parquet
from plane_guard_dashboard.store._cache import spill_folder
from plane_guard_dashboard.store._manifest import KINDS
from plane_guard_dashboard.store._rows import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa  # type: ignore[import-untyped]

    from plane_guard_dashboard.store._manifest import Segment

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "1500MB",  # beside it, the process needs a few hundred megabytes
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_MACROS = (
    "countIf(condition) AS count(*) FILTER (condition)",
    "has(list, item) AS list_contains(list, item)",
    "empty(list) AS len(list) = 0",
    "intDiv(a, b) AS a // b",
    "lowerUTF8(s) AS lower(s)",
    "splitByChar(separator, s) AS string_split(s, separator)",
    "arrayJoin(list) AS unnest(list)",
    "positionUTF8(hay, needle) AS strpos(hay, needle)",
)
# A process may write its session again, from the same start. The later record tells more, and replaces the others.
_LAST_OF_A_PROCESS = f"""
    QUALIFY row_number() OVER (
        PARTITION BY CASE WHEN run = '{NOBODY}' OR pid = 0 OR starts_with(span_id, '{ANONYMOUS}')
                     THEN trace_id || span_id ELSE '' END, run, host, pid
        ORDER BY time_ns DESC, tests DESC, length(uncovered) DESC, source DESC, position DESC) = 1"""
_IDENTITY = {"decisions": "decision_id"}
_FIRST = {"decisions": f"span_name <> '{DECISION}', source, position"}


class Database:
    """The relations that the named queries read. One thread at a time may change it, any number may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: Sequence[Segment] = ()
        self._gone: frozenset[int] = frozenset()
        self._hashed: frozenset[str] = frozenset()
        # What exceeds the memory limit goes to a folder of this process beside the cache, and not to /tmp, which is
        # memory on many machines.
        spill = spill_folder(folder)
        weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)
        self._connection = duckdb.connect(":memory:", config=_SETTINGS)
        for setting in (
            f"temp_directory = {_text(str(spill))}",
            "late_materialization_max_rows = 1000",
            "parquet_metadata_cache = true",
            f"allowed_directories = [{_text(str(folder))}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._connection.execute(f"SET {setting}")
        for macro in _MACROS:
            self._connection.execute(f"CREATE MACRO {macro}")
        self.start(())

    def ask(self, sql: str, parameters: object = None) -> list[dict[str, Any]]:
        """The rows of a query, by column."""
        cursor = self._connection.cursor().execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def start(self, segments: Sequence[Segment]) -> None:
        """Begin anew: these files, and an empty tail."""
        with self._change():
            self._connection.execute("CREATE OR REPLACE TABLE known (h UBIGINT)")
            self._hashed = frozenset()
            self._empty_tail()
            self._view(segments, ())

    def show(self, segments: Sequence[Segment], gone: Iterable[int]) -> None:
        """From now on these files are read, and no row of the sources that are gone."""
        numbers = _numbers(gone)
        with self._change():
            for kind in KINDS if numbers else ():
                self._connection.execute(f"DELETE FROM tail_{kind} WHERE source IN ({numbers})")
            self._view(segments, gone)

    def sealed(self, segments: Sequence[Segment]) -> None:
        """From now on these files are read, which have the rows of the tail too."""
        with self._change():
            self._learn()
            self._hashed = frozenset(one.name for one in segments)
            self._empty_tail()
            self._view(segments, ())

    def take(self, tables: Mapping[str, pa.Table]) -> tuple[dict[int, int], dict[int, set[int]]]:
        """Add rows to the tail, all or none, but those that are known.

        Says how many copies of decisions were in each source, and which sources had what was a copy in one.
        """
        copies: dict[int, int] = {}
        holders: dict[int, set[int]] = {}
        with self._change():
            for kind, table in tables.items():
                self._connection.register("incoming", table)
                if kind not in _IDENTITY:
                    self._connection.execute(f"INSERT INTO tail_{kind} FROM incoming")
                elif self._take_new(kind):
                    copies |= self._copies() if kind == "decisions" else {}
                    self._add_holders(kind, holders)
                self._connection.unregister("incoming")
        return copies, holders

    def _take_new(self, kind: str) -> bool:
        """Add what is new of `incoming`; True when there were copies, and the others are in `fresh`."""
        key, run = _IDENTITY[kind], self._connection.execute
        self._learn()
        [(copies,)] = run(
            f"""SELECT (SELECT count(*) FROM known WHERE h IN (SELECT hash({key}) FROM incoming))
                     + (SELECT count(*) - count(DISTINCT hash({key})) FROM incoming)"""
        ).fetchall()
        run(f"INSERT INTO known SELECT hash({key}) FROM incoming")
        if not copies:
            run(f"INSERT INTO tail_{kind} FROM incoming")
            return False
        run(
            f"""CREATE OR REPLACE TEMP TABLE fresh AS FROM incoming ANTI JOIN all_{kind} USING ({key})
                QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {_FIRST[kind]}) = 1"""
        )
        run(f"INSERT INTO tail_{kind} FROM fresh")
        return True

    def _copies(self) -> dict[int, int]:
        left = "SELECT source FROM incoming EXCEPT ALL SELECT source FROM fresh"
        return dict(self._connection.execute(f"SELECT source, count(*) FROM ({left}) GROUP BY source").fetchall())

    def _add_holders(self, kind: str, holders: dict[int, set[int]]) -> None:
        found = self._connection.execute(
            f"""SELECT DISTINCT incoming.source, held.source FROM incoming
                JOIN all_{kind} AS held USING ({_IDENTITY[kind]}) WHERE incoming.source <> held.source"""
        )
        for source, holder in found.fetchall():
            holders.setdefault(source, set()).add(holder)

    def waiting(self, *kinds: str) -> int:
        """Count the rows of these relations, or of all, that are in no file yet."""
        return sum(self._count(f"tail_{kind}") for kind in kinds or KINDS)

    def empty(self) -> bool:
        """Return true if there is neither a decision nor a session."""
        sealed = any(one.kind != "spans" and not self._gone.issuperset(one.sources) for one in self._segments)
        return not sealed and not self.waiting("decisions", "sessions")

    def store_tail(self, kind: str, path: str) -> tuple[int, tuple[int, ...]]:
        """Write the rows that are in no file yet into one: how many they are, and of which sources."""
        rows = f"SELECT * FROM tail_{kind}"
        return self._store(kind, rows, path)

    def store_merged(self, segments: Sequence[Segment], gone: Iterable[int], path: str) -> tuple[int, tuple[int, ...]]:
        """Write the rows of some files into another one: how many they are, and of which sources."""
        return self._store(segments[0].kind, f"SELECT * FROM {self._files(segments)}{_without(gone)}", path)

    def _store(self, kind: str, sql: str, path: str) -> tuple[int, tuple[int, ...]]:
        with self._connection.cursor() as cursor:
            return _parquet.store(kind, cursor.sql(sql).to_arrow_reader(_parquet.ROWS_A_GROUP), path)

    def _count(self, relation: str) -> int:
        [(found,)] = self._connection.execute(f"SELECT count(*) FROM {relation}").fetchall()
        return int(found)

    def _learn(self) -> None:
        """Know the hashes of every identity in the files, to tell at once that a row is no copy of one of them."""
        for kind, key in _IDENTITY.items():
            new = [one for one in self._segments if one.kind == kind and one.name not in self._hashed]
            if new:
                self._connection.execute(f"INSERT INTO known SELECT hash({key}) FROM {self._files(new)}")
        self._hashed = frozenset(one.name for one in self._segments)

    def _empty_tail(self) -> None:
        for kind, schema in _parquet.SCHEMAS.items():
            self._connection.register("columns", schema.empty_table())
            self._connection.execute(f"CREATE OR REPLACE TABLE tail_{kind} AS FROM columns")
            self._connection.unregister("columns")

    def _view(self, segments: Sequence[Segment], gone: Iterable[int]) -> None:
        self._segments, self._gone = segments, frozenset(gone)
        for kind, columns in KINDS.items():
            files = [one for one in segments if one.kind == kind]
            sealed = f"SELECT * FROM {self._files(files)}{_without(self._gone)}"
            rows = f"{sealed} UNION ALL FROM tail_{kind}" if files else f"FROM tail_{kind}"
            shown = ", ".join(name for name in columns if name not in ("source", "position"))
            self._connection.execute(f"CREATE OR REPLACE VIEW all_{kind} AS {rows}")
            last = _LAST_OF_A_PROCESS if kind == "sessions" else ""
            self._connection.execute(f"CREATE OR REPLACE VIEW {kind} AS SELECT {shown} FROM all_{kind}{last}")

    def _files(self, segments: Sequence[Segment]) -> str:
        return f"read_parquet([{', '.join(_text(str(self._folder / one.name)) for one in segments)}])"

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            self._hashed = frozenset()
            raise
        self._connection.commit()


def _without(gone: Iterable[int]) -> str:
    numbers = _numbers(gone)
    return f" WHERE source NOT IN ({numbers})" if numbers else ""


def _numbers(sources: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(sources)))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
