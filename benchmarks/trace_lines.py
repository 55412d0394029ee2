"""Evidence of any length, made quickly: the exporter's lines with other ids, times, tests and projects in them."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.dashboard import evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = 86_400 * 10**9
_DAYS = 30
_RUNS = 400
_BLOCKED = 0.05
_MARKS = {
    "test.case.name": "TEST",
    "plane_guard.decision.id": "DECISION",
    "plane_guard.op": "OP",
    "plane_guard.project.id": "PROJECT",
    "plane_guard.work_item.key": "ITEM",
}
_TESTS = [f"tests/test_{module}.py::test_case_{case}" for module in range(40) for case in range(25)]
_PROJECTS = [f"{number:08d}-1111-4111-8111-111111111111" for number in range(12)]
_OPS = ("state", "comment", "create", "delete", "assign", "update")


def write(path: Path, number: int, *, mark: str = "") -> None:
    """Write that many decisions, one line each, spread over a month and 400 runs. `mark` makes their ids others."""
    with path.open("ab") as file:
        file.writelines(lines(number, mark))


def lines(number: int, mark: str = "") -> Iterator[bytes]:
    """The lines."""
    chance = random.Random(mark)  # noqa: S311  no secret
    templates = {blocked: _template(blocked=blocked) for blocked in (True, False)}
    for index in range(number):
        test = chance.randrange(len(_TESTS))
        identity = f"{chance.getrandbits(128):032x}"
        yield templates[chance.random() < _BLOCKED] % {
            b"TEST": _TESTS[test].encode(),
            b"DECISION": f"{mark}{identity[:8]}-{identity[8:12]}-{identity[12:16]}-{identity[16:]}".encode(),
            b"OP": _OPS[test % len(_OPS)].encode(),
            b"PROJECT": _PROJECTS[test % len(_PROJECTS)].encode(),
            b"ITEM": b"ORCH-%d" % chance.randrange(5_000),
            b"RUN": b"run-%d" % (index * _RUNS // number),
            b"TRACE": identity.encode(),
            b"SPAN": identity[16:].encode(),
            b"TIME": evidence.START + index * _DAY * _DAYS // number,
        }


def _template(*, blocked: bool) -> bytes:
    changes = {name: f"%({mark})s" for name, mark in _MARKS.items()}
    if not blocked:
        changes |= {"plane_guard.decision.outcome": "allow", "plane_guard.decision.reason": "sandbox-allowed"}
        changes |= {"plane_guard.target": "sandbox"}
    of = evidence.resource(
        "%(RUN)s", **{"vcs.ref.head.name": "main", "cicd.pipeline.run.url.full": "https://ci/%(RUN)s"}
    )
    span = evidence.decision(changes, of=of)
    with tempfile.TemporaryDirectory() as folder:
        line = evidence.write(Path(folder) / "line", span).read_text()
    found = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    line = line.replace(found["traceId"], "%(TRACE)s").replace(found["spanId"], "%(SPAN)s")
    for time in (found["endTimeUnixNano"], found["startTimeUnixNano"]):
        line = line.replace(time, "%(TIME)d")
    return line.encode()
