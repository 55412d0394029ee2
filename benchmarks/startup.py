"""What plane-guard adds to a Python process that has nothing to do with tests, and what importing the core costs.

Peer: the same process in an environment that holds the same packages except plane-guard.
"""

from __future__ import annotations

from functools import partial

from benchmarks import environments, timing
from benchmarks.registry import Effort, Figure, measure

_FOREIGN = """
import sys
before = set(sys.modules)
import plane_guard
for name in plane_guard.__all__:
    getattr(plane_guard, name)
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - sys.stdlib_module_names - {"plane_guard"}))
"""


@measure("python -c pass, in no test process", against="without plane-guard", goal=0.5, slip=4.0, unit="ms added")
def nothing(effort: Effort) -> Figure:
    """The line of the `.pth` file is read, and finds nothing to do; the folder of packages is longer."""
    pair = environments.pair()
    run = [partial(one.run, "-c", "pass") for one in pair]
    return timing.added_ms(timing.processes(*run, rounds=effort.of(200, 30)))


@measure("import plane_guard", against="python -c pass", goal=5.0, slip=30.0, unit="ms added")
def core(effort: Effort) -> Figure:
    """The package as `import` leaves it: public names load what they need when they are used."""
    return _python("import plane_guard", effort)


@measure("import every public name of plane_guard", against="python -c pass", goal=25.0, slip=100.0, unit="ms added")
def whole_core(effort: Effort) -> Figure:
    """With everything loaded: `re`, `enum` and `typing` of the standard library are most of it."""
    return _python("from plane_guard import *", effort)


@measure(
    "import every public name of plane_guard under pytest",
    against="import pytest",
    goal=10.0,
    slip=60.0,
    unit="ms added",
)
def whole_core_under_pytest(effort: Effort) -> Figure:
    """What it adds to a process that has loaded as much of the standard library as every test process has."""
    pair = environments.pair()
    code = "import pytest", "import pytest; from plane_guard import *"
    run = [partial(pair.without.run, "-S", "-c", _from(pair.guarded) + line) for line in code]
    return timing.added_ms(timing.processes(*run, rounds=effort.of(20, 5)))


@measure("packages of third parties that plane_guard imports", against="the standard library", goal=0, slip=0, unit="")
def third_parties(effort: Effort) -> Figure:
    """Whatever is imported by using every public name."""
    del effort
    foreign = environments.pair().guarded.run("-c", _FOREIGN).stdout.decode().split()
    return Figure(len(foreign), " ".join(foreign) or "none", "none")


def _python(code: str, effort: Effort) -> Figure:
    python = environments.pair().guarded
    run = [partial(python.run, "-c", line) for line in ("pass", code)]
    return timing.added_ms(timing.processes(*run, rounds=effort.of(40, 8)))


def _from(environment: environments.Environment) -> str:
    """Without `site`, so that no `.pth` file runs; the packages all the same."""
    return f"import sys; sys.path.append({str(environment.site)!r}); "
