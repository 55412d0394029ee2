"""The decisions of a real run explain what its requests changed on the server, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner

from plane_guard_dashboard.cli import main
from tests.dashboard.verification.test_verify import QUICK, environment

if TYPE_CHECKING:
    import pytest

    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

RUN = """
    import os, subprocess, sys, httpx
    BASE = os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/"
    SANDBOX = os.environ["PLANE_SANDBOX"]
    HEADERS = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}

    def send(method, path, body=None):
        url = f"{BASE}{SANDBOX}/{path}"
        reply = httpx.request(method, url, json=body, headers=HEADERS, trust_env=False)
        assert reply.is_success, (method, path, reply.status_code, reply.text)
        return reply.json() if reply.content else None

    def test_sandbox(plane_sandbox_writes):
        one, other = (send("POST", "work-items/", {"name": name})["id"] for name in ("a", "b"))
        states = {row["name"]: row["id"] for row in send("GET", "states/")["results"]}
        send("PATCH", f"work-items/{one}/", {"name": "c", "priority": "high"})
        send("PATCH", f"work-items/{one}/", {"state": states["Done"], "target_date": "2026-12-24"})
        comment = send("POST", f"work-items/{one}/comments/", {"comment_html": "<p>x</p>"})["id"]
        link = send("POST", f"work-items/{one}/links/", {"url": "https://example.com"})["id"]
        send("PATCH", f"work-items/{one}/links/{link}/", {"url": "https://example.com/2"})
        send("POST", f"work-items/{one}/relations/", {"relation_type": "blocking", "issues": [other]})
        label = send("POST", "labels/", {"name": f"new {os.getpid()}"})["id"]
        send("PATCH", f"work-items/{one}/", {"labels": [label], "parent": other})
        cycle = send("POST", "cycles/", {"name": "new", "project_id": SANDBOX})["id"]
        send("POST", f"cycles/{cycle}/cycle-issues/", {"issues": [one, other]})
        module = send("POST", "modules/", {"name": "new"})["id"]
        send("POST", f"modules/{module}/module-issues/", {"issues": [one, other]})
        send("POST", "states/", {"name": f"new {os.getpid()}", "color": "#000000"})
        send("DELETE", f"work-items/{one}/comments/{comment}/")

    def test_past_the_guard():
        if os.environ.get("BYPASS"):
            subprocess.run([sys.executable, "-S", "-c", os.environ["BYPASS"]], check=True)
"""
BYPASS = """
import http.client, json, os
from urllib.parse import urlsplit
base = urlsplit(os.environ["PLANE_API_URL"])
connection = http.client.HTTPConnection(base.hostname, base.port)
headers = {"X-API-Key": os.environ["PLANE_API_TOKEN"], "Content-Type": "application/json"}
path = f'/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'
connection.request("POST", path, json.dumps({"name": "past the guard"}), headers)
assert connection.getresponse().status == 201
"""


def test_a_real_run_is_explained_and_a_child_that_bypasses_the_guard_is_found(
    child: Child, plane: FakePlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(plane, child.folder).items():
        monkeypatch.setenv(name, value)
    child.write("test_it.py", RUN)
    command = ["verify", "--traces", str(child.folder / ".plane-guard"), *QUICK, "--format", "json"]

    result = child.pytest()
    assert "2 passed" in result.stdout, result.stdout
    honest = CliRunner().invoke(main, command)
    assert honest.exit_code == 0, honest.output
    summary = json.loads(honest.stdout)
    decisions = [one for one in child.decisions() if one.outcome == "allow"]
    assert len(decisions) == 16
    assert summary["unexplained"] == 0
    # The comment is gone, so neither its creation nor its deletion is visible. Changes of a work item in the second of
    # its creation count as one write.
    assert 8 <= summary["explained"] <= len(decisions) - 2

    result = child.pytest(BYPASS=BYPASS)
    assert "2 passed" in result.stdout, result.stdout
    bypassed = CliRunner().invoke(main, command)
    assert bypassed.exit_code == 1, bypassed.output
    [finding] = json.loads(bypassed.stdout)["findings"]
    assert (finding["production"], finding["verb"], finding["name"]) == (True, "created", "ORCH-116")
    assert finding["runs"] == [child.sessions()[-1].run_id]
    assert "test_it.py::test_sandbox" in finding["tests"]
