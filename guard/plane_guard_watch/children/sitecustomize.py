"""Watch a Python child whose site-packages hold no start-up file of plane-guard.

A guarded process puts this folder into its children's PYTHONPATH. A ``sitecustomize`` of the child's own runs
afterwards.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_OLDEST = (3, 11)


def _watch(packages: str) -> None:
    """Watch this process, with the packages that the parent runs with where the child has none of its own."""
    if packages not in map(os.path.abspath, sys.path):
        sys.path.append(packages)
    import plane_guard_watch

    plane_guard_watch.watch()


def _run_own(here: str) -> None:
    """Run the ``sitecustomize`` that stands behind this one, as Python would have."""
    spec = PathFinder.find_spec("sitecustomize", [path for path in sys.path if os.path.abspath(path) != here])
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(module)


_here = os.path.dirname(os.path.abspath(__file__))
try:
    if sys.version_info >= _OLDEST:
        _watch(os.path.dirname(os.path.dirname(_here)))
finally:
    _run_own(_here)
