"""Reading ``[tool.plane_guard]`` of the nearest pyproject.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read(origin: Path) -> tuple[Mapping[str, object], Path, str]:
    """The table found from this folder upwards, the folder it was found in, and what is wrong with it, if anything."""
    for folder in (origin, *origin.parents):
        file = folder / "pyproject.toml"
        try:
            content = file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return {}, folder, f"{file} could not be read ({error.strerror}): no write is allowed. Make it readable."
        table, problem = _table(content)
        return table, folder, f"{file} {problem}: no write is allowed. Fix the file." if problem else ""
    return {}, origin, ""


def _table(content: bytes) -> tuple[Mapping[str, object], str]:
    if b"plane_guard" not in content:
        return {}, ""
    import tomllib  # start-up of the many projects without settings

    try:
        table = tomllib.loads(content.decode()).get("tool", {}).get("plane_guard", {})
    except (ValueError, AttributeError) as error:
        return {}, f"is not valid TOML ({error})"
    return (table, "") if isinstance(table, dict) else ({}, "has a tool.plane_guard that is not a table")
