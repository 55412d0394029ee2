"""Caches that are of no use: their source is gone, or the version that wrote them is."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from plane_guard_dashboard.store._cache import MANIFEST, Cache, all_caches, folder_of, mark_of
from plane_guard_dashboard.store._manifest import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SECONDS_UNTIL_UNUSED = 30 * 86_400


def orphans(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Return each cache whose source is gone, or that another version wrote and has not written to for long."""
    try:
        folders = sorted(all_caches(environ).iterdir())
    except OSError:
        return
    for folder in folders:
        origin = _origin(folder)
        if not origin or folder.name.partition("-")[0] != mark_of(origin):
            continue
        if not os.path.lexists(origin) or (folder != folder_of(origin, environ) and _is_unused(folder)):
            yield folder, origin


def remove(folder: Path) -> bool:
    """Delete a cache. Return False while another process writes to it.

    Raises:
        OSError: It cannot be deleted.
    """
    cache = Cache(folder)
    with cache.writing() as ours:
        if ours:
            shutil.rmtree(folder)
        elif cache.trouble:
            raise OSError(None, cache.trouble)
    return ours


def _is_unused(folder: Path) -> bool:
    try:
        return time.time() - (folder / MANIFEST).stat().st_mtime > _SECONDS_UNTIL_UNUSED
    except OSError:
        return False


def _origin(folder: Path) -> str:
    try:
        return origin_of((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
