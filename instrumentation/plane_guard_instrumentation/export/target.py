"""The collector that OpenTelemetry's variables name, read without importing an exporter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from plane_guard_instrumentation.evidence.session import (
    ENDPOINT_VARIABLE,
    LOGS_ENDPOINT_VARIABLE,
    TRACES_ENDPOINT_VARIABLE,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

HTTP, GRPC = "http/protobuf", "grpc"
TRACES, LOGS = "TRACES", "LOGS"
_PATHS = {TRACES: "v1/traces", LOGS: "v1/logs"}
_GRPC_PORT = ":4317"
_LONGEST_TRY = 2.5
_MODULES = {HTTP: "opentelemetry.exporter.otlp.proto.http", GRPC: "opentelemetry.exporter.otlp.proto.grpc"}
_EXPORTERS = {TRACES: ("trace_exporter", "OTLPSpanExporter"), LOGS: ("_log_exporter", "OTLPLogExporter")}


class Target(NamedTuple):
    """An endpoint for one signal, and its protocol. ``problem`` says why nothing can be sent there."""

    signal: str
    endpoint: str
    protocol: str
    problem: str = ""


def find(environ: Mapping[str, str], hosts: Collection[str] = ()) -> list[Target]:
    """Return the targets that these variables name; none if telemetry is switched off.

    Log records are sent only if the endpoint for logs is named: many collectors accept traces alone.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    endpoints = {
        TRACES: environ.get(TRACES_ENDPOINT_VARIABLE) or environ.get(ENDPOINT_VARIABLE),
        LOGS: environ.get(LOGS_ENDPOINT_VARIABLE),
    }
    return [
        _target(signal, endpoint, environ, hosts)
        for signal, endpoint in endpoints.items()
        if endpoint and environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() != "none"
    ]


def _target(signal: str, endpoint: str, environ: Mapping[str, str], hosts: Collection[str]) -> Target:
    protocol = (_first(environ, signal, "PROTOCOL") or "").strip().lower()
    protocol = protocol or (GRPC if endpoint.rstrip("/").endswith(_GRPC_PORT) else HTTP)
    if protocol == HTTP and not environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"):
        endpoint = f"{endpoint.removesuffix('/')}/{_PATHS[signal]}"
    return Target(signal, endpoint, protocol, _problem(endpoint, protocol, hosts))


def _first(environ: Mapping[str, str], signal: str, name: str) -> str | None:
    return environ.get(f"OTEL_EXPORTER_OTLP_{signal}_{name}") or environ.get(f"OTEL_EXPORTER_OTLP_{name}")


def build(target: Target) -> Any:
    """Return OpenTelemetry's exporter for this target."""
    from importlib import import_module

    module, name = _EXPORTERS[target.signal]
    exporter = getattr(import_module(f"{_MODULES[target.protocol]}.{module}"), name)
    options: dict[str, Any] = {"endpoint": target.endpoint, "timeout": _timeout(target.signal)}
    # A credential provider brings a session of its own.
    provider = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_{}CREDENTIAL_PROVIDER"
    if target.protocol == HTTP and not any(
        map(os.environ.get, (provider.format(""), provider.format(f"{target.signal}_")))
    ):
        from plane_guard_instrumentation.export import http_session

        options["session"] = http_session.Unmocked()
    return exporter(**options)


def _problem(endpoint: str, protocol: str, hosts: Collection[str]) -> str:
    if protocol not in _MODULES:
        return f"the protocol {protocol[:40]!r} is not supported: set OTEL_EXPORTER_OTLP_PROTOCOL to {HTTP} or {GRPC}"
    from plane_guard import classify  # imports most of the core, which a process without a collector may not need

    if protocol == HTTP and classify("POST", endpoint, hosts=hosts) is not None:
        return "the endpoint is a Plane address: name the collector"
    return "" if _is_installed(_MODULES[protocol]) else "an extra is missing: pip install 'plane-guard[otlp]'"


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _timeout(signal: str) -> float:
    try:
        return min(float(_first(os.environ, signal, "TIMEOUT") or _LONGEST_TRY), _LONGEST_TRY)
    except ValueError:
        return _LONGEST_TRY
