"""The one check that all clients share: classify, decide, prove, record, then return or raise.

The check does no I/O. It yields one `LookupRequest` at a time to the client, so sync and async clients share every
line. Any error in here blocks the write.
"""

from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from typing import NamedTuple

from plane_guard import process
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
    """Whether a request can be nothing but a read. Judging it would say the same, and take ten times as long."""
    return method in _READ_METHODS and not is_overridden(read_fields(headers))


def is_plain_read(method: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """The same of headers that are bytes and nothing else, pair by pair; where they are not, the answer is no."""
    for pair in headers:
        if type(pair) is not tuple:
            return False
        name, value = pair
        if type(name) is not bytes or type(value) is not bytes or name.lower() in _OVERRIDES:
            return False
    return method in _READ_METHODS


def check_request(sent: OutgoingRequest) -> Steps:
    """Return if the request may be sent, raise `PlaneWriteBlocked` if not; yield what must be asked before that."""
    write = classify(sent.method, sent.url, sent.body, headers=sent.headers, hosts=process.fixed().hosts)
    return _nothing_to_judge() if write is None else _judge(write, sent)


def refuse_unreadable(layer: str, cause: Exception | None = None) -> None:
    """Refuse what a shell of a test process cannot read as a request."""
    __tracebackhide__ = True
    write = PlaneWrite("", "", Op.UNKNOWN, "", None, unprovable="the request could not be read")
    sent = OutgoingRequest(layer, "", "", (), None, "")
    if cause is not None:
        _conclude(write, sent, _broken(write, cause), cause)
    run_check(_judge(write, sent), lambda _: LookupResponse(0, (), b""))


def _nothing_to_judge() -> Steps:
    yield from ()


def _judge(write: PlaneWrite, sent: OutgoingRequest) -> Steps:
    __tracebackhide__ = True
    if not process.test_evidence():
        record.live(write, sent)
        return
    cause: Exception | None = None
    try:
        events.prepare_decision()
        settings = process.settings(is_loopback=is_loopback(write.server_address))
        decision = decide(write.project_id, write.op, write.work_item, settings=settings, in_test=True)
        if not decision.allowed:
            verdict = _Verdict(decision, *_target(write, settings))
        elif ownership.is_proven(write, sent.origin, sent.headers):
            verdict = _Verdict(decision, Target.SANDBOX, write.project_id)
        else:
            proof = yield from ownership.prove(write, sent.origin, sent.headers)
            verdict = _Verdict(
                proof.decision or decision, proof.target or Target.SANDBOX, write.project_id, proof.detail
            )
    except Exception as error:  # noqa: BLE001  an error inside the guard blocks
        cause, verdict = error, _broken(write, error)
    _conclude(write, sent, verdict, cause)


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
        probe = next(steps)
        while True:
            try:
                answer = ask(probe)
            except Exception as error:  # noqa: BLE001  no answer is no proof
                answer = LookupResponse(0, (), b"", type(error).__name__)
            probe = steps.send(answer)
    except StopIteration:
        return


async def run_check_async(steps: Steps, ask: Callable[[LookupRequest], Awaitable[LookupResponse]]) -> None:
    """Run a check to its end for an async client."""
    __tracebackhide__ = True
    try:
        probe = next(steps)
        while True:
            try:
                answer = await ask(probe)
            except Exception as error:  # noqa: BLE001  no answer is no proof
                answer = LookupResponse(0, (), b"", type(error).__name__)
            probe = steps.send(answer)
    except StopIteration:
        return


def _target(write: PlaneWrite, settings: Settings) -> tuple[Target, str | None]:
    """Where a refused write points, and the project that says so: production, if any reading of it names one."""
    named = [key for key in (write.project_id, *write.projects) if key is not None]
    prod = next((key for key in named if target_of(key, settings) is Target.PROD), None)
    return (Target.PROD, prod) if prod else (target_of(write.project_id, settings), next(iter(named), None))


def _broken(write: PlaneWrite, error: Exception) -> _Verdict:
    return _Verdict(GUARD_ERROR, Target.UNRESOLVED, write.project_id, f"({type(error).__name__} inside the guard.)")
