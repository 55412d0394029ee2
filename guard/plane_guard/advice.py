"""The texts of refusals: what was stopped, why, and what to do.

This is the only place with the texts of reasons. The dashboard and the docs read the same tables.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from plane_guard import mocks
from plane_guard.hosts import is_loopback
from plane_guard.vocabulary import PROTECTED_OPS, Reason

if TYPE_CHECKING:
    from plane_guard.classification import PlaneWrite
    from plane_guard.decision import Decision
    from plane_guard.settings import Settings

WHY: dict[Reason, str] = {
    Reason.LIVE_RUNTIME: "This process is not a test process.",
    Reason.OPT_IN_DISABLED: "This is a test process, and writing to Plane is off in test processes.",
    Reason.AMBIGUOUS_TARGET: "The target project is ambiguous.",
    Reason.PROD_PROJECT_IN_TEST: "The project is not on the sandbox allowlist, or it is protected.",
    Reason.PROTECTED_OPERATION: "The operation would change the sandbox project itself, or its members.",
    Reason.SANDBOX_ALLOWED: "The project is on the sandbox allowlist.",
    Reason.GUARD_ERROR: "plane-guard failed internally, or could not record the decision, so the write was blocked.",
    Reason.FOREIGN_REFERENCE: "The request names an object that is not proven to be inside the sandbox project.",
    Reason.UNGUARDED_CLIENT: "plane-guard cannot inspect this HTTP client, so it may not connect to Plane from a test\n"
    "process, not even to read.",
}
"""The sentence for each reason."""

_OPT_IN = (
    "To write to the sandbox in one test, request the fixture plane_sandbox_writes, or\n"
    '  monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1").\n'
    "In a script: plane-guard run --sandbox-writes -- CMD. Both open the sandbox allowlist, and nothing else."
)
_FAKE_PLANE = (
    "To run against a fake Plane on this machine, request the fixture fake_plane and use its url, token, workspace\n"
    "and project:\n"
    "  def test_it(fake_plane): ...  # fake_plane.url, fake_plane.project"
)
_OPT_IN_CONTAINED = (
    "Writing to the sandbox is off in this contained run. Switch it on when you start the run:\n"
    "  plane-guard run --contained --sandbox-writes -- CMD\n"
    "It opens the sandbox allowlist, and nothing else."
)
_TO_SANDBOX = "Write to a project on the sandbox allowlist instead."
_ABOVE_PROJECTS = (
    "It is above projects, so no setting allows it in a test process: it cannot be proven to stay in the sandbox."
)
_FAKE_LOOKUP = "A fake server has to answer a GET of the object with its `id` and its `project`, as fake_plane does."
REMEDIES: dict[Reason, str] = {
    Reason.LIVE_RUNTIME: "",
    Reason.OPT_IN_DISABLED: _OPT_IN,
    Reason.AMBIGUOUS_TARGET: "Write to a path that names the sandbox project by its lower-case id, without dot\n"
    "segments, double slashes, encoded slashes or overriding headers.",
    Reason.PROD_PROJECT_IN_TEST: _TO_SANDBOX,
    Reason.PROTECTED_OPERATION: "No setting allows it. Change the sandbox project by hand, outside of tests.",
    Reason.SANDBOX_ALLOWED: "",
    Reason.GUARD_ERROR: "Run `plane-guard doctor`. It names the setting or folder to fix.",
    Reason.FOREIGN_REFERENCE: "Use objects of the sandbox project, such as an item that this test created there.",
    Reason.UNGUARDED_CLIENT: "Use httpx, httpx2, requests, urllib3, urllib or aiohttp for what tests send to Plane,\n"
    "or point this client at a fake server under a name that is no Plane host.",
}
"""What to do about each reason, in general. A refusal is more precise, because it knows the request."""


PROXY_LAYER = "proxy"
_FOR_ANY_CLIENT = {_OPT_IN: _OPT_IN_CONTAINED, _FAKE_PLANE: ""}
"""Advice for Python, and what a client of the proxy is told in its place."""


def detail(write: PlaneWrite, decision: Decision, settings: Settings, fact: str = "", *, layer: str) -> str:
    """Return what is known of this refusal in one line, and what to do about it in the lines below.

    Advice that cannot work is left out: the opt-in opens only the allowlist, a fake server is allowlisted only if it
    is one, and nothing opens writes above projects. The client of a proxy may be written in any language.
    """
    facts = [fact] if fact else []
    if decision.reason in {Reason.OPT_IN_DISABLED, Reason.PROD_PROJECT_IN_TEST} and write.project_id:
        facts.append(_allowlist(write.project_id, settings))
    remedies = _remedies(write, decision, settings)
    if layer == PROXY_LAYER:
        remedies = [_FOR_ANY_CLIENT.get(text, text) for text in remedies]
    return "\n".join([" ".join(facts), *filter(None, remedies)])


def _allowlist(project: str, settings: Settings) -> str:
    if project in settings.protected_projects:
        return "(The project is protected, which overrides every allowlist.)"
    if project in settings.sandbox_projects:
        return "(The project is on the sandbox allowlist.)"
    allowed = ", ".join(sorted(settings.sandbox_projects)) or "empty"
    return f"(The sandbox allowlist is {allowed}; this project is not on it.)"


def _remedies(write: PlaneWrite, decision: Decision, settings: Settings) -> list[str]:
    """Return the advice of the first row whose condition holds."""
    reason, project = decision.reason, write.project_id or ""
    writable = settings.sandbox_projects - settings.protected_projects
    is_fake, is_off = is_loopback(write.server_address), reason is Reason.OPT_IN_DISABLED
    is_project_refused = bool(project) and reason in {Reason.OPT_IN_DISABLED, Reason.PROD_PROJECT_IN_TEST}
    is_foreign = reason is Reason.FOREIGN_REFERENCE
    rows = (
        (reason in {Reason.GUARD_ERROR, Reason.UNGUARDED_CLIENT}, [REMEDIES[reason]]),
        (is_above_projects(write), [_ABOVE_PROJECTS]),
        (write.op in PROTECTED_OPS, [REMEDIES[Reason.PROTECTED_OPERATION]]),
        (is_off and project in writable, [_OPT_IN, _FAKE_PLANE]),
        (is_project_refused and is_fake and project not in settings.protected_projects, [_fake_server(project)]),
        (is_project_refused and is_off, [_TO_SANDBOX, _OPT_IN, _FAKE_PLANE]),
        (is_project_refused, [_TO_SANDBOX, _FAKE_PLANE]),
        (is_off, [REMEDIES[Reason.AMBIGUOUS_TARGET], _OPT_IN]),
        (is_foreign and is_fake, [REMEDIES[reason], _FAKE_LOOKUP]),
        (is_foreign, [REMEDIES[reason], _FAKE_PLANE]),
        (True, [REMEDIES[reason]]),
    )
    return next(advice for holds, advice in rows if holds)


def _fake_server(project: str) -> str:
    return (
        "This is a fake server on this machine. Allowlist its project, never a production one, in that test:\n"
        f'  monkeypatch.setenv("PLANE_TEST_SANDBOX_PROJECTS", "{project}")\n'
        '  monkeypatch.setenv("PLANE_TEST_WRITE_ENABLED", "1")\n'
        "or request the fixture fake_plane, which does both."
    )


def is_above_projects(write: PlaneWrite) -> bool:
    """Return if a write is to a workspace, an account or an instance, and to no project in it."""
    is_read = bool(write.url_template) and not write.unprovable
    return is_read and write.project_id is None and "{project_id}" not in write.url_template


_INSTEAD = "To mock the call instead (a mocked write never reaches the wire and is never judged):\n"
_EXPECTED = "A test that is about this refusal requests the fixture plane_blocked_writes."


def what_to_do(reason: str) -> str:
    """Return the remedy for a reason, or an empty string if there is nothing to do or the reason is unknown."""
    return REMEDIES[Reason(reason)] if reason in REMEDIES else ""


def refusal(write: PlaneWrite, decision: Decision, layer: str, detail: str) -> str:
    """Return the text of a refusal. Its first line begins with op and project, because pytest's summary cuts it off."""
    project = write.project_id or (f"unresolved, names {', '.join(write.projects)}" if write.projects else "unresolved")
    item = f", work item {write.work_item}" if write.work_item else ""
    fact, _, remedies = detail.partition("\n")
    lines = [
        f"{write.op} in project {project}{item}: blocked by plane-guard, {decision.reason}",
        f"  {_request(write, decision)}",
        f"Why: {WHY[decision.reason]}{f' {fact}' if fact else ''}",
        remedies or REMEDIES[decision.reason],
        "" if decision.reason is Reason.UNGUARDED_CLIENT or layer == PROXY_LAYER else _mock(write, layer),
        "" if layer == PROXY_LAYER else _EXPECTED,
        f"More: plane-guard explain {decision.reason}",
    ]
    return "\n".join(line for line in lines if line)


def _request(write: PlaneWrite, decision: Decision) -> str:
    if decision.reason is Reason.UNGUARDED_CLIENT:
        return f"A connection to the Plane host {write.server_address}"
    where = f" on {write.server_address}" if write.server_address else ""
    return f"{_method(write)} {write.url_template or '(unreadable request)'}{where}"


def _method(write: PlaneWrite) -> str:
    return write.method if write.method.isalpha() and len(write.method) <= len("PROPPATCH") else "(unusual method)"


def _mock(write: PlaneWrite, layer: str) -> str:
    """Return Python that can be pasted as it stands. The call goes where `...` is."""
    route = mocks.Route(write.method, write.url_template)
    code = "".join(mock.code([route]) for mock in mocks.for_layer(layer) if mock.in_refusal)
    return _INSTEAD + textwrap.indent(code, "  ").rstrip("\n")
