"""The interface of the engines that answer named queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from plane_guard_dashboard.evidence.traces import BadLine

    Progress = Callable[[int, int], None]  # bytes read, bytes in all


@dataclass(frozen=True, slots=True)
class Source:
    """A file or table that is read: how large it is and how far it has been read."""

    name: str
    size: int
    read: int
    lines: int
    unreadable_lines: int


@dataclass(frozen=True, slots=True)
class Health:
    """What has been read and what could not be.

    `samples` are the first lines that could not be read in full. `cache` is where rows are kept, or why they are not.
    """

    engine: str
    place: str
    sources: tuple[Source, ...]
    lines: int
    unreadable_lines: int
    unreadable_files: int
    pending_lines: int
    duplicates: int
    samples: tuple[BadLine, ...]
    cache: str = ""
    ignored_files: int = 0

    @property
    def files(self) -> int:
        """Number of files."""
        return len(self.sources)


class EngineError(NoTracesError):
    """The engine could not answer for want of memory or disk; the text says what to do."""

    def __init__(self, sentence: str) -> None:
        Exception.__init__(self, sentence)
        self.state = SourceState.BROKEN


class Engine(Protocol):
    """Answers the named queries of `queries.py` about one source. Safe to use from several threads."""

    def refresh(self, progress: Progress | None = None) -> Hashable:
        """Read what is new. The value changes whenever an answer may have.

        Raises:
            NoTracesError: There is nothing to read; the text says why and what to do.
        """

    def query(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """The rows of a named query; it takes from `parameters` what it names."""

    def raw(self, decision_id: str) -> str | None:
        """The span that carries the decision, as JSON text; None where the source no longer has it."""

    def health(self) -> Health:
        """How much was read, and how much was not."""
