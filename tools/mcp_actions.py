"""The actions of the installed `plane-mcp-server`, and the requests to Plane that each of them sends.

Each action is called with samples in place of its arguments, over a session that answers without a network. The
requests that it sends tell which argument names the project, which ones name other objects, and which op it is.
"""

from __future__ import annotations

import contextlib
import inspect
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

from plane_mcp import client as plane_mcp_client
from plane_mcp.tools import registry
from plane_mcp.tools import workitem_attachment as attachments

from tools import recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

PROJECT = str(uuid.UUID(int=1 << 100))
# Values of arguments that the actions validate, tried in turn. Every other argument gets a value of its type.
_SAMPLES: Mapping[str, tuple[Any, ...]] = {
    "end_date": ("2026-01-31",),
    "group": ("started",),
    "kind": ("workitem", "page", "project"),
    "member_access": ("view",),
    "options": ('[{"name": "One"}]',),
    "points": ('[{"key": 1, "value": "1"}]',),
    "priority": ("high",),
    "property_type": ("TEXT", "OPTION", "RELATION"),
    "relation_type": ("blocked_by", "start_before", "finish_after", "USER", "RELEASE", "RICH_TEXT"),
    "release_date": ("2026-01-31",),
    "start_date": ("2026-01-01",),
    "status": ("in-progress", "unreleased", -1),
    "target_date": ("2026-01-31",),
    "template_data": ('{"name": "One"}',),
    "type": ("points",),
    "url": ("https://files.example.com/one.txt",),
    "values": ('{"one": ["two"]}',),
}


class Tool(NamedTuple):
    """A tool of the server: its function, and the arguments of each action."""

    module: ModuleType
    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """The name under which clients call it."""
        return str(self.module.NAME)

    def send(self, action: str, arguments: Mapping[str, Any]) -> list[recorder.Sent]:
        """Return what the action sends with these arguments; nothing if it refuses them."""
        session = recorder.Session()
        named = {"action": action} if "action" in inspect.signature(self.function).parameters else {}
        with _without_network(self.module, session), contextlib.suppress(Exception):
            self.function(**named, **arguments)
        return session.sent

    def samples(self, name: str) -> tuple[Any, ...]:
        """Return values to try for an argument; ids differ by the argument's name."""
        annotation = str(inspect.signature(self.function).parameters[name].annotation)
        by_type = {"list": [sample_id(name)], "int": 7, "float": 7, "bool": True}
        of_its_type = next((value for kind, value in by_type.items() if annotation.startswith(kind)), sample_id(name))
        return _SAMPLES.get(name, (True, False) if of_its_type is True else (of_its_type,))


def tools() -> list[Tool]:
    """Return the tools of the installed server in its own order."""
    return [Tool(module, _registered(module)) for module in registry.RESOURCES]


def sample_id(name: str) -> str:
    """Return the id that stands for an argument in the requests of an action."""
    return PROJECT if name == "project_id" else str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _registered(module: ModuleType) -> Callable[..., Any]:
    found: list[Callable[..., Any]] = []

    class _Server:
        def tool(self, **_: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
            def keep(function: Callable[..., Any]) -> Callable[..., Any]:
                found.append(function)
                return function

            return keep

    module.register(_Server())
    return found[0]


@contextlib.contextmanager
def _without_network(module: ModuleType, session: recorder.Session) -> Iterator[None]:
    context = plane_mcp_client.PlaneClientContext(recorder.client(), "acme")
    file = mock.Mock(content=b"one", headers={})
    with contextlib.ExitStack() as stack:
        if hasattr(module, "get_plane_client_context"):
            stack.enter_context(mock.patch.object(module, "get_plane_client_context", return_value=context))
        stack.enter_context(mock.patch.object(attachments, "fetch_validated_get", return_value=file))
        stack.enter_context(recorder.recording(session))
        yield
