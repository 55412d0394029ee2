"""The allowed writes that guarded processes of the command have recorded themselves.

A guard inside the command decides before its request leaves the process, and its decision is on disk by then. The proxy
decides the same request again. It would be counted twice if the proxy recorded it as well. A refusal is never left
out: a process that is blocked by its own guard sends nothing, so a refusal of the proxy is always another decision.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import evidence_file, otlp_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SAME = (
    names.OUTCOME, names.REASON, names.TARGET, names.OP, names.WORKSPACE, names.PROJECT, names.WORK_ITEM, names.METHOD,
    names.URL_TEMPLATE, names.SERVER_ADDRESS,
)  # fmt: skip
"""The attributes that two decisions about one request have in common."""

_Key = tuple[object, ...]


class RecordedDecisions:
    """The decisions of a run in its evidence files, from the moment at which this object is made. Each is used once."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        # Process ids are small in a namespace, so two runs at once have the same ones.
        self._run_id = run_id
        self._read_to = dict(evidence_file.sizes())
        self._unused: dict[int, Counter[_Key]] = {}

    def use(self, pid: int, attributes: Mapping[str, object]) -> bool:
        """Return if the process with this id, as it sees it, has recorded such a decision that was not used yet."""
        unused = self._unused.setdefault(pid, Counter())
        key = _key(attributes)
        if not unused[key]:
            unused.update(map(_key, self._new(pid)))
        if not unused[key]:
            return False
        unused[key] -= 1
        return True

    def _new(self, pid: int) -> Iterator[Mapping[str, object]]:
        """Yield the decisions that this process has recorded since the last call."""
        for path in self._folder.glob(f"decisions-*-{pid}-*.jsonl"):
            with suppress(OSError), path.open("rb") as file:
                file.seek(self._read_to.get(path.name, 0))
                complete = file.read().rpartition(b"\n")[0]
                self._read_to[path.name] = self._read_to.get(path.name, 0) + len(complete) + bool(complete)
                for line in complete.decode(errors="replace").splitlines():
                    for span in otlp_json.spans(line) if self._run_id in line else ():
                        yield from map(otlp_json.values, span.get("events", ()))


def _key(attributes: Mapping[str, object]) -> _Key:
    return tuple(attributes.get(name) for name in _SAME)
