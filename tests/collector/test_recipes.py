"""The recipes that run here, run: the collector takes the configuration from a variable, and plain.sh does its job."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
import yaml

from plane_guard_dashboard.evidence import traces
from tests.collector.configuration import CONFIG, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.collector.collector import Collector
    from tests.harness import Child

RECIPES = ROOT / "examples" / "ci"
TESTS = """
import os, httpx, pytest
@pytest.mark.parametrize("number", range(20))
def test_it(number, plane_blocked_writes):
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'
    with pytest.raises(RuntimeError):
        httpx.post(url, json={"name": "new"})
"""
ATTEMPT = """
def test_that_forgets(number=0):
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{os.environ["PLANE_PROJECT"]}/work-items/'
    try:
        httpx.post(url, json={"name": "new"})
    except RuntimeError:
        pass
"""


@pytest.mark.parametrize("name", ["github-service.yml", "gitlab.yml"])
def test_the_configuration_in_a_variable_is_valid(otelcol: Path, name: str) -> None:
    recipe = yaml.safe_load((RECIPES / name).read_text())
    if name == "gitlab.yml":
        config = recipe["tests"]["variables"]["OTELCOL_CONFIG"]["value"]
    else:
        config = recipe["jobs"]["tests"]["services"]["collector"]["env"]["OTELCOL_CONFIG"]
    command = [str(otelcol), "validate", "--config=env:OTELCOL_CONFIG"]
    result = subprocess.run(command, env={"OTELCOL_CONFIG": config}, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("attempt", [False, True])
def test_plain_sh_tests_ships_reports_and_keeps_the_evidence(
    child: Child, stopped_collector: Collector, *, attempt: bool
) -> None:
    child.write("test_it.py", TESTS + ATTEMPT * attempt)
    ports = {name: value for name, value in stopped_collector.environment.items() if name.endswith("_PORT")}
    command = ["bash", str(RECIPES / "plain.sh"), sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    path = f"{ROOT_OF_SCRIPTS}:/usr/bin:/bin"
    result = child.run(command, OTELCOL=str(stopped_collector.binary), CONFIG=str(CONFIG), PATH=path, **ports)

    assert result.returncode == int(attempt), result.stdout + result.stderr
    assert "accepted by" in result.stdout
    arrived = {row.decision_id for row in traces.read(child.folder / "collected").decisions}
    assert arrived == {row.decision_id for row in child.decisions()}
    assert len(arrived) == 20 + attempt
    assert (child.folder / "plane-guard-report.md").read_text().startswith("### ✖" if attempt else "### ✔")
    with tarfile.open(child.folder / "plane-guard-evidence.tar.gz") as kept:
        assert "collected/traces.jsonl" in kept.getnames()


ROOT_OF_SCRIPTS = sys.exec_prefix + "/bin"
