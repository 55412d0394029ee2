"""The one check that all clients share: classify, decide, prove, record, then return or raise.

The check does no I/O. It yields one `LookupRequest` at a time to the client, so sync and async clients share every
line. Any error in here blocks the write.
"""

from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from typing import NamedTuple

from plane_guard import advice, process
from plane_guard.classification import PlaneWrite, classify
from plane_guard.decision import GUARD_ERROR, Decision, decide, target_of
from plane_guard.errors import PlaneWriteBlocked
from plane_guard.hosts import is_loopback
from plane_guard.request import OVERRIDES, is_overridden, read_fields
from plane_guard.settings import Settings
from plane_guard.vocabulary import READ_METHODS, Op, Target
from plane_guard_instrumentation.enforcement import events, ownership
from plane_guard_instrumentation.enforcement.ownership import LookupRequest, LookupResponse
from plane_guard_instrumentation.evidence import record
from plane_guard_instrumentation.evidence.outgoing import OutgoingRequest

__all__ = [
    "LookupRequest",
    "LookupResponse",
    "OutgoingRequest",
    "check_request",
    "is_plain_read",
    "is_read",
    "refuse_unreadable",
    "run_check",
    "run_check_async",
]

Steps = Generator[LookupRequest, LookupResponse, None]
_READ_METHODS = frozenset(method.encode() for method in READ_METHODS)
_OVERRIDES = frozenset(name.encode() for name in OVERRIDES)


class _Verdict(NamedTuple):
    decision: Decision
    target: Target
    project: str | None
    detail: str = ""


def is_read(method: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Return if a request can be nothing but a read. Checking it would say the same, and take ten times as long."""
    return method in _READ_METHODS and not is_overridden(read_fields(headers))


def is_plain_read(method: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return if a request is a read, by headers that are pairs of bytes. Other headers are never plain."""
    for pair in headers:
        if type(pair) is not tuple:
            return False
        name, value = pair
        if type(name) is not bytes or type(value) is not bytes or name.lower() in _OVERRIDES:
            return False
    return method in _READ_METHODS


def check_request(sent: OutgoingRequest) -> Steps:
    """Return if the request may be sent, and raise `PlaneWriteBlocked` if not. Yield the lookups that this takes."""
    write = classify(sent.method, sent.url, sent.body, headers=sent.headers, hosts=process.fixed().hosts)
    return _no_steps() if write is None else _check(write, sent)


def refuse_unreadable(layer: str, cause: Exception | None = None) -> None:
    """Refuse a request of a test process that a patched client cannot read."""
    __tracebackhide__ = True
    write = PlaneWrite("", "", Op.UNKNOWN, "", None, unprovable="the request could not be read")
    sent = OutgoingRequest(layer, "", "", (), None, "")
    if cause is not None:
        _conclude(write, sent, _guard_error(write, cause), cause)
    run_check(_check(write, sent), lambda _: LookupResponse(0, (), b""))


def _no_steps() -> Steps:
    yield from ()


def _check(write: PlaneWrite, sent: OutgoingRequest) -> Steps:
    __tracebackhide__ = True
    if not process.test_evidence():
        record.live(write, sent)
        return
    cause: Exception | None = None
    try:
        events.prepare_decision()
        verdict = yield from _decide(write, sent)
    except Exception as error:  # noqa: BLE001  an error inside the guard blocks
        cause, verdict = error, _guard_error(write, error)
    _conclude(write, sent, verdict, cause)


def _decide(write: PlaneWrite, sent: OutgoingRequest) -> Generator[LookupRequest, LookupResponse, _Verdict]:
    """Decide, prove what the write names, and decide again with the settings of the time after the lookups."""
    decision, settings = _decide_now(write)
    if decision.allowed:
        proof = yield from ownership.prove(write, sent, settings)
        if proof.decision is not None:
            target = proof.target or Target.UNRESOLVED
            said = advice.detail(
                record.without_credentials(write, sent), proof.decision, settings, proof.detail, layer=sent.layer
            )
            return _Verdict(proof.decision, target, proof.project or write.project_id, said)
        # A lookup takes time. An opt-in that was withdrawn meanwhile no longer counts.
        decision, settings = _decide_now(write)
    if decision.allowed:
        return _Verdict(decision, Target.SANDBOX, write.project_id)
    said = advice.detail(record.without_credentials(write, sent), decision, settings, layer=sent.layer)
    return _Verdict(decision, *_target(write, settings), detail=said)


def _decide_now(write: PlaneWrite) -> tuple[Decision, Settings]:
    settings = process.settings(is_loopback=is_loopback(write.server_address))
    return decide(write.project_id, write.op, write.work_item, settings=settings, in_test=True), settings


def _conclude(write: PlaneWrite, sent: OutgoingRequest, verdict: _Verdict, cause: Exception | None) -> None:
    """Record the verdict, and raise unless it allows the write."""
    __tracebackhide__ = True
    problem = record.decision(write, sent, verdict.decision, verdict.target, verdict.project)
    if verdict.decision.allowed and problem:
        verdict = verdict._replace(decision=GUARD_ERROR, detail=f"(The evidence could not be written: {problem}.)")
        record.decision(write, sent, verdict.decision, verdict.target, verdict.project)
    if not verdict.decision.allowed:
        quoted = record.without_credentials(write, sent)
        refusal = PlaneWriteBlocked(quoted, verdict.decision, sent.layer, verdict.detail)
        record.remember(refusal)
        raise refusal from cause


def run_check(steps: Steps, ask: Callable[[LookupRequest], LookupResponse]) -> None:
    """Run a check to its end for a sync client."""
    __tracebackhide__ = True
    try:
        lookup = next(steps)
        while True:
            try:
                answer = ask(lookup)
            except Exception as error:  # noqa: BLE001  no answer is no proof
                answer = LookupResponse(0, (), b"", type(error).__name__)
            lookup = steps.send(answer)
    except StopIteration:
        return


async def run_check_async(steps: Steps, ask: Callable[[LookupRequest], Awaitable[LookupResponse]]) -> None:
    """Run a check to its end for an async client."""
    __tracebackhide__ = True
    try:
        lookup = next(steps)
        while True:
            try:
                answer = await ask(lookup)
            except Exception as error:  # noqa: BLE001  no answer is no proof
                answer = LookupResponse(0, (), b"", type(error).__name__)
            lookup = steps.send(answer)
    except StopIteration:
        return


def _target(write: PlaneWrite, settings: Settings) -> tuple[Target, str | None]:
    """Return the target of a refused write and the project that tells. One production project makes it production."""
    named = [key for key in (write.project_id, *write.projects) if key is not None]
    prod = next((key for key in named if target_of(key, settings) is Target.PROD), None)
    return (Target.PROD, prod) if prod else (target_of(write.project_id, settings), next(iter(named), None))


def _guard_error(write: PlaneWrite, error: Exception) -> _Verdict:
    return _Verdict(GUARD_ERROR, Target.UNRESOLVED, write.project_id, f"({type(error).__name__} inside the guard.)")
