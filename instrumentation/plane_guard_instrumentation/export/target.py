"""Where decisions go live, if the environment asks for that; read without importing an exporter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from plane_guard_instrumentation.evidence.session import ENDPOINT_VARIABLE, TRACES_ENDPOINT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from opentelemetry.sdk.trace.export import SpanExporter

HTTP, GRPC = "http/protobuf", "grpc"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_CREDENTIAL_PROVIDERS = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
)
_PATH = "v1/traces"
_GRPC_PORT = ":4317"
_LONGEST_TRY = 2.5
_MODULES = {HTTP: "opentelemetry.exporter.otlp.proto.http", GRPC: "opentelemetry.exporter.otlp.proto.grpc"}


class Target(NamedTuple):
    """Where to, and how; ``problem`` says why nothing is sent although it was asked for."""

    endpoint: str
    protocol: str
    problem: str = ""


def find(environ: Mapping[str, str], hosts: Collection[str] = ()) -> Target | None:
    """What these variables ask for; ``None`` where they ask for nothing, or switch telemetry off."""
    endpoint = environ.get(TRACES_ENDPOINT_VARIABLE) or environ.get(ENDPOINT_VARIABLE)
    if not endpoint or _is_off(environ):
        return None
    protocol = next(filter(None, (environ.get(name, "").strip().lower() for name in _PROTOCOLS)), "")
    protocol = protocol or (GRPC if endpoint.rstrip("/").endswith(_GRPC_PORT) else HTTP)
    if protocol == HTTP and not environ.get(TRACES_ENDPOINT_VARIABLE):
        endpoint = f"{endpoint.removesuffix('/')}/{_PATH}"
    return Target(endpoint, protocol, _problem(endpoint, protocol, hosts))


def build(target: Target) -> SpanExporter:
    """OpenTelemetry's exporter for this target."""
    timeout = min(_users_timeout(os.environ), _LONGEST_TRY)
    if target.protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc(endpoint=target.endpoint, timeout=timeout)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    if any(map(os.environ.get, _CREDENTIAL_PROVIDERS)):
        return Http(endpoint=target.endpoint, timeout=timeout)
    from plane_guard_instrumentation.export import http_session

    return Http(endpoint=target.endpoint, timeout=timeout, session=http_session.Unmocked())


def _is_off(environ: Mapping[str, str]) -> bool:
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return disabled or environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"


def _problem(endpoint: str, protocol: str, hosts: Collection[str]) -> str:
    if protocol not in _MODULES:
        return f"the protocol {protocol[:40]!r} is not known here: set OTEL_EXPORTER_OTLP_PROTOCOL to {HTTP} or {GRPC}"
    from plane_guard import classify  # loads most of the core, which a process without a collector may not need

    if protocol == HTTP and classify("POST", endpoint, hosts=hosts) is not None:
        return "the endpoint is a Plane address: name the collector"
    return "" if _is_installed(_MODULES[protocol]) else "an extra is missing: pip install 'plane-guard[otlp]'"


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _users_timeout(environ: Mapping[str, str]) -> float:
    try:
        return float(next(filter(None, map(environ.get, _TIMEOUTS)), None) or _LONGEST_TRY)
    except ValueError:
        return _LONGEST_TRY
