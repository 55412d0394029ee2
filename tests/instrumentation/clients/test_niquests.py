"""Clients beside niquests, whose urllib3-future replaces urllib3: in an environment of its own."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.instrumentation.clients import environments, h2_front

if TYPE_CHECKING:
    from pathlib import Path

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

pytestmark = pytest.mark.exhaustive

CASES = """
    import asyncio, json, os

    import niquests, pytest, requests, urllib3
    from plane import PlaneClient
    from plane.models.work_items import CreateWorkItemComment
    from plane_guard import PlaneWriteBlocked

    HTTP, HTTPS, CA = os.environ["PLANE_API_URL"], os.environ["OVER_HTTP2"], os.environ["AUTHORITY"]
    HEADERS = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    PATH = "/api/v1/workspaces/acme/projects/%s/work-items/%s/comments/"
    PROD, SANDBOX = os.environ["PLANE_PROJECT"], os.environ["PLANE_SANDBOX"]
    PROD_ITEM, SANDBOX_ITEM = os.environ["PROD_ITEM"], os.environ["SANDBOX_ITEM"]
    BODY = {"comment_html": "x"}

    def by_urllib3(base, project, item):
        with urllib3.PoolManager(ca_certs=CA) as pools:
            return pools.request("POST", base + PATH % (project, item), json=BODY, headers=HEADERS).status

    def by_requests(base, project, item):
        url = base + PATH % (project, item)
        return requests.post(url, json=BODY, headers=HEADERS, verify=CA, timeout=20).status_code

    def by_niquests(base, project, item):
        url = base + PATH % (project, item)
        return niquests.post(url, json=BODY, headers=HEADERS, verify=CA, timeout=20).status_code

    async def by_niquests_async(base, project, item):
        async with niquests.AsyncSession() as session:
            url = base + PATH % (project, item)
            return (await session.post(url, json=BODY, headers=HEADERS, verify=CA, timeout=20)).status_code

    def by_plane_sdk(base, project, item):
        client = PlaneClient(base_url=base, api_key=HEADERS["X-API-Key"])
        client.work_items.comments.create("acme", project, item, CreateWorkItemComment(comment_html="x"))
        return 201

    CLIENTS = {
        "requests": by_requests,
        "urllib3": by_urllib3,
        "niquests": by_niquests,
        "niquests async": lambda *request: asyncio.run(by_niquests_async(*request)),
        "plane-sdk": by_plane_sdk,
    }
    WAYS = [(name, HTTP) for name in CLIENTS] + [(name, HTTPS) for name in CLIENTS if name != "plane-sdk"]

    def test_urllib3_is_urllib3_future():
        assert hasattr(urllib3, "AsyncPoolManager")

    @pytest.mark.parametrize("name, base", WAYS)
    def test_write(name, base, plane_sandbox_writes, plane_blocked_writes):
        with pytest.raises(PlaneWriteBlocked, match="prod-project-in-test"):
            CLIENTS[name](base, PROD, PROD_ITEM)
        with pytest.raises(PlaneWriteBlocked, match="foreign-reference"):
            CLIENTS[name](base, SANDBOX, PROD_ITEM)
        assert CLIENTS[name](base, SANDBOX, SANDBOX_ITEM) == 201

    @pytest.mark.parametrize("name, base", WAYS)
    def test_write_without_the_opt_in(name, base, plane_blocked_writes):
        with pytest.raises(PlaneWriteBlocked, match="opt-in-disabled"):
            CLIENTS[name](base, SANDBOX, SANDBOX_ITEM)
"""


def test_no_client_of_an_environment_with_niquests_writes_to_production(
    child: Child, plane: FakePlane, tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    child.write("test_clients.py", CASES)
    with h2_front.serving(plane.port, context) as port:
        result = child.run(
            [environments.interpreter(*environments.NIQUESTS), "-m", "pytest", "-p", "no:cacheprovider"],
            OVER_HTTP2=f"https://127.0.0.1:{port}",
            AUTHORITY=str(tmp_path / "authority.pem"),
            PROD_ITEM=plane.prod.items["ORCH-114"],
            SANDBOX_ITEM=plane.sandbox.items["SBX-1"],
        )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "19 passed" in result.stdout
    assert plane.changes_of(plane.prod.id) == []
    assert len(plane.writes) == 9
    assert {write.target.count(plane.sandbox.items["SBX-1"]) for write in plane.writes} == {1}
