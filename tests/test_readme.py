"""The README says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import plane_guard_watch
from plane_guard import DEFAULT_HOSTS, DEFAULT_SANDBOX_PROJECT, Reason, settings
from plane_guard_dashboard.cli import COMMANDS
from plane_guard_instrumentation.pytest_support import reporting
from plane_guard_instrumentation.runtime import environment

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def column(heading: str, number: int = 0) -> list[str]:
    """The code spans of one column of the table below a heading."""
    rows = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    cells = [row.strip("|").split("|")[number] for row in rows if row.startswith("| `")]
    return [found for cell in cells for found in re.findall(r"`([^`]+)`", cell)[:1]]


def test_every_reason_is_explained_once() -> None:
    assert sorted(column("How it decides")) == sorted(Reason)


def test_every_setting_is_listed_with_its_pyproject_key() -> None:
    assert set(column("Settings")) == {
        settings.OPT_IN_VARIABLE,
        settings.SANDBOX_VARIABLE,
        settings.PROTECTED_VARIABLE,
        settings.HOSTS_VARIABLE,
        settings.TEST_PROCESS_VARIABLE,
        environment.TRACE_DIR_VARIABLE,
        environment.SWALLOWED_VARIABLE,
        "PLANE_GUARD_TRACES",
        plane_guard_watch.ALSO_VARIABLE,
    }
    assert column("Settings", 1) == [
        *("sandbox_projects", "protected_projects", "hosts", "trace_dir", "swallowed", "also_guard")
    ]


def test_the_defaults_are_the_codes() -> None:
    defaults = column("Settings", 2)
    assert DEFAULT_SANDBOX_PROJECT in defaults
    assert ",".join(sorted(DEFAULT_HOSTS)) in defaults
    assert environment.DEFAULT_TRACE_DIR in defaults


def test_every_command_is_listed() -> None:
    assert sorted(command.split()[1] for command in column("Commands")) == sorted(COMMANDS)


@pytest.mark.parametrize("name", [name for name in vars(reporting) if name.startswith(("plane_", "fake_plane"))])
def test_every_fixture_is_shown(name: str) -> None:
    assert name in README


def clients_by_outcome() -> dict[tuple[str, ...], list[str]]:
    """The clients of the page that real runs fill, by what happened on known, learned and other hosts."""
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    found: dict[tuple[str, ...], list[str]] = {}
    for name, cells in re.findall(r"^\| ([^|]+?) \| ((?:judged|refused|not covered) \|.*) \|$", page, re.MULTILINE):
        if not name.endswith((", async", ", h2")):  # as the plain client of the same library, which the page shows
            found.setdefault(tuple(cell.strip() for cell in cells.split("|")), []).append(name)
    return found


def test_the_table_of_what_is_covered_says_what_the_runs_of_all_clients_showed() -> None:
    [row] = [line for line in README.splitlines() if line.startswith("| [Python clients]")]
    covered, hosts_only, never = (cell.strip() for cell in row.strip("|").split("|")[1:])
    partly, _, refused = hosts_only.partition("; refused even to read: ")
    shown = {
        ("judged",) * 3: covered,
        ("refused", "refused", "not covered"): partly,
        ("refused",) * 3: refused,
        ("not covered",) * 3: never.removesuffix(", which the summary names"),
    }
    assert {outcome: ", ".join(names) for outcome, names in clients_by_outcome().items()} == shown


def test_the_table_of_what_is_covered_counts_the_runners_that_were_run() -> None:
    page = (ROOT / "docs" / "ways-to-start.md").read_text(encoding="utf-8")
    others = page.partition("\n## Other runners\n")[2].partition("\n## ")[0]
    assert f"and {len(re.findall(r'^[|] `', others, re.MULTILINE))} commands of other runners" in README


def test_every_local_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_the_example_environment_names_only_real_settings() -> None:
    named = re.findall(r"^#?(PLANE_\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= set(column("Settings"))
