"""`python -m tools.api_reference` generates docs/api.md from the docstrings of the public names.

A public name without a docstring is an error, so that the reference never has a gap.
"""

from __future__ import annotations

import enum
import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
MODULES = ("plane_guard", "plane_guard_instrumentation", "plane_guard_instrumentation.testing")
_HEAD = """# API reference

Generated from the docstrings by `python -m tools.api_reference`. These names are [public](deprecation.md).
"""


class UndocumentedError(Exception):
    """A public name has no docstring; the text names it."""


def reference() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *(line for module in MODULES for line in _module(module))])


def _module(name: str) -> Iterator[str]:
    module = import_module(name)
    yield f"## {name}\n"
    yield f"{_doc(module, name)}\n"
    for public in sorted(module.__all__, key=str.lower):
        found = getattr(module, public)
        if inspect.isclass(found):
            yield from _class(public, found)
        elif callable(found):
            yield from _entry(f"{public}{_signature(found)}", found, name)
        else:
            yield f"### `{public}`\n"
            value = sorted(found) if isinstance(found, frozenset) else found
            yield f"Constant: `{value!r}`\n"


def _class(name: str, found: type) -> Iterator[str]:
    shown = "" if issubclass(found, (enum.Enum, Exception)) else _signature(found)
    yield from _entry(f"{name}{shown}", found, found.__module__)
    if issubclass(found, enum.Enum):
        yield "Values: " + ", ".join(f"`{member.value}`" for member in found) + "\n"
        return
    for member, value in sorted(vars(found).items()):
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if member.startswith("_") or not (inspect.isfunction(function) or isinstance(value, property)):
            continue
        signature = "" if isinstance(value, property) else _signature(function)
        yield f"- `{member}{signature}`: {_doc(value, f'{name}.{member}').splitlines()[0]}"
    yield ""


def _entry(title: str, found: Any, owner: str) -> Iterator[str]:
    yield f"### `{title}`\n"
    yield f"{_doc(found, f'{owner}.{title}')}\n"


def _doc(found: Any, name: str) -> str:
    text = inspect.getdoc(found)
    if not text:
        raise UndocumentedError(f"{name} has no docstring. Add one.")
    text = text.partition("\n\nPYTEST_DONT_REWRITE")[0]  # a sign for pytest
    # Sections of Google's style become lists.
    return re.sub(r"^    (\w[\w, ]*): ", r"- `\1`: ", text, flags=re.MULTILINE).replace("``", "`")


def _signature(found: Any) -> str:
    try:
        text = str(inspect.signature(found))
    except (TypeError, ValueError):
        return ""
    # The order of a set differs from run to run.
    text = re.sub(r"frozenset\(\{[^}]*\}\)", "DEFAULT_HOSTS", text)
    return re.sub(r"\(self(?:, )?", "(", text).replace("'", "")


if __name__ == "__main__":
    PAGE.write_text(reference().rstrip() + "\n", encoding="utf-8")
