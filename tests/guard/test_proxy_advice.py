"""Advice for clients of the proxy, which may be written in any language."""

from __future__ import annotations

import pytest

from plane_guard import Decision, Reason, Settings, advice, classify

PROD = "4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34"
SANDBOX = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"


@pytest.mark.parametrize(
    ("project", "reason", "lines"),
    [
        (SANDBOX, Reason.OPT_IN_DISABLED, 4),
        (PROD, Reason.OPT_IN_DISABLED, 5),
        (PROD, Reason.PROD_PROJECT_IN_TEST, 2),
    ],
)
def test_a_client_of_the_proxy_gets_no_advice_for_python(project: str, reason: Reason, lines: int) -> None:
    write = classify("POST", f"https://api.plane.so/api/v1/workspaces/acme/projects/{project}/work-items/", b"{}")
    assert write is not None
    decision = Decision(allowed=False, reason=reason)
    said = advice.detail(write, decision, Settings(), layer="proxy")
    assert len(said.splitlines()) == lines
    assert ("plane-guard run --contained --sandbox-writes -- CMD" in said) is (reason is Reason.OPT_IN_DISABLED)
    whole = advice.refusal(write, decision, "proxy", said)
    assert not [word for word in ("fixture", "monkeypatch", "respx", "fake_plane", "mock") if word in whole]
    for_python = advice.refusal(write, decision, "httpx", advice.detail(write, decision, Settings(), layer="httpx"))
    assert "fake_plane" in for_python
    assert "respx" in for_python
    assert "plane_blocked_writes" in for_python
