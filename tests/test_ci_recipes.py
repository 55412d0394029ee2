"""The recipes that a team copies into its CI say what the code and the shipped configuration say."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.report.command import report
from tests.collector.configuration import CONFIG, CONTAINER, resolved

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "ci"
GITHUB = ("github-service.yml", "github-docker-run.yml")
RECIPES = (*GITHUB, "gitlab.yml", "plain.sh")


def text(name: str) -> str:
    return (FOLDER / name).read_text()


def job(name: str) -> dict[str, Any]:
    found = yaml.safe_load(text(name))
    job: dict[str, Any] = found["jobs"]["tests"] if name in GITHUB else found["tests"]
    return job


def scripts(name: str) -> list[str]:
    """The pieces of shell in a recipe."""
    if name in GITHUB:
        return [step["run"] for step in job(name)["steps"] if "run" in step]
    if name == "gitlab.yml":
        return [*job(name)["before_script"], *job(name)["script"], *job(name)["after_script"]]
    return [text(name)]


def commands(name: str) -> list[list[str]]:
    """Every call of plane-guard."""
    lines = [line.strip() for script in scripts(name) for line in script.splitlines()]
    calls = [re.split(r"\s*(?:\|\||>)", line)[0] for line in lines if line.startswith("plane-guard ")]
    return [shlex.split(call)[1:] for call in calls]


def test_these_are_the_recipes() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_every_call_of_plane_guard_has_options_that_exist(name: str) -> None:
    for command, *arguments in commands(name):
        found = main.get_command(click.Context(main), command)
        assert found is not None, command
        found.make_context(command, list(arguments))


@pytest.mark.parametrize("name", RECIPES)
def test_the_rest_is_shipped_and_an_attempt_fails_the_job_at_its_end(name: str) -> None:
    calls = commands(name)
    assert "ship" in [call[0] for call in calls]
    command, *options = calls[-1]
    assert command == "report"
    assert report.make_context("report", list(options)).params["fail_on"] == "prod-attempt"


@pytest.mark.parametrize("name", RECIPES)
def test_the_shell_in_it_is_shell(name: str) -> None:
    for script in scripts(name):
        checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("name", GITHUB)
def test_on_github_everything_after_the_tests_happens_even_when_they_fail(name: str) -> None:
    steps = job(name)["steps"]
    [tests] = [number for number, step in enumerate(steps) if step.get("run") == "python -m pytest"]
    assert [step["if"] for step in steps[tests + 1 :]] == ["always()"] * (len(steps) - tests - 1)
    [upload] = [step["with"] for step in steps if "upload-artifact" in step.get("uses", "")]
    assert ".plane-guard" in upload["path"].split()
    assert upload["include-hidden-files"] is True
    assert "--github-step-summary" in steps[-1]["run"]


def test_on_gitlab_the_evidence_is_kept_and_the_report_made_even_when_the_tests_fail() -> None:
    artifacts = job("gitlab.yml")["artifacts"]
    assert artifacts["when"] == "always"
    assert ".plane-guard/" in artifacts["paths"]
    [script] = job("gitlab.yml")["script"]
    for line in script.splitlines()[1:-1]:
        assert line.endswith("|| failed=1")
    assert script.splitlines()[-1] == 'exit "$failed"'


def test_a_configuration_that_travels_in_a_variable_is_the_shipped_one_for_containers() -> None:
    service = job("github-service.yml")["services"]["collector"]
    variable = job("gitlab.yml")["variables"]["OTELCOL_CONFIG"]
    texts = {"/data": service["env"]["OTELCOL_CONFIG"], "/builds/plane-guard-collector": variable["value"]}
    for folder, config in texts.items():
        shipped = resolved(CONFIG, CONTAINER, environ={"PLANE_GUARD_TRACE_DIR": folder})
        assert yaml.safe_load(config) == shipped
    assert variable["expand"] is False
    assert service["command"] == "--config=env:OTELCOL_CONFIG"
    assert job("gitlab.yml")["services"][0]["command"] == ["--config=env:OTELCOL_CONFIG"]


def test_every_image_is_of_the_version_that_the_tests_build() -> None:
    version = yaml.safe_load((ROOT / ".ci/collector/manifest.yaml").read_text())["dist"]["version"]
    for name in ("github-service.yml", "github-docker-run.yml", "gitlab.yml"):
        assert re.findall(r"otel/opentelemetry-collector:([0-9.]+)", text(name)) == [version]


def test_published_ports_are_on_loopback() -> None:
    ports = job("github-service.yml")["services"]["collector"]["ports"]
    ports += re.findall(r"--publish (\S+)", text("github-docker-run.yml"))
    assert len(ports) == 6
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_page_about_ci_names_only_commands_and_files_that_exist() -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    calls = re.findall(r"plane-guard ((?:report|ship)[^\n`>#]*)", page)
    assert calls
    for call in calls:
        command, *arguments = shlex.split(call)
        found = main.get_command(click.Context(main), command)
        assert found is not None
        found.make_context(command, arguments)
    for target in re.findall(r"\]\(([^)#]+)", page):
        assert (ROOT / "docs" / target).exists(), target
    assert all(name in page for name in RECIPES)
