"""Proving that the objects a sandbox write names are inside the sandbox, by asking the server itself.

Plane comments on, links and relates another project's work item under any project's path, so the path proves
nothing. A GET of the object's detail under the sandbox project does: Plane answers 404 for objects of other projects.
"""

import re
from collections import OrderedDict
from collections.abc import Generator, Sequence
from functools import lru_cache
from typing import NamedTuple

from plane_guard import mcp
from plane_guard.classification import PlaneWrite
from plane_guard.decision import Decision
from plane_guard.keys import canonical_uuid
from plane_guard.references import Reference
from plane_guard.vocabulary import Reason, Target

Fields = Sequence[tuple[bytes, bytes]]
_OK, _TOO_MANY_REQUESTS = 200, 429
_LONGEST_WAIT = 5.0
_LARGEST_ANSWER = 4_194_304
_REMEMBERED = 4_096
_CREDENTIALS_AT_HAND = 16
# The detail of an intake entry has an id of its own and names its work item as `issue`.
_NAMES_OF_ITSELF = ("id", "issue")
_CREDENTIALS = frozenset({b"x-api-key", b"authorization", b"cookie"})
_OF_THE_BODY = re.compile(
    rb"(?:content-.*|transfer-encoding|accept-encoding|expect|if-.*|range|te|trailer)", re.IGNORECASE
)
_FOREIGN = Decision(allowed=False, reason=Reason.FOREIGN_REFERENCE)


class LookupRequest(NamedTuple):
    """A GET that a client sends over the same connection pool, after waiting ``delay`` seconds.

    With ``content``, it is a POST of that instead.
    """

    path: str
    headers: Fields
    delay: float = 0.0
    content: bytes = b""

    @property
    def method(self) -> str:
        """The method of the request."""
        return "POST" if self.content else "GET"


class LookupResponse(NamedTuple):
    """What came back; status 0 and ``error`` where nothing did."""

    status: int
    headers: Fields
    content: bytes
    error: str = ""


class Ownership(NamedTuple):
    """The outcome; ``decision`` is ``None`` where everything named is proven."""

    decision: Decision | None = None
    target: Target | None = None
    detail: str = ""


_Memory = tuple[str, str | None, str, str, bytes]
_proven: OrderedDict[_Memory, None] = OrderedDict()


def is_proven(write: PlaneWrite, origin: str, headers: Fields) -> bool:
    """Whether there is nothing to ask: what the write names, if anything, was proven before."""
    if write.unprovable:
        return False
    return not write.references or all(map(_proven.__contains__, _memories(write, origin, headers)))


def prove(write: PlaneWrite, origin: str, headers: Fields) -> Generator[LookupRequest, LookupResponse, Ownership]:
    """Prove each object that the write names, whether or not the server would check it itself."""
    if write.unprovable:
        named = any(project != write.project_id for project in write.projects)
        return Ownership(_FOREIGN, Target.PROD if named else Target.UNRESOLVED, f"({write.unprovable}.)")
    for reference, memory in zip(write.references, _memories(write, origin, headers), strict=True):
        if memory not in _proven:
            failure = yield from _prove_one(write.project_id or "", reference, headers)
            if failure is not None:
                return failure
            _remember(memory)
    return Ownership()


def _memories(write: PlaneWrite, origin: str, headers: Fields) -> list[_Memory]:
    """What a proof of each object that the write names is remembered by."""
    project, credentials = write.project_id or "", _digest(headers)
    return [(origin, write.workspace, project, reference.id, credentials) for reference in write.references]


def _remember(memory: _Memory) -> None:
    _proven[memory] = None
    if len(_proven) > _REMEMBERED:
        _proven.popitem(last=False)


def _prove_one(
    project: str, reference: Reference, headers: Fields
) -> Generator[LookupRequest, LookupResponse, Ownership | None]:
    question = reference.question
    probe = LookupRequest(reference.detail_path, (*_for_a_read(headers), *_of_content(question)), content=question)
    answer = yield probe
    wait = _retry_after(answer)
    if wait is not None:
        answer = yield probe._replace(delay=wait)
    owner = _owner(answer, reference)
    if owner != project:
        target = Target.PROD if owner else Target.UNRESOLVED
        return Ownership(_FOREIGN, target, f"({_what_was_asked(reference, answer)})")
    return None


def _owner(answer: LookupResponse, reference: Reference) -> str | None:
    """Return the project that the server says the object is in, if it shows just this object."""
    if answer.status != _OK or len(answer.content) > _LARGEST_ANSWER:
        return None
    import json

    try:
        shown = mcp.answer(answer.content) if reference.question else json.loads(answer.content)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    names = _NAMES_OF_ITSELF
    if not isinstance(shown, dict) or reference.id not in {canonical_uuid(shown.get(name)) for name in names}:
        return None
    return canonical_uuid(shown.get("project") or shown.get("project_id"))


def _what_was_asked(reference: Reference, answer: LookupResponse) -> str:
    result = f"HTTP {answer.status}" if answer.status else f"no answer, {answer.error}"
    return f"Asked for {reference.id} under the sandbox project, the server answered: {result}."


def _retry_after(answer: LookupResponse) -> float | None:
    if answer.status != _TOO_MANY_REQUESTS:
        return None
    value = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
    seconds = float(value) if value.isdigit() and len(value) <= 3 else None  # noqa: PLR2004
    return seconds if seconds is not None and seconds <= _LONGEST_WAIT else None


def _for_a_read(headers: Fields) -> Fields:
    kept = [(name, value) for name, value in headers if _OF_THE_BODY.fullmatch(name) is None]
    return [*kept, (b"Accept-Encoding", b"identity")]


def _of_content(content: bytes) -> Fields:
    return ((b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(content))) if content else ()


def _digest(headers: Fields) -> bytes:
    return _hashed(tuple([field for field in headers if field[0].lower() in _CREDENTIALS]))


@lru_cache(maxsize=_CREDENTIALS_AT_HAND)
def _hashed(fields: tuple[tuple[bytes, bytes], ...]) -> bytes:
    import hashlib

    return hashlib.sha256(repr(sorted((name.lower(), value) for name, value in fields)).encode()).digest()
