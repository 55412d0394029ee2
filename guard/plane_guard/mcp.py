"""Calls to Plane's MCP server: JSON-RPC messages over streamable HTTP or SSE, read with a table of the tools.

A message is a read if the protocol or the table says so. Every other message is a write, and one that is not a known
call of a known tool is never proven to stay in a project.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from plane_guard import mcp_actions
from plane_guard.bodies import Pairs
from plane_guard.keys import canonical_uuid, is_uuid
from plane_guard.kinds import Kind, Lookup
from plane_guard.references import Reference
from plane_guard.vocabulary import Op

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STREAMABLE = frozenset({("mcp",), ("http", "mcp"), ("http", "api-key", "mcp")})
_SSE = frozenset({("sse",), ("messages",)})
_CALL = "tools/call"
_READS = frozenset(
    {
        "completion/complete",
        "initialize",
        "logging/setLevel",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "resources/templates/list",
        "resources/unsubscribe",
        "server/discover",
        "subscriptions/listen",
        "tasks/cancel",
        "tasks/get",
        "tasks/list",
        "tasks/result",
        "tools/list",
    }
)
_NOTIFICATION = "notifications/"
_ACTION, _PROJECT, _WORK_ITEM = "action", "project_id", "workitem_id"
_OLD_SPELLING, _NEW_SPELLING = "work_item", "workitem"
# How an object is looked up under a project: a tool, and its argument that names the object.
_LOOKUPS = {
    "cycle": (Kind.CYCLE, "cycle", "cycle_id"),
    "intake": (Kind.INTAKE_ITEM, "intake", "workitem_id"),
    "item": (Kind.WORK_ITEM, "workitem", "workitem_id"),
    "label": (Kind.LABEL, "label", "label_id"),
    "milestone": (Kind.MILESTONE, "milestone", "milestone_id"),
    "state": (Kind.STATE, "state", "state_id"),
    "module": (Kind.MODULE, "module", "module_id"),
}
_LOOKUP_ACTION = "retrieve"
_EMPTY: tuple[object, ...] = (None, "", 0, [], Pairs())  # what the server takes for an argument that is not given


class Call(NamedTuple):
    """A write, as far as its message alone tells; see `PlaneWrite` for the fields."""

    op: Op = Op.UNKNOWN
    project_id: str | None = None
    work_item: str | None = None
    projects: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    unprovable: str = ""


class _Row(NamedTuple):
    """A write of the table: kind and op of its arguments by their names."""

    op: Op
    kinds: Mapping[str, str]
    ops: Mapping[str, Op]


class _Table(NamedTuple):
    reads: frozenset[tuple[str, str]]
    writes: Mapping[tuple[str, str], _Row]
    older_names: Mapping[str, tuple[str, str]]
    only_actions: Mapping[str, str]


class _Tool(NamedTuple):
    """A tool call with today's names; ``shown`` is the tool's name as the caller wrote it."""

    shown: str
    key: tuple[str, str]
    arguments: Mapping[str, object]


def is_endpoint(segments: tuple[str, ...]) -> bool:
    """Return if a path of a Plane host takes JSON-RPC messages."""
    return segments in _STREAMABLE or segments in _SSE


def ends_session(method: str, segments: tuple[str, ...]) -> bool:
    """Return if a request ends a session of the MCP protocol, which changes nothing in Plane."""
    return method == "DELETE" and segments in _STREAMABLE


def read(document: object, path: str, segments: tuple[str, ...]) -> Call | None:
    """Return the write that a message to this endpoint makes; ``None`` for a read.

    ``document`` is the parsed JSON, or ``None`` if the body could not be read.
    """
    message = _members(document)
    if message is None:
        return _refused(document, "the MCP message is not one JSON-RPC object")
    if _is_read(message):
        return None
    if message.get("method") != _CALL or message.get("id") is None:
        return _refused(document, "the MCP message is not a known request")
    tool = _tool(message.get("params"))
    if tool is not None and tool.key in _table().reads:
        return None
    row = _table().writes.get(tool.key) if tool is not None else None
    if tool is None or row is None:
        return _refused(document, "the MCP tool, its action or its arguments are not known ones")
    return _Write(tool, row, path if segments in _STREAMABLE else "").call()


def _is_read(message: Mapping[str, object]) -> bool:
    """Return if the protocol says that a message reads, or that it answers a question of the server."""
    method = message.get("method")
    if method is None:
        return ("result" in message) != ("error" in message)
    return isinstance(method, str) and (method in _READS or method.startswith(_NOTIFICATION))


def answer(content: bytes) -> object:
    """Return the document that a tool answered with, from JSON or an event stream; ``None`` if there is none."""
    import json

    for text in _messages(content):
        message = json.loads(text)
        result = message.get("result") if isinstance(message, dict) else None
        if not isinstance(result, dict) or "content" not in result:
            continue
        if result.get("isError"):
            return None
        (block,) = result["content"]
        return json.loads(block["text"])
    return None


def _messages(content: bytes) -> Iterator[str]:
    text = content.decode()
    if text.startswith("{"):
        yield text
        return
    for event in text.replace("\r\n", "\n").split("\n\n"):
        lines = [line.removeprefix("data:").strip() for line in event.split("\n") if line.startswith("data:")]
        if any(lines):
            yield "\n".join(lines)


class _Write:
    """Gathers what the arguments of a write name."""

    def __init__(self, tool: _Tool, row: _Row, path: str) -> None:
        self._tool = tool
        self._row = row
        self._path = path
        self._project: str | None = None
        self._projects: list[str] = []
        self._references: list[Reference] = []
        self._unprovable = ""

    def call(self) -> Call:
        """Return the write."""
        given = {name: value for name, value in self._tool.arguments.items() if value not in _EMPTY}
        self._read_project(given.get(_PROJECT))
        for name, value in given.items():
            self._read(name, value)
        item = given.get(_WORK_ITEM)
        return Call(
            op=next((op for name, op in self._row.ops.items() if name in given), self._row.op),
            project_id=self._project,
            work_item=str(item) if is_uuid(item) else None,
            projects=tuple(dict.fromkeys(self._projects)),
            references=tuple(dict.fromkeys(self._references)),
            unprovable=self._unprovable,
        )

    def _read_project(self, value: object) -> None:
        named = canonical_uuid(value)
        if named is not None:
            self._projects.append(named)
        if self._row.kinds.get(_PROJECT) == "in" and is_uuid(value):
            self._project = named

    def _read(self, name: str, value: object) -> None:
        kind = self._row.kinds.get(name)
        if kind is None:
            self._unprovable = f"`{name}` is not a known argument of the MCP tool {self._tool.shown!r}"
        elif kind == "other" or (kind == "text" and any(_ids(value))):
            self._unprovable = f"`{name}` names an object whose project cannot be proven"
        elif kind not in {"", "in", "text"}:
            for object_id in _ids(value):
                self._add(kind, name, object_id)

    def _add(self, kind: str, name: str, object_id: str | None) -> None:
        if object_id is None:
            self._unprovable = f"`{name}` names an object by something that is not its id"
        elif kind == "project":
            self._projects.append(object_id)
            if object_id != self._project:
                self._unprovable = f"`{name}` names another project"
        elif kind in _LOOKUPS and not self._path:
            self._unprovable = (
                f"`{name}` cannot be looked up over SSE, where the answer would go to the client; use the streamable "
                "HTTP endpoint of the MCP server"
            )
        elif kind in _LOOKUPS and self._project is not None:
            names = "issue" if kind == "intake" else "id"
            lookup = Lookup(self._path, names=names, question=_question(kind, self._project, object_id))
            self._references.append(Reference(object_id, _LOOKUPS[kind][0], (lookup,)))


def _question(kind: str, project: str, object_id: str) -> bytes:
    """Return the message that asks for an object under a project."""
    import json

    _, tool, argument = _LOOKUPS[kind]
    arguments = {_ACTION: _LOOKUP_ACTION, _PROJECT: project, argument: object_id}
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": f"plane-guard-{object_id}", "method": _CALL, "params": params}
    return json.dumps(message).encode()


def _ids(value: object) -> Iterator[str | None]:
    """Yield the ids in an argument, as Plane's server splits it; ``None`` for something that is not an id."""
    if isinstance(value, str) and value.strip().startswith("["):
        import json

        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            yield None
            return
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    for found in value if isinstance(value, list) else [None]:
        yield found if is_uuid(found) else None


def _tool(params: object) -> _Tool | None:
    """Return the tool call with today's names; ``None`` if it could be read in more than one way."""
    members = _members(params)
    arguments = _members(members.get("arguments", Pairs())) if members is not None else None
    name = members.get("name") if members is not None else None
    if arguments is None or not isinstance(name, str):
        return None
    older = _table().older_names.get(name)
    if older is not None:
        renamed = {argument.replace(_OLD_SPELLING, _NEW_SPELLING): value for argument, value in arguments.items()}
        return _Tool(name, older, renamed) if len(renamed) == len(arguments) else None
    action = arguments.get(_ACTION, _table().only_actions.get(name))
    others = {argument: value for argument, value in arguments.items() if argument != _ACTION}
    return _Tool(name, (name, action), others) if isinstance(action, str) else None


def _members(document: object) -> dict[str, object] | None:
    """Return the members of an object; ``None`` if it is not one, or names a member twice."""
    if not isinstance(document, Pairs):
        return None
    members = dict(document)
    return members if len(members) == len(document) else None


def _refused(document: object, why: str) -> Call:
    """Return a write that cannot be proven, with the projects that can be read out of it in whatever way."""
    projects: dict[str, None] = {}
    found = [document]
    for node in found:
        if isinstance(node, Pairs):
            found += [value for _, value in node]
            keys = (canonical_uuid(value) for name, value in node if name == _PROJECT)
            projects.update(dict.fromkeys(key for key in keys if key is not None))
        elif isinstance(node, list):
            found += node
    project = next(iter(projects)) if len(projects) == 1 else None
    return Call(project_id=project, projects=tuple(projects), unprovable=why)


@cache
def _table() -> _Table:
    writes: dict[tuple[str, str], _Row] = {}
    actions: dict[str, list[str]] = {}
    reads = {(tool, action) for tool, *names in _lines(mcp_actions.READS) for action in names}
    for tool, action, op, *arguments in _lines(mcp_actions.WRITES):
        writes[tool, action] = _row(op, arguments)
    for tool, action in (*reads, *writes):
        actions.setdefault(tool, []).append(action)
    return _Table(
        reads=frozenset(reads),
        writes=writes,
        older_names={name: (tool, action) for name, tool, action in _lines(mcp_actions.OLDER_NAMES)},
        only_actions={tool: names[0] for tool, names in actions.items() if len(names) == 1},
    )


def _row(op: str, arguments: list[str]) -> _Row:
    kinds: dict[str, str] = {}
    ops: dict[str, Op] = {}
    for argument in arguments:
        before, _, own_op = argument.partition("=")
        kind, _, name = before.rpartition(":")
        kinds[name] = kind
        if own_op:
            ops[name] = Op(own_op)
    return _Row(Op(op), kinds, ops)


def _lines(table: str) -> Iterator[list[str]]:
    for line in table.strip().replace("\n    ", " ").splitlines():
        yield line.split()
