"""Whatever stands in a file, reading it never raises and never costs a good line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as some

from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.traces import NoTracesError
from tests.dashboard.evidence import decision, write

with tempfile.TemporaryDirectory() as folder:
    GOOD = write(Path(folder) / "good.jsonl", decision({"plane_guard.decision.id": "good"})).read_bytes()


@settings(deadline=None)
@given(some.lists(some.one_of(some.binary(max_size=200), some.just(GOOD.rstrip(b"\n"))), max_size=12))
@example([GOOD[:100], GOOD.rstrip(b"\n"), b"\0" * 4096])
def test_arbitrary_bytes_never_raise_and_good_lines_among_them_are_always_read(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "a.jsonl"
        path.write_bytes(b"\n".join(pieces))
        good = pieces.count(GOOD.rstrip(b"\n"))
        try:
            found = traces.read(path)
        except NoTracesError:
            assert not good
        else:
            assert len(found.decisions) + found.accounting.duplicates == good


_json = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_PLACES = (
    ("resourceSpans",),
    ("resourceSpans", 0),
    ("resourceSpans", 0, "resource"),
    ("resourceSpans", 0, "resource", "attributes"),
    ("resourceSpans", 0, "scopeSpans", 0, "spans", 0),
    ("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "name"),
    ("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "events"),
    ("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "events", 0, "attributes"),
    ("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "events", 0, "attributes", 0),
    ("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "events", 0, "attributes", 1, "value"),
    ("resourceSpans", 0, "scopeSpans", 0, "spans", 0, "events", 0, "attributes", 2, "value", "stringValue"),
)


def with_value_at(place: tuple[str | int, ...], value: object) -> bytes:
    """The good line, with something else in one place of it."""
    document: Any = json.loads(GOOD)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return json.dumps(document).encode()


@settings(deadline=None)
@given(some.sampled_from(_PLACES), _json)
def test_any_json_in_any_place_of_a_line_never_raises(place: tuple[str | int, ...], value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(with_value_at(place, value) + b"\n" + GOOD)
        assert traces.read(path).decisions
