"""Two virtual environments that differ in plane-guard alone, made of what is installed here, without a download.

Both hold what plane-guard depends on and nothing else, as after `pip install plane-guard` in an empty environment; one
holds plane-guard too, laid out as its wheel lays it out. A process of one is the peer of a process of the other.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sysconfig
import venv
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import Requirement

from benchmarks.registry import folder

if TYPE_CHECKING:
    from collections.abc import Sequence

_OURS = "plane-guard"
_ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = (
    "guard/plane_guard",
    "guard/plane_guard_watch",
    "instrumentation/plane_guard_instrumentation",
    "dashboard/plane_guard_dashboard",
)
_START_FILES = ("plane_guard.pth", "plane_guard.start")
_NOT_INHERITED = ("PLANE_", "PYTEST", "OTEL_", "COV", "PYTHON", "VIRTUAL_ENV", "TRACE")


class Environment(NamedTuple):
    """The interpreter of an environment, and a folder to run it in."""

    python: str
    folder: Path
    site: Path

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        """Run the interpreter to its end, as `run` does."""
        return run([self.python, *arguments], self.folder, **variables)


class Pair(NamedTuple):
    """The two environments."""

    without: Environment
    guarded: Environment


@cache
def pair() -> Pair:
    """Both environments, made when they are first asked for in a run."""
    place = folder() / "environments"
    if not place.exists():
        _make(place / "without", guarded=False)
        _make(place / "guarded", guarded=True)
    return Pair(_at(place / "without"), _at(place / "guarded"))


def run(command: Sequence[str], place: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder to its end; raises if it fails, except where pytest finds no tests."""
    done = subprocess.run(  # noqa: S603  our own command
        command, cwd=place, env=environ(**variables), capture_output=True, check=False
    )
    if done.returncode not in {0, 5}:
        raise RuntimeError((done.stdout + done.stderr)[-2_000:].decode(errors="replace"))
    return done


def environ(**variables: str) -> dict[str, str]:
    """The environment variables of a process that nothing has prepared for tests, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    return kept | variables


def _make(place: Path, *, guarded: bool) -> None:
    venv.create(place, symlinks=os.name != "nt")
    site = _at(place).site
    for name in sorted(_needed(_OURS) - {_OURS}):
        _link(metadata.distribution(name), site)
    if guarded:
        _copy_ours(site)


def _at(place: Path) -> Environment:
    work = place / "work"
    work.mkdir(exist_ok=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(place), "platbase": str(place)}))
    scripts = Path(sysconfig.get_path("scripts", "venv", {"base": str(place)}))
    return Environment(str(scripts / "python"), work, site)


def _needed(name: str, found: frozenset[str] = frozenset()) -> frozenset[str]:
    """A distribution and what it requires, without extras."""
    found |= {name}
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name not in found:
            found = _needed(requirement.name, found)
    return found


def _link(distribution: metadata.Distribution, site: Path) -> None:
    """Put a distribution's packages and modules into place as links, and those of its namespace packages."""
    for file in distribution.files or ():
        here = site / file
        if ".." not in file.parts and "__pycache__" not in file.parts and not here.exists():
            here.parent.mkdir(parents=True, exist_ok=True)
            here.symlink_to(Path(str(distribution.locate_file(file))))


def _copy_ours(site: Path) -> None:
    for package in _PACKAGES:
        target = site / Path(package).name
        shutil.copytree(_ROOT / package, target, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(target, quiet=2)
    for name in _START_FILES:
        shutil.copy(_ROOT / "instrumentation" / name, site)
    information = site / "plane_guard-0.dist-info"
    information.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (information / name).write_text(metadata.distribution(_OURS).read_text(name) or "", encoding="utf-8")
    ours = (file for package in (*_PACKAGES, *_START_FILES) for file in _files(site / Path(package).name))
    record = "".join(f"{file.relative_to(site).as_posix()},,\n" for file in ours)
    (information / "RECORD").write_text(record, encoding="utf-8")  # pytest reads it: what it lists may be a plugin


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
