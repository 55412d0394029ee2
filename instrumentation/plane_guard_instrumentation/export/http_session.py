"""A requests session that no mock of HTTP libraries intercepts.

Tests patch requests and urllib3 on their classes. A mock must neither answer an export, nor list it among its calls,
nor record it in a cassette. So the methods that mocks replace are copied here, before the first test runs.
"""

from __future__ import annotations

import netrc  # noqa: F401  requests imports it at its first request, where a fork could interrupt it
from typing import Any

from requests import RequestException, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _Pool(HTTPConnectionPool):
    ConnectionCls = HTTPConnection
    urlopen = HTTPConnectionPool.urlopen


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = HTTPSConnection
    urlopen = HTTPSConnectionPool.urlopen  # type: ignore[assignment]  # as its own base class does


class _Adapter(HTTPAdapter):
    send = HTTPAdapter.send

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As requests does it, over pools of our own."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class Unmocked(Session):
    """A session with its own copy of every method that mocks replace."""

    request = Session.request
    send = Session.send
    get_adapter = Session.get_adapter

    def __init__(self) -> None:
        super().__init__()
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())
        self.hooks["response"].append(_refuse_redirect)


def _refuse_redirect(response: Response, **_: Any) -> None:
    """Raise for an answer that OpenTelemetry's exporter takes for a success although nothing was accepted."""
    if 300 <= response.status_code < 400:  # noqa: PLR2004
        raise RequestException(f"the collector redirects (HTTP {response.status_code})")
