"""Mocks that answer Plane writes above the wire, ready to paste: one table by client and mock library.

The text of a refusal shows one route, `plane-guard fix` shows every route that a test tried.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Route(NamedTuple):
    """A request as the evidence describes it: a method, and a path whose ids are placeholders."""

    method: str
    url_template: str


class Mock(NamedTuple):
    """Code for one mock library: `head`, then `line` for each route, then `tail`."""

    library: str
    head: str
    line: str
    tail: str = "    ...  # the call\n"
    in_refusal: bool = True

    def code(self, routes: Iterable[Route], end: str = "") -> str:
        """Return Python that answers these routes; `end` follows each pattern. The call goes where `...` is."""
        # A library that takes the first route that matches has to see the longer path first.
        ordered = sorted(set(routes), key=lambda route: (-len(route.url_template), route))
        parts = [_verb_and_pattern(route) for route in ordered]
        lines = (self.line.format(verb=verb, method=verb.upper(), path=pattern + end) for verb, pattern in parts)
        return self.head + "".join(dict.fromkeys(lines)) + self.tail


WHOLE_PATH = r"(\?.*)?$"
"""The end of a pattern that matches no longer path."""
_HTTPX = (
    Mock(
        "respx",
        "import httpx, respx\nwith respx.mock:\n",
        '    respx.{verb}(url__regex=r"{path}").respond(200, json={{}})\n',
    ),
    Mock(
        "httpx.MockTransport",
        "",
        "# or give the client transport=httpx.MockTransport(lambda request: httpx.Response(200, json={{}}))\n",
        "",
    ),
    Mock(
        "pytest-httpx",
        "import re  # and request the fixture httpx_mock\n",
        'httpx_mock.add_response(method="{method}", url=re.compile(r".*{path}"), json={{}})\n',
        "...  # the call\n",
        in_refusal=False,
    ),
)
_HTTPX2 = (
    Mock(
        "httpx2.MockTransport",
        "import httpx2\n",
        "client = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json={{}})))\n",
        "# httpx2.AsyncClient takes the same transport\n",
    ),
)
_HTTP_CLIENT = (
    Mock(
        "responses",
        "import re, responses\nwith responses.RequestsMock() as mocked:  # for requests\n",
        '    mocked.{verb}(re.compile(r".*{path}"), json={{}})\n',
    ),
    Mock(
        "pook",
        "import re, pook\nwith pook.use():  # for urllib3, urllib.request and http.client\n",
        '    pook.{verb}(re.compile(r".*{path}"), reply=200, response_json={{}})\n',
    ),
)
_AIOHTTP = (
    Mock(
        "unittest.mock",
        "from unittest import mock\n",
        'with mock.patch("aiohttp.ClientSession.{verb}") as mocked:  # or aioresponses, if it knows your aiohttp\n'
        "    reply = mock.MagicMock(status=200, json=mock.AsyncMock(return_value={{}}))\n"
        "    mocked.return_value.__aenter__.return_value = reply\n"
        "    ...  # the call\n",
        "",
    ),
    Mock(
        "aioresponses",
        "import re\nfrom aioresponses import aioresponses\nwith aioresponses() as mocked:\n",
        '    mocked.{verb}(re.compile(r".*{path}"), payload={{}})\n',
        in_refusal=False,
    ),
)
BY_LAYER = {"http.client": _HTTP_CLIENT, "httpx2": _HTTPX2, "aiohttp": _AIOHTTP}
_VERBS = frozenset({"put", "patch", "delete"})
_SHORT_WORD = re.compile(r"[A-Za-z0-9_-]{0,40}")
_MOST_SEGMENTS = 20


def for_layer(layer: str) -> tuple[Mock, ...]:
    """Return the mocks for the client that a decision names as its layer."""
    return BY_LAYER.get(layer, _HTTPX)


def _verb_and_pattern(route: Route) -> tuple[str, str]:
    """Return verb and pattern of a route. In the pattern only short plain words are literal."""
    verb = route.method.lower()
    segments = route.url_template.split("/")[:_MOST_SEGMENTS]
    pattern = "/".join(segment if _SHORT_WORD.fullmatch(segment) else "[^/]+" for segment in segments)
    return verb if verb in _VERBS else "post", pattern or ".*"
