"""The benchmarks measure what was promised, and their README shows the measures that there are. No test has a clock."""

from __future__ import annotations

import pytest

from benchmarks import registry, report

# What the project promises about its cost, by a word of each measure's name.
PROMISED = (
    "one request to another host: httpx",
    "one request to another host: httpx, async",
    "one Plane read: httpx",
    "one decision with its evidence on disk",
    "python -c pass, in no test process",
    "pytest on an empty suite, counted",
    "first reading of a million decisions",
    "memory of that reading",
    "100 new lines",
    "a page drawn again, the slowest of five",
    "a filter changed, the slowest of five pages",
)


@pytest.mark.parametrize("name", PROMISED)
def test_every_promise_is_measured(name: str) -> None:
    assert registry.every()[name].goal >= 0


def test_the_readme_shows_each_measure_and_its_goal() -> None:
    shown = [line.split(" | ") for line in report.README.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    goals = {cells[0].removeprefix("| "): cells[3].removeprefix("<= ") for cells in shown[2:]}
    assert goals == {name: f"{measure.goal:g}" for name, measure in registry.every().items()}


def test_a_slip_is_further_away_than_the_goal() -> None:
    assert all(measure.slip >= measure.goal for measure in registry.every().values())


def measured() -> dict[str, float]:
    """The figures of the README, by the names of their measures, without those that it says were not measured."""
    rows = [line.split(" | ") for line in report.README.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    figures = {cells[0].removeprefix("| "): cells[2] for cells in rows[2:]}
    return {
        name: float(found.split()[0].replace(",", "")) for name, found in figures.items() if found != "not measured"
    }


def test_ten_times_what_was_promised_or_measured_is_a_slip() -> None:
    figures, measures = measured(), registry.every()
    assert {name for name, one in measures.items() if one.slip >= 10 * max(one.goal, figures.get(name, 0)) > 0} == set()


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="already"):
        registry.measure("100 new lines", against="", goal=1, slip=1, unit="")(lambda _: registry.Figure(0, "", ""))
