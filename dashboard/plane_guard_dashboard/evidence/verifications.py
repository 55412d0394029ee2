"""The verifications in a folder of evidence: one span per verified run, and one event per finding."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plane_guard_dashboard.evidence import otlp
from plane_guard_dashboard.evidence.rows import moment
from plane_guard_dashboard.evidence.sources import NoTracesError, contents, lines, open_regular
from plane_guard_dashboard.wording import plural
from plane_guard_instrumentation.evidence import attributes as names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FILES = "verified"
_TIME = "%Y-%m-%d %H:%M:%S UTC"


@dataclass(frozen=True, slots=True)
class Verification:
    """One verified run. `up_to_ns` is the end of the time that the server was asked about."""

    run: str
    server: str
    from_ns: int
    up_to_ns: int
    explained: int
    unexplained: int
    by_others: int
    not_visible: int

    def sentence(self) -> str:
        """Return what a report says about it."""
        text = f"verified against the server at {self.server}, up to {moment(self.up_to_ns).strftime(_TIME)}"
        if self.unexplained:
            return f"{text}: {plural(self.unexplained, 'change')} that no allowed decision explains"
        return f"{text}: every change is explained"


@dataclass(slots=True)
class Verified:
    """The last verification of each run, the findings by id, and the ids of those that were undone, with the time."""

    runs: dict[str, Verification] = field(default_factory=dict)
    findings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    undone: list[tuple[str, int]] = field(default_factory=list)


def read(source: str) -> Verified:
    """Return the verifications of a folder. A place that cannot be read, such as a database, has none."""
    found = Verified()
    try:
        files = [path for path in contents(source).files if path.name.startswith(f"{FILES}-")]
    except NoTracesError:
        return found
    for path in sorted(files, key=_written):
        for resource, span in _spans(path):
            _take(found, resource, span)
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    """The verification of several runs. `code` is 1 for an unexplained change, 2 if a run is not verified."""

    sentence: str = ""
    code: int = 0
    unexplained: int = 0


def answer(found: Verified, runs: Iterable[str]) -> Answer:
    """Return what is known of several runs: the outcome that matters most, or that one is missing."""
    wanted = list(runs)
    known = [found.runs[run] for run in wanted if run in found.runs]
    worst = max(known, key=lambda one: (one.unexplained, -one.up_to_ns), default=None)
    if worst is not None and worst.unexplained:
        return Answer(worst.sentence(), 1, sum(one.unexplained for one in known))
    if worst is None:
        return Answer("not verified against the server: run plane-guard verify", 2)
    if len(known) < len(wanted):
        number = f"{len(wanted) - len(known):,} of {plural(len(wanted), 'run')}"
        return Answer(f"{number} not verified against the server: run plane-guard verify --run all", 2)
    return Answer(worst.sentence())


def _written(path: Path) -> int:
    """Return the time at the end of a file's name, so that the last outcome counts."""
    stem = path.name.partition(".")[0].rpartition("-")[2]
    return int(stem, 16) if re.fullmatch("[0-9a-f]{1,20}", stem) else 0


def _spans(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    problems: list[str] = []
    try:
        with open_regular(path) as stream:
            for line in lines(stream):
                yield from otlp.spans(otlp.document(line.data, problems), problems)
    except OSError:
        return


def _take(found: Verified, resource: dict[str, Any], span: dict[str, Any]) -> None:
    if span.get("name") != names.VERIFICATION:
        return
    problems: list[str] = []
    for event in otlp.objects(span, "events", problems):
        values = otlp.attributes(event, problems)
        finding = str(values.get(names.FINDING_ID))
        found.findings[finding] = {**found.findings.get(finding, {}), **values}
        if values.get(names.FINDING_UNDONE) is True:
            found.undone.append((finding, otlp.integer(event.get("timeUnixNano")) or 0))
    values = otlp.attributes(span, problems)
    if names.UNEXPLAINED not in values:
        return
    run = str(otlp.attributes(resource, problems).get(names.RUN_ID, ""))
    one = Verification(
        run,
        str(values.get(names.SERVER_ADDRESS, "")),
        otlp.integer(span.get("startTimeUnixNano")) or 0,
        otlp.integer(span.get("endTimeUnixNano")) or 0,
        *(
            _count(values.get(name))
            for name in (names.EXPLAINED, names.UNEXPLAINED, names.BY_OTHERS, names.NOT_VISIBLE)
        ),
    )
    known_run = found.runs.get(run)
    if known_run is None or one.up_to_ns >= known_run.up_to_ns:
        found.runs[run] = one


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
