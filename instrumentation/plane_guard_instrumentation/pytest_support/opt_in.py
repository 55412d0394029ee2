"""The opt-in under pytest: it counts while a test, or a fixture that asked for it, is running.

Registered in every pytest session, also in those that disable the plugin. Where these hooks do not run, no opt-in
counts at all.
"""

from __future__ import annotations

import functools
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker

from plane_guard import process
from plane_guard.settings import OPT_IN_VARIABLE
from plane_guard_instrumentation.evidence import diagnostics
from plane_guard_instrumentation.pytest_support import env_files, ini_options
from plane_guard_instrumentation.runtime import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import pytest

CONFIG_MODULE = "_pytest.config"
PLUGIN_NAME = "plane_guard_opt_in"
_OUTER = "_plane_guard_opt_in_before"
_REMEDY = "Request the fixture plane_sandbox_writes in the tests that write to the sandbox"
# pytest's own marker: this module is loaded while pytest is being imported.
_hookimpl = HookimplMarker("pytest")


def begin_with_sessions() -> None:
    """Make every pytest session of this process start with writing off, before it reads a conftest or a plugin."""
    config_class = getattr(sys.modules.get(CONFIG_MODULE), "Config", None)
    if config_class is not None and not hasattr(config_class.__init__, _OUTER):
        config_class.__init__ = _beginning(config_class.__init__)
        config_class._ensure_unconfigure = _ending(config_class._ensure_unconfigure)  # noqa: SLF001  the only end


def _beginning(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def begin(self: Any, *args: Any, **options: Any) -> None:
        before = process.hear_opt_in(heard=False)
        environment.scrub()
        original(self, *args, **options)
        setattr(self, _OUTER, before)
        _register(self)

    setattr(begin, _OUTER, True)
    return begin


def _ending(original: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(original)
    def end(self: Any) -> None:
        try:
            original(self)
        finally:
            # A session inside a test gives the outer test its opt-in back; after the outermost one, code decides.
            process.hear_opt_in(heard=self.__dict__.pop(_OUTER, process.hear_opt_in(heard=False)))

    return end


def join(config: pytest.Config) -> None:
    """Do the same for a session that began before this process was watched, because no start-up file ran."""
    if not config.pluginmanager.has_plugin(PLUGIN_NAME):
        process.hear_opt_in(heard=False)
        environment.scrub()
        _register(config)


def _register(config: pytest.Config) -> None:
    config.pluginmanager.register(sys.modules[__name__], PLUGIN_NAME)
    config.pluginmanager.register(ini_options, ini_options.PLUGIN_NAME)


def ignore(where: str) -> None:
    """Remove an opt-in that was set outside of a test, and say so."""
    _warn(environment.scrub(), where)


@_hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """Remove what conftests and plugins set while they were loaded."""
    ignore("while conftests and plugins were loaded")
    env_files.watch()


@_hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Start every test with writing off, and end it so."""
    ignore("outside of a test")
    process.hear_opt_in(heard=False)
    try:
        return (yield)
    finally:
        _close()


@_hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Remove what hooks around the test, such as those of reporters, have set."""
    ignore("outside of a test")
    env_files.forget()


@_hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    """Hear an opt-in of the test's own fixtures, and none that a wider fixture leaves behind."""
    if fixturedef.scope == "function":
        process.hear_opt_in(heard=True)
        return (yield)
    held = {name: os.environ.get(name) for name in environment.SCRUBBED}
    before = process.hear_opt_in(heard=False)
    try:
        return (yield)
    finally:
        process.hear_opt_in(heard=before)
        _warn(_restore(held), f"by the {fixturedef.scope} fixture {fixturedef.argname}")
        # Runs before the fixture's own teardown: what the last test left switched on is not the fixture's.
        fixturedef.addfinalizer(_close)


@_hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Hear an opt-in of the test."""
    process.hear_opt_in(heard=True)


@_hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Hear it until the test's own fixtures are torn down."""
    process.hear_opt_in(heard=True)


@contextmanager
def sandbox_scope() -> Iterator[None]:
    """Switch writing to the sandbox on for the code inside, in a fixture of whatever scope."""
    env_files.forget()  # the code inside asks for itself
    held = {OPT_IN_VARIABLE: os.environ.get(OPT_IN_VARIABLE)}
    os.environ[OPT_IN_VARIABLE] = "1"
    before = process.hear_opt_in(heard=True)
    try:
        yield
    finally:
        process.hear_opt_in(heard=before)
        _restore(held)


def _close() -> None:
    process.hear_opt_in(heard=False)
    environment.scrub()


def _restore(held: dict[str, str | None]) -> tuple[str, ...]:
    """Put variables back to what they held; return the names of those that had changed."""
    changed = tuple(name for name, value in held.items() if os.environ.get(name) != value)
    for name in changed:
        value = held[name]
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return changed


def _warn(names: tuple[str, ...], where: str) -> None:
    if names:
        diagnostics.warn_once(f"{' and '.join(names)}: ignored, because it was set {where}. {_REMEDY}")
