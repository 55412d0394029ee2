"""How rows are laid out in Arrow and in Parquet files: small, and quick to filter by time and by words that repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from plane_guard_dashboard.store._manifest import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

ROWS_A_GROUP = 100_000
_TYPES = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
SCHEMAS = {
    kind: pa.schema([(name, _TYPES[type_]) for name, type_ in columns.items()]) for kind, columns in KINDS.items()
}
_RISING = {"time_ns", "start_ns", "duration_ns", "seq", "position"}
_DIFFERENT = {"decision_id", "trace_id", "span_id", "parent_span_id"}


def store(kind: str, batches: Iterable[pa.RecordBatch], path: str) -> tuple[int, tuple[int, ...]]:
    """Write a file: how many rows are in it, and of which sources."""
    rows, sources = 0, set[int]()
    with pq.ParquetWriter(path, SCHEMAS[kind], **_options(kind)) as file:
        for batch in batches:
            file.write_batch(batch, row_group_size=ROWS_A_GROUP)
            rows += len(batch)
            sources.update(batch.column("source").unique().to_pylist())
    return rows, tuple(sorted(sources))


def _options(kind: str) -> dict[str, Any]:
    columns = KINDS[kind].keys()
    return {
        "compression": "zstd",
        "use_dictionary": sorted(columns - _RISING - _DIFFERENT),
        "column_encoding": dict.fromkeys(columns & _RISING, "DELTA_BINARY_PACKED"),
    }
