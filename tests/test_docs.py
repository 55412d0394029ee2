"""Every block of Python and shell in README and docs runs, or says why it does not."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from plane_guard_instrumentation.testing import FakePlane
from tests import docs_blocks
from tests.dashboard.receiver import Receiver
from tests.docs_blocks import PAGES, ROOT, SHELLS, Block
from tests.harness import Child

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

BLOCKS = [block for page in PAGES for block in docs_blocks.blocks(page)]
RUNNABLE = [block for block in BLOCKS if block.language in {"python", *SHELLS}]
RUN = [block for block in RUNNABLE if block.directive not in {"not run", "excerpt of"}]
NOT_RUN = [block for block in RUNNABLE if block.directive == "not run"]
MOST_NOT_RUN = 16

CREATE = """
import os, httpx
def create(project):
    url = f'{os.environ["PLANE_API_URL"]}/api/v1/workspaces/acme/projects/{project}/work-items/'
    headers = {"X-API-Key": os.environ["PLANE_API_TOKEN"]}
    return httpx.post(url, json={"name": "from the docs"}, headers=headers, trust_env=False).json()
"""
USERS_PROJECT = {
    "create.py": CREATE,
    "app.py": "import os, create\ncreate.create(os.environ['PLANE_PROJECT'])\n",
    "scripts/rehearse.py": "print('rehearsed')\n",
    "scripts/fill_sandbox.py": f"{CREATE}\ncreate(os.environ['PLANE_SANDBOX'])\n",
    "tests/test_sandbox.py": (
        f"{CREATE}\ndef test_it(plane_sandbox_writes):\n    assert create(os.environ['PLANE_SANDBOX'])['id']\n"
    ),
    "tests/test_expected.py": (
        f"{CREATE}\nimport pytest\ndef test_it(plane_blocked_writes):\n"
        "    with pytest.raises(RuntimeError):\n        create(os.environ['PLANE_PROJECT'])\n"
    ),
}


def lay_out(project: Child) -> None:
    """Write the files of the user's project."""
    for name, text in USERS_PROJECT.items():
        project.write(name, text)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of the user's tests leaves behind."""
    with FakePlane() as plane:
        credentials = {
            "PLANE_API_URL": plane.url,
            "PLANE_API_TOKEN": plane.token,
            "PLANE_PROJECT": plane.prod.id,
            "PLANE_SANDBOX": plane.sandbox.id,
        }
        project = Child(tmp_path_factory.mktemp("project"), credentials)
        lay_out(project)
        made = project.pytest("tests")
        assert made.returncode == 0, made.stdout
    return project.folder / ".plane-guard"


@pytest.fixture
def world(child: Child, evidence: Path) -> Iterator[Child]:
    """A user's project: a program, tests, scripts, the evidence of a run, and a collector to ship it to."""
    lay_out(child)
    shutil.copytree(evidence, child.folder / ".plane-guard")
    with Receiver() as collector:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        more = {"PATH": path, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "GITHUB_STEP_SUMMARY": "job.md"}
        yield Child(child.folder, {**child.environment, **more})


def run(block: Block, world: Child) -> subprocess.CompletedProcess[str]:
    """Run a block as a reader would who pasted it."""
    if block.language in SHELLS:
        return world.run(["bash", "-euo", "pipefail", "-c", docs_blocks.shell_commands(block)])
    if re.search(r"^(async )?def test_|^@pytest", block.code, re.MULTILINE):
        world.write("test_block.py", block.code)
        return world.pytest("test_block.py")
    name = block.value if block.directive == "saved as" else "block.py"
    world.write(name, block.code)
    options = ["-m", "unittest", name] if "unittest.TestCase" in block.code else [name]
    return world.run([sys.executable, *options])


@pytest.mark.parametrize("block", RUN, ids=str)
def test_a_block_does_what_it_says(block: Block, world: Child) -> None:
    for other in docs_blocks.blocks(block.page):
        if other.directive == "saved as":
            world.write(other.value, other.code)
    result = run(block, world)
    said = result.stdout + result.stderr
    if block.directive == "expected to fail":
        assert (result.returncode != 0, block.value in said) == (True, True), said
    else:
        assert result.returncode == 0, said


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.directive == "excerpt of"], ids=str)
def test_an_excerpt_stands_in_the_file_that_it_is_from(block: Block) -> None:
    file = (ROOT / block.value).read_text(encoding="utf-8")
    assert block.code.strip() in file or textwrap.indent(block.code, "    ").strip() in file


def test_what_is_not_run_has_a_reason_and_is_little() -> None:
    for block in NOT_RUN:
        assert len(block.value.split()) >= 3, f"{block}: {block.value!r} is no reason"
    listed = [f"{block}: {block.value}" for block in NOT_RUN]
    print("\n".join(listed))
    assert len(listed) <= MOST_NOT_RUN, listed


def test_the_comments_before_blocks_are_known_ones() -> None:
    assert {block.directive for block in BLOCKS} <= {"", *docs_blocks.DIRECTIVES}
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    comments = re.findall(r"^ *<!-- (?!semconv|end of semconv|This page is generated).* -->$", text, re.MULTILINE)
    assert len(comments) == sum(bool(block.directive) for block in BLOCKS), "one does not stand directly before a fence"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in {"toml", "yaml"}], ids=str)
def test_configuration_in_the_docs_can_be_read(block: Block, tmp_path: Path) -> None:
    import tomllib

    from plane_guard import Settings
    from plane_guard_dashboard import triage

    if block.language == "yaml":
        for step in yaml.safe_load(block.code)["steps"]:
            assert Path(sys.executable).with_name(step["run"].split()[0]).exists(), step
        return
    if "[[known]]" in block.code:
        place = tmp_path / triage.FILE_NAME
        place.write_text(block.code, encoding="utf-8")
        assert triage.load(place).groups
        return
    table = tomllib.loads(block.code)["tool"]["plane_guard"]
    assert set(table) <= {"sandbox_projects", "protected_projects", "hosts", "trace_dir", "swallowed"}
    assert Settings.from_environ({}, table).problems == ()


def test_the_readme_fits_on_a_few_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 220


def test_the_stand_in_is_the_one_of_the_examples(plane: FakePlane) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert plane.prod.id in text
    assert plane.sandbox.id in text
