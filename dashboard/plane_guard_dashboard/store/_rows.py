"""Documents to the rows of the three relations, each a tuple in the order of its columns.

Attributes are decoded by `evidence.decoding`, for the report as well. Rows are tuples instead of objects, because
reading a million lines spends most of its time here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from plane_guard_dashboard.evidence import decoding, otlp, rows
from plane_guard_dashboard.evidence.groups import NOBODY, fingerprint, key_of_test, without_parameters

if TYPE_CHECKING:
    from plane_guard_dashboard.evidence.otlp import Json
    from plane_guard_dashboard.store._batch import Batch, Row

_OURS = (rows.DECISION, rows.SESSION)  # no set: what stands for a name may be unhashable
_DEFAULT = {one.name: one.default for one in fields(rows.DecisionRow)}
_REASON, _TARGET, _OP = (_DEFAULT[name] for name in ("reason", "target", "op"))
ANONYMOUS = "line-"
_FAILED = (2, "STATUS_CODE_ERROR")
_MOST_RESOURCES = 1_000


@dataclass(frozen=True, slots=True)
class _Resource:
    """The columns from `run` to `worker`, which all rows of a resource share."""

    shared: Row
    service: str
    problems: tuple[str, ...]


class Reader:
    """Converts documents and appends their rows to a batch."""

    def __init__(self) -> None:
        self._resources: dict[bytes, _Resource] = {}

    def take(self, document: Json, problems: list[str], place: tuple[int, int], batch: Batch) -> None:
        """Append the rows of a document. `place` is the number of the source and the offset of the line."""
        last: Json | None = None
        for resource, span in otlp.spans(document, problems):
            if resource is not last:
                last, known = resource, self._resource(resource)
            for kind, values in decoding.own(span, problems, resource):
                problems.extend(known.problems)
                if kind is rows.DecisionRow:
                    batch.decisions.append(_decision(values, known.shared, span, place))
                else:
                    batch.sessions.append(_session(values, known.shared, place, len(batch.sessions)))
            if span.get("name") not in _OURS:
                batch.spans.append(_span(span, known.service, place))
        for resource, record in otlp.log_records(document, problems):
            for _, values in decoding.of_log(record, problems, resource):
                known = self._resource(resource)
                problems.extend(known.problems)
                batch.decisions.append(_decision(values, known.shared, {}, place))

    def _resource(self, resource: Json) -> _Resource:
        try:
            key = orjson.dumps(resource)
        except TypeError:  # nested too deeply, or with a number or a text that only the standard library writes
            return _read_resource(resource)
        found = self._resources.get(key)
        if found is None:
            if len(self._resources) >= _MOST_RESOURCES:
                self._resources.clear()
            found = self._resources[key] = _read_resource(resource)
        return found


def _read_resource(resource: Json) -> _Resource:
    problems: list[str] = []
    values = decoding.origin(resource, problems)
    context, service = values["context"], values.get("service")
    shared = (
        values.get("run_id") or NOBODY,
        service == rows.DEMO_SERVICE,
        service or NOBODY,
        context.get("vcs.ref.head.name") or NOBODY,
        context.get("vcs.ref.head.revision", ""),
        context.get("vcs.repository.name") or NOBODY,
        context.get("vcs.repository.url.full", ""),
        rows.job_of(context),
        context.get("user.name", ""),
        context.get("cicd.pipeline.run.url.full", ""),
        values.get("guard_version") or NOBODY,
        values.get("pid") or 0,
        values.get("host") or NOBODY,
        values.get("worker") or "",
    )
    return _Resource(shared, service or NOBODY, tuple(problems))


def _decision(values: dict[str, Any], shared: Row, span: Json, place: tuple[int, int]) -> Row:
    get = values.get
    reason, target, op = get("reason", _REASON), get("target", _TARGET), get("op", _OP)
    test, project = get("test") or NOBODY, get("project_id") or NOBODY
    item, key = get("work_item_id", ""), get("work_item_key", "")
    test_group, test_key, folder, issue = _issue(test, project, op, reason)
    return (
        values["decision_id"],
        values["time_ns"],
        get("seq") or 0,
        *_verdict(values["outcome"], get("expected", False), target, reason),
        target,
        reason,
        op,
        get("workspace", ""),
        project,
        get("project_name", "") or project,
        key or item,
        item,
        key,
        get("method", ""),
        get("url_template", ""),
        get("server_address", ""),
        get("server_port") or 0,
        get("layer") or NOBODY,
        test,
        test_group,
        test_key,
        folder,
        get("phase", ""),
        _caller(get("file"), get("line"), get("function")),
        issue,
        *shared,
        values["trace_id"],
        values["span_id"],
        values["parent_span_id"],
        values["span_name"],
        *_timing(span, values["time_ns"]),
        *place,
    )


@lru_cache(maxsize=10_000)
def _verdict(outcome: rows.Outcome, expected: bool, target: str, reason: str) -> Row:  # noqa: FBT001
    """Return the columns from `verdict` to `prod_allowed`."""
    row = rows.DecisionRow(
        time_ns=0,
        trace_id="",
        span_id="",
        parent_span_id="",
        decision_id="",
        span_name="",
        outcome=outcome,
        expected=expected,
        target=target,
        reason=reason,
    )
    verdict = "blocked" if row.blocked else "expected block" if row.expected_block else "allowed"
    return (
        verdict,
        str(outcome),
        expected,
        row.attempt,
        row.prod_attempt,
        row.possible_prod_attempt,
        row.prod_allowed,
    )


@lru_cache(maxsize=10_000)
def _issue(test: str, project: str, op: str, reason: str) -> tuple[str, str, str, str]:
    """The columns `test_group`, `test_key` and `folder`, and the fingerprint."""
    folder = test.partition("::")[0].rpartition("/")[0] or NOBODY
    return without_parameters(test), key_of_test(test), folder, fingerprint(test, project, op, reason)


@lru_cache(maxsize=10_000)
def _caller(file: str | None, line: int | None, function: str | None) -> str:
    place = f"{file}:{line}" if file and line else file or ""
    return f"{place} {function or ''}".strip()


def _timing(span: Json, otherwise: int) -> tuple[int, int, bool]:
    """Return the columns `start_ns`, `duration_ns` and `failed`."""
    start = otlp.integer(span.get("startTimeUnixNano")) or 0
    end = otlp.integer(span.get("endTimeUnixNano")) or 0
    status = span.get("status")
    failed = isinstance(status, dict) and status.get("code") in _FAILED
    return (start, max(0, end - start), failed) if start > 0 else (otherwise, 0, failed)


def _session(values: dict[str, Any], shared: Row, place: tuple[int, int], number: int) -> Row:
    # A record without ids is a session of its own, so its place stands for its id.
    anonymous = not values["trace_id"] and not values["span_id"]
    span_id = f"{ANONYMOUS}{place[0]}-{place[1]}-{number}" if anonymous else values["span_id"]
    lists = ", ".join(values.get("shells", ())), "\n".join(values.get("uncovered", ()))
    texts = values.get("evidence", ""), *lists
    tests = values.get("tests", rows.UNKNOWN_TESTS), " ".join(values.get("test_keys", ()))
    return (values["time_ns"], *shared, values["trace_id"], span_id, *texts, *tests, *place)


def _span(span: Json, service: str, place: tuple[int, int]) -> Row:
    ids = decoding.ids(span, [])
    name = otlp.text(str(span.get("name")))
    return ids["trace_id"], ids["span_id"], ids["parent_span_id"], service, *_timing(span, 0), name, *place
