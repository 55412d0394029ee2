"""The patch of the MCP client leaves to the client whatever is not a request of it."""

from __future__ import annotations

import asyncio
from unittest import mock

import pytest

from plane_guard_instrumentation.clients import mcp_session
from plane_guard_instrumentation.clients.state import state

REQUESTS = {"a mock": mock.Mock(), "nothing": None, "text": "tools/call", "a number": 7}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_what_is_not_a_request_reaches_the_client_untouched(request_: object) -> None:
    original = mock.AsyncMock(return_value="answer")
    send_request = mcp_session.patch_send_request(original, "mcp")

    async def send() -> object:
        return await send_request("session", request_, 1, timeout=2)

    assert asyncio.run(send()) == "answer"
    original.assert_awaited_once_with("session", request_, 1, timeout=2)
    assert state.waiting == []


def test_of_two_equal_calls_each_ends_its_own_wait() -> None:
    message = mock.Mock()
    message.model_dump.return_value = {"method": "tools/call", "params": {}}
    waiting: list[object] = []

    async def original(session: object, _: object) -> object:
        waiting.append(state.waiting[-1])
        if len(waiting) == 1:
            await send_request(session, message)
            assert state.waiting == [waiting[0]]
            assert state.waiting[0] is waiting[0]
        return session

    send_request = mcp_session.patch_send_request(original, "mcp")

    async def send() -> None:
        await send_request("session", message)

    asyncio.run(send())
    assert state.waiting == []
