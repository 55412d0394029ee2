"""The columns of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, the key of its values in a row, and the filter (of FIELDS) that its values set."""

    label: str
    key: str
    narrows: str | None = None
    config: Any = None
