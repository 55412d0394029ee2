"""Compare the guard's route table with Plane's URL configuration and with the installed plane-sdk.

``python -m tools.route_drift [CHECKOUT]`` prints every write that the guard does not know: one that it would not judge,
one below a project that has no line in the table, and one whose path names a work item where the table does not expect
it. CHECKOUT is a checkout of Plane's repository; without it only plane-sdk is compared. The exit code is 1 if something
is printed.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pydantic

from plane_guard import classify, paths, routes
from plane_guard.ops import WRITE_METHODS
from tools import recorder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SERVER = Path("apps/api")
_ROOT = "plane/urls.py"
_ID = str(uuid.UUID(int=1 << 100))
_ITEM_ID = str(uuid.UUID(int=3 << 100))
_NAMES_AN_ITEM = frozenset({"issue_id", "work_item_id", "workitem_id", "related_work_item_id"})
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_PROJECT_SCOPES = (routes.PROJECT, routes.PROJECT_ASSETS)


class Write(NamedTuple):
    """A write of a source: its path holds `_ITEM_ID` where a work item is named."""

    method: str
    path: str
    shown: str


def main(arguments: list[str]) -> int:
    """Print the drift."""
    sources = {"plane-sdk": list(sdk_writes())}
    if arguments:
        sources["Plane"] = list(server_writes(Path(arguments[0])))
    found = 0
    for source, writes in sources.items():
        missing = dict.fromkeys(line for write in writes for line in drift(write))
        print(f"{source}: {len(set(writes))} writes, {len(missing)} not known to the table")
        for line in missing:
            print(f"  {line}")
        found += len(missing)
    return int(found > 0)


def drift(write: Write) -> Iterator[str]:
    """Yield what the guard does not know of a write."""
    place = paths.read(write.path, plane_host=True).parsed
    if place is None or classify(write.method, recorder.BASE + write.path, hosts={"plane.example.com"}) is None:
        if not _is_read(write.method, place):
            yield f"not judged: {write.method} {write.shown}"
        return
    if place.scope not in _PROJECT_SCOPES:
        return
    route = routes.find(place.scope, place.segments)
    if route is None:
        yield f"no route: {write.method} {write.shown}"
        return
    template = filter(None, route.template.split("/"))
    for segment, name in zip(place.segments, template, strict=True):
        if segment == _ITEM_ID and name not in routes.ITEM_PARAMETERS:
            yield f"names a work item as {name}: {write.method} {write.shown}"


def sdk_writes() -> Iterator[Write]:
    """Yield the writes that the methods of the installed plane-sdk send."""
    session = recorder.Session()
    with recorder.recording(session):
        for method in _methods(recorder.client(), set()):
            with contextlib.suppress(Exception):
                method(**{name: _sample(name, kind) for name, kind in _required(method)})
    for sent in session.sent:
        if sent.method not in recorder.READ_METHODS:
            path = sent.url.removeprefix(recorder.BASE)
            yield Write(sent.method, path, path.replace(_ITEM_ID, "{work_item_id}").replace(_ID, "{id}"))


def server_writes(checkout: Path) -> Iterator[Write]:
    """Yield the writes of a checkout's URL configuration."""
    root = checkout / SERVER
    methods = _methods_of_views(root)
    for prefix, folder in _included(root / _ROOT):
        for file in sorted(_files(root, folder)):
            for path, view in _paths(ast.parse(file.read_text(encoding="utf-8"))):
                full = f"/{prefix}{path}"
                for method in sorted(_write_methods(view, methods)):
                    yield Write(method, _PARAMETER.sub(_parameter, full), full)


def _is_read(method: str, place: paths.ParsedPath | None) -> bool:
    if place is None:
        return False
    route = routes.find(place.scope, place.segments)
    return method == "POST" and route is not None and route.op == routes.READ


def _methods(thing: object, seen: set[int]) -> Iterator[Any]:
    """Yield the public methods of a client and of the resources that it holds."""
    if id(thing) in seen or not type(thing).__module__.startswith("plane."):
        return
    seen.add(id(thing))
    for name, member in inspect.getmembers(thing):
        if name.startswith("_"):
            continue
        if inspect.ismethod(member):
            yield member
        else:
            yield from _methods(member, seen)


def _required(method: Any) -> Iterator[tuple[str, Any]]:
    for name, parameter in _signature(method).parameters.items():
        if parameter.default is parameter.empty and parameter.kind not in {
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        }:
            yield name, parameter.annotation


def _signature(method: Any) -> inspect.Signature:
    try:
        return inspect.signature(method, eval_str=True)
    except TypeError:
        if sys.version_info >= (3, 14):
            from annotationlib import Format

            # In a class that has a method `list`, the annotation `list[str]` names that method from 3.14 on.
            return inspect.signature(method, annotation_format=Format.STRING)
        raise


def _sample(name: str, kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        return kind.model_construct()
    if isinstance(kind, list) or "list" in str(kind).lower():  # plane-sdk writes [str] in places
        return [_ID]
    if "dict" in str(kind).lower() or "mapping" in str(kind).lower():
        return {}
    if kind in {int, bool, bytes}:
        return kind(1)
    return "acme" if "slug" in name else _ITEM_ID if name in _NAMES_AN_ITEM else _ID


def _included(file: Path) -> Iterator[tuple[str, str]]:
    for call in _calls(ast.parse(file.read_text(encoding="utf-8")), "path"):
        included = call.args[1] if len(call.args) > 1 else None
        prefix = _text(call.args[0])
        # Without a prefix there are pages for people, such as robots.txt.
        if prefix and isinstance(included, ast.Call) and ast.unparse(included.func) == "include":
            yield prefix, _text(included.args[0])


def _files(root: Path, module: str) -> Iterable[Path]:
    base = root.joinpath(*module.split("."))
    return base.glob("*.py") if base.is_dir() else [base.with_suffix(".py")]


def _paths(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the paths of a URL configuration, those of routers included, and their views."""
    registered = [(_text(call.args[0]), call.args[1]) for call in _calls(tree, "register")]
    for call in _calls(tree, "path"):
        view = call.args[1]
        if isinstance(view, ast.Call) and ast.unparse(view.func) == "include":
            for name, viewset in registered:
                yield f"{_text(call.args[0])}{name}/", viewset
                yield f"{_text(call.args[0])}{name}/<pk>/", viewset
        else:
            yield _text(call.args[0]), view


def _write_methods(view: ast.expr, methods: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the methods of a view that write: those that it lists, or else those that its class has."""
    name = ast.unparse(view).partition(".as_view")[0]
    if isinstance(view, ast.Call):
        for keyword in view.keywords:
            if keyword.arg == "http_method_names":
                return _upper(ast.literal_eval(keyword.value))
        if view.args and isinstance(view.args[0], ast.Dict):
            return _upper(ast.literal_eval(view.args[0]))
    return methods.get(name, WRITE_METHODS)


def _methods_of_views(root: Path) -> Mapping[str, frozenset[str]]:
    """Return the write methods of each view class that defines its own handlers, by the name of the class."""
    found: dict[str, frozenset[str]] = {}
    for file in sorted((root / "plane").rglob("views/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                handlers = _upper(item.name for item in node.body if isinstance(item, ast.FunctionDef))
                reads = any(isinstance(item, ast.FunctionDef) and item.name == "get" for item in node.body)
                if handlers or reads:
                    found[node.name] = found.get(node.name, frozenset()) | handlers
    return found


def _upper(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.upper() for name in names) & WRITE_METHODS


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


def _text(node: ast.expr) -> str:
    return str(ast.literal_eval(node)) if isinstance(node, ast.Constant) else ""


def _parameter(match: re.Match[str]) -> str:
    name = match[1]
    return "acme" if "slug" in name or name == "anchor" else _ITEM_ID if name in _NAMES_AN_ITEM else _ID


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
