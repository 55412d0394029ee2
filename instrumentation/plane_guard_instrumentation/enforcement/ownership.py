"""Proving that the objects a sandbox write names are inside the sandbox, by asking the server.

Plane comments on, links and relates another project's work item under any project's path, so the path proves nothing.
A GET below the sandbox project does: it shows the object and names its project.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from plane_guard.decision import Decision
from plane_guard.kinds import Kind
from plane_guard.proofs import Finding, Proof, read_answer
from plane_guard.vocabulary import Reason, Target
from plane_guard_instrumentation.evidence import running_test, system

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from plane_guard.classification import PlaneWrite
    from plane_guard.kinds import Lookup
    from plane_guard.references import Reference
    from plane_guard.settings import Settings
    from plane_guard_instrumentation.evidence.outgoing import OutgoingRequest

    Fields = Sequence[tuple[bytes, bytes]]
    Lookups = Generator["LookupRequest", "LookupResponse", "Ownership"]

_TOO_MANY_REQUESTS = 429
_LONGEST_WAIT = 5.0
_LARGEST_MEMORY = 4_096
_MEMORABLE_CREDENTIALS = 16
_LONGEST_PROOF_NS = 60 * 1_000_000_000
_MOST_ITEMS_TO_ASK = 8
_CREDENTIALS = frozenset({b"x-api-key", b"authorization", b"cookie"})
_OF_THE_BODY = re.compile(
    rb"(?:content-.*|transfer-encoding|accept-encoding|expect|if-.*|range|te|trailer)", re.IGNORECASE
)
_CLOCKS = (system.steady_clock(),)  # freezegun replaces what modules hold and not what is inside
_FOREIGN = Decision(allowed=False, reason=Reason.FOREIGN_REFERENCE)
_ITEM = "{work_item_id}"


class LookupRequest(NamedTuple):
    """A GET that the client sends over the same connection pool, after waiting ``delay`` seconds.

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
    """The answer to a lookup, with status 0 and ``error`` if there was none."""

    status: int
    headers: Fields
    content: bytes
    error: str = ""


class Ownership(NamedTuple):
    """The result of all lookups. ``decision`` is ``None`` if everything named is proven."""

    decision: Decision | None = None
    target: Target | None = None
    project: str | None = None
    """The other project that a lookup named."""
    detail: str = ""


class _Scope(NamedTuple):
    """The scope of a proof: one test, one server, one credential, one project."""

    test: str | None
    origin: str
    workspace: str | None
    project: str
    credentials: bytes


class _Memory(NamedTuple):
    scope: _Scope
    kind: Kind
    id: str


_proven: OrderedDict[_Memory, int] = OrderedDict()
"""The time of each proof, in nanoseconds of the real clock."""


def prove(write: PlaneWrite, sent: OutgoingRequest, settings: Settings) -> Lookups:
    """Prove each object that the write names, even one that the server would check itself."""
    if write.unprovable:
        other = next((key for key in write.projects if key != write.project_id), None)
        return Ownership(_FOREIGN, Target.PROD if other else Target.UNRESOLVED, other, f"({write.unprovable}.)")
    if not write.references:
        return Ownership()
    scope = _Scope(
        running_test.running().test, sent.origin, write.workspace, write.project_id or "", _digest(sent.headers)
    )
    for reference in write.references:
        memory = _Memory(scope, reference.kind, reference.id)
        if _is_remembered(memory):
            continue
        failure = yield from _prove_one(reference, scope, sent.headers, settings)
        if failure is not None:
            return failure
        _remember(memory)
    return Ownership()


def forget() -> None:
    """Forget all proofs."""
    _proven.clear()


def _now_ns() -> int:
    """Return the real monotonic time. Under a fake clock a proof would last as long as the test wants."""
    return _CLOCKS[0]()


def _is_remembered(memory: _Memory) -> bool:
    since = _proven.get(memory)
    return since is not None and 0 <= _now_ns() - since <= _LONGEST_PROOF_NS


def _remember(memory: _Memory) -> None:
    _proven[memory] = _now_ns()
    _proven.move_to_end(memory)
    if len(_proven) > _LARGEST_MEMORY:
        _proven.popitem(last=False)


def _prove_one(
    reference: Reference, scope: _Scope, headers: Fields, settings: Settings
) -> Generator[LookupRequest, LookupResponse, Ownership | None]:
    proof, asked = Proof(Finding.UNCLEAR), list[str]()
    for lookup in _expand(reference, scope):
        answer = yield from _ask(lookup, headers)
        found = read_answer(answer.status, answer.content, reference, lookup, scope.project, settings.sandbox_projects)
        if found.finding is Finding.PROVEN:
            return None
        asked.append(_describe(lookup, answer))
        proof = found
        if found.finding is not Finding.NOT_THERE:
            break
    if not asked:
        return Ownership(_FOREIGN, Target.UNRESOLVED, None, f"({_no_item_to_ask(reference)})")
    other = next((key for key in proof.projects if key not in {scope.project, "?"}), None)
    detail = f"({reference.kind} {reference.id}: {' and '.join(asked)}: {proof.finding.value}.)"
    return Ownership(_FOREIGN, Target.PROD if other else Target.UNRESOLVED, other, detail)


def _ask(lookup: Lookup, headers: Fields) -> Generator[LookupRequest, LookupResponse, LookupResponse]:
    fields = (*_for_a_read(headers), *_of_content(lookup.question))
    request = LookupRequest(lookup.path, fields, content=lookup.question)
    answer = yield request
    wait = _retry_after(answer)
    if wait is not None:
        answer = yield request._replace(delay=wait)
    return answer


def _expand(reference: Reference, scope: _Scope) -> Iterator[Lookup]:
    """Yield the lookups of an object.

    One that Plane shows only below its work item is looked for below the items that this test has proven, the latest
    first: a test reacts to a comment that it wrote.
    """
    for lookup in reference.lookups:
        if _ITEM not in lookup.path:
            yield lookup
            continue
        items = [memory.id for memory in reversed(_proven) if memory.scope == scope and memory.kind is Kind.WORK_ITEM]
        for item in items[:_MOST_ITEMS_TO_ASK]:
            yield lookup._replace(path=lookup.path.replace(_ITEM, item))


def _no_item_to_ask(reference: Reference) -> str:
    return (
        f"{reference.kind} {reference.id}: Plane shows a {reference.kind} only below its work item, and this test has "
        f"written to none. Write the {reference.kind} in the same test first."
    )


def _describe(lookup: Lookup, answer: LookupResponse) -> str:
    result = f"HTTP {answer.status}" if answer.status else f"no answer, {answer.error}"
    method = "POST" if lookup.question else "GET"
    return f"{method} {lookup.path} answered {result}"


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


@lru_cache(maxsize=_MEMORABLE_CREDENTIALS)
def _hashed(fields: tuple[tuple[bytes, bytes], ...]) -> bytes:
    import hashlib

    return hashlib.sha256(repr(sorted((name.lower(), value) for name, value in fields)).encode()).digest()
