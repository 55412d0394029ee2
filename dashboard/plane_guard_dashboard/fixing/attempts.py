"""A blocked write, reduced to the facts that a fix depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from plane_guard.mocks import Route
from plane_guard_dashboard.evidence.groups import NOBODY, without_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.evidence.rows import DecisionRow


@dataclass(frozen=True, slots=True)
class Attempt:
    """A blocked write. A text that is not known is empty. A parametrized test is one test."""

    test: str
    reason: str
    method: str
    url_template: str
    layer: str = ""
    op: str = ""
    target: str = ""
    project: str = ""
    server_address: str = ""
    phase: str = ""
    caller: str = ""

    @classmethod
    def of_row(cls, row: DecisionRow) -> Self:
        """Return the attempt of a row that was read from files."""
        place = f"{row.file}:{row.line}" if row.file and row.line else row.file or ""
        return cls(
            test=without_parameters(row.test or ""),
            reason=row.reason,
            method=row.method or "",
            url_template=row.url_template or "",
            layer=row.layer or "",
            op=row.op,
            target=row.target,
            project=row.project_id or "",
            server_address=row.server_address or "",
            phase=row.phase or "",
            caller=f"{place} {row.function or ''}".strip(),
        )

    @classmethod
    def of_columns(cls, row: Mapping[str, Any]) -> Self:
        """Return the attempt of a row of the relation `decisions`, as the pages have it."""
        values = {name: str(row[name]) for name in cls.__dataclass_fields__}
        known = {name: "" if value == NOBODY else value for name, value in values.items()}
        return cls(**{**known, "test": without_parameters(known["test"])})

    @property
    def route(self) -> Route:
        """The request."""
        return Route(self.method, self.url_template)
