"""Remove variables from the environment of a test process, and set those that its children inherit.

An inherited opt-in or allowlist is exactly what a test process gets by accident, so it is removed. Children find
their guarded ancestor by its marker; the variables are the second way, for those that cannot see it.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING

import plane_guard_watch
from plane_guard import process
from plane_guard.settings import HOSTS_VARIABLE, OPT_IN_VARIABLE, PROTECTED_VARIABLE, SANDBOX_VARIABLE
from plane_guard_instrumentation.runtime import marker, run

if TYPE_CHECKING:
    from collections.abc import Mapping

PARENT_VARIABLE = plane_guard_watch.PARENT_VARIABLE
TEST_PROCESS_VARIABLE = plane_guard_watch.TEST_PROCESS_VARIABLE
ROOT_VARIABLE = run.ROOT_VARIABLE
TRACE_DIR_VARIABLE = run.TRACE_DIR_VARIABLE
SWALLOWED_VARIABLE = run.SWALLOWED_VARIABLE
DEFAULT_TRACE_DIR = run.DEFAULT_TRACE_DIR
_PYTHON_PATH = "PYTHONPATH"
SCRUBBED = (OPT_IN_VARIABLE, SANDBOX_VARIABLE)
Start = run.Run
start = run.current


class _State:
    is_scrubbed = False
    handed: dict[str, object] | None = None
    given: Mapping[str, str | None] = MappingProxyType(dict.fromkeys((HOSTS_VARIABLE, PROTECTED_VARIABLE)))
    """Settings of the environment as `hand_to_children` left them."""
    removed: tuple[str, ...] = ()


def scrub_inherited() -> None:
    """Remove opt-in and allowlist as this process inherited them, once. What code set since then stays."""
    if _State.is_scrubbed or plane_guard_watch.STATE.ancestor:
        return
    _State.is_scrubbed = True
    inherited = plane_guard_watch.inherited()
    _remove([name for name in SCRUBBED if name in inherited and os.environ.get(name) == inherited[name]])


def scrub() -> tuple[str, ...]:
    """Remove opt-in and allowlist, wherever they came from; return the names of those that were set."""
    removed = _remove([name for name in SCRUBBED if name in os.environ])
    _State.is_scrubbed = True
    return removed


def take_removed() -> tuple[str, ...]:
    """Return the names of the variables that were removed since the last call."""
    names, _State.removed = _State.removed, ()
    return names


def _remove(names: list[str]) -> tuple[str, ...]:
    removed = tuple(name for name in names if os.environ.pop(name, None) is not None)
    _State.removed = tuple(dict.fromkeys((*_State.removed, *removed)))
    return removed


def hand_to_children(_evidence_file: str = "") -> bool:
    """Let every child of this process know that it is a test process, and of which run.

    Return if children with an environment of their own will know it too.
    """
    watched, current = plane_guard_watch.STATE, run.current()
    if any(os.environ.get(name) != value for name, value in _State.given.items()):
        process.fix()  # the variables are overwritten below, so first add the hosts that code named in them since
    settings = process.handed_down()
    content: dict[str, object] = {
        "run": current.run_id,
        "root": str(current.root),
        "trace_dir": str(current.trace_dir),
        "evidence": process.in_test_process(),
        "settings": settings,
    }
    if not _has_own_marker():
        marker.create(content, str(current.trace_dir))
    elif content != _State.handed:
        marker.append(content)
    _State.handed = content
    os.environ[TEST_PROCESS_VARIABLE] = "1"
    if watched.marker:
        os.environ[PARENT_VARIABLE] = watched.marker
    os.environ[ROOT_VARIABLE] = str(current.root)
    os.environ[TRACE_DIR_VARIABLE] = str(current.trace_dir)
    os.environ.update(settings)
    _State.given = settings
    _lead_children_to_start_up()
    process.on_host_learned(hand_to_children)
    return marker.is_found_without_environment(watched.marker)


def _lead_children_to_start_up() -> None:
    folder, paths = plane_guard_watch.folder_for_children(), os.environ.get(_PYTHON_PATH, "")
    if folder and folder not in paths.split(os.pathsep):
        os.environ[_PYTHON_PATH] = os.pathsep.join(filter(None, (folder, paths)))


def _has_own_marker() -> bool:
    name = os.path.basename(plane_guard_watch.STATE.marker).lstrip(".")
    return name == plane_guard_watch.marker_name(plane_guard_watch.getpid())


def guarded_parent() -> str:
    """Return the marker of the guarded process that this one descends from, or an empty string."""
    return plane_guard_watch.STATE.ancestor
