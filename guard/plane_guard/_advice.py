"""What a refusal says: what was stopped, why, and what to do instead of looking for a way round it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plane_guard._words import DEFAULT_SANDBOX_PROJECT, Reason

if TYPE_CHECKING:
    from plane_guard._classify import PlaneWrite
    from plane_guard._decide import Decision

_WHY = {
    Reason.LIVE_RUNTIME: "This process is not a test process.",
    Reason.OPT_IN_DISABLED: "This is a test process, and writing to Plane is off in test processes.",
    Reason.AMBIGUOUS_TARGET: "The request does not say in exactly one way which project it writes to.",
    Reason.PROD_PROJECT_IN_TEST: "The project is not on the sandbox allowlist, or it is protected.",
    Reason.PROTECTED_OPERATION: "The operation would change the sandbox project itself or who is in it.",
    Reason.SANDBOX_ALLOWED: "The project is on the sandbox allowlist.",
    Reason.GUARD_ERROR: "plane-guard could not decide or could not keep evidence, and then nothing is written.",
    Reason.FOREIGN_REFERENCE: "The request names an object that is not proven to be inside the sandbox project.",
    Reason.UNGUARDED_CLIENT: "In a test process a client that plane-guard cannot see into may not connect to a\n"
    "Plane host, not for reading either.",
}

_SANDBOX_HINT = (
    "To write to the sandbox in one test: request the fixture plane_sandbox_writes, or\n"
    '  monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1").'
)
_ALLOWLIST_HINT = (
    "To test against a fake server on loopback: allowlist its project in that test,\n"
    '  monkeypatch.setenv("PLANE_TEST_SANDBOX_PROJECTS", "<its project id>").'
)
_WHAT_TO_DO = {
    Reason.OPT_IN_DISABLED: _SANDBOX_HINT,
    Reason.AMBIGUOUS_TARGET: "Write to a path that names the sandbox project by its lower-case id, without dot\n"
    "segments, double slashes, encoded slashes or overriding headers.",
    Reason.PROD_PROJECT_IN_TEST: "Write to the sandbox project instead "
    f"(default {DEFAULT_SANDBOX_PROJECT}).\n{_ALLOWLIST_HINT}",
    Reason.PROTECTED_OPERATION: "Change the sandbox project by hand, outside of tests.",
    Reason.GUARD_ERROR: "Run `plane-guard doctor`: it says which setting or folder is at fault.",
    Reason.FOREIGN_REFERENCE: "Use objects that the sandbox project holds, such as an item this test created there.",
    Reason.UNGUARDED_CLIENT: "Use httpx, httpx2, requests, urllib3, urllib or aiohttp for what tests send to Plane,\n"
    "or point this client at a fake server under a name that is no Plane host.",
}

_INSTEAD = "To mock the call instead (a mocked write never reaches the wire and is never judged):\n"
_HTTPX_MOCKS = """  respx:        respx_mock.{method}(url__regex=r"{path}").respond(200, json={{}})
  MockTransport: httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json={{}})))"""
_HTTPX2_MOCK = """  MockTransport:
    httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json={{}})))"""
_REQUESTS_MOCK = """  responses:     responses.add(responses.{upper}, re.compile(r".*{path}"), json={{}})
  requests-mock: requests_mock.{method}(re.compile(r"{path}"), json={{}})"""
_AIOHTTP_MOCK = (
    """  aioresponses: with aioresponses() as mocked: mocked.{method}(re.compile(r".*{path}"), payload={{}})"""
)
_MOCKS = {"http.client": _REQUESTS_MOCK, "httpx2": _HTTPX2_MOCK, "aiohttp": _AIOHTTP_MOCK}
_LONGEST_PATH_SHOWN = 160


def refusal(write: PlaneWrite, decision: Decision, layer: str, detail: str) -> str:
    """The text of a refusal, for a person or a program that has to decide what to do next."""
    project = write.project_id or (f"unresolved, names {', '.join(write.projects)}" if write.projects else "unresolved")
    item = f", work item {write.work_item}" if write.work_item else ""
    lines = [
        f"plane-guard blocked {_what(write, decision)}",
        f"  op {write.op}, project {project}{item}, reason {decision.reason}",
        f"Why: {_WHY[decision.reason]}{f' {detail}' if detail else ''}",
        _WHAT_TO_DO.get(decision.reason) or "",
        "" if decision.reason is Reason.UNGUARDED_CLIENT else _mock(write, layer),
    ]
    return "\n".join(line for line in lines if line)


def _what(write: PlaneWrite, decision: Decision) -> str:
    if decision.reason is Reason.UNGUARDED_CLIENT:
        return f"a connection to the Plane host {write.server_address}"
    where = f" on {write.server_address}" if write.server_address else ""
    return f"a Plane write: {_method(write)} {write.url_template or '(unreadable request)'}{where}"


def _method(write: PlaneWrite) -> str:
    return write.method if write.method.isalpha() and len(write.method) <= len("PROPPATCH") else "(unusual method)"


def _mock(write: PlaneWrite, layer: str) -> str:
    path = re.sub(r"\{\w+\}", "[^/]+", write.url_template)[:_LONGEST_PATH_SHOWN] or ".*"
    verb = write.method.upper() if write.method.upper() in {"PUT", "PATCH", "DELETE"} else "POST"
    return _INSTEAD + _MOCKS.get(layer, _HTTPX_MOCKS).format(method=verb.lower(), upper=verb, path=path)
