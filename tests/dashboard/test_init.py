"""`plane-guard init` on five shapes of projects: the diff, the files after it, and a second call without changes."""

from __future__ import annotations

import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from plane_guard_dashboard.adoption.steps import PARAGRAPH
from plane_guard_dashboard.cli import init as command
from plane_guard_dashboard.cli import main
from plane_guard_instrumentation.runtime import pyproject
from tests.dashboard.project_shapes import ENV, PLAIN, PROD, SANDBOX, SHAPES, TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Files = dict[str, str]


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def read_back(folder: Path) -> Files:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in files}


def agents_of(before: Files) -> Files:
    """The file for coding agents, with the paragraph."""
    found = next((name for name in ("AGENTS.md", "CLAUDE.md") if name in before), "AGENTS.md")
    text = before.get(found, "")
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return {found: text + gap + PARAGRAPH}


def run(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(main, ["init", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


@pytest.mark.parametrize(("before", "after"), SHAPES.values(), ids=SHAPES)
def test_a_project_of_each_shape_has_what_it_needs_after_its_diff(before: Files, after: Files, tmp_path: Path) -> None:
    lay_out(tmp_path, before)
    diff, said = run(str(tmp_path))
    assert read_back(tmp_path) == before
    assert "Nothing was written" in said
    applied = subprocess.run(["git", "apply"], cwd=tmp_path, input=diff, text=True, capture_output=True, check=False)
    assert applied.returncode == 0, applied.stderr + diff
    expected = {**before, **after, **agents_of(before)}
    found = read_back(tmp_path)
    for name in expected | found:
        assert found.get(name) == expected.get(name), name
    again, said = run(str(tmp_path))
    assert (again, said.splitlines()[-1][:17]) == ("", "Nothing to change")


@pytest.mark.parametrize(("before", "after"), SHAPES.values(), ids=SHAPES)
def test_write_writes_what_the_diff_says(before: Files, after: Files, tmp_path: Path) -> None:
    lay_out(tmp_path, before)
    _, said = run(str(tmp_path), "--write")
    assert read_back(tmp_path) == {**before, **after, **agents_of(before)}
    assert said.splitlines()[-1].startswith("Written: ")
    for name, text in read_back(tmp_path).items():
        if name.endswith(".toml"):
            tomllib.loads(text)
        if name.endswith((".yml", ".yaml")):
            yaml.safe_load(text)


def test_the_guard_reads_the_settings_that_were_written(tmp_path: Path) -> None:
    lay_out(tmp_path, PLAIN)
    run(str(tmp_path), "--write")
    table, folder, problem = pyproject.read(tmp_path / "tests")
    assert (folder, problem) == (tmp_path, "")
    assert table == {
        "sandbox_projects": [SANDBOX],
        "protected_projects": [PROD],
        "hosts": ["plane.acme.example:8443"],
    }


def test_no_token_is_printed_and_a_project_of_an_env_file_is_pointed_out(tmp_path: Path) -> None:
    lay_out(tmp_path, {".env": ENV})
    diff, said = run(str(tmp_path))
    assert "do_not_print" not in diff + said
    assert f"note: {PROD} (PLANE_PROJECT_ID in .env) is listed as protected." in said
    assert "note: Add plane-guard to what your tests install" in said


HANDMADE = {
    "settings that are there": ({"pyproject.toml": '[tool.plane_guard]\nswallowed = "fail"\n'}, "pyproject.toml", ""),
    "a table that is inline": ({"pyproject.toml": "tool = {a = 1}\n", ".env": ENV}, "pyproject.toml", "not valid TOML"),
    "broken TOML": ({"pyproject.toml": "[tool\n"}, "pyproject.toml", "pyproject.toml is not valid TOML"),
    "broken YAML": ({".github/workflows/a.yml": "steps: [\n"}, ".github/workflows/a.yml", "a.yml is not valid YAML"),
    "no UTF-8": ({"AGENTS.md": "\ud800"}, "AGENTS.md", "AGENTS.md could not be read"),
    "GitLab that has to be read by a person": (
        {".gitlab-ci.yml": "t:\n  script:\n    - pytest\n    - echo\n"},
        ".gitlab-ci.yml",
        "GitLab: run `plane-guard report --fail-on prod-attempt` after the tests",
    ),
    "Jenkins": ({"Jenkinsfile": "pipeline {}\n"}, "Jenkinsfile", "Jenkins: run `plane-guard report"),
    "a workflow with it": (
        {".github/workflows/a.yml": "jobs: {a: {steps: [{run: pytest}, {run: plane-guard report}]}}\n"},
        ".github/workflows/a.yml",
        "",
    ),
    "tox with it": ({"tox.ini": "[testenv]\ndeps = plane-guard\n"}, "tox.ini", ""),
}


@pytest.mark.parametrize(("files", "name", "note"), HANDMADE.values(), ids=HANDMADE)
def test_a_file_that_a_person_has_to_change_stays_as_it_is(files: Files, name: str, note: str, tmp_path: Path) -> None:
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(text.encode(errors="surrogatepass"))
    diff, said = run(str(tmp_path))
    assert f"b/{name}" not in diff
    assert note in said


REQUIREMENTS = {
    "an extra": (
        '[project]\nname = "a"\n\n[project.optional-dependencies]\ntests = ["pytest"]\n',
        'tests = ["pytest", "plane-guard"]\n',
    ),
    "a group by its name": ('[dependency-groups]\ntest = ["x"]\n', 'test = ["x", "plane-guard"]\n'),
    "a new group of uv": ("[tool.uv]\npackage = false\n", '[dependency-groups]\ndev = ["plane-guard"]\n'),
    "a new group of poetry": (
        '[tool.poetry.dependencies]\npython = "^3.11"\n',
        '[tool.poetry.group.dev.dependencies]\nplane-guard = "*"\n',
    ),
}


@pytest.mark.parametrize(("text", "added"), REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_the_requirement_is_added_where_those_of_tests_are(text: str, added: str, tmp_path: Path) -> None:
    lay_out(tmp_path, {"pyproject.toml": text})
    run(str(tmp_path), "--write")
    written = (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
    assert added in written
    assert "plane_guard" in tomllib.loads(written)["tool"]


TOX = {
    "deps on one line": ("deps = pytest\n", "deps =\n    pytest\n    plane-guard\n"),
    "no deps": ("extras = test\n", "deps =\n    plane-guard\nextras = test\n"),
}


@pytest.mark.parametrize(("text", "after"), TOX.values(), ids=TOX)
def test_tox_installs_it_in_every_form_of_deps(text: str, after: str, tmp_path: Path) -> None:
    lay_out(tmp_path, {"tox.ini": f"[testenv]\n{text}\n[other]\na = b\n"})
    run(str(tmp_path), "--write")
    gate = "commands_post =\n    plane-guard report --fail-on prod-attempt\n"
    assert (tmp_path / "tox.ini").read_text(encoding="utf-8") == f"[testenv]\n{after}{gate}\n[other]\na = b\n"


def test_without_its_packages_it_says_which_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        'init needs more packages: pip install "plane-guard[dashboard]"',
        'More: plane-guard explain "init needs more packages"',
    ]


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    lay_out(tmp_path, {".gitignore/x": ""})  # a folder where the file should be
    (tmp_path / ".git").mkdir()
    result = CliRunner().invoke(main, ["init", str(tmp_path), "--write"])
    assert ".gitignore could not be read" in result.stderr


def test_the_table_of_the_example_is_what_the_contract_names() -> None:
    assert set(tomllib.loads(TABLE)["tool"]["plane_guard"]) == {"sandbox_projects", "protected_projects", "hosts"}
