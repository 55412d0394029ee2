"""An attempt is over if its test ran again without it, and not if the test did not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.groups import fingerprint
from plane_guard_dashboard.store.local import Local
from plane_guard_dashboard.store.queries import Filters
from tests.dashboard.evidence import PROD, SECOND, START, batch, decision, resource, session, write

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

MOVES, COMMENTS = "tests/test_stage.py::test_moves", "tests/test_comments.py::test_says[thanks]"
HOUR = 3600 * SECOND


def run(name: str, hour: int, executed: Iterable[str] | None, attempts: Iterable[str] = ()) -> list[ReadableSpan]:
    of, at = resource(name), START + hour * HOUR
    found = [decision({"test.case.name": test}, at=at + SECOND, of=of) for test in attempts]
    return [session(at=at, of=of), *found, *([] if executed is None else [session(at=at, of=of, tests=executed)])]


def reran(folder: Path) -> dict[str, int]:
    """Return the hour of the last run that executed each test; 0 if there was none that is known."""
    store = Local(str(folder))
    store.refresh()
    issues = {fingerprint(test, PROD, "state", "prod-project-in-test"): test for test in (MOVES, COMMENTS)}
    asked = {**Filters().parameters(), "newest": [], "limit": 10}
    rows = store.query("attempts_by_issue", asked)
    return {issues[row["key"]]: (row["reran_ns"] - START) // HOUR if row["reran_ns"] else 0 for row in rows}


def test_a_partial_run_tells_of_the_tests_that_it_executed_and_of_no_other(folder: Path) -> None:
    write(folder / "decisions-1.jsonl", *run("first", 1, None, [MOVES, COMMENTS]))
    assert reran(folder) == {MOVES: 0, COMMENTS: 0}
    write(folder / "decisions-2.jsonl", *run("partial", 2, [COMMENTS.replace("thanks", "hello")]))
    assert reran(folder) == {MOVES: 0, COMMENTS: 2}
    write(folder / "decisions-3.jsonl", *run("nothing", 3, []), *run("killed", 4, None))
    assert reran(folder) == {MOVES: 0, COMMENTS: 2}
    write(folder / "decisions-5.jsonl", *run("whole", 5, [MOVES, COMMENTS], [MOVES]))
    assert reran(folder) == {MOVES: 5, COMMENTS: 5}


def test_of_two_records_of_a_process_the_one_that_tells_more_counts_in_whatever_order(folder: Path) -> None:
    for number, spans in enumerate((run("run-1", 1, [MOVES], [MOVES]), run("run-1", 1, [MOVES], [MOVES])[::-1])):
        place = folder / str(number)
        place.mkdir()
        batch(place / "collector.jsonl", *spans)
        assert reran(place) == {MOVES: 1}
        [told] = traces.read(place).sessions
        assert (told.tests, len(told.test_keys)) == (1, 1)
