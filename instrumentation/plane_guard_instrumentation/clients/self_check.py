"""Prove that a request through a client reaches the check, and close known Plane hosts to a client that fails.

A probe drives a patched method with a request that never leaves the process.
"""

from __future__ import annotations

from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

from plane_guard_instrumentation.clients.state import state
from plane_guard_instrumentation.evidence import coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from plane_guard_instrumentation.clients.targets import PatchTarget

HOST = "plane-guard.invalid"
PATH = "/api/v1/workspaces/plane-guard/projects/00000000-0000-4000-8000-000000000000/labels/"
_PACKAGE = "plane_guard_instrumentation"
_probing: ContextVar[bool] = ContextVar("plane_guard_probing", default=False)


class ReachedCheck(BaseException):
    """The probe has reached the check. No `Exception`, so that no client takes it for an error to retry."""


def stop_probe() -> None:
    """Raise `ReachedCheck` if the request at hand is a probe. Called right before each check."""
    if _probing.get():
        raise ReachedCheck


def is_probing() -> bool:
    """Return if the request at hand is a probe."""
    return _probing.get()


def is_closed(layer: str) -> bool:
    """Return if known Plane hosts are closed to a client because its requests are not checked."""
    return layer in state.closed


def close(layer: str, why: str) -> None:
    """Close known Plane hosts to a client, and report it as uncovered."""
    state.closed[layer] = why
    state.unproven.discard(layer)
    coverage.report_uncovered(layer, f"not guarded: {why}. Known Plane hosts are closed to it")


def run(owner: type, target: PatchTarget) -> None:
    """Drive the patched method with a probe; close the client if the probe does not reach the check."""
    outcome = _probe(owner, target)
    if outcome:
        place = f"{target.module}.{target.owner}.{target.method}"
        close(target.layer, f"a probe through {place} was not checked, {outcome}")
        state.unproven.add(target.layer)


def run_again(present: Iterable[tuple[type, PatchTarget]]) -> None:
    """Open a client whose self-check failed earlier if the probes of all its patches reach the check now.

    It stays closed meanwhile, because other threads may send, and if nothing of it is there to be proven.
    """
    if not state.unproven:
        return
    targets = [(owner, target) for owner, target in present if target.probe]
    for layer in tuple(state.unproven):
        outcomes = [_probe(owner, target) for owner, target in targets if target.layer == layer]
        if outcomes and not any(outcomes):
            state.unproven.discard(layer)
            state.closed.pop(layer, None)


def _probe(owner: type, target: PatchTarget) -> str:
    """Return what happened instead of reaching the check, or an empty string."""
    probe = load(target.probe)
    token = _probing.set(True)
    try:
        probe(owner)
    except ReachedCheck:
        return ""
    except Exception as error:  # noqa: BLE001  whatever happened, the check was not reached
        return f"{type(error).__name__} was raised"
    finally:
        _probing.reset(token)
    return "the request was taken for sent"


def load(place: str) -> Callable[..., Any]:
    """Return a function of ours from ``module:function``."""
    module, _, name = place.partition(":")
    function: Callable[..., Any] = getattr(import_module(f"{_PACKAGE}.{module}"), name)
    return function
