"""The list of measures, and how to add one.

A measure is a function that runs both sides in one process, or starts both in turn, and returns a `Figure`:

    @measure("one Plane read: httpx", against="the same without the guard", goal=50.0, slip=300.0, unit="us added")
    def read(effort: Effort) -> Figure: ...

Put it in a file of its theme, and add that file's name to `THEMES`. Each measure runs in a Python process of its own:
a guarded test process whose evidence goes to a temporary folder (`folder()`). One measure never sees another's patches.
``goal`` is the largest value that meets the goal. ``slip`` is the value at which the short form fails: far enough from
the goal for a busy machine, near enough to catch a tenfold slowdown. ``short=False`` keeps a measure that needs a
browser or much time out of the short form.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

THEMES = ("requests", "decision", "startup", "pytest_runs", "core", "memory", "traces", "pages", "contained")
FOLDER_VARIABLE = "PLANE_BENCHMARKS_FOLDER"


class Effort(NamedTuple):
    """The time to spend on a measure."""

    short: bool

    def of(self, full: int, short: int) -> int:
        """A number of rounds, calls or tests."""
        return short if self.short else full


class Figure(NamedTuple):
    """A result: the value that the goal is about, and both sides of it as text, in this machine's own time."""

    value: float
    ours: str
    peer: str


class Measure(NamedTuple):
    """One line of the table."""

    name: str
    against: str
    goal: float
    slip: float
    unit: str
    run: Callable[[Effort], Figure]
    short: bool


_measures: dict[str, Measure] = {}


def measure(  # noqa: PLR0913  as many as the table has columns
    name: str, *, against: str, goal: float, slip: float, unit: str, short: bool = True
) -> Callable[[Callable[[Effort], Figure]], Callable[[Effort], Figure]]:
    """Register a function as a measure."""

    def register(run: Callable[[Effort], Figure]) -> Callable[[Effort], Figure]:
        if name in _measures:
            raise ValueError(f"there is a measure of this name already: {name}")
        _measures[name] = Measure(name, against, goal, slip, unit, run, short)
        return run

    return register


def every() -> dict[str, Measure]:
    """All measures by name, in the order of the themes."""
    for theme in THEMES:
        import_module(f"benchmarks.{theme}")
    return dict(_measures)


def folder() -> Path:
    """The temporary folder of this run."""
    return Path(os.environ[FOLDER_VARIABLE])
