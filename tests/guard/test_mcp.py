"""Messages to Plane's MCP server: which of them read, and what the others write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plane_guard import PlaneWrite, classify, mcp, mcp_actions
from plane_guard.kinds import Kind
from plane_guard.vocabulary import Op
from tests.guard.plane import ITEM, OTHER_ITEM, PROD, SANDBOX, names

MCP = "https://mcp.plane.so"
STREAMABLE = ("/http/api-key/mcp", "/http/mcp", "/mcp", "/mcp/")
SSE = ("/sse", "/messages/?session_id=1")
JSON = "application/json"


def message(method: object = "tools/call", params: object = None, **members: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **members})


def tool_call(name: object, /, **arguments: object) -> str:
    return message(params={"name": name, "arguments": arguments})


def sent(body: object, path: str = STREAMABLE[0], content_type: str = JSON) -> PlaneWrite | None:
    return classify("POST", MCP + path, body, content_type)


def write(body: object, path: str = STREAMABLE[0]) -> PlaneWrite:
    found = sent(body, path)
    assert found is not None, f"{body!r} is a write"
    return found


def lookup(tool: str, **arguments: str) -> dict[str, Any]:
    return {"name": tool, "arguments": {"action": "retrieve", **arguments}}


def lookups(found: PlaneWrite) -> list[dict[str, Any]]:
    return [json.loads(reference.lookups[0].question)["params"] for reference in found.references]


PROTOCOL = ["initialize", "ping", "tools/list", "resources/read", "prompts/get", "notifications/initialized"]
READS = [(tool, action) for tool, *actions in mcp._lines(mcp_actions.READS) for action in actions]
WRITES = list(mcp._table().writes)
OLDER = dict(mcp._table().older_names)


@pytest.mark.parametrize("path", [*STREAMABLE, *SSE])
@pytest.mark.parametrize("method", PROTOCOL)
def test_messages_of_the_protocol_are_reads(path: str, method: str) -> None:
    assert sent(message(method), path) is None


@pytest.mark.parametrize("member", ["result", "error"])
def test_an_answer_to_a_question_of_the_server_is_no_write(member: str) -> None:
    assert sent(json.dumps({"jsonrpc": "2.0", "id": 1, member: {}})) is None
    assert sent(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}})) is not None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", [*STREAMABLE, *SSE])
def test_streams_are_reads(method: str, path: str) -> None:
    assert classify(method, MCP + path) is None


def test_the_end_of_a_session_is_no_write() -> None:
    assert classify("DELETE", f"{MCP}/http/mcp") is None
    assert classify("DELETE", f"{MCP}/messages/") is not None
    assert classify("DELETE", f"{MCP}/http/mcp/x") is not None
    assert classify("DELETE", f"{MCP}/http/mcp", headers=[("Host", "api.plane.so")]) is not None
    assert classify("PUT", f"{MCP}/http/mcp", message("ping"), JSON) is not None


def test_the_table_has_every_action_of_the_server() -> None:
    assert (len(READS), len(WRITES), len(OLDER)) == (82, 125, 169)
    assert not set(READS) & set(WRITES)
    assert set(OLDER.values()) <= {*READS, *WRITES}


@pytest.mark.parametrize(("tool", "action"), READS)
@pytest.mark.parametrize("path", [STREAMABLE[0], SSE[1]])
def test_an_action_that_reads_is_a_read(tool: str, action: str, path: str) -> None:
    assert sent(tool_call(tool, action=action, project_id=PROD), path) is None


@pytest.mark.parametrize(("tool", "action"), WRITES)
@pytest.mark.parametrize("path", [STREAMABLE[0], SSE[1]])
def test_an_action_that_writes_has_its_op_project_and_work_item(tool: str, action: str, path: str) -> None:
    row = mcp._table().writes[tool, action]
    found = write(tool_call(tool, action=action, project_id=PROD, workitem_id=ITEM), path)
    in_project = row.kinds.get("project_id") == "in"
    assert (found.op, found.project_id) == (row.op, PROD if in_project else None)
    assert found.projects == (PROD,)
    assert found.work_item == ITEM
    assert (found.server_address, found.method) == ("mcp.plane.so", "POST")


@pytest.mark.parametrize("name", OLDER)
def test_an_older_name_is_its_action(name: str) -> None:
    tool, action = OLDER[name]
    item = "workitem_id" in mcp._table().writes.get(OLDER[name], mcp._Row(Op.UNKNOWN, {}, {})).kinds
    today = sent(tool_call(tool, action=action, project_id=SANDBOX, **({"workitem_id": ITEM} if item else {})))
    assert sent(tool_call(name, project_id=SANDBOX, **({"work_item_id": ITEM} if item else {}))) == (
        today and today._replace(unprovable=today.unprovable.replace(f"'{tool}'", f"'{name}'"))
    )


def test_an_older_name_takes_no_action() -> None:
    assert "not a known argument" in write(tool_call("create_label", action="list", project_id=SANDBOX)).unprovable
    assert write(tool_call("delete_work_item", work_item_id=ITEM, workitem_id=OTHER_ITEM)).unprovable


def test_a_tool_with_one_action_needs_none() -> None:
    assert sent(tool_call("get_pql_reference")) is None
    assert sent(message(params={"name": "get_pql_reference"})) is None
    assert write(tool_call("workspace")).unprovable


OPS = {
    ("create",): Op.CREATE,
    ("update",): Op.UPDATE,
    ("update", "state"): Op.STATE,
    ("update", "parent"): Op.RELATION,
    ("update", "state", "parent"): Op.STATE,
    ("delete",): Op.DELETE,
    ("archive",): Op.ARCHIVE,
}


@pytest.mark.parametrize(("given", "op"), OPS.items(), ids=names(map(str, OPS)))
def test_the_arguments_of_a_work_item_tell_the_op(given: tuple[str, ...], op: Op) -> None:
    action, *fields = given
    arguments = dict.fromkeys(fields, OTHER_ITEM)
    assert write(tool_call("workitem", action=action, project_id=SANDBOX, **arguments)).op is op


def test_objects_are_looked_up_under_the_project_by_the_server_s_own_reads() -> None:
    found = write(tool_call("workitem", action="update", project_id=SANDBOX, workitem_id=ITEM, parent=OTHER_ITEM))
    assert lookups(found) == [
        lookup("workitem", project_id=SANDBOX, workitem_id=ITEM),
        lookup("workitem", project_id=SANDBOX, workitem_id=OTHER_ITEM),
    ]
    assert [(reference.id, reference.detail_path) for reference in found.references] == [
        (ITEM, STREAMABLE[0]), (OTHER_ITEM, STREAMABLE[0]),
    ]  # fmt: skip
    assert found.unprovable == ""


def test_a_lookup_is_a_complete_message() -> None:
    (reference,) = write(tool_call("intake", action="delete", project_id=SANDBOX, workitem_id=ITEM)).references
    assert json.loads(reference.lookups[0].question) == {
        "jsonrpc": "2.0",
        "id": f"plane-guard-{ITEM}",
        "method": "tools/call",
        "params": lookup("intake", project_id=SANDBOX, workitem_id=ITEM),
    }


KINDS_OF_OBJECTS = {
    ("workitem", "delete", "workitem_id"): (Kind.WORK_ITEM, "id"),
    ("intake", "delete", "workitem_id"): (Kind.INTAKE_ITEM, "issue"),
    ("cycle", "delete", "cycle_id"): (Kind.CYCLE, "id"),
    ("label", "delete", "label_id"): (Kind.LABEL, "id"),
    ("milestone", "delete", "milestone_id"): (Kind.MILESTONE, "id"),
    ("module", "delete", "module_id"): (Kind.MODULE, "id"),
    ("state", "delete", "state_id"): (Kind.STATE, "id"),
}


@pytest.mark.parametrize(("named", "expected"), KINDS_OF_OBJECTS.items(), ids=names(map(str, KINDS_OF_OBJECTS)))
def test_an_object_is_compared_by_the_member_that_holds_its_id(
    named: tuple[str, str, str], expected: tuple[Kind, str]
) -> None:
    tool, action, argument = named
    (reference,) = write(tool_call(tool, action=action, project_id=SANDBOX, **{argument: ITEM})).references
    assert (reference.kind, reference.lookups[0].names) == expected


def test_without_a_project_nothing_is_looked_up() -> None:
    assert write(tool_call("label", action="delete", label_id=ITEM)).references == ()


def test_an_id_that_only_becomes_part_of_a_path_is_not_looked_up() -> None:
    call = tool_call("workitem_attachment", action="delete", project_id=SANDBOX, workitem_id=ITEM, attachment_id=ITEM)
    (reference,) = write(call).references
    assert reference.kind is Kind.WORK_ITEM


def test_a_work_item_that_is_not_an_id_is_not_shown() -> None:
    assert write(tool_call("workitem", action="delete", project_id=SANDBOX, workitem_id="ORCH-114")).work_item is None


def test_a_project_that_is_not_an_id_is_not_taken_for_an_object() -> None:
    assert write(tool_call("label", action="create", project_id="ORCH", name="x")).unprovable == ""


def test_a_text_may_say_anything_but_an_id() -> None:
    def unprovable(timezone: str) -> str:
        return write(tool_call("cycle", action="create", project_id=SANDBOX, timezone=timezone)).unprovable

    assert unprovable("Europe/Berlin") == ""
    assert unprovable(ITEM) == "`timezone` names an object whose project cannot be proven"


LOOKED_UP = {
    ("intake", "update", "workitem_id"): ("intake", "workitem_id"),
    ("cycle", "transfer_workitems", "new_cycle_id"): ("cycle", "cycle_id"),
    ("cycle", "manage_workitems", "add_ids"): ("workitem", "workitem_id"),
    ("module", "manage_workitems", "remove_ids"): ("workitem", "workitem_id"),
}


@pytest.mark.parametrize(("named", "expected"), LOOKED_UP.items(), ids=names(map(str, LOOKED_UP)))
def test_each_kind_of_object_has_its_lookup(named: tuple[str, str, str], expected: tuple[str, str]) -> None:
    tool, action, argument = named
    found = write(tool_call(tool, action=action, project_id=SANDBOX, **{argument: ITEM}))
    assert lookups(found) == [lookup(expected[0], project_id=SANDBOX, **{expected[1]: ITEM})]


def test_every_lookup_is_a_read_of_the_table() -> None:
    for _, tool, argument in mcp._LOOKUPS.values():
        assert sent(tool_call(tool, action=mcp._LOOKUP_ACTION, project_id=PROD, **{argument: ITEM})) is None


LISTS: list[object] = [
    [ITEM, OTHER_ITEM],
    f"{ITEM},{OTHER_ITEM}",
    f" {ITEM} , {OTHER_ITEM}",
    json.dumps([ITEM, OTHER_ITEM]),
]


@pytest.mark.parametrize("value", LISTS)
def test_every_spelling_of_a_list_names_each_object(value: object) -> None:
    found = write(tool_call("module", action="manage_workitems", project_id=SANDBOX, add_ids=value))
    assert [reference.id for reference in found.references] == [ITEM, OTHER_ITEM]
    assert found.unprovable == ""


NO_IDS: list[object] = [
    "ORCH-114",
    f"{ITEM}/../../x",
    OTHER_ITEM.upper(),
    [ITEM, 5],
    {"id": ITEM},
    5,
    "[",
    f"[{ITEM}",
    True,
]


@pytest.mark.parametrize("value", NO_IDS)
@pytest.mark.parametrize("named", [("workitem", "delete", "workitem_id"), ("label", "delete", "label_id")])
def test_what_is_not_an_id_proves_nothing(named: tuple[str, str, str], value: object) -> None:
    tool, action, argument = named
    found = write(tool_call(tool, action=action, project_id=SANDBOX, **{argument: value}))
    assert found.unprovable == f"`{argument}` names an object by something that is not its id"


@pytest.mark.parametrize("project", [None, "", "ORCH", PROD.upper(), [PROD], f"{PROD}/../x"])
def test_a_project_that_is_not_an_id_is_unresolved(project: object) -> None:
    assert write(tool_call("label", action="create", project_id=project)).project_id is None


def test_a_known_argument_without_meaning_for_the_project_needs_no_proof() -> None:
    found = write(tool_call("label", action="create", project_id=SANDBOX, name="x", color="#f00"))
    assert (found.references, found.unprovable) == ((), "")


@pytest.mark.parametrize("value", ["", None, 0, False, []])
def test_an_unknown_argument_counts_unless_it_is_empty(value: object) -> None:
    assert write(tool_call("label", action="create", project_id=SANDBOX, x=value)).unprovable == ""
    found = write(tool_call("label", action="create", project_id=SANDBOX, x="y"))
    assert found.unprovable == "`x` is not a known argument of the MCP tool 'label'"


def test_another_project_in_an_argument_is_named() -> None:
    found = write(tool_call("workitem_type", action="create", project_id=SANDBOX, project_ids=[SANDBOX, PROD]))
    assert (found.unprovable, found.projects) == ("`project_ids` names another project", (SANDBOX, PROD))
    alone = write(tool_call("workitem_type", action="create", project_id=SANDBOX, project_ids=[SANDBOX]))
    assert (alone.unprovable, alone.projects) == ("", (SANDBOX,))


def test_an_object_that_cannot_be_looked_up_proves_nothing() -> None:
    page = write(tool_call("page", action="delete", project_id=SANDBOX, page_id=ITEM))
    assert page.unprovable == "`page_id` names an object whose project cannot be proven"
    found = write(tool_call("workitem_type", action="import_to_project", project_id=SANDBOX, workitem_type_ids=[ITEM]))
    assert found.unprovable == "`workitem_type_ids` names an object whose project cannot be proven"


@pytest.mark.parametrize("path", SSE)
def test_over_sse_nothing_can_be_looked_up(path: str) -> None:
    found = write(tool_call("workitem", action="delete", project_id=SANDBOX, workitem_id=ITEM), path)
    assert (found.references, found.work_item, found.project_id) == ((), ITEM, SANDBOX)
    assert "use the streamable HTTP endpoint" in found.unprovable
    assert write(tool_call("workitem", action="create", project_id=SANDBOX, name="x"), path).unprovable == ""


CALL = {"name": "label", "arguments": {"action": "create", "project_id": SANDBOX}}
UNKNOWN: dict[str, object] = {
    "a batch": f"[{message('ping')}, {tool_call('label', action='create', project_id=SANDBOX)}]",
    "an unknown tool": tool_call("labels", action="create", project_id=SANDBOX),
    "an unknown action": tool_call("label", action="Create", project_id=SANDBOX),
    "no action": tool_call("label", project_id=SANDBOX),
    "an action that is no text": tool_call("label", action=["list"], project_id=SANDBOX),
    "a tool that is no text": tool_call(["label"], action="list", project_id=SANDBOX),
    "an unknown method": message("tools/run", CALL),
    "a method that is no text": message(["ping"], CALL),
    "no method": json.dumps({"jsonrpc": "2.0", "id": 1, "params": CALL}),
    "a notification that calls": json.dumps({"jsonrpc": "2.0", "method": "tools/call", "params": CALL}),
    "no parameters that are an object": message("tools/call", [CALL]),
    "arguments that are no object": message("tools/call", {"name": "label", "arguments": [CALL]}),
    "a method twice": message("ping", CALL)[:-1] + ', "method": "tools/call"}',
    "an action twice": tool_call("label", action="create", project_id=SANDBOX)[:-3] + ', "action": "list"}}}',
    "a tool twice": message("tools/call", CALL)[:-2] + ', "name": "project"}}',
}


@pytest.mark.parametrize("body", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_message_that_is_not_a_known_call_is_never_proven(body: object) -> None:
    found = write(body)
    assert (found.op, found.projects, found.project_id) == (Op.UNKNOWN, (SANDBOX,), SANDBOX)
    assert found.unprovable.startswith("the MCP ")


def test_a_message_that_names_two_projects_is_unresolved() -> None:
    found = write(f"[{tool_call('label', project_id=SANDBOX)}, {tool_call('label', project_id=PROD)}]")
    assert (found.project_id, found.projects) == (None, (SANDBOX, PROD))


UNREADABLE: dict[str, tuple[object, str]] = {
    "nothing": (None, JSON),
    "a stream": (iter([message("ping").encode()]), JSON),
    "no JSON": ("ping", JSON),
    "a form": (message("ping"), "application/x-www-form-urlencoded"),
    "a form that is JSON": ('{"x": "&method=ping&id=1", "method": "tools/call"}', "application/x-www-form-urlencoded"),
    "no type": (message("ping"), ""),
    "another type": (message("ping"), "text/plain"),
    "another charset": (message("ping").encode("utf-16"), f"{JSON}; charset=utf-16"),
    "deep": ("[" * 100_000, JSON),
}


@pytest.mark.parametrize(("body", "content_type"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_message_that_cannot_be_read_is_a_write_to_nowhere_known(body: object, content_type: str) -> None:
    found = sent(body, content_type=content_type)
    assert found is not None
    assert (found.op, found.project_id, found.projects) == (Op.UNKNOWN, None, ())
    assert found.unprovable == "the MCP message is not one JSON-RPC object"


def test_a_message_may_name_its_charset() -> None:
    assert sent(message("ping"), content_type="Application/JSON ; charset=utf-8") is None


def test_a_compressed_message_is_not_read() -> None:
    headers = [("Content-Type", JSON), ("Content-Encoding", "gzip")]
    assert classify("POST", f"{MCP}/mcp", message("ping"), headers=headers) is not None
    assert classify("POST", f"{MCP}/mcp", message("ping"), headers=headers[:1]) is None


@pytest.mark.parametrize("path", ["/mcp/../mcp", "//mcp", "/%2fmcp", "/mcp;x"])
def test_a_path_that_can_be_read_in_two_ways_is_not_trusted(path: str) -> None:
    found = write(message("ping"), path)
    assert (found.project_id, found.op) == (None, Op.UNKNOWN)


def test_only_the_endpoints_of_plane_hosts_take_messages() -> None:
    assert classify("POST", "https://mcp.example.com/mcp", tool_call("project", action="delete"), JSON) is None
    assert sent(message("ping"), "/mcp/other") is not None
    assert sent(message("ping"), "/graphql") is not None
    hosted = classify("POST", "http://h:8211/mcp", tool_call("project", action="delete"), JSON, hosts={"h:8211"})
    assert hosted is not None
    assert hosted.op is Op.PROJECT


def test_a_line_of_the_table_continues_where_it_is_indented() -> None:
    assert list(mcp._lines("\none two\n    three\nfourX\n")) == [["one", "two", "three"], ["fourX"]]


def test_a_row_of_the_table_has_a_kind_and_an_op_for_each_argument() -> None:
    row = mcp._row("update", ["in:project_id", "item:workitem_id=delete", "name", "state=state", "a:b:c=archive"])
    assert row == (
        Op.UPDATE,
        {"project_id": "in", "workitem_id": "item", "name": "", "state": "", "c": "a:b"},
        {"workitem_id": Op.DELETE, "state": Op.STATE, "c": Op.ARCHIVE},
    )


def reply(text: str, **result: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}], **result}})


DOCUMENT = {"id": ITEM, "project": SANDBOX}
ANSWERS: dict[str, tuple[str, object]] = {
    "JSON": (reply(json.dumps(DOCUMENT)), DOCUMENT),
    "an event": (f"event: message\r\ndata: {reply(json.dumps(DOCUMENT))}\r\n\r\n", DOCUMENT),
    "an event behind others": (
        f': ping\n\nid: 1\ndata:\n\ndata: {{"method": "x"}}\n\ndata: {reply(json.dumps(DOCUMENT))}\n\n', DOCUMENT
    ),
    "an event behind another": (
        f'data: {{"method": "x"}}\r\n\r\ndata: {reply(json.dumps(DOCUMENT))}\r\n\r\n', DOCUMENT
    ),
    "an event of several lines": (
        "\n".join(f"data: {line}" for line in reply(json.dumps(DOCUMENT)).replace(", ", ",\n", 1).split("\n")),
        DOCUMENT,
    ),
    "an error of the tool": (reply(json.dumps(DOCUMENT), isError=True), None),
    "an error of the protocol": ('{"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}', None),
    "nothing": ("", None),
    "a list": ("data: []\n\n", None),
}  # fmt: skip


@pytest.mark.parametrize(("content", "document"), ANSWERS.values(), ids=ANSWERS.keys())
def test_the_document_of_an_answer_is_found(content: str, document: object) -> None:
    assert mcp.answer(content.encode()) == document


@pytest.mark.parametrize("content", [reply("HTTP 404"), reply("{}")[:-1], '{"result": {"content": []}}', b"\xff"])
def test_an_answer_that_cannot_be_read_is_an_error(content: str | bytes) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        mcp.answer(content if isinstance(content, bytes) else content.encode())
