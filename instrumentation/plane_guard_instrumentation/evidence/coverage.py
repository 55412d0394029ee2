"""The clients that are patched in this process, and those that the guard cannot see.

Higher layers report what they know; the session record, the pytest plugin and `plane-guard doctor` show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CONTAINED_VARIABLE = "PLANE_GUARD_CONTAINED"
"""Set for everything in a contained run, whose proxy also sees what is no guarded process."""


class _Coverage:
    def __init__(self) -> None:
        self.uncovered: dict[str, str] = {}
        self.clients: Callable[[], list[str]] = list
        self.changed: Callable[[], object] | None = None
        self.containment = ""


_coverage = _Coverage()


def report_clients(describe: Callable[[], list[str]]) -> None:
    """Register the function that lists the patched clients, such as ``["httpx", "aiohttp (when imported)"]``."""
    _coverage.clients = describe


def patched_clients() -> list[str]:
    """Return the clients that are patched now, and those that will be when they are imported."""
    return _coverage.clients()


def on_change(call: Callable[[], object]) -> None:
    """Call this when something was reported that the guard cannot see."""
    _coverage.changed = call


def report_containment(how: str) -> None:
    """Note how the command of this run is contained."""
    _coverage.containment = how


def containment() -> str:
    """Return how the command of this run is contained, or an empty string."""
    return _coverage.containment


def report_uncovered(name: str, why: str) -> bool:
    """Note something that the guard cannot see, such as a client that is not inspectable; return if it is new."""
    if name in _coverage.uncovered:
        return False
    _coverage.uncovered[name] = why
    if _coverage.changed is not None:
        _coverage.changed()
    return True


def uncovered() -> list[str]:
    """Return one text for each thing that the guard cannot see in this process."""
    return [f"{name}: {why}" for name, why in _coverage.uncovered.items()]


def uncovered_by_reason(elsewhere: Iterable[str] = ()) -> list[str]:
    """Return one text for each reason, with the names that it holds for.

    ``elsewhere`` are what :func:`uncovered` returned in other processes of this session.
    """
    names: dict[str, list[str]] = {}
    for text in dict.fromkeys([*uncovered(), *elsewhere]):
        name, _, why = text.partition(": ")
        names.setdefault(why, []).append(name)
    return [f"{', '.join(those)}: {why}" for why, those in names.items()]
