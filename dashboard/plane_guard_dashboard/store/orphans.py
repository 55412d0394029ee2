"""Caches without use: the source no longer exists, or another version wrote them."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

from plane_guard_dashboard.store._cache import DATABASE, OLD_MANIFEST, ORIGIN, Cache, all_caches, folder_of, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SECONDS_UNTIL_UNUSED = 30 * 86_400


def orphans(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield each cache whose source no longer exists, or that another version has not used for 30 days."""
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
    with cache.locked() as ours:
        if ours:
            shutil.rmtree(folder)
        elif cache.trouble:
            raise OSError(None, cache.trouble)
    return ours


def _is_unused(folder: Path) -> bool:
    try:
        newest = max((folder / name).stat().st_mtime for name in (DATABASE, OLD_MANIFEST) if (folder / name).exists())
    except (OSError, ValueError):
        return False
    return time.time() - newest > _SECONDS_UNTIL_UNUSED


def _origin(folder: Path) -> str:
    """Return the path of the source. It is empty if the folder is not a cache."""
    try:
        if (folder / ORIGIN).exists():
            return os.fsdecode((folder / ORIGIN).read_bytes()).partition("\0")[0]
        return str(json.loads((folder / OLD_MANIFEST).read_text(encoding="utf-8"))["origin"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
