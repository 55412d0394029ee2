"""Runs by name: the ones that a command can ask for, and the errors if there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.groups import NOBODY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from plane_guard_dashboard.evidence.traces import Traces

LATEST = "latest"
ALL = "all"
_MOST_HINTS = 5


class UnknownRunError(LookupError):
    """The source has no such run, or several; the text names runs that it has."""


class NothingSinceError(LookupError):
    """The source has nothing that is as new as was asked for; the text says what to do."""


def unknown_run(run: str, source: str, known: Sequence[str]) -> UnknownRunError:
    """Return the error for a run that is not there. `known` runs are named, the newest first."""
    hint = ", ".join(known[:_MOST_HINTS])
    return UnknownRunError(f"There is no run {run!r} in {source}: use `latest`, `all` or one of {hint}.")


def nothing_since(source: str) -> NothingSinceError:
    """Return the error for a source that holds only older evidence."""
    return NothingSinceError(
        f"Nothing in {source} is that new: was plane-guard installed? Name a longer time with --since."
    )


def by_prefix(wanted: str, known: Collection[str], source: str) -> str:
    """Return the run with this id, or the only one whose id begins so.

    Raises:
        UnknownRunError: There is none, or there are several.
    """
    if wanted in known:
        return wanted
    found = [run for run in known if run.startswith(wanted)]
    if len(found) > 1:
        hint = ", ".join(sorted(found)[:_MOST_HINTS])
        raise UnknownRunError(f"Several runs in {source} begin with {wanted!r}: write more of the id: {hint}.")
    if not found:
        raise unknown_run(wanted, source, tuple(known))
    return found[0]


def run_ids(traces: Traces) -> tuple[str, ...]:
    """Return every run, the newest first. Rows without a run id are the run `(none)`, which comes last."""
    if traces.runs:
        return traces.runs
    newest: dict[str, int] = {}
    for row in (*traces.sessions, *traces.decisions):
        run = row.run_id or NOBODY
        newest[run] = max(newest.get(run, 0), row.time_ns)
    return tuple(sorted(newest, key=lambda run: (run != NOBODY, newest[run]), reverse=True))


def since(traces: Traces, earliest_ns: int) -> Traces:
    """Return the traces without older rows.

    Raises:
        NothingSinceError: Nothing is left.
    """
    decisions = tuple(row for row in traces.decisions if row.time_ns >= earliest_ns)
    sessions = tuple(row for row in traces.sessions if row.time_ns >= earliest_ns)
    if not decisions and not sessions:
        raise nothing_since(traces.source)
    left = {row.run_id or NOBODY for row in (*decisions, *sessions)}
    runs = tuple(run for run in traces.runs if run in left)
    return replace(traces, decisions=decisions, sessions=sessions, runs=runs)
