"""What was worked out for a text that comes again, such as the path of a work item: worked out once.

For pure functions of texts only. What is remembered is bounded in number and in length.
"""

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
    """The same function of a text (and of little else), which remembers what it said of the last short ones."""
    remembered = lru_cache(maxsize=_MOST)(work_out)
    _forgetting.append(remembered.cache_clear)

    def look_up(text: str, *more: Hashable) -> _T:
        return remembered(text, *more) if len(text) <= _LONGEST else work_out(text, *more)

    return look_up


def forget() -> None:
    """Forget everything: for tests that change what would be worked out."""
    for cache_clear in _forgetting:
        cache_clear()
