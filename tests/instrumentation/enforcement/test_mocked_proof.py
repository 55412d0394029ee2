"""A mock that answers the guard's own question about a work item proves nothing: the write behind it is real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

PROJECT = """
    import asyncio, os
    import httpx, respx

    ITEM, HEADERS = os.environ["ITEM"], {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    SANDBOX = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_SANDBOX"]}'
    URL = f"{SANDBOX}/work-items/{ITEM}/"
    COMMENT = {"comment_html": "x"}

    async def post():
        async with httpx.AsyncClient(headers=HEADERS) as client:
            return await client.post(URL + "comments/", json=COMMENT)

    def test_comment(plane_sandbox_writes):
        with respx.mock(using="httpcore", assert_all_called=False) as router:
            router.get(URL).respond(200, json={"id": ITEM, "project": os.environ["PLANE_SANDBOX"]})
            router.post(URL + "comments/").pass_through()
            if ASYNC:
                asyncio.run(post())
            else:
                httpx.post(URL + "comments/", json=COMMENT, headers=HEADERS)
"""


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_production_item_is_refused_although_a_mock_says_that_it_is_in_the_sandbox(
    child: Child, plane: FakePlane, *, is_async: bool
) -> None:
    child.write("test_it.py", PROJECT.replace("if ASYNC", f"if {is_async}"))
    child.pytest(ITEM=plane.prod.items["ORCH-114"])

    assert plane.writes == []
    assert [(row.outcome, row.reason) for row in child.decisions()] == [("block", "foreign-reference")]
