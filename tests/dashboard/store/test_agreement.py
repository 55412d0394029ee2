"""Whatever stands in a file, the dashboard and the report say the same of it, at once or piece by piece."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as some

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.traces import NoTracesError
from plane_guard_dashboard.store.local import Local
from tests.dashboard.evidence import decision, session, write
from tests.dashboard.store.conftest import everything
from tests.dashboard.test_store import as_columns
from tests.dashboard.test_traces_properties import _PLACES, GOOD, _json, with_value_at

with tempfile.TemporaryDirectory() as folder:
    OTHER = write(Path(folder) / "other.jsonl", session(), decision({"plane_guard.decision.id": "other"})).read_bytes()
_OF_THE_SPAN = ("start_ns", "duration_ns", "failed")
_ACCOUNT = ("files", "lines", "unreadable_lines", "unreadable_files", "pending_lines", "duplicates", "samples")


def told_by_report(path: Path) -> tuple[object, ...]:
    """The account and every decision; of a source that gives nothing, the sentence."""
    try:
        found = traces.read(path)
    except NoTracesError as error:
        return (str(error),)
    rows = {row.decision_id: as_columns(row) for row in found.decisions}
    return [getattr(found.accounting, name) for name in _ACCOUNT], len(found.sessions), _without_timing(rows)


def told_by_dashboard(store: Local) -> tuple[object, ...]:
    """The same of a store."""
    try:
        store.refresh()
    except NoTracesError as error:
        return (str(error),)
    rows = {row["decision_id"]: row for row in store._database.ask("FROM decisions")}
    [processes] = store.query("processes", everything())
    health = store.health()
    return [getattr(health, name) for name in _ACCOUNT], processes["processes"], _without_timing(rows)


def _without_timing(rows: dict[Any, Any]) -> dict[Any, Any]:
    return {key: {name: row[name] for name in row if name not in _OF_THE_SPAN} for key, row in rows.items()}


_bytes = some.one_of(some.binary(max_size=200), some.just(GOOD.rstrip(b"\n")), some.just(OTHER.rstrip(b"\n")))


@settings(deadline=None, max_examples=50)
@given(some.lists(_bytes, max_size=8), some.integers(0, 5000))
@example([GOOD[:100], GOOD.rstrip(b"\n"), b"\0" * 4096], 0)
@example([b"\x1f\x8b\x08"], 0)
@example([GOOD.rstrip(b"\n"), GOOD.rstrip(b"\n")[:-1]], 2000)
def test_any_damage_is_accounted_for_alike(pieces: list[bytes], cut: int) -> None:
    content = b"\n".join(pieces)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "a.jsonl"
        store = Local(str(path))
        for known in (content[: content.rfind(b"\n", 0, cut) + 1], content):
            path.write_bytes(known)
            assert told_by_dashboard(store) == told_by_report(path)


@settings(deadline=None, max_examples=50)
@given(some.sampled_from(_PLACES), _json)
@example(("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "name"), "\ud800")
@example(("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "endTimeUnixNano"), -(2**63) + 1)
@example(("resourceSpans", 0, "resource", "attributes", 0, "value"), {"stringValue": True})
@example(("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "events", 0, "attributes", 1, "value"), {"intValue": "٣"})
@example(
    ("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "events", 0, "attributes", 1, "value"), {"intValue": "9" * 19}
)
def test_any_json_in_any_place_of_a_line_becomes_the_same_row(place: tuple[str | int, ...], value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(with_value_at(place, value) + b"\n" + OTHER)
        assert told_by_dashboard(Local(str(path))) == told_by_report(path)
