"""The console script: what it lists, what it loads and how `dashboard` starts."""

from __future__ import annotations

import importlib.metadata
import io
import os
import socket
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from starlette.datastructures import Headers

from plane_guard_contained.launcher import How, Outcome
from plane_guard_dashboard import cli, triage
from plane_guard_dashboard.cli import COMMANDS, launch, main, run
from plane_guard_dashboard.server import settings
from plane_guard_dashboard.server.own_origin import is_own

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAVY = ("streamlit", "duckdb", "pyarrow", "opentelemetry.sdk", "altair", "httpx")
CONFIG = Path(launch.__file__).parents[1] / ".streamlit" / "config.toml"


def test_help_lists_the_commands_that_are_there() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "  dashboard " in result.output
    assert "  report " in result.output


def test_a_command_whose_module_is_missing_is_neither_listed_nor_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(COMMANDS, "later", "plane_guard_dashboard.later:later")
    assert "later" not in CliRunner().invoke(main, ["--help"]).output
    assert "No such command" in CliRunner().invoke(main, ["later"]).output


def test_the_version_is_that_of_the_distribution() -> None:
    printed = CliRunner().invoke(main, ["--version"]).output
    assert printed == f"plane-guard, version {importlib.metadata.version('plane-guard')}\n"


def test_loading_the_command_loads_nothing_heavy() -> None:
    program = f"import sys, plane_guard_dashboard.cli; sys.exit(any(m in sys.modules for m in {HEAVY}))"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environ, check=False).returncode == 0


def test_a_stream_that_lacks_a_letter_prints_its_code() -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    for stream in (narrow, io.StringIO(), None):
        cli._print_anything(stream)
    narrow.write("✖")
    narrow.flush()
    assert narrow.buffer.getvalue() == b"\\u2716"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    from streamlit.web import cli as streamlit_cli

    calls: list[Sequence[str]] = []
    monkeypatch.setattr(streamlit_cli, "main", lambda args, **_: calls.append(args))
    monkeypatch.setenv("PLANE_GUARD_TRACES", "")
    monkeypatch.setenv(triage.VARIABLE, "")
    return calls


def test_the_dashboard_is_served_on_loopback_only_and_reports_nothing(
    served: list[Sequence[str]], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = CliRunner().invoke(main, ["dashboard", "--traces", str(tmp_path), "--port", str(port)])
    assert result.exit_code == 0
    assert f"http://127.0.0.1:{port}" in result.output
    ((run, app, *options),) = served
    assert run == "run"
    assert Path(app).name == "app.py"
    assert {"--server.address=127.0.0.1", f"--server.port={port}", "--browser.gatherUsageStats=false"} <= set(options)
    assert os.environ["PLANE_GUARD_TRACES"] == str(tmp_path)
    assert os.environ[triage.VARIABLE] == str(triage.find(Path.cwd()))


def test_settings_of_streamlit_in_the_environment_are_not_passed_on(
    served: list[Sequence[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_ENABLE_CORS", "false")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = CliRunner().invoke(main, ["dashboard", "--traces", str(tmp_path), "--port", str(port)])
    assert (result.exit_code, len(served)) == (0, 1)
    assert not [name for name in os.environ if name.startswith("STREAMLIT_")]


def test_a_base_path_is_part_of_the_printed_address(served: list[Sequence[str]], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--base-path", "/deep/guard/"]
    result = CliRunner().invoke(main, ["dashboard", "--traces", str(tmp_path), *options])
    assert f"http://127.0.0.1:{port}/deep/guard " in result.output
    assert "--server.baseUrlPath=deep/guard" in served[0]


@pytest.mark.parametrize("path", ["http://elsewhere/", "//elsewhere", "a b", "a/../b", "a?b", "a\nb"])
def test_a_base_path_that_is_no_path_is_refused(served: list[Sequence[str]], tmp_path: Path, path: str) -> None:
    result = CliRunner().invoke(main, ["dashboard", "--traces", str(tmp_path), "--base-path", path])
    assert (result.exit_code, served) == (2, [])
    assert "Invalid --base-path." in result.stderr


@pytest.mark.parametrize("name", sorted(settings.SETTINGS))
def test_a_setting_that_does_not_take_effect_is_named(name: str) -> None:
    in_effect = {**settings.SETTINGS, name: "something else"}
    assert name in settings.problem(in_effect.__getitem__)
    assert settings.problem(settings.SETTINGS.__getitem__) == ""


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("127.0.0.1:8501", None, True),
        ("127.0.0.1:8501", "http://127.0.0.1:8501", True),
        ("localhost:8501", "http://localhost:8501", True),
        ("[::1]:8501", "http://[::1]:8501", True),
        ("127.0.0.1:8501", "http://127.0.0.1:3000", False),
        ("127.0.0.1:8501", "http://localhost:8501", False),
        ("127.0.0.1:8501", "https://127.0.0.1:8501", False),
        ("127.0.0.1:8501", "null", False),
        ("127.0.0.1:8501", "", False),
        ("evil.example:8501", "http://evil.example:8501", False),
        ("evil.example:8501", None, False),
        ("", None, False),
        ("[", None, False),
    ],
)
def test_only_requests_of_the_dashboards_own_pages_pass(host: str, origin: str | None, own: bool) -> None:  # noqa: FBT001
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert is_own(Headers(headers)) is own


def test_a_port_that_is_taken_is_a_sentence(served: list[Sequence[str]], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(main, ["dashboard", "--traces", str(tmp_path), "--port", port])
    assert (result.exit_code, served) == (2, [])
    assert f"Port {port} is in use" in result.stderr


def test_an_address_of_clickhouse_is_handed_on_as_it_is(served: list[Sequence[str]]) -> None:
    address = "clickhouse://me:secret@host/db?table=spans"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    result = CliRunner().invoke(main, ["dashboard", "--traces", address, "--port", port])
    assert (result.exit_code, len(served)) == (0, 1)
    assert os.environ["PLANE_GUARD_TRACES"] == address
    assert "secret" not in result.output


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("postgres://me:secret@host/db?password=secret", "name a folder, a file or a clickhouse:// address"),
        ("clickhouse://me:secret@host:none/db", "Invalid host or port in the ClickHouse address"),
        ("clickhouse://me:secret@", "names no host"),
        ("clickhouse://me:secret@host/db?table=a`b", "may hold letters, digits and _ only"),
        ("clickhouse://host/db?password=secret", "The only option of a ClickHouse address is `table`"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_its_password(
    served: list[Sequence[str]], address: str, sentence: str
) -> None:
    result = CliRunner().invoke(main, ["dashboard", "--traces", address])
    assert (result.exit_code, served) == (2, [])
    assert sentence in result.stderr
    assert "secret" not in result.stderr


def test_an_address_of_clickhouse_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "find_spec", lambda name: None if name == "clickhouse_connect" else find_spec(name))
    result = CliRunner().invoke(main, ["dashboard", "--traces", "clickhouse://host"])
    assert result.exit_code == 2
    assert 'pip install "plane-guard[clickhouse]"' in result.stderr


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "find_spec", lambda name: None if name == "duckdb" else find_spec(name))
    result = CliRunner().invoke(main, ["dashboard"])
    assert result.exit_code == 2
    assert 'pip install "plane-guard[dashboard]"' in result.stderr


def test_the_shipped_configuration_is_safe_by_default() -> None:
    config = tomllib.loads(CONFIG.read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["headless"] is True
    assert config["server"]["fileWatcherType"] == "none"
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"
    assert "http" not in CONFIG.read_text()


def test_only_a_contained_run_says_that_nothing_left_it_after_the_proxy_ended() -> None:
    ended = Outcome(code=125, proxy_failed="exit code 1")
    [contained] = run._summary(ended, How.NAMESPACE)
    [not_contained, told] = run._summary(ended, How.PROXY_ONLY)

    assert "Nothing left the run after that" in contained
    assert not_contained.startswith("not contained")
    assert "Nothing left" not in told
    assert "may have left the run unchecked" in told
