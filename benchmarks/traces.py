"""Reading a month of evidence, as the dashboard does.

Peer: the same lines by orjson into SQLite with an index.
`python -m benchmarks.traces 1000000` prints every figure for that many decisions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import trace_lines
from benchmarks.registry import Effort, Figure, folder, measure

_DECISIONS = (1_000_000, 50_000)
_TAIL = 100
_COLUMNS = (
    "id TEXT PRIMARY KEY, time_ns INTEGER, outcome TEXT, target TEXT, reason TEXT, op TEXT, project TEXT, test TEXT"
)
_ATTRIBUTES = (
    "plane_guard.decision.outcome",
    "plane_guard.target",
    "plane_guard.decision.reason",
    "plane_guard.op",
    "plane_guard.project.id",
    "test.case.name",
)


@measure(
    "first reading of a million decisions", against="orjson into SQLite", goal=33.3, slip=300, unit="us a decision"
)
def first_reading(effort: Effort) -> Figure:
    """By the clock on the wall, as two things are done at a time; in a process of its own each."""
    ours, theirs = _all(effort)["reading"], _all(effort)["sqlite"]
    return Figure(ours["wall"] / ours["rows"] * 1e6, *map(_rates, (ours, theirs)))


@measure("memory of that reading", against="orjson into SQLite", goal=450, slip=700, unit="MB")
def memory(effort: Effort) -> Figure:
    """The most that was resident."""
    ours, theirs = _all(effort)["reading"], _all(effort)["sqlite"]
    return Figure(ours["megabytes"], *(f"{one['megabytes']} MB" for one in (ours, theirs)))


@measure("100 new lines", against="orjson.loads of them", goal=50, slip=300, unit="ms")
def tail(effort: Effort) -> Figure:
    """From a look at the folder to rows that can be asked for."""
    ours, theirs = _all(effort)["tail"], _all(effort)["parsing"]
    shown = f"clock {ours['wall'] * 1e3:.1f} (min {ours['least'] * 1e3:.1f}), processor {ours['seconds'] * 1e3:.1f} ms"
    return Figure(ours["wall"] * 1e3, shown, f"{theirs['wall'] * 1e3:.1f} ms")


def _rates(one: dict[str, float]) -> str:
    return f"{one['rows'] / one['wall']:,.0f} a second, {one['rows_a_second']:,} of the processor's"


def _all(effort: Effort) -> dict[str, dict[str, float]]:
    """Every figure; they share the files, so they are measured once in a run."""
    kept = folder() / "traces.json"
    if not kept.exists():
        kept.write_text(json.dumps(figures(effort.of(*_DECISIONS), folder())))
    found: dict[str, dict[str, float]] = json.loads(kept.read_text())
    return found


def figures(number: int, place: Path) -> dict[str, dict[str, float]]:
    """Make the files below `place`, measure, and take them away again."""
    work = Path(tempfile.mkdtemp(dir=place))
    try:
        (work / "evidence").mkdir()
        trace_lines.write(work / "evidence" / "traces.jsonl", number)
        return {name: _apart(name, work) for name in _PARTS}
    finally:
        shutil.rmtree(work)


def _apart(name: str, work: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.traces", "--part", name, str(work)]
    environ = os.environ | {"XDG_CACHE_HOME": str(work / "cache")}
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)  # noqa: S603  our own
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _reading(work: Path) -> dict[str, float]:
    from plane_guard_dashboard.store.local import Local

    begin, clock = time.process_time(), time.perf_counter()
    engine = Local(str(work / "evidence"))
    engine.refresh()
    return _told(begin, clock, engine.health().lines)


def _sqlite(work: Path) -> dict[str, float]:
    import sqlite3

    begin, clock = time.process_time(), time.perf_counter()
    database = sqlite3.connect(work / "peer.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"CREATE TABLE decisions ({_COLUMNS}, line TEXT)")
    database.execute("CREATE INDEX by_time ON decisions (time_ns)")
    database.execute("BEGIN")
    with (work / "evidence" / "traces.jsonl").open("rb") as file:
        database.executemany("INSERT OR IGNORE INTO decisions VALUES (?,?,?,?,?,?,?,?,?)", map(_row, file))
    database.execute("COMMIT")
    [(rows,)] = database.execute("SELECT count(*) FROM decisions")
    return _told(begin, clock, rows)


def _row(line: bytes) -> tuple[object, ...]:
    import orjson

    [span] = orjson.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    [event] = span["events"]
    found = {item["key"]: next(iter(item["value"].values())) for item in event["attributes"]}
    named = (found[name] for name in _ATTRIBUTES)
    return found["plane_guard.decision.id"], int(event["timeUnixNano"]), *named, orjson.dumps(event["attributes"])


def _tail(work: Path) -> dict[str, float]:
    from plane_guard_dashboard.store import open_engine

    engine = open_engine(str(work / "evidence"))
    engine.refresh()
    rounds = []
    for number in range(20):
        trace_lines.write(work / "evidence" / "traces.jsonl", _TAIL, mark=f"t{number}-")
        begin, clock = time.process_time(), time.perf_counter()
        engine.refresh()
        rounds.append((time.perf_counter() - clock, time.process_time() - begin))
    wall, seconds = (sorted(one)[len(rounds) // 2] for one in zip(*rounds, strict=True))
    return {"seconds": seconds, "wall": wall, "least": min(wall for wall, _ in rounds)}


def _parsing(_: Path) -> dict[str, float]:
    import orjson

    lines = [*trace_lines.lines(_TAIL)]
    begin, clock = time.process_time(), time.perf_counter()
    for line in lines:
        orjson.loads(line)
    return _told(begin, clock, _TAIL)


def _told(begin: float, clock: float, rows: int) -> dict[str, float]:
    seconds, wall = time.process_time() - begin, time.perf_counter() - clock
    rate = round(rows / seconds)
    return {"rows": rows, "seconds": seconds, "wall": wall, "rows_a_second": rate, "megabytes": round(_peak() / 1e6)}


def _peak() -> int:
    """The most bytes that this process had resident."""
    if sys.platform == "win32":
        import psutil  # type: ignore[import-untyped]

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


_PARTS: dict[str, Any] = {
    "reading": _reading,
    "sqlite": _sqlite,
    "tail": _tail,
    "parsing": _parsing,
}


def main() -> None:
    """Print every figure, or measure one part in this process."""
    if sys.argv[1] == "--part":
        sys.stdout.write(json.dumps(_PARTS[sys.argv[2]](Path(sys.argv[3]))))
        return
    with tempfile.TemporaryDirectory() as place:
        for name, found in figures(int(sys.argv[1]), Path(place)).items():
            sys.stdout.write(f"{name:10} {found}\n")


if __name__ == "__main__":
    main()
