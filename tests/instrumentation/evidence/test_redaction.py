"""No credential gets into evidence or log, wherever a request or a test carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.evidence import redaction

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

TOKEN = "plane_api_0123456789abcdef0123456789abcdef"
OTHER = "Kq7-not-a-plane-token-9f3"
TEST = """
import os, logging, pytest, httpx, plane_guard_instrumentation
TOKEN, OTHER = {token!r}, {other!r}
BASE = os.environ["PLANE_API_URL"].replace("//", "//user:" + OTHER + "@")
PATHS = ["labels/?api_key=" + OTHER, "unknown/" + OTHER + "/" + TOKEN + "/", "work-items/" + TOKEN + "/comments/"]

@pytest.mark.parametrize("token", [TOKEN, "Bearer " + OTHER])
@pytest.mark.parametrize("path", PATHS)
def test_it(token, path):
    url = BASE + "/api/v1/workspaces/" + OTHER + "x/projects/" + os.environ["PLANE_PROJECT"] + "/" + path
    with plane_guard_instrumentation.work_item(OTHER):
        try:
            httpx.post(url, headers={{"X-API-Key": TOKEN, "Authorization": "Bearer " + OTHER, "Cookie": "s=" + OTHER}},
                       json={{"token": OTHER, "name": TOKEN}})
        except RuntimeError as error:
            open("refusal.txt", "a").write(str(error))
"""


def test_a_planted_token_appears_in_no_evidence_log_or_refusal(child: Child, plane: FakePlane) -> None:
    child.write("test_it.py", TEST.format(token=TOKEN, other=OTHER))
    child.write(
        "conftest.py", "import logging\nlogging.getLogger('plane_guard').addHandler(logging.FileHandler('log.txt'))\n"
    )
    result = child.pytest()

    assert "6 passed" in result.stdout, result.stdout
    assert plane.writes == []
    assert len(child.decisions()) == 6
    written = [*(child.folder / ".plane-guard").glob("*.jsonl"), child.folder / "log.txt", child.folder / "refusal.txt"]
    for file in written:
        text = file.read_text()
        assert TOKEN not in text, file.name
        assert OTHER not in text, file.name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"test_x[{TOKEN}]", "test_x[***]"),
        ("https://user:secret@host/", "https***host/"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("test_plain[1]", "test_plain[1]"),
        (f"a {OTHER} b", "a *** b"),
    ],
)
def test_free_text_is_cleaned(text: str, shown: str) -> None:
    assert redaction.clean(text, [OTHER]) == shown
