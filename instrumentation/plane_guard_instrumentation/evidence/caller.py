"""The nearest frame on the stack that belongs neither to a library nor to Python itself."""

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from plane_guard_instrumentation.evidence import resource
from plane_guard_instrumentation.evidence.system import SYSTEM

if TYPE_CHECKING:
    from types import FrameType

_MOST_FRAMES = 400
_MOST_FILES = 1_024
_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB = os.path.dirname(os.__file__) + os.sep
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class Caller(NamedTuple):
    """The place in the user's code at which a request began. A file of the checkout is named from its top folder."""

    file: str
    line: int
    function: str


def find() -> Caller | None:
    """Return the caller's own frame, or ``None`` if only libraries are on the stack."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  the documented way to the stack without a traceback
    for _ in range(_MOST_FRAMES):
        if frame is None:
            return None
        if not _is_library(frame.f_code.co_filename):
            return Caller(_in_checkout(frame.f_code.co_filename), frame.f_lineno, frame.f_code.co_qualname)
        frame = frame.f_back
    return None


def library() -> str:
    """Return the name of the installed package that is nearest on the stack, or an empty string."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  as above
    for _ in range(_MOST_FRAMES):
        if frame is None or not _is_library(frame.f_code.co_filename):
            return ""
        for part in _LIBRARIES:
            _, found, inside = frame.f_code.co_filename.rpartition(part)
            if found and not frame.f_code.co_filename.startswith(_OWN):
                return inside.partition(os.sep)[0].removesuffix(".py")
        frame = frame.f_back
    return ""


@lru_cache(maxsize=_MOST_FILES)
def _in_checkout(filename: str) -> str:
    # The same line has the same name in each worktree and on each machine.
    top = resource.top_of_checkout(SYSTEM.folder)
    return filename.removeprefix(f"{top}{SYSTEM.sep}") if top else filename


@lru_cache(maxsize=_MOST_FILES)
def _is_library(filename: str) -> bool:
    return filename.startswith((_OWN, _STDLIB, "<")) or any(part in filename for part in _LIBRARIES)
