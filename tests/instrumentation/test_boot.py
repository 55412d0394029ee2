"""Start-up: which processes the `.pth` half guards, and what happens when it cannot."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

LOADED = "import sys; print(sorted(name for name in sys.modules if name.startswith('plane_guard')))"


def test_a_live_process_loads_nothing_of_us(child: Child) -> None:
    assert child.python(LOADED).stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["PLANE_GUARD_TEST_PROCESS", "PYTEST_VERSION", "PYTEST_CURRENT_TEST"])
@pytest.mark.parametrize("options", [(), ("-E",), ("-I",), ("-s",)], ids=" ".join)
def test_a_child_of_tests_is_guarded_before_its_first_line(child: Child, name: str, options: tuple[str, ...]) -> None:
    assert "plane_guard_instrumentation.clients.patches" in child.python(LOADED, *options, **{name: "1"}).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "pytest", "--version"),
        ("-m", "unittest", "--help"),
        ("-X", "utf8", "-m", "pytest", "--version"),
    ],
    ids=" ".join,
)
def test_a_process_that_will_run_tests_is_guarded_from_its_command_line(
    child: Child, arguments: tuple[str, ...]
) -> None:
    child.write("sitecustomize.py", "import atexit, sys\natexit.register(lambda: print(*sys.modules))\n")
    result = child.run([sys.executable, *arguments], PYTHONPATH=str(child.folder), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    assert "plane_guard_instrumentation.clients.patches" in result.stdout, result.stderr


def test_a_guard_that_cannot_be_put_in_place_ends_the_process(child: Child) -> None:
    child.write("plane_guard_instrumentation/__init__.py", "")
    child.write(
        "plane_guard_instrumentation/startup/installation.py",
        """
        def at_interpreter_start():
            raise AssertionError("never reached in this test")
        """,
    )
    code = """
        import sys
        from plane_guard_instrumentation.startup import installation as _boot
        from plane_guard_instrumentation.clients import patches as _shells
        _shells.install = lambda: 1 / 0
        _boot.at_interpreter_start()
        print("still here")
    """
    result = child.python(code.replace("\n        ", "\n"), "-P", PLANE_GUARD_TEST_PROCESS="1")

    assert result.returncode == 78
    assert "still here" not in result.stdout
    assert "the guard could not be put in place, so this process ends: ZeroDivisionError" in result.stderr


@pytest.mark.parametrize("client", ["httpx", "requests"])
def test_a_process_that_forbids_bytes_to_be_compared_with_text_is_guarded(
    child: Child, plane: FakePlane, client: str
) -> None:
    result = child.python(
        f"""
        import os, {client}
        base = os.environ["PLANE_API_URL"] + "/api/v1/workspaces/acme/projects/" + os.environ["PLANE_PROJECT"] + "/"
        os.environ["PLANE_TEST_WRITE_ENABLED"] = "1"
        print({client}.get(base + "labels/").status_code)
        try:
            {client}.post(base + "labels/", json={{"name": "x"}})
        except RuntimeError as error:
            print(error.reason)
        """,
        "-bb",
        PLANE_GUARD_TEST_PROCESS="1",
    )

    assert result.stdout.split() == ["401", "prod-project-in-test"], result  # read without a token
    assert plane.writes == []


def test_pytest_does_not_compile_once_more_what_the_guard_loads_under_it(child: Child) -> None:
    child.write(
        "test_it.py",
        """
        import sys
        import httpcore
        def test_it():
            loaders = {
                name: type(module.__spec__.loader).__name__
                for name, module in sys.modules.items()
                if name.startswith(("plane_guard.", "plane_guard_instrumentation."))
            }
            assert "plane_guard_instrumentation.clients.httpcore" in loaders
            del loaders["plane_guard_instrumentation.pytest_plugin"]
            assert set(loaders.values()) == {"SourceFileLoader"}
        """,
    )
    result = child.pytest()

    assert "1 passed" in result.stdout, result.stdout
    assert "warning" not in result.stdout, result.stdout
