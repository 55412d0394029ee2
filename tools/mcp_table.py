"""Generate `guard/plane_guard/mcp_actions.py` from the installed `plane-mcp-server`.

``python -m tools.mcp_table`` writes the table. With ``--check`` it prints the difference and exits with 1 if there is
one.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import itertools
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from plane_mcp.tools.registry import alias_table

from plane_guard import classify
from plane_guard.vocabulary import PROTECTED_OPS, Op
from tools.mcp_actions import PROJECT, Tool, sample_id, tools
from tools.recorder import READ_METHODS, Sent, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_mcp.toolkit import Action

    from plane_guard import PlaneWrite

TABLE = Path(__file__).parent.parent / "guard" / "plane_guard" / "mcp_actions.py"
_PACKAGE = "plane-mcp-server"
_PROJECT_ARGUMENT = "project_id"
_WIDTH = 118
_MOST_TRIES = 2_000
_KINDS = {
    "cycles": "cycle",
    "epics": "item",
    "intake-issues": "intake",
    "issues": "item",
    "labels": "label",
    "milestones": "milestone",
    "modules": "module",
    "states": "state",
    "work-items": "item",
}
# Arguments that an action takes only together, in place of the other optional ones.
_TOGETHER = {("workitem_relation", "create"): ("relation_definition_label", "relation_definition_id")}
_ITEM_ARGUMENTS_FIRST = ("workitem_id",)
# The order in which Plane lets one field of a work item outweigh another.
_WEIGHT = (Op.DELETE, Op.ARCHIVE, Op.STATE, Op.RELATION)


class _Call(NamedTuple):
    arguments: dict[str, Any]
    writes: list[tuple[Sent, PlaneWrite]]


class _Row:
    """The arguments of one action, as its requests show them."""

    def __init__(self, tool: Tool, action: Action) -> None:
        self._tool = tool
        self._action = action
        self._kinds: dict[str, str] = {}
        self._ops: dict[str, Op] = {}
        self._sent: set[str] = set()
        base, *variants = _calls(tool, action)
        self._in_project = all(write.project_id == PROJECT for call in (base, *variants) for _, write in call.writes)
        self._op = _op_of(base)
        for name in base.arguments:
            self._read(base, name)
        for call in variants:
            added = list(call.arguments)[-1]
            self._read(call, added)
            if added not in base.arguments and _op_of(call) is not self._op:
                self._ops[added] = _op_of(call)

    def line(self) -> str:
        """The row as text."""
        names = dict.fromkeys((*self._action.requires, *self._action.optional))
        words = [self._word(name) for name in sorted(names, key=self._weight)]
        return " ".join((self._tool.name, self._action.name, self._op, *words))

    def _read(self, call: _Call, name: str) -> None:
        named = sample_id(name)
        if name == _PROJECT_ARGUMENT:
            return
        for sent, write in call.writes:
            if named in f"{sent.url} {as_json(sent.body)}":
                self._sent.add(name)
            references = {reference.id: reference.detail_path.split("/")[-3] for reference in write.references}
            if named in references:
                self._kinds[name] = _KINDS.get(references[named]) or _unproven(named, sent)
            elif named in write.projects:
                self._kinds[name] = "project"
            elif write.unprovable and named in f"{sent.url} {as_json(sent.body)}":
                self._kinds[name] = _unproven(named, sent)
            elif named in sent.url:
                self._kinds.setdefault(name, "path")

    def _word(self, name: str) -> str:
        # An id that no request showed could still become part of a path.
        unseen = name.endswith("_id") and name not in self._sent
        kind = self._kinds.get(name, "path" if unseen and name != _PROJECT_ARGUMENT else "")
        if name == _PROJECT_ARGUMENT and self._in_project:
            kind = "in"
        op = self._ops.get(name, "")
        return f"{kind}{':' if kind else ''}{name}{'=' if op else ''}{op}"

    def _weight(self, name: str) -> tuple[int, ...]:
        op = self._ops.get(name)
        return (
            name != _PROJECT_ARGUMENT,
            name not in _ITEM_ARGUMENTS_FIRST,
            op is None,
            _WEIGHT.index(op) if op in _WEIGHT else len(_WEIGHT),
            not self._kinds.get(name) or name not in self._sent,
        )


def _unproven(named: str, sent: Sent) -> str:
    """Return the kind of an argument whose object no MCP tool can look up.

    In a path every value is refused. In a body a text such as a time zone is fine, and an id is refused.
    """
    return "other" if named in sent.url else "text"


def render() -> str:
    """Return the text of the module for the installed server."""
    found = tools()
    reads = [f"{tool.name} {' '.join(a.name for a in tool.module.ACTIONS if a.read)}" for tool in found]
    writes = [_Row(tool, action).line() for tool in found for action in tool.module.ACTIONS if not action.read]
    older = [f"{name} {tool} {action}" for name, (tool, action) in sorted(alias_table().items())]
    return f'''"""The actions of Plane's MCP server. Generated by `python -m tools.mcp_table`: do not edit.

The source is {_PACKAGE}. A line of ``READS`` is a tool and its actions that read. A line of ``WRITES`` is
``tool action op [argument …]``. An argument is ``[kind:]name[=op]``: with ``=op``, the action has that op if the
argument is given. A line of ``OLDER_NAMES`` is ``name tool action``.

Kinds: ``in`` is the project that is written to; ``item``, ``intake``, ``cycle``, ``module``, ``label``, ``milestone``
and ``state`` name an object that has to be in it; ``path`` can become part of a path, so it has to be an id;
``project`` names another project; ``other`` names an object that cannot be proven; ``text`` may be any text that holds
no id.
"""

VERSION = "{importlib.metadata.version(_PACKAGE)}"

READS = """
{_block(reads)}
"""

WRITES = """
{_block(writes)}
"""

OLDER_NAMES = """
{_block(older)}
"""
'''


def main(arguments: list[str]) -> int:
    """Write the table, or check it."""
    text, before = render(), TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    if arguments == ["--check"]:
        old, new = (lines.splitlines(keepends=True) for lines in (before, text))
        sys.stdout.writelines(difflib.unified_diff(old, new, TABLE.name, _PACKAGE))
        return int(text != before)
    TABLE.write_text(text, encoding="utf-8")
    return 0


def _block(lines: list[str]) -> str:
    """Return lines in which the words behind the first column continue below themselves where they are too long."""
    return "\n".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        for line in lines
        if " " in line.strip()
    )


def _calls(tool: Tool, action: Action) -> Iterator[_Call]:
    """Yield a call that writes, the same call with other values, and with each of the other arguments added.

    The argument that differs comes last.
    """
    base = next(filter(None, (_call(tool, action, names) for names in _bases(action))), None)
    if base is None:
        raise SystemExit(f"{tool.name} {action.name} sends no write; add samples of its arguments to tools.mcp_actions")
    yield base
    for name in dict.fromkeys((*action.requires, *action.optional)):
        others = {other: value for other, value in base.arguments.items() if other != name}
        for value in tool.samples(name):
            call = _with(tool, action, {**others, name: value})
            if call is not None:
                yield call

    together = _TOGETHER.get((tool.name, action.name))
    call = _call(tool, action, [*action.requires, *together]) if together else None
    if call is not None:
        yield call


def _bases(action: Action) -> Iterator[list[str]]:
    required = [*action.requires, *(name for name in action.optional if name == _PROJECT_ARGUMENT)]
    yield required
    others = [name for name in action.optional if name != _PROJECT_ARGUMENT]
    for count in (1, 2):
        yield from ([*required, *more] for more in itertools.combinations(others, count))


def _call(tool: Tool, action: Action, names: list[str]) -> _Call | None:
    values = itertools.islice(itertools.product(*map(tool.samples, names)), _MOST_TRIES)
    calls = (_with(tool, action, dict(zip(names, combination, strict=True))) for combination in values)
    return next(filter(None, calls), None)


def _with(tool: Tool, action: Action, arguments: dict[str, Any]) -> _Call | None:
    writes = [
        (sent, write)
        for sent in tool.send(action.name, arguments)
        if sent.method not in READ_METHODS
        and (write := classify(sent.method, sent.url, as_json(sent.body), "application/json")) is not None
    ]
    return _Call(arguments, writes) if writes else None


def _op_of(call: _Call) -> Op:
    ops = [write.op for _, write in call.writes]
    return next((op for op in ops if op in PROTECTED_OPS), ops[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
