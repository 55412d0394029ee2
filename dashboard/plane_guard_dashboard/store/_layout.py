"""The columns of the tables in a cache, and the name of this layout."""

from __future__ import annotations

import hashlib

from plane_guard_dashboard.store.columns import DECISIONS, SESSIONS, SPANS

# The source is the number of a file, the position is the offset of the line in it.
KINDS = {
    kind: {**columns, "source": int, "position": int}
    for kind, columns in (("decisions", DECISIONS), ("sessions", SESSIONS), ("spans", SPANS))
}
_LAYOUT = 2
SCHEMA = hashlib.sha256(repr((_LAYOUT, KINDS)).encode()).hexdigest()[:16]
