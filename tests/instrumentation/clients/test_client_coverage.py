"""A client whose requests are not checked is reported, and known Plane hosts are closed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.harness import Child

GUARDED = {"PLANE_GUARD_TEST_PROCESS": "1", "PLANE_GUARD_HOSTS": "localhost"}
SAY = """
    from plane_guard_instrumentation.clients import patches
    from plane_guard_instrumentation.evidence import coverage
    print(coverage.uncovered(), patches.layers())
"""


def said(child: Child, code: str) -> str:
    result = child.python(code, **GUARDED)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_client_of_the_table_passes_its_self_check(child: Child) -> None:
    code = """
    import aiohttp, httpcore, httpcore2, http.client, urllib3
    from plane_guard_instrumentation.clients import self_check
    from plane_guard_instrumentation.clients.snapshot import owner_of
    from plane_guard_instrumentation.clients.state import state
    from plane_guard_instrumentation.clients.targets import CLIENT_TARGETS
    probed = [(owner_of(target), target) for target in CLIENT_TARGETS if target.probe and owner_of(target)]
    for owner, target in probed:
        self_check.run(owner, target)
    print(sorted({target.layer for _, target in probed}), len(probed), state.closed)
    """

    assert said(child, code) == "['aiohttp', 'http.client', 'httpx', 'httpx2'] 10 {}\n"


STRIPPED = {
    "httpx": ("httpcore", "httpcore.HTTP11Connection.handle_request"),
    "aiohttp": ("aiohttp", "aiohttp.ClientRequest.send"),
}


@pytest.mark.parametrize("layer", STRIPPED)
def test_a_self_check_that_does_not_reach_the_check_closes_the_client(child: Child, layer: str) -> None:
    module, place = STRIPPED[layer]
    owner = place.rpartition(".")[0]
    code = f"""
    import {module}
    from plane_guard_instrumentation.clients import patches, self_check
    from plane_guard_instrumentation.clients.snapshot import owner_of
    target = next(t for t in patches.CLIENT_TARGETS if t.layer == {layer!r} and t.probe)
    setattr({owner}, target.method, getattr({place}, "__plane_guard_original__"))
    self_check.run(owner_of(target), target)
    """
    text = said(child, code + SAY)

    assert f"['{layer}: not guarded: a probe through" in text
    assert "Known Plane hosts are closed to it" in text
    assert f"'{layer}'" not in text.rpartition("[")[2]
    assert f"'{layer} (" not in text.rpartition("[")[2]


def test_http_client_is_judged_where_every_patch_of_it_was_removed(child: Child) -> None:
    code = """
    import http.client, os
    from plane_guard_instrumentation.clients import patches, self_check
    owner = http.client.HTTPConnection
    for name in ("endheaders", "send", "connect"):
        setattr(owner, name, getattr(getattr(owner, name), "__plane_guard_original__"))
    patches.state.verifying = True  # nothing puts them back
    host = os.environ["PLANE_API_URL"].removeprefix("http://")
    path = f'/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/labels/'
    try:
        owner(host).request("POST", path, b"{}")
    except RuntimeError as error:
        print(error.decision.reason)
    """

    # Refused at the connection if the host is known by a variable of a Plane client, otherwise by its bytes.
    assert said(child, code) in {"opt-in-disabled\n", "unguarded-client\n"}


def test_a_client_that_is_closed_may_not_open_a_connection_to_a_known_host(child: Child) -> None:
    code = """
    import httpx
    from plane_guard_instrumentation.clients import self_check
    self_check.close("httpx", "it is a test")
    try:
        httpx.get("http://localhost:9/")
    except RuntimeError as error:
        print(error.decision.reason)
    """

    assert said(child, code) == "unguarded-client\n"


def test_a_patch_target_that_a_library_no_longer_has_is_reported(child: Child) -> None:
    child.write("aiohttp/__init__.py", "")
    child.write("aiohttp/connector.py", "class BaseConnector:\n    async def connect(self, req): pass\n")
    child.write("aiohttp/client_reqrep.py", "class ClientRequest:\n    async def _send(self, conn): pass\n")
    child.write("aiohttp/payload.py", "class Payload: pass\nclass BytesPayload(Payload): pass\n")
    text = said(child, "import aiohttp.connector, aiohttp.client_reqrep\n" + SAY.replace("    ", ""))

    assert "aiohttp: not guarded: this version has no aiohttp.client_reqrep.ClientRequest.send" in text
    assert "'aiohttp'" not in text.rpartition("[")[2]


@pytest.mark.parametrize("name", ["primp", "tls_client", "aiosonic"])
def test_the_import_of_a_client_whose_requests_are_not_checked_is_reported(child: Child, name: str) -> None:
    child.write(f"{name}.py", "")

    assert f"{name}: " in said(child, f"import {name}\n" + SAY.replace("    ", ""))


def test_a_placeholder_that_raises_on_access_disturbs_nothing(child: Child) -> None:
    code = """
    import sys, types
    class Missing(types.ModuleType):
        def __getattr__(self, name):
            raise ImportError(name)
    for name in ("pycurl", "eventlet.green.http.client", "uvloop"):
        sys.modules[name] = Missing(name)
    from plane_guard_instrumentation.clients import patches
    print(patches.verify())
    """

    assert said(child, code) == "[]\n"


FROM_A_FILE = """
    import importlib.util, sys
    def load(name):
        found = importlib.util.find_spec(name)
        where = found.submodule_search_locations
        spec = importlib.util.spec_from_file_location(name, found.origin, submodule_search_locations=where)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    URL = "http://127.0.0.1:%d/api/v1/workspaces/acme/projects/4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34/labels/"
    try:
        %s
    except RuntimeError as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize("client", ["httpcore", "http.client", "aiohttp"])
def test_a_client_that_was_loaded_from_its_file_is_judged(child: Child, client: str) -> None:
    port = int(child.environment["PLANE_API_URL"].rpartition(":")[2])
    send = {
        "httpcore": 'load("httpcore"); import httpx; httpx.post(URL, json={})',
        "http.client": f'load("http.client").HTTPConnection("127.0.0.1", {port}).request("POST", URL, b"{{}}")',
        "aiohttp": "import asyncio; asyncio.run(post(load('aiohttp')))",
    }[client]
    code = FROM_A_FILE % (port, send)
    post = """
    async def post(aiohttp):
        async with aiohttp.ClientSession() as session:
            await session.post(URL, json={})
    """

    assert said(child, post + code) == "PlaneWriteBlocked\n"
    assert [row.reason for row in child.decisions()] == ["opt-in-disabled"]
