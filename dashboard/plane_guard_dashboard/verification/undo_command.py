"""`plane-guard undo`: show the request that restores the value before a finding, and send it if a person confirms."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from plane_guard_dashboard import problems
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.evidence.sources import default_source
from plane_guard_instrumentation.evidence.resource import CI_MARKERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plane_guard_dashboard.verification.changes import Change
    from plane_guard_dashboard.verification.restoring import Restoration
    from plane_guard_dashboard.verification.server import Server

# Variables that coding agents set for the commands that they run.
AGENT_MARKERS = (
    *("AI_AGENT", "CLAUDECODE", "CLAUDE_CODE", "CODEX_SANDBOX", "COPILOT_AGENT", "CURSOR_AGENT"),
    *("GEMINI_CLI", "OPENCODE", "REPLIT_AGENT", "TRAE_AI_SHELL_ID"),
)
_LONGEST = 1000
_EPILOG = """\b
Examples:
  plane-guard undo 9f0c5a1e7b2d4c3f8e6a5b4c3d2e1f00
"""


@click.command(epilog=_EPILOG)
@click.argument("finding")
@click.option("--traces", "source", metavar="DIR|FILE", help="Where the evidence is. [default: the trace folder]")
@click.option("--server", "url", metavar="URL", help="The server. [default: PLANE_BASE_URL, else Plane Cloud]")
def undo(*, finding: str, source: str | None, url: str | None) -> None:
    """Show how to restore what a finding changed.

    FINDING is the id that plane-guard verify prints. The request is sent only from a terminal, after you have typed the
    name of what it changes; never from a test process, a CI job or a coding agent. Evidence of it is kept.

    \b
    Exit codes:
      0  the request was sent, and the server accepted it
      1  nothing was sent, or the server refused
      2  there is no such finding, or the server could not be asked
    """  # noqa: D301  \b is click's sign for text that is left as it is
    from plane_guard_dashboard.verification import restoring
    from plane_guard_dashboard.verification import server as servers

    place = source or default_source(os.environ)
    try:
        server = servers.find(os.environ, url, (), [_workspace(place, finding)])
        change, restoration = _find(server, finding)
    except servers.CannotAskError as error:
        problems.end(str(error), 2)
    except restoring.CannotRestoreError as error:
        problems.end(str(error), 1)
    body = json.dumps(restoration.body, ensure_ascii=False)
    click.echo(visible(f"PATCH {server.url}/api/v1/{restoration.path}", _LONGEST))
    click.echo(visible(body, _LONGEST))
    reason = refusal(os.environ)
    if reason:
        problems.end(f"Not sent: {reason}.", 1)
    name = change.name or change.object_id
    if click.prompt(f"Type {visible(name)} to send it", default="", show_default=False).strip() != name:
        problems.end("Not sent.", 1)
    _send(server, change, restoration, place)


def refusal(environ: Mapping[str, str]) -> str:
    """Return why this process may not send, or an empty string."""
    from plane_guard import in_test_process

    if in_test_process():
        return "this is a test process"
    if any(environ.get(name) for name in ("CI", *CI_MARKERS)):
        return "this is a CI job; run it in a terminal"
    if any(environ.get(name) for name in AGENT_MARKERS):
        return "a coding agent runs this command; run it yourself in a terminal"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "this is no terminal"
    return ""


def _workspace(place: str, finding: str) -> str:
    """Return the workspace of a finding in the evidence."""
    from plane_guard_dashboard.evidence import verifications
    from plane_guard_dashboard.verification.server import CannotAskError
    from plane_guard_instrumentation.evidence import attributes as names

    found = verifications.read(place).findings.get(finding)
    if found is None:
        raise CannotAskError(f"There is no finding {finding!r} in {place}: copy its id from plane-guard verify.")
    return str(found.get(names.WORKSPACE, ""))


def _find(server: Server, finding: str) -> tuple[Change, Restoration]:
    """Return the change from what verify read, and the request, if the value is still the one that was found."""
    from plane_guard_dashboard.verification.client import Client, NotVisibleError
    from plane_guard_dashboard.verification.history import Archive
    from plane_guard_dashboard.verification.restoring import CannotRestoreError, path_of, restoration
    from plane_guard_dashboard.verification.server import CannotAskError

    with Client(server, 60) as client:
        me = client.get("users/me/")
        known = Archive.of(server.url, str(me.get("id"))).load().changes
        change = next((one for one in known if one.id == finding), None)
        if change is None:
            raise CannotAskError("Its values are not on this machine: run plane-guard verify here first.")
        try:
            row: dict[str, Any] = client.get(path_of(change))
        except NotVisibleError as error:
            raise CannotAskError(f"It cannot be read: {error}. Is it archived, or the token another one?") from None
    found = restoration(change, row)
    if not found.is_still_there(row):
        raise CannotRestoreError(f"{change.name or change.object_id} was changed again since. Correct it in Plane.")
    return change, found


def _send(server: Server, change: Change, restoration: Restoration, place: str) -> None:
    import httpx

    from plane_guard_dashboard.verification import findings

    try:
        response = httpx.patch(
            f"{server.url}/api/v1/{restoration.path}",
            json=restoration.body,
            headers={"X-Api-Key": server.token},
            trust_env=not server.is_local,
        )
    except (httpx.HTTPError, OSError) as error:
        problems.end(
            f"{server.host} does not answer ({visible(str(error))}). It may have been changed: look in Plane.", 1
        )
    if not response.is_success:
        problems.end(f"{server.host} refused it ({response.status_code}). Correct it in Plane.", 1)
    problem = findings.undone(place if os.path.isdir(place) else os.path.dirname(place), server, change)
    if problem:
        problems.warn(f"Undone, but {problem}.")
    click.echo(f"Undone: {visible(findings.link_to(server, change))}")
