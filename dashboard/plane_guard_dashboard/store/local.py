"""Files on this machine: read into a DuckDB file, which answers the named queries."""

from __future__ import annotations

import json
import os
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from plane_guard_dashboard.evidence import decoding, otlp, traces
from plane_guard_dashboard.evidence.sources import NoTracesError, lines, open_regular
from plane_guard_dashboard.store import _files
from plane_guard_dashboard.store._cache import Cache, discard_old_format, folder_of
from plane_guard_dashboard.store._database import Database
from plane_guard_dashboard.store._ingest import Ingest
from plane_guard_dashboard.store.engine import EngineError, Health, Source
from plane_guard_dashboard.store.queries import QUERIES, needed

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from plane_guard_dashboard.store.engine import Progress

_SECONDS_TO_WAIT = 0.5
_WANT = (duckdb.OutOfMemoryException, duckdb.IOException)
_CARRIER = "SELECT source, position FROM all_decisions WHERE decision_id = ?"
_LAST_LINES = """
    SELECT run, source, max(position) AS position, max(max(time_ns)) OVER (PARTITION BY source) AS source_ns
    FROM (
        SELECT run, source, position, time_ns FROM all_decisions UNION ALL
        SELECT run, source, position, time_ns FROM all_sessions
    ) GROUP BY run, source"""


class Local:
    """A folder of evidence, or one file."""

    def __init__(self, source: str) -> None:
        self.source = source
        discard_old_format(source, os.environ)
        self._cache = Cache(folder_of(source, os.environ), os.path.realpath(source))
        self._database = Database(self._cache)
        self._ingest = Ingest(source, self._database)
        self._lock = threading.RLock()
        self._name = uuid.uuid4().hex
        self._answer: Hashable | NoTracesError | None = None

    def refresh(self, progress: Progress | None = None) -> Hashable:
        """Read new lines. If another thread is reading, wait a moment, or until there is something to show."""
        if self._lock.acquire(timeout=-1 if self._answer is None else _SECONDS_TO_WAIT):
            try:
                self._answer = self._refresh(progress)
            finally:
                self._lock.release()
        if isinstance(self._answer, NoTracesError):
            raise self._answer.with_traceback(None)
        return self._answer

    def _refresh(self, progress: Progress | None) -> Hashable | NoTracesError:
        before = self._ingest.version
        try:
            self._ingest.update(progress)
        except NoTracesError as error:
            return error
        except _WANT as error:
            return self._explained(error)
        if self._answer is not None and self._ingest.version == before:
            return self._answer
        if self._database.empty():
            return traces.nothing(self.source, self._accounting())
        return self._name, self._ingest.version

    def query(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Return the rows of a named query."""
        rows = self._ask(QUERIES[name], needed(name, parameters))
        return self._newest_on_disk_first(rows) if name == "newest_runs" else rows

    def _newest_on_disk_first(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Order runs like the report does, because the clock of a machine may be ahead."""
        last: dict[str, tuple[int, int, int]] = {}
        for line in self._ask(_LAST_LINES, None):
            seen = self._ingest.live.get(line["source"])
            written = seen.mtime_ns if seen else 0
            place = written, line["source_ns"], line["position"]
            last[line["run"]] = max(last.get(line["run"], place), place)
        return sorted(rows, key=lambda row: last.get(row["run"], (0, 0, 0)), reverse=True)

    def raw(self, decision_id: str) -> str | None:
        """Return the span as it is in its file, or None if the file is gone or has changed."""
        for found in self._ask(_CARRIER, [decision_id]):
            document = self._document(found["source"], found["position"])
            span = decoding.carrier(document, decision_id)
            if span is not None:
                return json.dumps(span, indent=2, ensure_ascii=False)
        return None

    def health(self) -> Health:
        """Return the account of the last reading."""
        account = self._accounting()
        return Health(
            engine="DuckDB",
            place=self.source,
            sources=tuple(self._sources()),
            lines=account.lines,
            unreadable_lines=account.unreadable_lines,
            unreadable_files=account.unreadable_files,
            pending_lines=account.pending_lines,
            duplicates=account.duplicates,
            samples=account.samples,
            cache=self._cache.trouble or str(self._cache.folder),
            ignored_files=account.ignored_files,
        )

    def _ask(self, sql: str, parameters: object) -> list[dict[str, Any]]:
        opened = self._database.opened
        try:
            return self._database.ask(sql, parameters)
        except duckdb.OutOfMemoryException as error:
            raise self._explained(error) from error
        except duckdb.Error as error:
            with self._lock:
                if opened == self._database.opened and not self._ingest.heal(error):
                    if isinstance(error, _WANT):
                        raise self._explained(error) from error
                    raise
                self._ingest.update()
            return self._database.ask(sql, parameters)

    def _explained(self, error: duckdb.Error) -> EngineError:
        """Return the error as a sentence that says what to do."""
        reason = otlp.text(str(error).partition("\n")[0])
        return EngineError(
            f"DuckDB has too little memory or disk for this page ({reason}). Choose a shorter period or more filters, "
            f"or free disk space in {self._cache.folder}, to which it moves what does not fit in memory."
        )

    def _document(self, number: int, position: int) -> otlp.Json:
        seen, tracked = self._ingest.live.get(number), self._ingest.tracked.get(number)
        if seen is None or tracked is None:
            return {}
        try:
            with open_regular(Path(seen.path)) as file:
                if _files.identity(file) != tracked.key:
                    return {}
                file.seek(position)
                line = next(lines(file), None)
        except OSError:
            return {}
        return otlp.document(line.data, []) if line else {}

    def _sources(self) -> Iterator[Source]:
        by_file = {seen: self._ingest.tracked[number] for number, seen in self._ingest.live.items()}
        for seen in self._ingest.found:
            one = by_file.get(seen)
            name = otlp.text(seen.name)
            yield (
                Source(name, seen.size, one.offset, one.lines, one.unreadable)
                if one
                else Source(name, seen.size, 0, 0, 0)
            )

    def _accounting(self) -> traces.Accounting:
        tracked, torn, denied = list(self._ingest.tracked.values()), self._ingest.torn, self._ingest.denied
        late = {number: one for number, one in torn.items() if not one.pending}
        samples = [traces.BadLine(one.name, offset, reason) for one in tracked for offset, reason in one.samples]
        samples += [
            traces.BadLine(self._ingest.tracked[number].name, one.offset, one.reason) for number, one in late.items()
        ]
        return traces.Accounting(
            files=len(self._ingest.found),
            lines=sum(one.lines for one in tracked) + len(late),
            unreadable_lines=sum(one.unreadable for one in tracked) + len(late),
            unreadable_files=len(denied),
            pending_lines=len(torn) - len(late),
            duplicates=sum(one.duplicates for one in tracked),
            samples=(*denied, *samples)[: traces.MOST_SAMPLES],
            ignored_files=self._ingest.ignored,
        )
