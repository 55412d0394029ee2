"""An ordinary user needs no privilege to contain a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contained import environment as environments
from tests.contained.machine import Machine, Tls
from tests.contained.test_contained import CURL

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65_534
# The interpreter may be in a home folder that is closed to others. This mount namespace opens it, for the test alone.
OPENED = """
set -e
home=$1 kept=$2; shift 2
mount --bind "$home" "$kept"
mount -t tmpfs -o mode=755 none "$home"
for name in .pyenv .cache; do
    [ -d "$kept/$name" ] && mkdir "$home/$name" && mount --bind "$kept/$name" "$home/$name"
done
exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all "$@"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the other user, which pytest's own are not open to."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def _closed_home(interpreter: Path) -> Path:
    """Return the closed folder with the interpreter in it, such as /root, or the home folder if none is closed."""
    code = "import sys; print(sys.base_prefix)"
    base = Path(subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
    closed = [folder for folder in base.parents if not folder.stat().st_mode & 0o001]
    return closed[-1] if closed else Path.home()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_without_any_capability_can_contain_a_command(folder: Path) -> None:
    environment = environments.find(folder)
    work, kept = folder / "work", folder / "kept"
    work.mkdir()
    kept.mkdir()
    with Machine(environment, work, Tls(folder)) as machine:
        (folder / "upstream.pem").chmod(0o644)
        os.chown(work, NOBODY, NOBODY)
        command = machine.arguments(
            ["bash", "-c", f"id -u; grep CapEff /proc/self/status; {CURL}"], ["--sandbox-writes"]
        )
        ran = subprocess.run(
            ["unshare", "--mount", "bash", "-c", OPENED, "opened", _closed_home(environment.bare), kept, *command],
            cwd=work,
            env=machine.environ({"HOME": str(work)}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stdout.split() == [str(NOBODY), "CapEff:", "0" * 16, "200", "403", "201", "200"], ran.stderr
        assert len(machine.plane.writes) == 1
        assert {row.layer for row in machine.decisions()} == {"proxy"}
