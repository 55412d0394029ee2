"""One rule finds the trace folder, for writers and for readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from plane_guard_instrumentation.runtime import trace_folder


@pytest.mark.parametrize(
    ("environ", "setting", "found"),
    [
        ({}, None, "inner/.plane-guard"),
        ({}, "build/evidence", "build/evidence"),
        ({}, "/absolute", "/absolute"),
        ({}, "", "inner/.plane-guard"),
        ({"PLANE_GUARD_TRACE_DIR": "here"}, "build/evidence", "inner/here"),
        ({"PLANE_GUARD_TRACE_DIR": "/absolute"}, None, "/absolute"),
        ({"PLANE_GUARD_TRACE_DIR": ""}, "build/evidence", "build/evidence"),
    ],
)
def test_the_environment_overrides_pyproject_which_overrides_the_default(
    tmp_path: Path, environ: dict[str, str], setting: str | None, found: str
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    if setting is not None:
        (tmp_path / "pyproject.toml").write_text(f'[tool.plane_guard]\ntrace_dir = "{setting}"\n')
    assert trace_folder.resolve(environ, inner) == tmp_path / found


@pytest.mark.parametrize("by", ["environment", "pyproject"])
def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    environ = {"PLANE_GUARD_TRACE_DIR": "~/evidence"} if by == "environment" else {}
    (tmp_path / "pyproject.toml").write_text('[tool.plane_guard]\ntrace_dir = "~/evidence"\n')
    assert trace_folder.resolve(environ, tmp_path) == Path("/home/ada/evidence")


@pytest.mark.parametrize("content", ["[tool.plane_guard", "[tool.plane_guard]\ntrace_dir = 5\n"])
def test_a_pyproject_that_names_no_usable_folder_means_the_default(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    assert trace_folder.resolve({}, tmp_path) == tmp_path / ".plane-guard"
