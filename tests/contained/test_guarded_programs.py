"""A program whose guard and whose proxy see the same request: one request is one decision."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.contained.clients import PROGRAMS

if TYPE_CHECKING:
    from tests.contained.machine import Machine

SANDBOX, PROD = ("allow", "sandbox-allowed"), ("block", "prod-project-in-test")


@pytest.mark.parametrize("how", ["--contained", "--contained=proxy-only"])
def test_a_write_that_guard_and_proxy_both_see_counts_once(machine: Machine, how: str) -> None:
    program = f"{PROGRAMS / 'with_guard.py'} $PROJECTS/$SANDBOX/work-items/ $PROJECTS/$PROD/work-items/"
    ran = machine.shell(f"exec $PYTHON {program}", "--sandbox-writes", how)
    told = Counter(ran.stdout.splitlines())
    assert told == {
        "requests 201": 2, "httpx 201": 1, "aiohttp 201": 1, "plain 201": 1,
        "requests PlaneWriteBlocked": 1, "httpx PlaneWriteBlocked": 1, "plain 403": 1,
    }, ran.stdout + ran.stderr  # fmt: skip

    names = Counter(request.json["name"] for request in machine.plane.writes)
    assert names == {"requests": 2, "httpx": 1, "aiohttp": 1, "plain": 1}
    assert machine.plane.changes_of(machine.plane.prod) == []
    decided = Counter((row.outcome, row.reason, row.layer) for row in machine.decisions())
    assert decided == {
        (*SANDBOX, "http.client"): 2, (*SANDBOX, "httpx"): 1, (*SANDBOX, "aiohttp"): 1, (*SANDBOX, "proxy"): 1,
        (*PROD, "http.client"): 1, (*PROD, "httpx"): 1, (*PROD, "proxy"): 1,
    }  # fmt: skip


def test_evidence_that_a_program_forges_hides_no_refusal(machine: Machine) -> None:
    urls = "$PROJECTS/$SANDBOX/work-items/ $PROJECTS/$PROD/work-items/"
    forge = f"$BARE -S {PROGRAMS / 'with_forged_evidence.py'}"
    first = machine.shell(f"{forge} /dev/null {urls}", "--sandbox-writes")
    assert first.stdout.split() == ["201", "403"], first.stderr
    evidence = machine.folder / "copied.jsonl"
    folder = machine.folder / ".plane-guard"
    evidence.write_bytes(b"".join(path.read_bytes() for path in folder.glob("decisions-*.jsonl")))

    second = machine.shell(f"{forge} {evidence.name} {urls}", "--sandbox-writes")
    assert second.stdout.split() == ["201", "403"], second.stderr
    blocks = {row.decision_id for row in machine.decisions() if row.outcome == "block"}
    assert len(blocks) == 2
    # What another run recorded, under whatever process id, does not stand for a write of this one.
    allowed = {row.decision_id for row in machine.decisions() if row.outcome == "allow"}
    assert len(allowed) == 2
