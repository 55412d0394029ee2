"""The end of a pytest run in a few lines, read back from the evidence of all its processes."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import evidence_file, otlp_json
from plane_guard_instrumentation.pytest_support import outcomes
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import pytest

_MOST_GROUPS = 40
_PASSED = "PASSED although refused"
_GROUPED_BY = (names.TEST, names.OP, names.PROJECT, names.TARGET, names.REASON)


def lines(config: pytest.Config, before: Mapping[str, int]) -> list[str]:
    """Return what was blocked in this session, grouped; empty if nothing was.

    ``before`` are the evidence files that were there when it began, with their sizes.
    """
    blocked = [event for event in _events(before) if _is_block(event)]
    surprising = [event for event in blocked if not event.get(names.EXPECTED)]
    groups = Counter(tuple(event.get(name, "-") for name in _GROUPED_BY) for event in surprising)
    found = []
    if blocked:
        # Counted as `plane-guard report` does: an expected block is shown apart.
        found.append(f"{len(surprising)} Plane write(s) blocked, {len(blocked) - len(surprising)} expected block(s)")
        found += [f"  {_row(config, group, count)}" for group, count in groups.most_common(_MOST_GROUPS)]
        if len(groups) > _MOST_GROUPS:
            found.append(f"  … and {len(groups) - _MOST_GROUPS} more")
        found += _about_swallowed(config, surprising)
        shown = _shown(run.current().trace_dir, config.rootpath)
        found.append(f"evidence: {shown}   see it: plane-guard report, plane-guard dashboard")
    return found


def uncovered(before: Mapping[str, int]) -> list[str]:
    """Return what the guard cannot see in the processes of this session, by their session records."""
    sessions = [otlp_json.values(span) for span in _spans(before, names.SESSION_UNCOVERED)]
    gaps = [gap for session in sessions for gap in session.get(names.SESSION_UNCOVERED, {}).get("values", ())]
    return [gap["stringValue"] for gap in gaps]


def _is_block(event: Mapping[str, object]) -> bool:
    from plane_guard.vocabulary import Outcome  # where something was decided

    return event.get(names.OUTCOME) == Outcome.BLOCK


def _row(config: pytest.Config, group: tuple[object, ...], count: int) -> str:
    test, op, project, target, reason = ("".join(c if c.isprintable() else "?" for c in str(part)) for part in group)
    times = f" ({count} times)" if count > 1 else ""
    passed = f" {_PASSED}" if outcomes.has_passed(config, group[0]) else ""
    return f"{test}: {op} on {target} project {project}: {reason}{times}{passed}"


def _about_swallowed(config: pytest.Config, surprising: Iterable[Mapping[str, object]]) -> list[str]:
    passed = {test for event in surprising if outcomes.has_passed(config, test := event.get(names.TEST))}
    remedy = 'Set swallowed = "fail" in [tool.plane_guard] to fail such tests'
    cause = "the code under test swallowed the refusal"
    return [f"{len(passed)} test(s) passed although a write was refused: {cause}. {remedy}"] if passed else []


def _shown(folder: Path, root: Path) -> str:
    relative = os.path.relpath(folder, root)
    return str(folder) if relative.startswith("..") else relative


def _events(before: Mapping[str, int]) -> Iterator[dict[str, object]]:
    seen: set[object] = set()
    for span in _spans(before, names.EVENT):
        for event in span.get("events", ()):
            found = otlp_json.values(event)
            if found.get(names.DECISION_ID) not in seen:
                seen.add(found.get(names.DECISION_ID))
                yield found


def _spans(before: Mapping[str, int], word: str) -> Iterator[dict[str, Any]]:
    """Yield the spans of this session, from the lines that contain a word."""
    folder, run_id = run.current().trace_dir, run.current().run_id
    for name in sorted(evidence_file.every()):
        with suppress(OSError), (folder / name).open("rb") as file:
            file.seek(before.get(name, 0))
            for line in file.read().decode(errors="replace").splitlines():
                if run_id in line and word in line:
                    yield from otlp_json.spans(line)
