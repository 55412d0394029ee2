"""What other code may rely on: the names, the types, and that importing the core costs nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.resources import files

import pytest

import plane_guard

# The names that the README promises.
PROMISED = {
    "decide", "classify", "audit_block", "audit_allow", "Decision", "PlaneWrite", "Op", "Reason", "Settings",
    "PlaneWriteBlocked", "DEFAULT_SANDBOX_PROJECT", "DEFAULT_HOSTS", "in_test_process",
}  # fmt: skip
IMPORTED_BY_THE_CORE = """
import sys
before = set(sys.modules)
import plane_guard
plane_guard.decide(None, "update")
plane_guard.classify("POST", "https://api.plane.so/api/v1/workspaces/a/projects/b/", b"{}", "application/json")
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names)), sorted(new & {"asyncio", "email", "logging", "socket", "urllib"}))
"""


def test_the_public_names_are_the_promised_ones() -> None:
    names = {name: getattr(plane_guard, name) for name in dir(plane_guard)}
    visible = {name for name, value in names.items() if not (name.startswith("_") or inspect.ismodule(value))}
    assert set(plane_guard.__all__) == PROMISED
    assert visible - {"annotations"} == PROMISED


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'allow_everything'"):
        _ = plane_guard.allow_everything
    assert not hasattr(plane_guard, "_homes")


def test_importing_the_package_loads_nothing() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(files('plane_guard').joinpath('..'))!r}); before = set(sys.modules); "
        "import plane_guard; print(sorted(set(sys.modules) - before))"
    )
    child = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert child.stdout == "['__future__', 'plane_guard']\n"


def test_names_are_listed_in_order() -> None:
    assert plane_guard.__all__ == sorted(plane_guard.__all__)


SIGNATURES = {
    "decide": ["project_id", "op", "work_item", "settings", "in_test"],
    "classify": ["method", "url", "body", "content_type", "headers", "hosts"],
}


@pytest.mark.parametrize(("name", "parameters"), SIGNATURES.items())
def test_functions_take_what_is_promised(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(plane_guard, name)).parameters) == parameters


def test_the_core_is_typed() -> None:
    assert files("plane_guard").joinpath("py.typed").is_file()


def test_the_error_is_named_after_the_package() -> None:
    assert f"{plane_guard.PlaneWriteBlocked.__module__}.{plane_guard.PlaneWriteBlocked.__qualname__}" == (
        "plane_guard.PlaneWriteBlocked"
    )


def test_the_core_imports_no_other_library_and_nothing_slow() -> None:
    code = f"import sys; sys.path.insert(0, {str(files('plane_guard').joinpath('..'))!r}){IMPORTED_BY_THE_CORE}"
    child = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert child.stdout == "['plane_guard', 'plane_guard_watch'] []\n"
