"""The cost of plane-guard in a Python process that has nothing to do with tests, and of importing the core.

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


@measure("packages of third parties that plane_guard imports", against="the standard library", goal=0, slip=0, unit="")
def third_parties(effort: Effort) -> Figure:
    """Whatever is imported by using every public name."""
    del effort
    foreign = environments.pair().guarded.run("-c", _FOREIGN).stdout.decode().split()
    return Figure(len(foreign), " ".join(foreign) or "none", "none")
