"""The end of a pytest run in a few lines, read back from the evidence of all its processes."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import evidence_file
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
    folder = run.current().trace_dir
    blocked = [event for event in _events(folder, before) if _is_block(event)]
    surprising = [event for event in blocked if not event.get(names.EXPECTED)]
    groups = Counter(tuple(event.get(name, "-") for name in _GROUPED_BY) for event in surprising)
    found = []
    if blocked:
        # Counted as `plane-guard report` does: an expected block is shown apart.
        found.append(f"{len(surprising)} Plane write(s) blocked, {len(blocked) - len(surprising)} expected block(s)")
        found += [f"  {_row(config, group, count)}" for group, count in groups.most_common(_MOST_GROUPS)]
        if len(groups) > _MOST_GROUPS:
            found.append(f"  … and {len(groups) - _MOST_GROUPS} more kinds")
        found += _about_swallowed(config, surprising)
        found.append(f"evidence: {_shown(folder, config.rootpath)}   see it: plane-guard report, plane-guard dashboard")
    return found


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


def _events(folder: Path, before: Mapping[str, int]) -> Iterator[dict[str, object]]:
    run_id = run.current().run_id
    seen: set[object] = set()
    for name in sorted(evidence_file.every()):
        with suppress(OSError), (folder / name).open("rb") as file:
            file.seek(before.get(name, 0))
            text = file.read().decode(errors="replace")
            for line in text.splitlines():
                for event in _decisions(line) if run_id in line and names.EVENT in line else ():
                    if event.get(names.DECISION_ID) not in seen:
                        seen.add(event.get(names.DECISION_ID))
                        yield event


def _decisions(line: str) -> Iterator[dict[str, object]]:
    try:
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    for event in span.get("events", ()):
                        yield {pair["key"]: next(iter(pair["value"].values())) for pair in event["attributes"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return
