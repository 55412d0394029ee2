"""The HTTP clients that people use with Plane, to be called alike: one request, its status back."""

from __future__ import annotations

import asyncio
import http.client
import json as json_
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import httplib2
import httpx
import httpx2
import requests
import urllib3
import yarl

if TYPE_CHECKING:
    from collections.abc import Mapping

Send = Callable[[str, str, object, "Mapping[str, str]"], int]

_httpx = httpx.Client(verify=False)
_httpx2 = httpx2.Client(verify=False)
_urllib3 = urllib3.PoolManager()
_requests = requests.Session()
_httplib2 = httplib2.Http()
_httplib2.follow_redirects = False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        """Leave redirects to the caller."""


_urllib = urllib.request.build_opener(_NoRedirect)


def _with_httpx(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    return _httpx.request(method, url, json=json, headers=headers).status_code


def _with_httpx_async(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    async def send() -> int:
        async with httpx.AsyncClient(verify=False) as client:
            return (await client.request(method, url, json=json, headers=headers)).status_code

    return asyncio.run(send())


def _with_httpx2(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    return _httpx2.request(method, url, json=json, headers=headers).status_code


def _with_httpx2_async(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    async def send() -> int:
        async with httpx2.AsyncClient(verify=False) as client:
            return (await client.request(method, url, json=json, headers=headers)).status_code

    return asyncio.run(send())


def _with_http_client(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    address, (body, fields) = urlsplit(url), _encoded(json, headers)
    connection = http.client.HTTPConnection(address.netloc)
    try:
        connection.request(method, url.partition(address.netloc)[2], body, fields)
        return connection.getresponse().status
    finally:
        connection.close()


def _with_httplib2(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    body, fields = _encoded(json, headers)
    answer, _ = _httplib2.request(url, method, body, fields)
    return int(answer.status)


def _encoded(json: object, headers: Mapping[str, str]) -> tuple[bytes | None, dict[str, str]]:
    body = None if json is None else json_.dumps(json).encode()
    return body, {**headers, "Content-Type": "application/json"}


def _with_requests(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    return _requests.request(method, url, json=json, headers=headers, allow_redirects=False).status_code


def _with_urllib3(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    return _urllib3.request(method, url, json=json, headers=headers, redirect=False).status


def _with_urllib(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    body, fields = _encoded(json, headers)
    request = urllib.request.Request(url, body, fields, method=method)
    try:
        with _urllib.open(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def _with_aiohttp(method: str, url: str, json: object, headers: Mapping[str, str]) -> int:
    async def send() -> int:
        target = yarl.URL(url, encoded=True)
        options: dict[str, Any] = {"json": json, "headers": headers, "allow_redirects": False}
        async with aiohttp.ClientSession() as session, session.request(method, target, **options) as answer:
            return answer.status

    return asyncio.run(send())


CLIENTS: dict[str, Send] = {
    "httpx": _with_httpx,
    "httpx async": _with_httpx_async,
    "httpx2": _with_httpx2,
    "httpx2 async": _with_httpx2_async,
    "http.client": _with_http_client,
    "httplib2": _with_httplib2,
    "requests": _with_requests,
    "urllib3": _with_urllib3,
    "urllib": _with_urllib,
    "aiohttp": _with_aiohttp,
}
