"""The cost of the plugin, the `.pth` file and the evidence in whole runs of pytest.

Peer: the same run in an environment that holds the same packages except plane-guard. `-p no:plane_guard` alone would
not do: the `.pth` half guards such a run all the same.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from benchmarks import environments
from benchmarks.registry import Effort, Figure, folder, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.environments import Environment

_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
_SEED = {"PYTHONHASHSEED": "0"}
_MILLION = 1e6


@measure("pytest on an empty suite, counted", against="without plane-guard", goal=40.0, slip=150.0, unit="M added")
def empty_counted(_: Effort) -> Figure:
    """Instructions in millions, as callgrind counts them: no other load on the machine changes them."""
    return _figure("", lambda peer, ours: (ours - peer) / _MILLION)


@measure("2,000 trivial tests, in instructions", against="without plane-guard", goal=1.02, slip=1.2, unit="times")
def trivial_tests(effort: Effort) -> Figure:
    """Instructions as callgrind counts them, so nothing else on the machine matters. The short form runs 200 tests.

    Without the garbage collector: one full pass more or less, wherever it falls, is as much as a third of the goal.
    """
    code = "".join(f"def test_{number}():\n    pass\n\n\n" for number in range(effort.of(2_000, 200)))
    return _figure(code, lambda peer, ours: ours / peer)


def _figure(code: str, compared: Callable[[int, int], float]) -> Figure:
    if shutil.which("valgrind") is None:
        raise RuntimeError("valgrind is not installed: install it, or leave this measure out with --only")
    peer, ours = (_instructions(one, name, code) for one, name in zip(environments.pair(), "ab", strict=True))
    return Figure(compared(peer, ours), f"{ours / _MILLION:,.0f} M", f"{peer / _MILLION:,.0f} M")


def _instructions(environment: Environment, name: str, code: str) -> int:
    environment.run(*_PYTEST)  # the first run after an installation also compiles what pytest rewrites of a plugin
    suite = folder() / f"suite-{name}"
    suite.mkdir(exist_ok=True)
    (suite / "conftest.py").write_text("import gc\n\ngc.disable()\n", encoding="utf-8")
    (suite / "test_trivial.py").write_text(code, encoding="utf-8")
    counted = suite / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counted}"]
    environments.run([*valgrind, environment.python, *_PYTEST, "-p", "no:randomly", "."], suite, **_SEED)
    line = next(line for line in counted.read_text().splitlines() if line.startswith(("totals:", "summary:")))
    return int(line.split()[1])
