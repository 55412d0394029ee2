"""The columns of a table, and labelled values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, the key of its values in a row, and the kind of cell in `CELLS` of `page.js`.

    Values of the kinds `time` and `ago` are nanoseconds since 1970. With `under`, the values stand in smaller letters
    under those of the column before, so that the table fits.
    """

    label: str
    key: str
    kind: str = "text"
    under: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value, of the same kinds as the cells of a table."""

    label: str
    value: Any
    kind: str = "text"
