"""The command line that starts this program again, by name if the shell finds it, otherwise by path."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NAME = "plane-guard"


def command() -> tuple[str, ...]:
    """Return the words of the command, ready to paste into the shell."""
    places = (Path(sys.argv[0]), Path(sys.executable).with_name(NAME))
    script = next((place for place in places if place.name == NAME and place.is_file()), None)
    if script is None:
        return sys.executable, "-m", "plane_guard_dashboard"
    found = shutil.which(NAME)
    return (NAME,) if found and os.path.samefile(found, script) else (_short(script.absolute()),)


def _short(script: Path) -> str:
    """Return the path relative to the working directory if it is below it."""
    if not script.is_relative_to(Path.cwd()):
        return str(script)
    # A bare name would be searched in PATH.
    below = str(script.relative_to(Path.cwd()))
    return below if os.sep in below else os.path.join(".", below)
