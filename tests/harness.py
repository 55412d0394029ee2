"""Real child processes for tests: Python or pytest in a folder of their own, with their evidence read back."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence import traces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from plane_guard_dashboard.evidence.rows import DecisionRow, SessionRow

SECONDS = 120  # on a machine with twenty times as much to do as it can, a child of five seconds took more than 60
_OURS = ("PLANE_", "PYTEST", "OTEL_", "COV_CORE")
# Without `site` no .pth file runs: this is Python as it would be if plane-guard were not installed.
_UNGUARDED_START = "import sys; sys.path[:0] = {paths!r}; sys.argv = {argv!r}; import runpy; runpy.{how}"


@dataclass(frozen=True, slots=True)
class Child:
    """A folder in which children run; `environment` is added to what is left of ours without plane-guard's traces."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the child's project."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def run(self, command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environ(environment),
            capture_output=True,
            check=False,
            text=True,
            timeout=SECONDS,
        )

    def python(self, code: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python code as `python -c` does."""
        return self.run([sys.executable, *options, "-c", textwrap.dedent(code)], **environment)

    def pytest(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run pytest on the folder."""
        return self.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options], **environment)

    def unguarded_pytest(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run pytest as if plane-guard were not installed."""
        argv = ["pytest", "-p", "no:cacheprovider", *options]
        paths = [path for path in sys.path if path.endswith("-packages")]
        start = _UNGUARDED_START.format(paths=paths, argv=argv, how="run_module('pytest', run_name='__main__')")
        return self.run([sys.executable, "-S", "-c", start], PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", **environment)

    def decisions(self) -> list[DecisionRow]:
        """The decisions in the child's evidence, oldest first; empty if there is none."""
        return list(self._traces().decisions) if self._has_evidence() else []

    def sessions(self) -> list[SessionRow]:
        """The guarded processes in the child's evidence."""
        return list(self._traces().sessions) if self._has_evidence() else []

    def _has_evidence(self) -> bool:
        return any((self.folder / ".plane-guard").glob("*.jsonl"))

    def _traces(self) -> traces.Traces:
        return traces.read(self.folder / ".plane-guard")

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return {**kept, **self.environment, **more}
