"""Child programs that the guard cannot see are named, and no others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.clients import targets
from plane_guard_instrumentation.connections import children

if TYPE_CHECKING:
    from tests.harness import Child

PYTHON = "/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["curl", "https://api.plane.so"], ["curl"]),
        (["/usr/bin/wget"], ["wget"]),
        (["/opt/node", "x.js"], ["node"]),
        ([PYTHON, "-S", "-c", "x"], ["python3.11 -S"]),
        ([PYTHON, "-ISB", "x.py"], ["python3.11 -S"]),
        ([PYTHON, "-X", "dev", "-W", "error", "-S", "x.py"], ["python3.11 -S"]),
        ([PYTHON, "-Wdefault", "-S"], ["python3.11 -S"]),
        (["sh", "-c", "cd /tmp && TOKEN=x curl -s url | wget -i -; python3 -S x.py"], ["curl", "wget", "python3 -S"]),
        (["bash", "-e", "-c", "x=$(curl url)\ncurl"], ["curl", "curl"]),
        ([PYTHON, "-c", "print()", "-S"], []),
        ([PYTHON, "-m", "pytest", "-S"], []),
        ([PYTHON, "-Bcprint('S')"], []),
        ([PYTHON, "-X", "S", "-W", "-S", "x.py", "-S"], []),
        ([PYTHON, "--help-env", "-", "-S"], []),
        (["pip", "install", "curl"], []),
        (["sh", "-c", "echo curl"], []),
        (["sh", "-c"], []),
        (["sh", "script", "-c"], []),
        ([], []),
    ],
)
def test_a_command_line_names_the_programs_that_are_not_guarded(command: list[str], names: list[str]) -> None:
    assert [name for name, _ in children._unseen(command)] == names


def test_a_child_that_is_not_guarded_is_in_the_summary_and_in_the_evidence(child: Child) -> None:
    python = sys.executable.rpartition("/")[2]
    program = child.write("curl", "#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    child.write("primp.py", "")
    child.write(
        "test_it.py",
        f"""
        import os, subprocess, sys
        def test_it():
            for _ in range(2):
                subprocess.run([{str(program)!r}, "url"], check=True)
            os.system({str(program)!r})
            os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-S", "-c", ""], {{}}), 0)
            subprocess.run([sys.executable, "-c", ""], check=True)
            subprocess.run([sys.executable, "-c", "import primp"], check=True)
            subprocess.run([b"true"], check=True)
        """,
    )
    result = child.pytest()
    assert result.returncode == 0, result.stdout
    assert [line for line in result.stdout.splitlines() if line.startswith("not covered: ")] == [
        "not covered: child curl: not guarded: it is no Python program. plane-guard run --contained covers it",
        f"not covered: child {python} -S: not guarded: it starts without site-packages, and so without plane-guard",
        f"not covered: primp: {targets.UNCHECKED['primp']}",
    ]
    gaps = [[gap.partition(":")[0] for gap in session.uncovered] for session in child.sessions()]
    assert sorted(gaps) == [["child curl", f"child {python} -S"], ["primp"]]

    assert "not covered: child" not in child.pytest(PLANE_GUARD_CONTAINED="1").stdout
