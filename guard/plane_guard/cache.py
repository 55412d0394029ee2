"""A bounded cache for pure functions of short texts, such as the path of a work item."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_MOST = 256
_LONGEST = 1_024
_T = TypeVar("_T")
_forgetting: list[Callable[[], None]] = []


def remembering(work_out: Callable[..., _T]) -> Callable[..., _T]:
    """Return the function with a cache of its results for the latest short texts."""
    remembered = lru_cache(maxsize=_MOST)(work_out)
    _forgetting.append(remembered.cache_clear)

    def look_up(text: str, *more: Hashable) -> _T:
        return remembered(text, *more) if len(text) <= _LONGEST else work_out(text, *more)

    return look_up


def forget() -> None:
    """Clear all caches."""
    for cache_clear in _forgetting:
        cache_clear()
