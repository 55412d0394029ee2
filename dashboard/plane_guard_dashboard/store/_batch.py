"""Rows on their way from the lines into the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa  # type: ignore[import-untyped]

from plane_guard_dashboard.store._parquet import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Sequence

Row: TypeAlias = tuple[str | int | bool, ...]


class Batch:
    """Rows that wait to be taken into the database. They are packed as they come: packed ones cost a tenth."""

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
    """The values of a column; those of one process are often all the same, which is told sooner than converted."""
    first = values[0]
    if first == values[-1] and values.count(first) == len(values):
        return pa.repeat(pa.scalar(first, type_), len(values))
    return pa.array(values, type=type_)
