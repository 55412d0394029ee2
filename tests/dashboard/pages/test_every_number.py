"""Every number on a page obeys every filter: counted by hand for random filters over a random history."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest

from plane_guard_dashboard.views import live
from plane_guard_dashboard.views.period import written
from tests.dashboard.evidence import SECOND, START, decision, resource, session, write
from tests.dashboard.pages.single import filters, grid, tables
from tests.dashboard.pages.whole import Dashboard, figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamlit.testing.v1 import AppTest

    Spec = dict[str, Any]

KINDS = ("blocked", "blocked", "elsewhere", "expected block", "allowed", "through")
VALUES: dict[str, tuple[str, ...]] = {
    "op": ("state", "comment", "link"),
    "reason": ("prod-project-in-test", "opt-in-disabled"),
    "project": ("project-1", "project-2"),
    "work_item": ("ORCH-1", "ORCH-2"),
    "test": ("tests/a/test_x.py::t1", "tests/b/test_y.py::t2", "tests/b/test_y.py::t3[p]"),
    "caller": ("src/one.py:1 f", "src/two.py:2 g"),
    "service": ("shop", "mail"),
    "branch": ("main", "topic"),
    "repository": ("orders", "orders-wt"),
    "host": ("box", "laptop"),
    "run": ("run-1", "run-2", "run-3"),
}
BY = {name: f"Attempts, grouped by {name}" for name in ("issue", "test", "project", "caller")}
NUMBER = re.compile(r"([\d,]+) (attempts? on production blocked|writes? got through|expected blocks? not counted)")


def specs(number: int) -> list[Spec]:
    chance = random.Random(20)
    made = []
    for place in range(number):
        spec: Spec = {name: chance.choice(values) for name, values in VALUES.items()}
        kind = chance.choice(KINDS)
        verdict = {"elsewhere": "blocked", "through": "allowed"}.get(kind, kind)
        target = "prod" if kind in ("blocked", "through", "expected block") else "sandbox"
        made.append({**spec, "kind": kind, "verdict": verdict, "target": target, "at": START + place * 60 * SECOND})
    return made


SPECS = specs(120)


def span(spec: Spec) -> Any:
    file, _, function = spec["caller"].partition(" ")
    path, _, line = file.partition(":")
    more = {"host.name": spec["host"], "vcs.ref.head.name": spec["branch"], "vcs.repository.name": spec["repository"]}
    changes = {
        "plane_guard.op": spec["op"],
        "plane_guard.decision.reason": spec["reason"],
        "plane_guard.project.id": spec["project"],
        "plane_guard.work_item.key": spec["work_item"],
        "plane_guard.target": spec["target"],
        "plane_guard.decision.outcome": "allow" if spec["verdict"] == "allowed" else "block",
        "plane_guard.decision.expected": spec["verdict"] == "expected block",
        "test.case.name": spec["test"],
        "code.file.path": path,
        "code.line.number": int(line),
        "code.function.name": function,
    }
    return decision(changes, at=spec["at"], of=resource(spec["run"], spec["service"], **more))


def some_filters(number: int) -> Iterator[dict[str, str | list[str]]]:
    """Random filters of one to three parameters, and each parameter alone."""
    fields = {**VALUES, "verdict": ("allowed", "blocked", "expected block"), "target": ("prod", "sandbox")}
    for name, values in fields.items():
        yield {name: [values[0]]}
    chance = random.Random(number)
    for _ in range(number):
        found: dict[str, str | list[str]] = {}
        for name in chance.sample([*fields], chance.randint(1, 2)):
            found[name] = chance.sample(fields[name], chance.randint(1, len(fields[name]) - 1))
        other = chance.choice([*fields])
        more: list[dict[str, str | list[str]]] = [
            {"without": [f"{other}:{fields[other][-1]}"]},
            {"from": written(START + 40 * 60 * SECOND)},
            {"until": written(START + 90 * 60 * SECOND)},
            {"contains": chance.choice(("ORCH-1", "TEST_Y", "two.py", "laptop", "orders-WT"))},
        ]
        yield found | chance.choice(more)


def matches(spec: Spec, query: dict[str, str | list[str]]) -> bool:
    searched = " ".join(str(spec[name]) for name in ("test", "work_item", "caller", "host", "repository", "branch"))
    for name, value in query.items():
        if name == "contains":
            kept = str(value).lower() in searched.lower()
        elif name == "from":
            kept = written(spec["at"]) >= str(value)
        elif name == "until":
            kept = written(spec["at"]) < str(value)
        elif name == "without":
            field, _, one = value[0].partition(":")
            kept = spec[field] != one
        else:
            kept = spec[name] in value
        if not kept:
            return False
    return True


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., AppTest]]:
    """Opens pages on the history, which is read once."""
    folder, cache = tmp_path_factory.mktemp("history"), tmp_path_factory.mktemp("cache")
    write(folder / "a.jsonl", session(), *map(span, SPECS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        yield Dashboard(folder, patch).opened
    live.watch_of.clear()


@pytest.fixture(autouse=True)
def _own_cache() -> None:
    """The history is read once, so its cache is that of the module."""


def check(opened: Callable[..., AppTest], query: dict[str, str | list[str]]) -> None:
    left = [spec for spec in SPECS if matches(spec, query)]
    of = {kind: [spec for spec in left if spec["kind"] == kind] for kind in KINDS}
    attempts = len(of["blocked"]) + len(of["elsewhere"]) + len(of["through"])
    _overview(opened(**query), of, attempts)
    for by, name in BY.items():
        app = opened("attempts", by=by, **query)
        rows = grid(app, name) if tables(app) else []
        assert sum(row["Attempts"] for row in rows) == attempts, by
        if rows:
            _caption(app, of)
        for facet in filters(app)["facets"]:
            field = facet["label"].lower()
            counts = {chip["text"]: chip["count"] for chip in facet["chips"] if chip["count"]}
            assert counts == {one: n for one in {s[field] for s in left} if (n := sum(s[field] == one for s in left))}
    app = opened("attempts", by="decision", **query)
    listed = grid(app, "Decisions, the latest first") if tables(app) else []
    assert len(listed) == min(100, len(left))
    app = opened("runs", **query)
    runs = grid(app, "Runs, the latest first") if tables(app) else []
    assert sum(row["Decisions"] for row in runs) == len(left)
    assert sum(row["On production"] for row in runs) == len(of["blocked"])
    assert sum(row["Expected"] for row in runs) == len(of["expected block"])


def _overview(app: AppTest, of: dict[str, list[Spec]], attempts: int) -> None:
    assert figures(app)["Blocked attempts"] == str(len(of["blocked"]))
    assert figures(app)["Tests responsible"] == str(len({spec["test"] for spec in of["blocked"]}))
    found = {table["label"]: grid(app, table["label"]) for table in tables(app)}
    assert sum(row["Decisions"] for row in found.get("Attempts over time, by kind", ())) == attempts
    assert len(found.get("The latest attempts", ())) == min(10, attempts)


def _caption(app: AppTest, of: dict[str, list[Spec]]) -> None:
    said = " ".join(str(caption.value) for caption in app.caption)
    counts = {words.split()[0].rstrip("s"): int(number.replace(",", "")) for number, words in NUMBER.findall(said)}
    assert counts["attempt"] == len(of["blocked"])
    assert counts.get("write", 0) == len(of["through"])
    assert counts.get("expected", 0) == len(of["expected block"])


@pytest.mark.parametrize("query", [*some_filters(4)][::3], ids=str)
def test_every_number_obeys_the_filters(opened: Callable[..., AppTest], query: dict[str, str | list[str]]) -> None:
    check(opened, query)


@pytest.mark.exhaustive
@pytest.mark.parametrize("query", [*some_filters(40)], ids=str)
def test_every_number_obeys_many_more_filters(
    opened: Callable[..., AppTest], query: dict[str, str | list[str]]
) -> None:
    check(opened, query)
