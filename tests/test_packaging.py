"""What is shipped, and what the checkout promises to people who have nothing but Python and pip."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
PACKAGES = [ROOT / folder for folder in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
# In pieces, so that this file does not contain them.
ADDRESSES = (
    *(".".join(host) for host in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("debian", "org"))),
    *("-".join(option) for option in (("index", "url"), ("find", "links"), ("trusted", "host"))),
)


def files_of_the_checkout() -> list[Path]:
    """What is or could be committed."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [file for name in listed.split("\0") if name and (file := ROOT / name).is_file()]


def requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for, build and extras included, our own extras excepted."""
    project = PROJECT["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    lines = [*PROJECT["build-system"]["requires"], *project["dependencies"], *extras]
    return [found for found in map(Requirement, lines) if found.name != project["name"]]


def test_no_file_names_a_package_registry() -> None:
    contents = {file: file.read_bytes() for file in files_of_the_checkout()}
    assert [(file, word) for file, text in contents.items() for word in ADDRESSES if word.encode() in text] == []


def test_the_pth_file_is_one_line_that_site_runs() -> None:
    text = (ROOT / "instrumentation" / "plane_guard.pth").read_text(encoding="ascii")
    assert text.startswith("import ")
    assert len(text.splitlines()) == 1


def test_the_installed_distribution_puts_the_pth_file_where_site_looks_for_it() -> None:
    installed = [file for file in distribution("plane-guard").files or () if file.name == "plane_guard.pth"]
    assert [str(file) for file in installed] == ["plane_guard.pth"]


def test_every_entry_point_leads_somewhere() -> None:
    found = distribution("plane-guard").entry_points
    assert {point.group for point in found} >= {"console_scripts", "pytest11"}
    assert [point.name for point in found if point.load() is None] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_says_that_it_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file()


def test_every_folder_with_python_in_it_is_a_package_because_a_linter_skips_others() -> None:
    folders = {file.parent for top in (*PACKAGES, ROOT / "tests") for file in top.rglob("*.py")}
    assert sorted(folder for folder in folders if not (folder / "__init__.py").exists()) == []


def test_the_base_install_brings_a_handful_of_packages() -> None:
    needed = {line.name for line in map(Requirement, PROJECT["project"]["dependencies"])}
    assert {name for name in needed if not name.startswith("opentelemetry-")} == {
        "click",
        "h11",
        "httpx",
        "ijson",
        "pytest",
        "rich",
        "tenacity",
    }


def test_every_requirement_is_pinned_to_a_version_that_it_accepts() -> None:
    pins = {canonicalize_name(pin.name): pin for pin in map(Requirement, CONSTRAINTS)}
    unpinned = [wanted.name for wanted in requirements() if canonicalize_name(wanted.name) not in pins]
    assert unpinned == []
    versions = {name: next(iter(pin.specifier)).version for name, pin in pins.items()}
    accepted = {str(wanted): versions[canonicalize_name(wanted.name)] in wanted.specifier for wanted in requirements()}
    assert [wanted for wanted, fits in accepted.items() if not fits] == []


def test_constraints_are_pins_and_nothing_else() -> None:
    pin = re.compile(r"[a-z0-9][a-z0-9._-]*==(?:[0-9]+!)?[0-9][0-9a-z.]*( ; [^;]+)?")
    assert [line for line in CONSTRAINTS if not pin.fullmatch(line)] == []


def test_one_command_of_the_readme_runs_the_demo_and_one_the_tests() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv ")]
    assert [command.rpartition(" && ")[2] for command in commands] == [
        ".venv/bin/plane-guard demo",
        ".venv/bin/python -m pytest -n auto",
    ]
    assert all(" -c .ci/constraints.txt " in command for command in commands)


def test_the_constraints_pin_each_package_once() -> None:
    unconditional = [line.partition("==")[0] for line in CONSTRAINTS if ";" not in line]
    pinned = [re.sub(r"[-_.]+", "-", name).lower() for name in unconditional]

    assert [name for name in pinned if pinned.count(name) > 1] == []


def test_a_release_links_to_the_repository_that_it_is_built_from(monkeypatch: pytest.MonkeyPatch) -> None:
    def metadata() -> tuple[dict[str, str], str]:
        core = ProjectMetadata(str(ROOT), PluginManager()).core
        return core.urls, core.readme

    monkeypatch.delenv("PLANE_GUARD_REPOSITORY_URL", raising=False)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert metadata() == ({}, readme)

    address = "https://git.example.com/acme/plane-guard"
    monkeypatch.setenv("PLANE_GUARD_REPOSITORY_URL", f"{address}/")
    urls, described = metadata()
    assert set(urls) == {"Repository", "Documentation", "Changelog", "Issues"}
    assert (urls["Repository"], urls["Issues"]) == (address, f"{address}/issues")
    targets = re.findall(r"\]\(([^)#]+)", described)
    assert [target for target in targets if not target.startswith("https://")] == []
    below = re.compile(rf"{re.escape(address)}/(?:blob|raw)/v[^/]+/(.+)")
    files = [found[1] for found in map(below.fullmatch, [*targets, urls["Documentation"], urls["Changelog"]]) if found]
    assert len(files) > 20
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert f"]({address}/raw/" in described
