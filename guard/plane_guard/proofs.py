"""Reading the answer of an ownership lookup: does it show that an object is in the sandbox project?"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from plane_guard import mcp
from plane_guard.keys import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Collection

    from plane_guard.kinds import Lookup
    from plane_guard.references import Reference

LARGEST_ANSWER = 4_194_304
_OK, _NOT_FOUND = 200, 404
_PROJECT_FIELDS = ("project", "project_id")
_SHARED_FIELDS = ("project_ids", "projects")
_ARCHIVED = frozenset({"archive", "manual_archive"})


class Finding(StrEnum):
    """The result of a lookup. The values are what a refusal says."""

    PROVEN = "it is in the sandbox project"
    NOT_THERE = "it is not there, so it is in another project or nowhere"
    ELSEWHERE = "it is in another project"
    ARCHIVED = "it is archived, and its activity does not prove where it is"
    CONTRADICTION = "the answer contradicts itself, so it proves nothing"
    UNCLEAR = "the answer does not show the object and its project, so nothing can be proven"


class Proof(NamedTuple):
    """A finding, and the other projects that the answer names."""

    finding: Finding
    projects: tuple[str, ...] = ()


def read_answer(  # noqa: PLR0913, PLR0917  an answer, the question, and what it is compared with
    status: int, content: bytes, reference: Reference, lookup: Lookup, project: str, sandboxes: Collection[str]
) -> Proof:
    """Return what the answer to a lookup proves about an object.

    ``project`` is the project that the write's path names. ``sandboxes`` are all projects that may be written to: an
    object that belongs to several projects must belong to no other.
    """
    if status == _NOT_FOUND:
        return Proof(Finding.NOT_THERE)
    if status != _OK or len(content) > LARGEST_ANSWER:
        return Proof(Finding.UNCLEAR)
    try:
        answer = mcp.answer(content) if lookup.question else json.loads(content)
    except (ValueError, LookupError, TypeError, RecursionError):
        return Proof(Finding.UNCLEAR)
    if lookup.is_history:
        return _read_history(answer, reference.id, project)
    found = [row for row in _rows(answer, lookup.rows) if canonical_uuid(row.get(lookup.names)) == reference.id]
    if not found:
        is_listing = isinstance(answer, list) or lookup.rows in {"results", "points"}
        return Proof(Finding.NOT_THERE if is_listing else Finding.UNCLEAR)
    return _read_projects([_projects(row, project, sandboxes) for row in found])


def _read_projects(claims: list[tuple[bool, set[str]]]) -> Proof:
    """Combine the claims of all rows that show the object."""
    others = tuple(sorted(set().union(*(foreign for _, foreign in claims))))
    if all(is_named for is_named, _ in claims) and not others:
        return Proof(Finding.PROVEN)
    if any(is_named for is_named, _ in claims) and others:
        return Proof(Finding.CONTRADICTION, others)
    return Proof(Finding.ELSEWHERE if others else Finding.UNCLEAR, others)


def _projects(row: dict[str, object], project: str, sandboxes: Collection[str]) -> tuple[bool, set[str]]:
    """Return if a row names the project, and what else it names as its project."""
    named = [row[field] for field in _PROJECT_FIELDS if row.get(field) is not None]
    shared = [entry for field in _SHARED_FIELDS if isinstance(row.get(field), list) for entry in _list(row[field])]
    keys = {canonical_uuid(value) or "?" for value in named}
    shared_keys = {canonical_uuid(value) or "?" for value in shared}
    foreign = {key for key in keys if key != project} | {key for key in shared_keys if key not in sandboxes}
    return project in keys | shared_keys, foreign


def _read_history(answer: object, object_id: str, project: str) -> Proof:
    """Read the activity of an item that Plane does not show.

    Plane filters activity by the path's project, and comments on another project's item leave rows there. Only the row
    of its creation shows that an item was made in this project, and only the latest row about archiving shows that it
    is hidden because it is archived, and not because it is gone.
    """
    if not isinstance(answer, dict) or answer.get("next_page_results"):
        return Proof(Finding.UNCLEAR)
    rows = [row for row in _rows(answer, "results") if canonical_uuid(row.get("issue")) == object_id]
    if not all(canonical_uuid(row.get("project")) == project for row in rows):
        return Proof(Finding.CONTRADICTION)
    is_made_here = any(row.get("verb") == "created" and not row.get("field") for row in rows)
    archived = [row.get("new_value") for row in rows if row.get("field") == "archived_at"]
    is_archived = bool(archived) and archived[-1] in _ARCHIVED
    if is_made_here and is_archived:
        return Proof(Finding.PROVEN)
    return Proof(Finding.ARCHIVED if is_archived else Finding.NOT_THERE)


def _rows(answer: object, member: str) -> list[dict[str, object]]:
    """Return the objects of an answer, or those that a member of them holds. A listing may come without pages."""
    found = _objects(answer)
    if not member or (member == "results" and isinstance(answer, list)):
        return found
    return [inner for row in found for inner in _objects(row.get(member))]


def _objects(value: object) -> list[dict[str, object]]:
    return [row for row in _list(value) if isinstance(row, dict)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
