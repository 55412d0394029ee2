"""How this program is called here: by its name where the shell finds it, else by its place."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NAME = "plane-guard"


def command() -> tuple[str, ...]:
    """The words that start this program again, as they can be pasted into the shell that started it."""
    places = (Path(sys.argv[0]), Path(sys.executable).with_name(NAME))
    script = next((place for place in places if place.name == NAME and place.is_file()), None)
    if script is None:
        return sys.executable, "-m", "plane_guard_dashboard"
    found = shutil.which(NAME)
    return (NAME,) if found and os.path.samefile(found, script) else (_short(script.absolute()),)


def _short(script: Path) -> str:
    """From here on, where it lies below; a name alone would be looked for elsewhere."""
    if not script.is_relative_to(Path.cwd()):
        return str(script)
    below = str(script.relative_to(Path.cwd()))
    return below if os.sep in below else os.path.join(".", below)
