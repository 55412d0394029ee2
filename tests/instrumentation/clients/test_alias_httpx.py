"""`httpx2.alias_httpx` puts httpx2 under the name of httpx: its requests are judged all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.guard.plane import PROD

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

CASE = f"""
    import os
    import pytest
    import httpx2
    from plane_guard import PlaneWriteBlocked

    httpx2.alias_httpx()
    import httpx

    URL = os.environ["SERVER"] + "/api/v1/workspaces/acme/projects/{PROD}/work-items/"

    def test_writes():
        assert httpx.Client is httpx2.Client
        with pytest.raises(PlaneWriteBlocked):
            httpx.post(URL, json={{"name": "x"}})
        with httpx.Client() as client, pytest.raises(PlaneWriteBlocked):
            client.post(URL, json={{"name": "x"}})
"""


def test_requests_under_the_other_name_are_judged(child: Child, plane: FakePlane) -> None:
    child.write("test_it.py", CASE)
    result = child.pytest("-p", "no:asyncio", SERVER=plane.url)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [decision.reason for decision in child.decisions()] == ["opt-in-disabled"] * 2
