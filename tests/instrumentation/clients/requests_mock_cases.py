"""Ways to answer a request of requests, urllib3 or `urllib.request` without a network, and ways to let one through.

Children import a copy of this file, also where plane-guard is not installed: it imports nothing of ours.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING
from unittest import mock

import moto
import pook
import requests
import requests_mock
import responses
import urllib3
import vcr

if TYPE_CHECKING:
    from pathlib import Path

MOCKED = 299
KINDS = ("requests", "urllib3", "urllib")
BODY = b'{"name": "renamed"}'
Case = Callable[[str, "Path"], AbstractContextManager[object]]


def send(kind: str, url: str, headers: dict[str, str]) -> int:
    """Send one PATCH with a fresh client of its kind; the status of the answer."""
    headers = {**headers, "Content-Type": "application/json"}
    if kind == "requests":
        with requests.Session() as session:
            session.trust_env = False
            return session.patch(url, data=BODY, headers=headers, timeout=10).status_code
    if kind == "urllib3":
        with urllib3.PoolManager(retries=False) as pools:
            return int(pools.request("PATCH", url, body=BODY, headers=headers).status)
    request = urllib.request.Request(url, BODY, headers, method="PATCH")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
        return int(response.status)


@contextmanager
def _responses(url: str, _: Path) -> Iterator[None]:
    with responses.RequestsMock() as mocked:
        mocked.patch(url, status=MOCKED)
        yield


@contextmanager
def _responses_passthru(url: str, _: Path) -> Iterator[None]:
    with responses.RequestsMock() as mocked:
        mocked.add_passthru(url)
        yield


@contextmanager
def _requests_mock(url: str, _: Path) -> Iterator[None]:
    with requests_mock.Mocker() as mocked:
        mocked.patch(url, status_code=MOCKED)
        yield


@contextmanager
def _requests_mock_real_http(url: str, _: Path) -> Iterator[None]:
    with requests_mock.Mocker(real_http=True) as mocked:
        mocked.patch("http://elsewhere.example/", status_code=MOCKED)
        yield


@contextmanager
def _requests_mock_one_route(url: str, _: Path) -> Iterator[None]:
    with requests_mock.Mocker() as mocked:
        mocked.patch(url, real_http=True)
        yield


@contextmanager
def _pook(url: str, _: Path) -> Iterator[None]:
    with pook.use():
        pook.patch(url, reply=MOCKED, persist=True)
        yield


@contextmanager
def _pook_network(url: str, _: Path) -> Iterator[None]:
    with pook.use(network=True):
        yield


@contextmanager
def _vcr_playback(url: str, folder: Path) -> Iterator[None]:
    cassette = folder / "cassette.yaml"
    cassette.write_text(
        f"""\
version: 1
interactions:
- request: {{method: PATCH, uri: '{url}', body: null, headers: {{}}}}
  response: {{status: {{code: {MOCKED}, message: Mocked}}, headers: {{}}, body: {{string: ''}}}}
""",
        encoding="utf-8",
    )
    with vcr.use_cassette(str(cassette), record_mode="none", allow_playback_repeats=True):
        yield


def _vcr_recording(mode: str) -> Case:
    @contextmanager
    def case(_: str, folder: Path) -> Iterator[None]:
        with vcr.use_cassette(str(folder / "recorded.yaml"), record_mode=mode):
            yield

    return case


@contextmanager
def _vcr_ignoring(_: str, folder: Path) -> Iterator[None]:
    with vcr.use_cassette(str(folder / "ignored.yaml"), record_mode="none", ignore_localhost=True):
        yield


@contextmanager
def _moto(_: str, __: Path) -> Iterator[None]:
    with moto.mock_aws():
        yield


@contextmanager
def _patched(_: str, __: Path) -> Iterator[None]:
    answer = mock.MagicMock(status=MOCKED, status_code=MOCKED, is_redirect=False, history=[], headers={})
    answer.__enter__.return_value = answer
    answer.get_redirect_location.return_value = None
    with (
        mock.patch.object(requests.Session, "send", return_value=answer),
        mock.patch.object(urllib3.HTTPConnectionPool, "urlopen", return_value=answer),
        mock.patch.object(urllib.request.OpenerDirector, "open", return_value=answer),
    ):
        yield


def _afterwards(case: Case) -> Case:
    """What is sent when a mock has gone, taking its patches with it."""

    @contextmanager
    def gone(url: str, folder: Path) -> Iterator[None]:
        with case(url, folder):
            if case is _responses or case is _requests_mock:
                send("requests", url, {})
        yield

    return gone


ANSWERING: dict[str, Case] = {
    "responses": _responses,
    "requests-mock": _requests_mock,
    "pook": _pook,
    "vcr-playback": _vcr_playback,
    "patched": _patched,
}
LETTING_THROUGH: dict[str, Case] = {
    "responses-passthru": _responses_passthru,
    "requests-mock-real-http": _requests_mock_real_http,
    "requests-mock-one-route": _requests_mock_one_route,
    "pook-network": _pook_network,
    "vcr-record-all": _vcr_recording("all"),
    "vcr-record-once": _vcr_recording("once"),
    "vcr-ignored-host": _vcr_ignoring,
    "moto": _moto,
    **{f"after-{name}": _afterwards(case) for name, case in ANSWERING.items()},
}
ONLY = {
    "responses": ("requests",),
    "requests-mock": ("requests",),
    "responses-passthru": ("requests",),
    "requests-mock-one-route": ("requests",),
}


def pairs(cases: dict[str, Case]) -> list[tuple[str, str]]:
    """Every case with every kind of client that it is for."""
    return [(name, kind) for name in cases for kind in ONLY.get(name, KINDS)]
