"""Where `plane-guard ship` sends to: OpenTelemetry's own variables mean what they mean everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.shipping.endpoint import EndpointError, find
from tests.dashboard.evidence import session, write

if TYPE_CHECKING:
    from pathlib import Path

GENERAL, TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("named", "environ", "url"),
    [
        (None, {}, "http://127.0.0.1:4318/v1/traces"),
        (None, {GENERAL: "https://otel.example.com"}, "https://otel.example.com/v1/traces"),
        (None, {GENERAL: "https://otel.example.com/in/"}, "https://otel.example.com/in/v1/traces"),
        (None, {TRACES: "https://otel.example.com/in"}, "https://otel.example.com/in"),
        (None, {GENERAL: "http://a", TRACES: "http://b/c"}, "http://b/c"),
        (None, {TRACES: "http://b:4318"}, "http://b:4318/v1/traces"),
        ("http://c:1", {GENERAL: "http://a"}, "http://c:1/v1/traces"),
        ("http://c:1/x", {}, "http://c:1/x"),
    ],
)
def test_the_endpoint_is_found(named: str | None, environ: dict[str, str], url: str) -> None:
    assert find(named, environ).url == url


@pytest.mark.parametrize("named", ["", "127.0.0.1:4318", "ftp://x", "http://", "localhost"])
def test_what_is_no_url_is_refused_with_an_example(tmp_path: Path, named: str) -> None:
    write(tmp_path / "decisions-box-1-1.jsonl", session())
    result = CliRunner().invoke(main, ["ship", "--traces", str(tmp_path), "--endpoint", named or "x"])
    assert result.exit_code == 2
    assert "--endpoint http://127.0.0.1:4318" in result.stderr


def test_a_grpc_endpoint_is_not_guessed_around() -> None:
    environ = {GENERAL: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(EndpointError, match="speaks OTLP/HTTP"):
        find(None, environ)
    assert find("http://127.0.0.1:4318", environ).url == "http://127.0.0.1:4318/v1/traces"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("10.0.0.1", False), ("example.com", False)],
)
def test_no_proxy_comes_between_this_machine_and_itself(host: str, *, loopback: bool) -> None:
    assert find(f"http://{host}:4318", {}).on_this_machine is loopback


def test_the_headers_of_traces_come_before_the_general_ones() -> None:
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2"}
    assert find(None, environ).headers == {"Content-Type": "application/json", "b": "2"}
    assert "2" not in repr(find(None, environ)).partition("url=")[2].partition(",")[2]


def test_a_certificate_is_used_or_its_absence_said(tmp_path: Path) -> None:
    assert find(None, {}).verify is True
    with pytest.raises(EndpointError, match=r"OTEL_EXPORTER_OTLP_CERTIFICATE"):
        find(None, {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "missing.pem")})
