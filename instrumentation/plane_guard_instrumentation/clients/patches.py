"""Put the patches of `targets` in place: at once, or when a client is imported.

A patch is a plain function that is set on a class once. Nothing here depends on OpenTelemetry or wrapt, because the
tools that wrap with them also unwrap.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plane_guard import process
from plane_guard_instrumentation.clients import http_client, self_check
from plane_guard_instrumentation.clients.snapshot import (
    ORIGINAL,
    PatchSnapshot,
    attribute,
    is_own,
    is_patched,
    namespace,
    owner_of,
)
from plane_guard_instrumentation.clients.state import state
from plane_guard_instrumentation.clients.targets import ALL_TARGETS, CLIENT_TARGETS, UNCHECKED
from plane_guard_instrumentation.connections import audit_hook, children
from plane_guard_instrumentation.evidence import coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plane_guard_instrumentation.clients.targets import PatchTarget

__all__ = ["CLIENT_TARGETS", "WATCHED_MODULES", "install", "layers", "uninstall", "verify"]

WATCHED_MODULES = frozenset(target.module for target in ALL_TARGETS) | UNCHECKED.keys()
"""The modules after whose import `verify` must be called."""


def install() -> None:
    """Patch imported clients now, and the others when they are imported.

    A test process also gets the audit hook. It cannot be removed again, so no other process gets it.
    """
    if process.test_evidence():
        audit_hook.before_connection(verify)
        audit_hook.on_http_client_send(http_client.check_audited)
        children.watch()
        audit_hook.install()
    state.installed = True
    verify()


def uninstall() -> None:
    """Remove the patches. For live processes only: a test process stays guarded."""
    state.installed, state.snapshot = False, None
    for owner, target in _present_targets():
        original = namespace(namespace(owner).get(target.method)).get(ORIGINAL)
        if original is not None:
            setattr(owner, target.method, original)


def verify() -> list[str]:
    """Put missing patches in place; return the names of those that another tool had removed.

    A class that is patched for the first time is not in that list. A method that something else replaced is left
    alone: either it never reaches the wire, or a deeper patch or the connection layer judges what does.
    """
    snapshot = state.snapshot
    if (
        not state.installed
        or state.verifying
        or (snapshot is not None and snapshot.targets is _targets() and snapshot.is_current())
    ):
        return []
    state.verifying = True  # Loading a patch imports modules, which leads here again.
    try:
        patched = [(owner, target, _patch(owner, target)) for owner, target in _present_targets()]
        _report_coverage([(owner, target) for owner, target, outcome in patched if outcome is not None])
        state.snapshot = PatchSnapshot(_targets(), UNCHECKED)
    finally:
        state.verifying = False
    return [str(target) for _, target, was_removed in patched if was_removed]


def layers() -> list[str]:
    """Return the clients that are guarded now, and those that will be when they are imported."""
    present = {target.layer for _, target in _present_targets()}
    every = [
        layer for layer in dict.fromkeys(target.layer for target in CLIENT_TARGETS) if not self_check.is_closed(layer)
    ]
    names = [layer if layer in present else f"{layer} (when imported)" for layer in every]
    return names + (["connections of other clients to known Plane hosts"] if audit_hook.is_installed() else [])


def _targets() -> Sequence[PatchTarget]:
    return ALL_TARGETS if process.test_evidence() else CLIENT_TARGETS


def _present_targets() -> Iterator[tuple[type, PatchTarget]]:
    for target in _targets():
        owner = owner_of(target)
        if owner is not None and attribute(owner, target.method) is not None:
            yield owner, target


def _patch(owner: type, target: PatchTarget) -> bool | None:
    """Patch a method unless it is patched or replaced; return if another tool had removed the patch."""
    current = attribute(owner, target.method)
    if is_patched(current) or not is_own(target, current):
        return None
    patched = self_check.load(target.patch)(current, target.layer)
    setattr(patched, ORIGINAL, current)
    was_patched = target.method in state.patched.get(owner, ())
    state.patched.setdefault(owner, set()).add(target.method)
    _put(patched, owner, target)
    return was_patched


def _put(patched: Callable[..., object], owner: type, target: PatchTarget) -> None:
    """Set the patch on the class; a class written in C is replaced by a subclass in its module."""
    try:
        setattr(owner, target.method, patched)
    except TypeError:
        members = {target.method: patched, "__module__": owner.__module__, "__doc__": owner.__doc__}
        setattr(sys.modules[target.module], target.owner, type(owner.__name__, (owner,), members))


def _report_coverage(patched: list[tuple[type, PatchTarget]]) -> None:
    """Report clients that are not checked, lack a patch target, or fail the self-check."""
    for name, why in UNCHECKED.items():
        if name in sys.modules:
            coverage.report_uncovered(name, why)
    if not process.test_evidence():
        return
    for target in CLIENT_TARGETS:
        if not target.optional and _lacks(target):
            self_check.close(target.layer, f"this version has no {target.module}.{target.owner}.{target.method}")
    # A test may replace a class for a while by one that no request can pass. That must not close the client for good.
    self_check.run_again(_present_targets())
    for owner, target in patched:
        if target.probe and not self_check.is_closed(target.layer):
            self_check.run(owner, target)


def _lacks(target: PatchTarget) -> bool:
    """Return if a module is completely imported and has no such method."""
    module = sys.modules.get(target.module)
    if module is None or attribute(attribute(module, "__spec__"), "_initializing"):
        return False
    found = namespace(module).get(target.owner)
    if found is None:
        return "__file__" in namespace(module)  # not a placeholder of a test
    return isinstance(found, type) and attribute(found, target.method) is None
