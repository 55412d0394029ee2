"""`[tool.plane_guard]` for each pyproject.toml that tests may be started from, and plane-guard among what they need."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from plane_guard_dashboard.adoption.draft import Draft
    from plane_guard_dashboard.adoption.env_files import Facts

FILE = "pyproject.toml"
PACKAGE = "plane-guard"
_GROUPS = ("dev", "test", "tests", "testing")
_REQUIREMENTS = (
    "requirements*dev*.in", "requirements*test*.in", "requirements/*dev*.in", "requirements/*test*.in",
    "requirements*dev*.txt", "requirements*test*.txt", "dev-requirements.txt", "test-requirements.txt",
    "requirements/*dev*.txt", "requirements/*test*.txt",
)  # fmt: skip
_BY_HAND = f"Add {PACKAGE} to what your tests install: pip install {PACKAGE}"


def add_tables(draft: Draft, facts: Facts) -> None:
    """Add the settings to the pyproject.toml of the root and of each member of a workspace that has tests."""
    for name in _files(draft):
        text = draft.read(name) or ""
        document = _parsed(draft, name)
        if document is None or "plane_guard" in _table(document, "tool"):
            continue
        table = ("" if not text or text.endswith("\n\n") else "\n") + _settings(facts)
        draft.append(name, table)
        if _parsed(draft, name) is None:
            draft.change(name, text)


def add_requirement(draft: Draft) -> None:
    """Add plane-guard to the group of requirements that the tests use."""
    for name in _files(draft):
        document = _parsed(draft, name)
        if document is None or PACKAGE in (draft.read(name) or "").lower():
            return
        if _add_to_group(document):
            draft.change(name, tomlkit.dumps(document))
            return
    _add_to_requirements(draft)


def _files(draft: Draft) -> list[str]:
    """Return the pyproject.toml of the root, which may be new, and those of the members of a uv workspace."""
    workspace = _table(_parsed(draft, FILE) or {}, "tool", "uv", "workspace")
    members = [f"{member}/{FILE}" for member in workspace.get("members", ())]
    return [FILE, *(name for name in draft.find(*members) if _has_tests(draft, name))]


def _has_tests(draft: Draft, name: str) -> bool:
    folder = PurePosixPath(name).parent
    return bool(draft.find(f"{folder}/tests/**/*.py", f"{folder}/test*.py", f"{folder}/src/**/test_*.py"))


def _parsed(draft: Draft, name: str) -> tomlkit.TOMLDocument | None:
    try:
        return tomlkit.parse(draft.read(name) or "")
    except TOMLKitError as error:
        draft.notes.append(f"{name} is not valid TOML ({error}). Fix it first.")
        return None


def _table(document: Any, *path: str) -> MutableMapping[str, Any]:
    """Return a table of the document, or an empty one."""
    for name in path:
        document = document.get(name, {}) if hasattr(document, "get") else {}
    return document if hasattr(document, "get") else {}


def _settings(facts: Facts) -> str:
    lines = ["[tool.plane_guard]"]
    if facts.sandboxes:
        lines += _array("sandbox_projects", facts.sandboxes.items())
    else:
        lines += ['# sandbox_projects = ["…"]  # ids of projects that tests may write to if they ask for it']
    if facts.projects:
        lines += _array("protected_projects", facts.projects.items())
    else:
        lines += ['# protected_projects = ["…"]  # ids of production projects: tests never write to them']
    if facts.hosts:
        lines += _array("hosts", facts.hosts.items())
    return "\n".join(lines) + "\n"


def _array(name: str, values: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name} = [", *(f'    "{value}",  # {origin}' for value, origin in values), "]"]


def _add_to_group(document: tomlkit.TOMLDocument) -> bool:
    poetry = _table(document, "tool", "poetry")
    if poetry and "dependencies" in poetry:
        _poetry_group(document)[PACKAGE] = "*"
        return True
    for groups in (_table(document, "dependency-groups"), _table(document, "project", "optional-dependencies")):
        chosen = _chosen(groups)
        if chosen is not None:
            groups[chosen].append(PACKAGE)
            return True
    if "uv" in _table(document, "tool"):
        document.setdefault("dependency-groups", tomlkit.table())["dev"] = tomlkit.array(f'["{PACKAGE}"]')
        return True
    return False


def _poetry_group(document: Any) -> MutableMapping[str, Any]:
    """Return the dependencies of the development group of poetry, which may be new."""
    groups = _table(document, "tool", "poetry", "group")
    chosen = _chosen({name: group.get("dependencies", {}) for name, group in groups.items()}) if groups else None
    poetry = document["tool"]["poetry"]
    if chosen is None:
        poetry.setdefault("group", tomlkit.table(is_super_table=True))["dev"] = {"dependencies": {}}
        chosen = "dev"
    found: MutableMapping[str, Any] = poetry["group"][chosen]["dependencies"]
    return found


def _chosen(groups: MutableMapping[str, Any]) -> str | None:
    """Return the group with pytest in it, else the one that is called as such groups are."""
    with_pytest = (name for name, group in groups.items() if any(_is_pytest(one) for one in group))
    return next(with_pytest, next((name for name in _GROUPS if name in groups), None))


def _is_pytest(requirement: object) -> bool:
    return isinstance(requirement, str) and re.match(r"pytest(?![\w-])", requirement) is not None


def _add_to_requirements(draft: Draft) -> None:
    found = draft.find(*_REQUIREMENTS)
    if any(PACKAGE in (draft.read(name) or "") for name in found):
        return
    if found:
        draft.append(found[0], f"{PACKAGE}\n")
    elif not draft.find("tox.ini"):
        draft.notes.append(_BY_HAND)
