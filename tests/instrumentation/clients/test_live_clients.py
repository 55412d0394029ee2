"""In a live process aiohttp and httpx2 are left exactly as they are: compared byte for byte on the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.end_to_end.test_live_process import recorder, without_site

if TYPE_CHECKING:
    from tests.harness import Child

WRITES = """
import asyncio, aiohttp, httpx2
url = "{url}/api/v1/workspaces/acme/projects/4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34/work-items/"
options = dict(json={{"state": "5f0c9be2-d4a8-4173-b1e6-a9d07c35f8e2"}}, headers={{"X-API-Key": "plane_api_live"}})
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.patch(url, **options):
            pass
        async with session.post(url + "%2F?a=%41", data=b"}}", skip_auto_headers=["User-Agent"]):
            pass
    async with httpx2.AsyncClient() as client:
        await client.patch(url, **options)
        await client.query(url, **options)
httpx2.patch(url, **options)
asyncio.run(main())
"""
PATCHES = """
import sys
from plane_guard_instrumentation.startup import installation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
installation.enforce()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
span = provider.get_tracer("app").start_as_current_span("work")
span.__enter__()
"""
END = """
span.__exit__(None, None, None)
assert all(hasattr(method, "__plane_guard_original__") for method in (
    aiohttp.BaseConnector.connect, aiohttp.ClientRequest.send, sys.modules["httpcore2"].ConnectionPool.handle_request
))
"""


def sent(child: Child, before: str, after: str, *options: str) -> tuple[list[bytes], str]:
    """What a child put on the wire, with the port masked, and what it printed."""
    with recorder() as (url, received):
        result = child.python(before + WRITES.format(url=url) + after, *options)
        assert result.returncode == 0, result.stderr
    return [re.sub(rb"127\.0\.0\.1:\d+", b"HOST", data) for data in received], result.stdout


def test_a_live_write_leaves_byte_for_byte_as_without_the_package(child: Child) -> None:
    without, _ = sent(child, without_site(), "", "-S")
    with_package, _ = sent(child, "", "")
    with_patches, printed = sent(child, PATCHES, END)

    assert len(without) == 5
    assert without == with_package == with_patches
    assert printed.count('"plane_guard.decision.reason": "live-runtime"') == 5
    assert not (child.folder / ".plane-guard").exists()
