"""Servers on loopback, and commands that run contained among them."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import trustme

from plane_guard_dashboard.evidence import traces
from plane_guard_instrumentation.testing import FakePlane, ReceivedRequest, Reply
from plane_guard_instrumentation.testing.http_server import HTTPServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from plane_guard_dashboard.evidence.rows import DecisionRow, SessionRow
    from tests.contained.environment import Environment

PLANE_HOST, OTHER_HOST, UNTRUSTED_HOST = "api.plane.so", "other.test", "untrusted.test"
SECONDS = 120
_OURS = ("PLANE_", "PYTEST", "OTEL_", "COV_CORE", "COVERAGE_", "GITHUB_", "CI")


class Tls:
    """A certificate authority of the tests, and servers' certificates from it."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.bundle = folder / "upstream.pem"
        self._authority.cert_pem.write_to_path(str(self.bundle))

    def context(self, *names: str) -> ssl.SSLContext:
        """Return the context of a server with these names."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(made)
        return made


@dataclass
class Machine:
    """A Plane server and another server, both with TLS, and a folder in which commands run."""

    environment: Environment
    folder: Path
    tls: Tls
    plane: FakePlane = field(init=False)
    local: FakePlane = field(init=False)
    """A Plane server on loopback, without TLS."""
    other: HTTPServer = field(init=False)
    other_plain: HTTPServer = field(init=False)
    received: list[ReceivedRequest] = field(init=False, default_factory=list)
    """The requests that the other server received."""

    def __enter__(self) -> Self:
        """Start the servers."""
        self.plane = FakePlane(ssl_context=self.tls.context(PLANE_HOST, "127.0.0.1"))
        self.plane.__enter__()
        self.local = FakePlane()
        self.local.__enter__()
        self.other = HTTPServer(self._answer, self.tls.context(OTHER_HOST))
        self.other_plain = HTTPServer(self._answer)
        self.other.start()
        self.other_plain.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop the servers."""
        self.plane.__exit__(kind, error, tb)
        self.local.__exit__(kind, error, tb)
        self.other.stop()
        self.other_plain.stop()

    def _answer(self, request: ReceivedRequest) -> Reply:
        self.received.append(request)
        return Reply(200, {"received": len(request.body)})

    @property
    def projects(self) -> str:
        """The address of the projects, as the command knows it."""
        return f"https://{PLANE_HOST}/api/v1/workspaces/{self.plane.workspace}/projects"

    def start(self, command: Sequence[str], *options: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command contained, or as the options say."""
        return subprocess.Popen(
            self.arguments(command, options),
            cwd=self.folder,
            env=self.environ(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: Sequence[str], *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command contained, or as the options say, to its end."""
        return subprocess.run(
            self.arguments(command, options),
            cwd=self.folder,
            env=self.environ(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def shell(self, script: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of bash contained."""
        return self.run(["bash", "-c", script], *options, **environment)

    def arguments(self, command: Sequence[str], options: Sequence[str]) -> list[str]:
        chosen = (
            list(options) if any(option.startswith("--contained") for option in options) else ["--contained", *options]
        )
        to = {
            f"{PLANE_HOST}:443": self.plane.port,
            f"{OTHER_HOST}:443": self.other.port,
            f"{OTHER_HOST}:80": self.other_plain.port,
        }
        connect_to = [part for name, port in to.items() for part in ("--connect-to", f"{name}:127.0.0.1:{port}")]
        return [*self.environment.command, "run", *chosen, *connect_to, "--", *command]

    def environ(self, more: dict[str, str]) -> dict[str, str]:
        """Return the environment of a user who has a token of Plane."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return {
            **kept,
            "SSL_CERT_FILE": str(self.tls.bundle),
            "NODE_EXTRA_CA_CERTS": str(self.tls.bundle),
            "PLANE_API_KEY": self.plane.token,
            "PROJECTS": self.projects,
            "PROD": self.plane.prod.id,
            "SANDBOX": self.plane.sandbox.id,
            "OTHER": f"https://{OTHER_HOST}",
            "PYTHON": str(self.environment.guarded),
            "BARE": str(self.environment.bare),
            **more,
        }

    def decisions(self) -> list[DecisionRow]:
        """The decisions in the evidence, oldest first."""
        return list(traces.read(self.folder / ".plane-guard").decisions)

    def counts(self) -> Counter[str]:
        """Decisions by outcome and reason, as evidence, report and dashboard count them: all alike."""
        # The benchmarks use this module too, and would measure the memory of DuckDB in every process.
        from plane_guard_dashboard.report.summary import ALL, summarize
        from plane_guard_dashboard.store.local import Local
        from plane_guard_dashboard.store.queries import Filters

        folder = self.folder / ".plane-guard"
        found = traces.read(folder)
        evidence = Counter(f"{row.outcome} {row.reason}" for row in found.decisions)
        told = summarize(found, ALL).as_dict()
        pages = Local(str(folder))
        pages.refresh()
        shown = pages.query("scope", Filters().parameters() | {"limit": 500})[0]
        for name in ("decisions", "allowed", "blocked", "prod_attempts", "possible_prod_attempts", "prod_allowed"):
            assert told[name] == shown[name], name
        assert told["by_reason"] == Counter(row.reason for row in found.decisions)
        assert shown["decisions"] == evidence.total()
        return evidence

    def sessions(self) -> list[SessionRow]:
        """The sessions in the evidence."""
        return list(traces.read(self.folder / ".plane-guard").sessions)
