"""The place of a test in its file, and the line that makes it request a fixture."""

from __future__ import annotations

import ast
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from plane_guard_dashboard.evidence.groups import without_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Insertion:
    """Text to insert into a file, before the character of this line and column; both count from 0."""

    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Test:
    """A test function in its file. `owner` is its class."""

    path: Path
    source: str
    module: ast.Module
    function: Function
    owner: ast.ClassDef | None

    @property
    def line(self) -> int:
        """The line of its `def`, from 1."""
        return self.function.lineno

    def requests(self, fixture: str) -> bool:
        """Return True if the test, its class or its module names the fixture."""
        marks: list[ast.AST] = [*self.function.decorator_list, *(self.owner.decorator_list if self.owner else ())]
        marks += [node for node in self.module.body if isinstance(node, ast.Assign) and _assigns(node, "pytestmark")]
        named = {node.value for mark in marks for node in ast.walk(mark) if isinstance(node, ast.Constant)}
        return fixture in named or fixture in {one.arg for one in _parameters(self.function)}

    def request(self, fixture: str) -> tuple[Insertion, ...]:
        """Return the insertions that make the test request a fixture before every other one of its own."""
        has_pytest = any(_imports(node, "pytest") for node in self.module.body)
        if self._takes_no_parameter() or (has_pytest and self._is_annotated()):
            mark = self._mark(fixture)
            return (mark,) if has_pytest else (self._import(), mark)
        return (self._parameter(fixture),)

    def _takes_no_parameter(self) -> bool:
        """Return True if unittest calls the test, or a decorator that passes arguments of its own by position."""
        is_unittest = self.owner is not None and any("TestCase" in ast.unparse(base) for base in self.owner.bases)
        decorators = [ast.unparse(one) for one in self.function.decorator_list]
        return is_unittest or not all(".mark." in one or one == "staticmethod" for one in decorators)

    def _is_annotated(self) -> bool:
        return self.function.returns is not None or any(one.annotation for one in _parameters(self.function))

    def _mark(self, fixture: str) -> Insertion:
        first = min([self.function.lineno, *(one.lineno for one in self.function.decorator_list)]) - 1
        indent = " " * self.function.col_offset
        return Insertion(first, 0, f'{indent}@pytest.mark.usefixtures("{fixture}")\n')

    def _import(self) -> Insertion:
        body = self.module.body
        before = [node for node in body if _is_docstring(node, body) or _imports(node, "__future__")]
        return Insertion(before[-1].end_lineno or 0 if before else 0, 0, "import pytest\n")

    def _parameter(self, fixture: str) -> Insertion:
        """Return the fixture as the first parameter: pytest sets fixtures of one scope up in this order."""
        arguments = self.function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        bound = positional[:1] if self.owner and not self._is_static() else []
        rest = positional[len(bound) :]
        if rest:
            return self._before(rest[0], fixture)
        if bound:
            return self._at(bound[0].end_lineno or 0, bound[0].end_col_offset or 0, f", {fixture}")
        more = arguments.vararg or arguments.kwonlyargs or arguments.kwarg
        return self._after_parenthesis(f"{fixture}, " if more else fixture)

    def _is_static(self) -> bool:
        return any(ast.unparse(one) == "staticmethod" for one in self.function.decorator_list)

    def _before(self, parameter: ast.arg, fixture: str) -> Insertion:
        found = self._at(parameter.lineno, parameter.col_offset, f"{fixture}, ")
        indent = self._lines()[found.line][: found.column]
        return found if indent.strip() else Insertion(found.line, 0, f"{indent}{fixture},\n")

    def _after_parenthesis(self, text: str) -> Insertion:
        lines, start = self._lines(), self.function.lineno - 1
        for number in range(start, len(lines)):
            begin = lines[number].find(self.function.name) if number == start else 0
            column = lines[number].find("(", begin)
            if column >= 0:
                return Insertion(number, column + 1, text)
        raise AssertionError(self.function.name)  # a function has a parenthesis

    def _at(self, line: int, offset: int, text: str) -> Insertion:
        """Return an insertion at a place of the syntax tree, whose columns count bytes."""
        before = self._lines()[line - 1].encode()[:offset].decode()
        return Insertion(line - 1, len(before), text)

    def _lines(self) -> list[str]:
        return lines_of(self.source)


def find(node_id: str, root: Path) -> Test | None:
    """Return the test with this node id below pytest's root, or None if its source cannot be found."""
    name, *names = without_parameters(node_id).split("::")
    try:
        path = (root / name).resolve()
        if not names or not path.is_relative_to(root.resolve()):
            return None
        source = path.read_bytes().decode()
        module = ast.parse(source)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
    owner: ast.ClassDef | None = None
    scope: ast.Module | ast.ClassDef = module
    for outer in names[:-1]:
        owner = next((one for one in _statements(scope) if isinstance(one, ast.ClassDef) and one.name == outer), None)
        if owner is None:
            return None
        scope = owner
    functions = [one for one in _statements(scope) if isinstance(one, Function) and one.name == names[-1]]
    # Of two functions with one name, the later replaces the earlier.
    return Test(path, source, module, functions[-1], owner) if functions else None


def lines_of(source: str) -> list[str]:
    """Return the lines as the syntax tree counts them, with their ends. `str.splitlines` knows more ends of lines."""
    return list(io.StringIO(source, newline=""))


def insert(source: str, insertions: Iterable[Insertion]) -> str:
    """Return the text with all insertions."""
    lines = lines_of(source)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    # From the end, so that places stay valid. At one place, an import comes before what uses it.
    for one in sorted(set(insertions), key=_place, reverse=True):
        text = one.text.replace("\n", newline)
        line = lines[one.line] if one.line < len(lines) else ""
        lines[one.line : one.line + 1] = [line[: one.column] + text + line[one.column :]]
    return "".join(lines)


def _place(one: Insertion) -> tuple[int, int, bool, str]:
    return one.line, one.column, not one.text.startswith("import "), one.text


def _statements(scope: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    """Yield the statements of a scope, also those below `if` and `try`."""
    waiting = list(reversed(scope.body))
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            waiting += reversed([one for one in ast.iter_child_nodes(statement) if isinstance(one, ast.stmt)])


def _parameters(function: Function) -> list[ast.arg]:
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _imports(node: ast.stmt, name: str) -> bool:
    if isinstance(node, ast.ImportFrom):
        return name == "__future__" == node.module
    return isinstance(node, ast.Import) and any(one.name == name and one.asname is None for one in node.names)


def _is_docstring(node: ast.stmt, body: list[ast.stmt]) -> bool:
    return node is body[0] and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
