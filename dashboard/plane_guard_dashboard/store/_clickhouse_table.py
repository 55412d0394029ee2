"""The columns of the exporter's table, and SQL that reads attributes from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Columns that every version of the exporter creates. Other columns are used only if DESCRIBE lists them.
NEEDED = [
    "Timestamp",
    "TraceId",
    "SpanId",
    "ParentSpanId",
    "SpanName",
    "ServiceName",
    "ResourceAttributes",
    "Duration",
    "StatusCode",
    "Events.Timestamp",
    "Events.Name",
    "Events.Attributes",
]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of spans, and the types of its columns."""

    database: str
    name: str
    columns: Mapping[str, str]

    @property
    def quoted(self) -> str:
        """The name in SQL."""
        return f"`{self.database}`.`{self.name}`"

    @property
    def missing(self) -> list[str]:
        """The columns that every version of the exporter creates and this table does not have."""
        nested = self.columns.get("Events", "").startswith("Nested(")
        return [name for name in NEEDED if name not in self.columns and not (nested and name.startswith("Events."))]

    @property
    def json(self) -> bool:
        """True if attributes have the type JSON instead of Map (option `json` of the exporter)."""
        return self.columns["ResourceAttributes"].startswith("JSON")

    def resource(self, name: str) -> str:
        """Return SQL for an attribute of the resource, as text."""
        return self._text("ResourceAttributes", name)

    def event(self, name: str) -> str:
        """Return SQL for an attribute of the event that the query calls `event`, as text."""
        return self._text("event", name)

    def span(self, name: str) -> str:
        """Return SQL for an attribute of the span, as text."""
        return self._text("SpanAttributes", name) if "SpanAttributes" in self.columns else "''"

    def span_texts(self, name: str) -> str:
        """Return SQL for an attribute of the span that is a list of texts."""
        if self.json and "SpanAttributes" in self.columns:
            return f"arrayMap(text -> assumeNotNull(text), SpanAttributes.`{name}`.:`Array(Nullable(String))`)"
        return f"JSONExtract({self.span(name)}, 'Array(String)')"

    def _text(self, column: str, name: str) -> str:
        return f"ifNull(CAST({column}.`{name}`, 'Nullable(String)'), '')" if self.json else f"{column}['{name}']"
