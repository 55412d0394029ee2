"""Rows that were read and are not in the database yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa  # type: ignore[import-untyped]

from plane_guard_dashboard.store._layout import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPES = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
SCHEMAS = {
    kind: pa.schema([(name, _TYPES[type_]) for name, type_ in columns.items()]) for kind, columns in KINDS.items()
}
Row: TypeAlias = tuple[str | int | bool, ...]


class Batch:
    """Rows that wait to be taken into the database. Packed into columns they need a tenth of the memory."""

    def __init__(self) -> None:
        self.decisions: list[Row] = []
        self.sessions: list[Row] = []
        self.spans: list[Row] = []
        self._packed: dict[str, list[pa.RecordBatch]] = {kind: [] for kind in SCHEMAS}

    def __len__(self) -> int:
        return self.loose + sum(len(one) for packed in self._packed.values() for one in packed)

    @property
    def loose(self) -> int:
        """Return the number of rows that are not packed yet."""
        return len(self.decisions) + len(self.sessions) + len(self.spans)

    def pack(self) -> None:
        """Turn rows into columns."""
        for kind, schema in SCHEMAS.items():
            rows: list[Row] = getattr(self, kind)
            if rows:
                columns = list(map(_column, zip(*rows, strict=True), schema.types))
                self._packed[kind].append(pa.RecordBatch.from_arrays(columns, schema=schema))
                rows.clear()

    def tables(self) -> dict[str, pa.Table]:
        """Return the rows by relation."""
        self.pack()
        return {kind: pa.Table.from_batches(found) for kind, found in self._packed.items() if found}


def _column(values: Sequence[object], type_: pa.DataType) -> pa.Array:
    """Return the values of a column. They are often all equal, and comparing is faster than converting."""
    first = values[0]
    if first == values[-1] and values.count(first) == len(values):
        return pa.repeat(pa.scalar(first, type_), len(values))
    return pa.array(values, type=type_)
