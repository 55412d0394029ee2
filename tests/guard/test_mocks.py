"""The mocks of the table, for several routes at once: Python with one line per route, the longer path first."""

from __future__ import annotations

import re

import pytest

from plane_guard.mocks import BY_LAYER, WHOLE_PATH, Mock, Route, for_layer

ITEMS = Route("POST", "/api/v1/workspaces/{slug}/projects/{project_id}/work-items/")
ITEM = Route("patch", ITEMS.url_template + "{work_item_id}/")
COMMENTS = Route("POST", ITEM.url_template + "comments/")
LAYERS = (*BY_LAYER, "httpx")
MOCKS = {f"{layer} {mock.library}": mock for layer in LAYERS for mock in for_layer(layer)}
BY_ROUTE = {name: mock for name, mock in MOCKS.items() if "{path}" in mock.line}


def test_every_layer_has_a_mock_that_a_refusal_shows_and_an_unknown_layer_has_those_of_httpx() -> None:
    assert all(any(mock.in_refusal for mock in for_layer(layer)) for layer in LAYERS)
    assert for_layer("") == for_layer("httpx") == for_layer("socket")
    assert {mock.library for mock in for_layer("httpx")} == {"respx", "httpx.MockTransport", "pytest-httpx"}
    assert [mock.library for mock in for_layer("aiohttp")] == ["unittest.mock", "aioresponses"]


@pytest.mark.parametrize("mock", MOCKS.values(), ids=MOCKS)
def test_the_code_is_python(mock: Mock) -> None:
    code = mock.code([ITEMS, ITEM, COMMENTS], WHOLE_PATH)
    compile(code, "mock", "exec")
    assert "{verb}" not in code
    assert "{{" not in code


@pytest.mark.parametrize("mock", BY_ROUTE.values(), ids=BY_ROUTE)
def test_each_route_has_one_pattern_that_no_other_route_matches(mock: Mock) -> None:
    code = mock.code([ITEMS, COMMENTS, ITEM, ITEMS], WHOLE_PATH)
    patterns = [re.compile(found) for found in re.findall(r'r"([^"]*)"', code)]
    paths = [route.url_template for route in (COMMENTS, ITEM, ITEMS)]
    assert [[bool(pattern.match(path)) for path in paths] for pattern in patterns] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    assert all(pattern.match(path + "?expand=state") for pattern, path in zip(patterns, paths, strict=True))


def test_the_method_is_written_as_the_library_expects_it() -> None:
    by_library = {mock.library: mock.code([ITEM]) for mock in MOCKS.values()}
    assert 'method="PATCH"' in by_library["pytest-httpx"]
    assert "respx.patch(" in by_library["respx"]
    assert "pook.patch(" in by_library["pook"]
    assert "mocked.patch(" in by_library["responses"]
    assert "mocked.patch(" in by_library["aioresponses"]
    assert '"aiohttp.ClientSession.patch"' in by_library["unittest.mock"]


def test_without_an_end_a_pattern_matches_longer_paths_as_well() -> None:
    [found] = re.findall(r'r"([^"]*)"', for_layer("httpx")[0].code([ITEMS]))
    assert re.match(found, COMMENTS.url_template)


def test_routes_that_are_alike_in_code_are_written_once() -> None:
    mock = for_layer("httpx")[1]
    assert mock.code([ITEMS, ITEM]).count("MockTransport") == 1
