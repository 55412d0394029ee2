"""The end of a pytest run in a few lines, read back from the evidence of all its processes."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import evidence_file
from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MOST_GROUPS = 40
_GROUPED_BY = (names.TEST, names.OP, names.PROJECT, names.TARGET, names.REASON)


def lines(root: Path, before: Mapping[str, int]) -> list[str]:
    """Return what was blocked in this session, grouped; empty if nothing was.

    ``before`` are the evidence files that were there when it began, with their sizes.
    """
    folder = run.current().trace_dir
    blocked = [event for event in _events(folder, before) if _is_block(event)]
    surprising = [event for event in blocked if not event.get(names.EXPECTED)]
    groups = Counter(tuple(event.get(name, "-") for name in _GROUPED_BY) for event in surprising)
    found = []
    if blocked:
        found.append(f"{len(blocked)} Plane write(s) blocked, {len(blocked) - len(surprising)} of them expected")
        found += [f"  {_row(group, count)}" for group, count in groups.most_common(_MOST_GROUPS)]
        if len(groups) > _MOST_GROUPS:
            found.append(f"  … and {len(groups) - _MOST_GROUPS} more kinds")
        found.append(f"evidence: {_shown(folder, root)}   see it: plane-guard report, plane-guard dashboard")
    return found


def _is_block(event: Mapping[str, object]) -> bool:
    from plane_guard.vocabulary import Outcome  # where something was decided

    return event.get(names.OUTCOME) == Outcome.BLOCK


def _row(group: tuple[object, ...], count: int) -> str:
    test, op, project, target, reason = ("".join(c if c.isprintable() else "?" for c in str(part)) for part in group)
    return f"{test}: {op} on {target} project {project}: {reason}" + (f" ({count} times)" if count > 1 else "")


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
