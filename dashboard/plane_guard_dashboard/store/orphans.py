"""Caches whose source is gone: nobody will ask for them again."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from plane_guard_dashboard.store._cache import MANIFEST, Cache, all_caches, folder_of
from plane_guard_dashboard.store._manifest import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def orphans(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Each cache that belongs to a source that is not there any more, and that source."""
    try:
        folders = sorted(all_caches(environ).iterdir())
    except OSError:
        return
    for folder in folders:
        origin = _origin(folder)
        if origin and not os.path.lexists(origin) and folder_of(origin, environ) == folder:
            yield folder, origin


def remove(folder: Path) -> bool:
    """Delete a cache; False while another process writes to it, or where it cannot be deleted."""
    with Cache(folder).writing() as ours:
        if ours:
            shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _origin(folder: Path) -> str:
    try:
        return origin_of((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
