"""`plane-guard verify --watch`: receive webhooks until it is interrupted."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from plane_guard_dashboard import problems
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.verification import findings
from plane_guard_dashboard.verification.receiver import Receiver
from plane_guard_dashboard.verification.server import CannotAskError
from plane_guard_dashboard.wording import plural

if TYPE_CHECKING:
    from types import FrameType

    from plane_guard_dashboard.verification.findings import Finding
    from plane_guard_dashboard.verification.watching import Watcher

SECRET_VARIABLE = "PLANE_WEBHOOK_SECRET"  # noqa: S105  the name of the variable
_LONGEST = 1000
_POLL_SECONDS = 0.5


def watch(watcher: Watcher, listen: str, folder: str) -> int:
    """Print and record each unexplained change as it happens; return the exit code.

    Raises:
        CannotAskError: There is no secret, or the address cannot be listened at.
    """
    secret = os.environ.get(SECRET_VARIABLE, "").strip()
    if not secret:
        raise CannotAskError(f"There is no secret: set {SECRET_VARIABLE} to the secret key of the webhook in Plane.")
    try:
        receiver = Receiver(*_address(listen), secret)
    except OSError as error:
        raise CannotAskError(f"{listen} cannot be listened at ({error.strerror or error}): name another one.") from None
    with receiver:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _interrupt)
        click.echo(f"Listening at {receiver.address}. Stop with Ctrl-C.", err=True)
        try:
            while True:
                _step(watcher, receiver, folder)
        except KeyboardInterrupt:
            _show(watcher, folder)
    counts = watcher.counts
    click.echo(
        f"{plural(counts.events, 'event')}: {plural(len(watcher.found), 'change')} unexplained,"
        f" {counts.explained:,} explained, {counts.by_others:,} by other users, {counts.by_nobody:,} without a user."
    )
    if receiver.refused or counts.unreadable:
        click.echo(
            f"{plural(receiver.refused, 'request')} refused: wrong signature. {counts.unreadable:,} not readable.",
            err=True,
        )
    return 1 if watcher.found else 0


def _step(watcher: Watcher, receiver: Receiver, folder: str) -> None:
    delivery = receiver.next(_POLL_SECONDS)
    while delivery is not None:
        watcher.take(delivery)
        delivery = receiver.next(0)
    _show(watcher, folder)


def _show(watcher: Watcher, folder: str) -> None:
    found = watcher.judge()
    for finding in found:
        _print(finding)
    problem = findings.record(folder, watcher.server, found) if found else ""
    if problem:
        problems.warn(problem)
    sys.stdout.flush()


def _print(finding: Finding) -> None:
    place = "Production" if finding.is_production else "Sandbox"
    click.echo(f"✖ {place}: {visible(finding.title, _LONGEST)}")
    for line in finding.lines():
        click.echo(f"    {visible(line, _LONGEST)}")


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise CannotAskError(f"{listen!r} is no address to listen at: write it like 127.0.0.1:8787.")
    return host.strip("[]"), int(port)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
