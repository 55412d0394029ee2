"""The ini options, and the settings that they hold.

Registered in every pytest session, also in those that disable the plugin: an ini file is the project's, and what it
protects stays protected. Only settings that add protection or reporting are ini options. An allowlist is none, because
`-o` and PYTEST_ADDOPTS override ini options, and a test process inherits the latter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pluggy import HookimplMarker

from plane_guard_instrumentation.runtime import run

if TYPE_CHECKING:
    import pytest

PLUGIN_NAME = "plane_guard_ini_options"
HOSTS, PROTECTED, SWALLOWED = "plane_guard_hosts", "plane_guard_protected_projects", "plane_guard_swallowed"
_HELP = {
    PROTECTED: "project keys that tests never write to, in addition to those of pyproject",
    HOSTS: "Plane hosts, in addition to those of pyproject",
    SWALLOWED: "fail: a test with an unexpected block fails, even if the code under test swallowed it",
}
_hookimpl = HookimplMarker("pytest")


@_hookimpl
def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    for name in (PROTECTED, HOSTS):
        parser.addini(name, _HELP[name], type="args", default=[])
    parser.addini(SWALLOWED, _HELP[SWALLOWED], default="")


@_hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Apply what the ini file says, before any conftest runs."""
    apply(early_config)


def apply(config: pytest.Config) -> None:
    """Add the settings of the ini file to those of this process. They can only add."""
    run.add_ini(config.getini(HOSTS), config.getini(PROTECTED), config.getini(SWALLOWED))
