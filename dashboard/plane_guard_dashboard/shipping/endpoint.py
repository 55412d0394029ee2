"""Where a collector is, from the command line or from OpenTelemetry's own variables."""

from __future__ import annotations

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
    """A URL that takes OTLP/HTTP, what to send along, and the name that may be shown."""

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
    def on_this_machine(self) -> bool:
        """Whether it is on loopback, where no proxy has a say."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def find(named: str | None, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint that was named, else the environment's, else a collector on this machine."""
    from opentelemetry.util.re import parse_env_headers

    url = _checked(named) if named else _from(environ)
    compression = _setting("COMPRESSION", environ)
    headers = {"Content-Type": "application/json", **parse_env_headers(_setting("HEADERS", environ), liberal=True)}
    if compression == "gzip":
        headers["Content-Encoding"] = "gzip"
    return Endpoint(url, headers, compression == "gzip", _verification(_setting("CERTIFICATE", environ)))


def _from(environ: Mapping[str, str]) -> str:
    """The traces endpoint is taken as it is; to the general one the path is appended."""
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
