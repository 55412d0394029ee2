"""The fixture `fake_plane`: a Plane server for one test, whose sandbox Plane's clients may write to."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import requests

from plane_guard import PlaneWriteBlocked, Settings
from plane_guard_instrumentation.testing.variables import TOKEN_VARIABLES, URL_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

    Post = Callable[[str, dict[str, str], dict[str, str]], int]

MANY_TESTS = """
    import os
    import httpx
    import pytest
    from plane_guard import PlaneWriteBlocked

    def create(plane, project, name):
        url = f"{plane.url}/api/v1/workspaces/{plane.workspace}/projects/{project}/work-items/"
        return httpx.post(url, headers=plane.headers, json={"name": name})

    @pytest.mark.parametrize("number", range(40))
    def test_each_test_has_the_server_to_itself(fake_plane, number):
        before = fake_plane.snapshot()
        assert create(fake_plane, fake_plane.project, f"item {number}").status_code == 201
        assert [write.json for write in fake_plane.writes] == [{"name": f"item {number}"}]
        assert len(fake_plane.snapshot()["work_items"]) == len(before["work_items"]) + 1

    @pytest.mark.parametrize("number", range(3))
    def test_without_it_writing_is_off(number, plane_blocked_writes):
        assert "PLANE_TEST_WRITE_ENABLED" not in os.environ
        assert "PLANE_API_HOST_URL" not in os.environ
        with pytest.raises(PlaneWriteBlocked, match="opt-in"):
            httpx.post(os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/%s/work-items/"
                       % os.environ["PLANE_SANDBOX"], json={"name": "x"})
"""


def _aiohttp(url: str, headers: dict[str, str], body: dict[str, str]) -> int:
    async def post() -> int:
        async with aiohttp.ClientSession() as session, session.post(url, headers=headers, json=body) as response:
            return response.status

    return asyncio.run(post())


def _httpx_async(url: str, headers: dict[str, str], body: dict[str, str]) -> int:
    async def post() -> int:
        async with httpx.AsyncClient() as client:
            return (await client.post(url, headers=headers, json=body)).status_code

    return asyncio.run(post())


CLIENTS: dict[str, Post] = {
    "httpx": lambda url, headers, body: httpx.post(url, headers=headers, json=body).status_code,
    "httpx async": _httpx_async,
    "requests": lambda url, headers, body: requests.post(url, headers=headers, json=body, timeout=10).status_code,
    "aiohttp": _aiohttp,
}


def items(plane: FakePlane, project: object) -> str:
    return f"{plane.url}/api/v1/workspaces/{plane.workspace}/projects/{project}/work-items/"


@pytest.mark.parametrize("post", CLIENTS.values(), ids=CLIENTS)
def test_a_write_to_the_sandbox_lands_and_is_recorded(fake_plane: FakePlane, post: Post) -> None:
    assert post(items(fake_plane, fake_plane.project), fake_plane.headers, {"name": "Fix it"}) == 201
    [write] = fake_plane.writes
    assert (write.method, write.json) == ("POST", {"name": "Fix it"})
    assert "Fix it" in {row["name"] for row in fake_plane.snapshot()["work_items"].values()}


@pytest.mark.parametrize("post", CLIENTS.values(), ids=CLIENTS)
def test_a_comment_on_a_sandbox_item_lands_after_the_ownership_lookup(fake_plane: FakePlane, post: Post) -> None:
    item = fake_plane.sandbox.items["SBX-1"]
    url = f"{items(fake_plane, fake_plane.project)}{item}/comments/"
    assert post(url, fake_plane.headers, {"comment_html": "<p>Done.</p>"}) == 201
    assert [change.table for change in fake_plane.changes] == ["comments", "work_items"]


def test_production_stays_blocked(fake_plane: FakePlane, plane_blocked_writes: list[PlaneWriteBlocked]) -> None:
    with pytest.raises(PlaneWriteBlocked, match="prod-project-in-test"):
        httpx.post(items(fake_plane, fake_plane.prod), headers=fake_plane.headers, json={"name": "x"})
    assert fake_plane.requests == []
    assert fake_plane.changes_of(fake_plane.prod) == []


def test_the_variables_of_planes_clients_name_the_server(fake_plane: FakePlane) -> None:
    assert {os.environ[name] for name in URL_VARIABLES} == {fake_plane.url}
    assert {os.environ[name] for name in TOKEN_VARIABLES} == {fake_plane.token}
    assert os.environ["PLANE_WORKSPACE_SLUG"] == fake_plane.workspace
    assert Settings.from_environ(os.environ).sandbox_projects == {fake_plane.project}


async def _create(plane: FakePlane) -> int:
    async with httpx.AsyncClient(headers=plane.headers) as client:
        return (await client.post(items(plane, plane.project), json={"name": "x"})).status_code


@pytest.mark.asyncio
async def test_an_async_test_uses_the_same_fixture(fake_plane: FakePlane) -> None:
    assert await _create(fake_plane) == 201


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_each_test_starts_afresh_and_writing_ends_with_it(child: Child, options: tuple[str, ...]) -> None:
    child.write("test_many.py", MANY_TESTS)
    done = child.pytest(*options)
    assert "43 passed" in done.stdout, done.stdout


def test_it_costs_a_test_at_most_five_milliseconds(child: Child) -> None:
    child.write(
        "test_cost.py",
        """
        import time
        import pytest

        def test_first(fake_plane): ...

        @pytest.fixture
        def before(): return time.process_time()

        @pytest.mark.parametrize("number", range(50))
        def test_next(before, fake_plane, number):
            print("COST", (time.process_time() - before) * 1000)
        """,
    )
    done = child.pytest("-s")
    costs = sorted(float(cost) for cost in re.findall(r"COST ([\d.e-]+)", done.stdout))
    assert len(costs) == 50
    assert costs[25] <= 5, costs


def test_a_child_process_of_the_test_writes_to_it_too(child: Child) -> None:
    child.write(
        "grandchild.py",
        """
        import os
        import httpx

        url = f"{os.environ['PLANE_BASE_URL']}/api/v1/workspaces/{os.environ['PLANE_WORKSPACE_SLUG']}"
        url += f"/projects/{os.environ['PLANE_PROJECT_ID']}/work-items/"
        httpx.post(url, headers={"X-Api-Key": os.environ["PLANE_API_KEY"]}, json={"name": "x"}).raise_for_status()
        """,
    )
    child.write(
        "test_grandchild.py",
        """
        import subprocess
        import sys

        def test_it(fake_plane):
            subprocess.run([sys.executable, "grandchild.py"], check=True)
            assert [write.json for write in fake_plane.writes] == [{"name": "x"}]
        """,
    )
    done = child.pytest()
    assert "1 passed" in done.stdout, done.stdout
