"""A second pytest plugin of one line, for scripts that call `pytest.main` with the first one switched off.

The `.pth` half tells pytest from a command line; such a script's tells nothing.
"""

from __future__ import annotations

from plane_guard_instrumentation.startup import installation

installation.enforce(pytest_session=True)
