"""The exporter's table as it is: which columns it has, and how an attribute is read out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Every version of the exporter makes these; more is asked for only where DESCRIBE says that it is there.
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
        """As SQL names it."""
        return f"`{self.database}`.`{self.name}`"

    @property
    def missing(self) -> list[str]:
        """The columns that no version of the exporter leaves out, and that are not there."""
        nested = self.columns.get("Events", "").startswith("Nested(")
        return [name for name in NEEDED if name not in self.columns and not (nested and name.startswith("Events."))]

    @property
    def json(self) -> bool:
        """Return true if attributes have the type JSON, not Map: the exporter's option `json`."""
        return self.columns["ResourceAttributes"].startswith("JSON")

    def resource(self, name: str) -> str:
        """An attribute of the resource, as text."""
        return self._text("ResourceAttributes", name)

    def event(self, name: str) -> str:
        """An attribute of the event that is called `event` in the query, as text."""
        return self._text("event", name)

    def span(self, name: str) -> str:
        """An attribute of the span, as text."""
        return self._text("SpanAttributes", name) if "SpanAttributes" in self.columns else "''"

    def span_texts(self, name: str) -> str:
        """The texts of a list that is an attribute of the span."""
        if self.json and "SpanAttributes" in self.columns:
            return f"arrayMap(text -> assumeNotNull(text), SpanAttributes.`{name}`.:`Array(Nullable(String))`)"
        return f"JSONExtract({self.span(name)}, 'Array(String)')"

    def _text(self, column: str, name: str) -> str:
        return f"ifNull(CAST({column}.`{name}`, 'Nullable(String)'), '')" if self.json else f"{column}['{name}']"
