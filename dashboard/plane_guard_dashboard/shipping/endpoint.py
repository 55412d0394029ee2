"""The address of a collector, from the command line or from OpenTelemetry's own variables."""

from __future__ import annotations

import hashlib
import json
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "http://127.0.0.1:4318"
PATH = "/v1/traces"


class EndpointError(ValueError):
    """No usable endpoint; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that takes OTLP/HTTP, the headers to send, and the name that may be shown."""

    url: str
    headers: dict[str, str] = field(repr=False)
    compressed: bool = False
    verify: ssl.SSLContext | bool = True

    @property
    def shown(self) -> str:
        """The URL without credentials."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def identity(self) -> str:
        """A name of the destination that tells tenants and data sets apart and shows no credentials.

        X-Scope-OrgID, an API key or `?dataset=` select where the same URL stores spans. Which headers do is the
        business of each server, so all of them count.
        """
        headers = sorted((name.lower(), value) for name, value in self.headers.items())
        described = json.dumps([self.url, [pair for pair in headers if not pair[0].startswith("content-")]])
        return f"{self.shown} {hashlib.sha256(described.encode()).hexdigest()[:32]}"

    @property
    def on_this_machine(self) -> bool:
        """True for loopback, to which no proxy leads."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def find(named: str | None, environ: Mapping[str, str]) -> Endpoint:
    """Return the endpoint that was named, else the environment's, else a collector on this machine."""
    from opentelemetry.util.re import parse_env_headers

    url = _checked(named) if named else _from(environ)
    compression = _setting("COMPRESSION", environ)
    headers = {"Content-Type": "application/json", **parse_env_headers(_setting("HEADERS", environ), liberal=True)}
    if compression == "gzip":
        headers["Content-Encoding"] = "gzip"
    return Endpoint(url, headers, compression == "gzip", _verification(_setting("CERTIFICATE", environ)))


def _from(environ: Mapping[str, str]) -> str:
    """Take the traces endpoint as it is; append the path to the general one."""
    traces, general = (environ.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") or "" for name in ("TRACES_", ""))
    if not traces and not general:
        return DEFAULT + PATH
    if _setting("PROTOCOL", environ) == "grpc":
        message = f"{traces or general} is for gRPC (OTEL_EXPORTER_OTLP_PROTOCOL), and this command speaks OTLP/HTTP: "
        raise EndpointError(message + "name the collector's HTTP port, as in --endpoint http://127.0.0.1:4318.")
    return _checked(traces or general.rstrip("/") + PATH)


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = (
            "The endpoint is not a URL with http:// or https:// and a host: write --endpoint http://127.0.0.1:4318."
        )
        raise EndpointError(message)
    return urlunsplit(parts._replace(path=PATH)) if parts.path in {"", "/"} else url


def _setting(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or environ.get(f"OTEL_EXPORTER_OTLP_{name}") or ""


def _verification(certificate: str) -> ssl.SSLContext | bool:
    if not certificate:
        return True
    try:
        return ssl.create_default_context(cafile=certificate)
    except OSError as error:
        message = f"OTEL_EXPORTER_OTLP_CERTIFICATE names {certificate}, which cannot be used: {error}."
        raise EndpointError(message) from None
