"""The pytest plugin: it reports what the guard does, and brings the fixtures. Enforcement does not depend on it.

PYTEST_DONT_REWRITE: it has no assertions, and pytest warns if it was imported before.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plane_guard_instrumentation.startup import installation

# Before pytest imports anything else, also where no start-up file ran.
installation.enforce()

# pytest rewrites the modules of each plugin's distribution, in every session where no bytecode is written. Ours hold no
# assertions. If pytest keeps its marks elsewhere one day, a session only takes longer to start.
for _finder in sys.meta_path:
    if type(_finder).__module__ == "_pytest.assertion.rewrite":
        _marked = getattr(_finder, "_must_rewrite", None)
        if isinstance(_marked, set):
            _marked -= {"plane_guard", "plane_guard_instrumentation"}

from plane_guard_instrumentation.pytest_support import reporting as plugin  # noqa: E402

if TYPE_CHECKING:
    import pytest

__all__ = ["plugin", "pytest_plugin_registered"]

_NAME = "plane_guard"


def pytest_plugin_registered(manager: pytest.PytestPluginManager) -> None:
    """Register the plugin under its own name if only this module was named, by ``-p`` or in ``pytest_plugins``.

    pytest refuses the same object under two names, so this module is not the plugin itself.
    """
    if not manager.has_plugin(_NAME) and not manager.is_blocked(_NAME):
        manager.register(plugin, _NAME)
