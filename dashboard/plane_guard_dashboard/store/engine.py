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
    """A file or table with its size and the progress of reading it."""

    name: str
    size: int
    read: int
    lines: int
    unreadable_lines: int


@dataclass(frozen=True, slots=True)
class Health:
    """The account of a source: lines that were read and lines that could not be.

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
    """The engine has too little memory or disk for an answer. The text says what to do."""

    def __init__(self, sentence: str) -> None:
        Exception.__init__(self, sentence)
        self.state = SourceState.BROKEN


class Engine(Protocol):
    """Answers the named queries of `queries.py` about one source. Safe to use from several threads."""

    def refresh(self, progress: Progress | None = None) -> Hashable:
        """Read new lines. Return a value that changes whenever a query may have another result.

        Raises:
            NoTracesError: There is nothing to read; the text says why and what to do.
        """

    def query(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Return the rows of a named query. `parameters` may hold more than the query names."""

    def raw(self, decision_id: str) -> str | None:
        """Return the span of the decision as JSON text, or None if the source no longer has it."""

    def health(self) -> Health:
        """Return the numbers of lines that were read and of lines that could not be."""
