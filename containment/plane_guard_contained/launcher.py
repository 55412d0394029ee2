"""Runs a command with the proxy: contained in a namespace, or told of the proxy by variables only."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import plane_guard_watch
from plane_guard import process
from plane_guard.hosts import CLIENT_VARIABLES, DEFAULT_HOSTS, client_hosts, is_loopback
from plane_guard_contained import remedies, surroundings, trust
from plane_guard_contained.credentials import project_files, vault
from plane_guard_contained.namespace.plan import PROXY_PORT, Plan
from plane_guard_contained.proxy.orders import Orders
from plane_guard_instrumentation.evidence import coverage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from plane_guard_contained.credentials.vault import Secret

_OLDEST_PYTHON = (3, 12)
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1));"
    "from plane_guard_contained.{module} import main; main()"
)
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_NO_PROXY_VARIABLES = ("NO_PROXY", "no_proxy")
_LOCAL = "localhost,127.0.0.1,::1"
# Node 24 uses a proxy of the environment if it is told to.
_NODE_USES_PROXY = {"NODE_USE_ENV_PROXY": "1"}
_PROXY_ENDED = 125
_FAILED = 125
_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128
_END_SECONDS = 10


class How(StrEnum):
    """The kinds of containment."""

    NAMESPACE = "namespace"
    PROXY_ONLY = "proxy-only"


class CannotContainError(Exception):
    """The command was not started. The text says why and what to do."""

    def __init__(self, message: str, code: int = _FAILED) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run: the exit code, and what the proxy tells of it."""

    code: int
    blocked: int = 0
    refused: Mapping[str, int] | None = None
    proxy_failed: str = ""
    redirected: bool = True


def missing() -> str:
    """Return what is missing for a contained run and how to get it, or an empty string."""
    if sys.platform != "linux":
        return "plane-guard run --contained needs Linux. Run it in a container or a virtual machine with Linux."
    if sys.version_info < _OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:2]))
        return (
            f"plane-guard run --contained needs Python 3.12 or newer, because of mitmproxy. This is Python {found}. "
            "Install it for a newer one: python3.12 -m venv ~/.plane-guard && ~/.plane-guard/bin/pip install "
            '"plane-guard[proxy]". CMD can use any Python.'
        )
    if find_spec("mitmproxy") is None:
        return 'plane-guard run --contained needs more packages: pip install "plane-guard[proxy]"'
    return ""


def run(
    command: Sequence[str],
    how: How,
    *,
    secret_names: Sequence[str] = (),
    connect_to: Sequence[tuple[str, int, str, int]] = (),
) -> Outcome:
    """Run a command to its end. Raises `CannotContainError` if it was not started."""
    from plane_guard_contained import run_folder  # needs Linux

    with run_folder.made() as folder:
        return _Run(command, how, folder, secret_names, connect_to).to_the_end()


def tokens_in_files(folder: str, secret_names: Sequence[str] = ()) -> list[project_files.Found]:
    """Return where files of a folder hold a token that the command would read."""
    return project_files.find(folder, vault.find(os.environ, secret_names))


class _Run:
    """One run: its folder, its certificate authority, its tokens."""

    def __init__(
        self,
        command: Sequence[str],
        how: How,
        folder: Path,
        secret_names: Sequence[str],
        connect_to: Sequence[tuple[str, int, str, int]],
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._is_contained = how is How.NAMESPACE
        self._secrets = vault.find(os.environ, secret_names)
        authority = trust.create()
        self._trust = trust.write(authority, folder, os.environ)
        hosts = process.fixed().hosts
        self._loopback_ports = _loopback_ports(hosts)
        self._orders = Orders(
            marker=plane_guard_watch.STATE.marker,
            evidence=process.test_evidence(),
            containment=coverage.containment(),
            folder=str(folder),
            authority=authority.certificate.decode(),
            authority_key=authority.key.decode(),
            trusted=str(trust.trusted_before(os.environ) or ""),
            secrets=tuple(self._secrets) if self._is_contained else (),
            token_hosts=tuple(sorted(_token_hosts(hosts, os.environ))),
            plain_hosts=tuple(sorted(_plain_hosts(os.environ))),
            connect_to=tuple(connect_to),
        )

    def to_the_end(self) -> Outcome:
        """Start proxy and command, wait for the command, end the proxy."""
        return self._contained() if self._is_contained else self._with_proxy_only()

    def _contained(self) -> Outcome:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            proxy = _Proxy(replace(self._orders, door=ours.fileno()), _without(os.environ, self._secrets), [ours])
            ours.close()
            read_end, write_end = os.pipe()
            plan = self._plan(theirs.fileno(), write_end)
            stage = _python(
                "namespace.stage", plan.as_text(), env=self._environment(), pass_fds=(theirs.fileno(), write_end)
            )
        os.close(write_end)
        with os.fdopen(read_end) as status:
            facts = [json.loads(line) for line in status]
        with proxy:
            code = _wait(stage)
        failed = next((fact for fact in facts if "failed" in fact), None)
        if failed is not None and not any(
            "ready" in fact and code not in {_NOT_FOUND, _NOT_EXECUTABLE} for fact in facts
        ):
            raise CannotContainError(
                remedies.explain(failed["failed"], failed["errno"], failed["message"]), max(code, 1)
            )
        redirected = any(fact.get("redirected") for fact in facts)
        return proxy.outcome(code, redirected=redirected)

    def _with_proxy_only(self) -> Outcome:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(socket.SOMAXCONN)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            orders = replace(self._orders, listener=listener.fileno())
            proxy = _Proxy(orders, _without(os.environ, self._secrets), [listener])
        environment = {
            **os.environ,
            **trust.variables(self._trust, os.environ),
            **_proxy_variables(address, _LOCAL if not self._loopback_ports else ""),
        }
        with proxy:
            code = _wait(subprocess.Popen(self._command, env=environment))  # noqa: S603  the user's own command
        return proxy.outcome(code, redirected=False)

    def _plan(self, door: int, status: int) -> Plan:
        markers = self._folder / "markers"
        markers.mkdir(mode=0o700)
        marker = self._folder / "marker"
        shutil.copyfile(plane_guard_watch.STATE.marker, marker)
        marker.chmod(0o600)
        covered = plane_guard_watch.marker_folders()[0]
        with suppress(OSError):
            os.makedirs(covered, mode=0o700, exist_ok=True)
        return Plan(
            command=self._command,
            door=door,
            status=status,
            loopback_ports=self._loopback_ports,
            covers=[
                *trust.covers(self._trust),
                *surroundings.covers(self._folder, os.environ),
                (str(markers), covered),
            ],
            markers=str(markers),
            marker=str(marker),
            proxy_variables=_proxy_variables(f"http://127.0.0.1:{PROXY_PORT}", _LOCAL),
        )

    def _environment(self) -> dict[str, str]:
        """Return the command's environment: no token, no proxy of before, trust in the authority of the run."""
        kept = vault.replaced(os.environ, self._secrets)
        for name in (*_PROXY_VARIABLES, *_NO_PROXY_VARIABLES):
            kept.pop(name, None)
        return {**kept, **trust.variables(self._trust, os.environ), coverage.CONTAINED_VARIABLE: "1"}


class _Proxy:
    """The proxy's process."""

    def __init__(self, orders: Orders, environ: Mapping[str, str], sockets: Sequence[socket.socket]) -> None:
        self._process = _python(
            "proxy.main",
            env=environ,
            pass_fds=tuple(one.fileno() for one in sockets),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C is for the command. A session of its own would wait longer for a busy processor.
            process_group=0,
        )
        self._facts: dict[str, Any] = {}
        self._error = b""
        self._is_ending = False
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_facts, self._read_error)]
        for reader in self._readers:
            reader.start()
        assert self._process.stdin is not None  # noqa: S101  for mypy
        with suppress(BrokenPipeError):
            self._process.stdin.write(orders.as_line())
            self._process.stdin.flush()

    def __enter__(self) -> None:
        """Let the command run."""

    def __exit__(self, *_: object) -> None:
        """End the proxy."""
        self._is_ending = self._process.poll() is None
        assert self._process.stdin is not None  # noqa: S101  for mypy
        with suppress(OSError):
            self._process.stdin.close()
        if "ready" not in self._facts and self._is_ending:
            self._process.kill()  # it is still starting, and nothing has asked for it
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(_END_SECONDS)

    def outcome(self, code: int, *, redirected: bool) -> Outcome:
        """Return the end of the run, as far as the proxy tells."""
        failed = "" if self._is_ending else self._why()
        return Outcome(
            code=code if code or not failed else _PROXY_ENDED,
            blocked=self._facts.get("blocked", 0),
            refused=self._facts.get("refused"),
            proxy_failed=failed,
            redirected=redirected,
        )

    def _why(self) -> str:
        last = self._error.decode(errors="replace").strip().rpartition("\n")[2]
        return f"exit code {self._process.returncode}{f', {last}' if last else ''}"

    def _read_facts(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  for mypy
        for line in self._process.stdout:
            with suppress(ValueError):
                self._facts |= json.loads(line)

    def _read_error(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  for mypy
        for line in self._process.stderr:
            self._error = (self._error + line)[-4_096:]


def _python(module: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a module of ours in a Python that runs no start-up file and reads no variable."""
    path = [entry for entry in sys.path if entry and os.path.abspath(entry) != os.getcwd()]
    code = _START.format(module=module)
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", code, json.dumps(path), *arguments], **options)  # noqa: S603


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Wait for a child; a terminal's signals are for the command, others are passed on."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    forwarded = (signal.SIGTERM, signal.SIGHUP)
    before |= {number: signal.signal(number, lambda sent, _: child.send_signal(sent)) for number in forwarded}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else _BY_SIGNAL - code


def _proxy_variables(address: str, not_proxied: str) -> dict[str, str]:
    found = dict.fromkeys(_PROXY_VARIABLES, address)
    return {**found, **dict.fromkeys(_NO_PROXY_VARIABLES, not_proxied), **_NODE_USES_PROXY}


def _without(environ: Mapping[str, str], secrets: Sequence[Secret]) -> dict[str, str]:
    """Return the proxy's environment: no token, and no proxy that would be asked in its place."""
    return {name: value for name, value in vault.replaced(environ, secrets).items() if name not in _PROXY_VARIABLES}


def _loopback_ports(hosts: frozenset[str]) -> list[int]:
    found = set[int]()
    for entry in hosts:
        host, _, port = entry.rpartition(":")
        if port.isdecimal() and is_loopback(host):
            found.add(int(port))
    return sorted(found)


def _token_hosts(hosts: frozenset[str], environ: Mapping[str, str]) -> frozenset[str]:
    """Return the hosts that the tokens belong to: those of the variables of Plane clients, or all Plane hosts."""
    named = client_hosts(environ)
    return hosts if not named or named & DEFAULT_HOSTS else named | (hosts - DEFAULT_HOSTS)


def _plain_hosts(environ: Mapping[str, str]) -> frozenset[str]:
    plain = {name: url for name in CLIENT_VARIABLES if (url := environ.get(name, "")).lower().startswith("http://")}
    return client_hosts(plain)
