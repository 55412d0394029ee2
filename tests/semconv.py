"""The registry of semantic conventions in docs/semconv, and the tables of docs/event-schema.md that are made from it.

`python -m tests.semconv` writes the tables anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
REGISTRY = ROOT / "docs" / "semconv" / "plane_guard.yaml"
PAGE = ROOT / "docs" / "event-schema.md"
GROUPS = {
    "Decision": "event.plane_guard.decision",
    "Session": "span.plane_guard.session",
    "Verification": "event.plane_guard.verification",
    "Resource": "resource.plane_guard",
}
# OpenTelemetry defines the attributes that are only referred to here. All of them are texts but these.
_NUMBERS = frozenset({"server.port", "code.line.number", "process.pid", "process.parent_pid"})
_PYTHON_TYPES = {"string": str, "int": int, "boolean": bool, "string[]": list}
_MOST_VALUES = 8


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a group. ``values`` are the values of an enumeration; ``condition`` is empty if required."""

    name: str
    type: str
    brief: str
    condition: str
    example: object
    values: tuple[str, ...] = ()
    is_open: bool = False

    @property
    def is_required(self) -> bool:
        """True if each event, span or resource of the group has the attribute."""
        return not self.condition

    def fits(self, value: object) -> bool:
        """Return if the registry allows this value."""
        return type(value) is _PYTHON_TYPES[self.type] and (not self.values or self.is_open or value in self.values)


def groups() -> dict[str, dict[str, Attribute]]:
    """Return the attributes of each group by heading."""
    found = {group["id"]: group["attributes"] for group in _document()}
    defined = {attribute["id"]: attribute for attribute in found["registry.plane_guard"]}
    return {
        heading: {one["ref"]: _attribute(one, defined.get(one["ref"], {})) for one in found[group]}
        for heading, group in GROUPS.items()
    }


def _document() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))["groups"]
    return found


def references() -> set[str]:
    """Return every attribute that a group refers to."""
    return {one["ref"] for group in _document() for one in group["attributes"] if "ref" in one}


def definitions() -> set[str]:
    """Return every attribute that the registry defines."""
    return {one["id"] for group in _document() for one in group["attributes"] if "id" in one}


def _attribute(one: dict[str, Any], definition: dict[str, Any]) -> Attribute:
    name, level = one["ref"], one["requirement_level"]
    kind = definition.get("type", "int" if name in _NUMBERS else "string")
    values = tuple(member["value"] for member in kind["members"]) if isinstance(kind, dict) else ()
    example = values[0] if values else (one.get("examples") or definition["examples"])[0]
    condition = "" if level == "required" else level["conditionally_required"]
    is_open = "Other values" in definition.get("note", "")
    return Attribute(
        name, "string" if values else kind, definition.get("brief", ""), condition, example, values, is_open
    )


def table(heading: str) -> str:
    """Return the Markdown table of a group."""
    rows = [_row(attribute) for attribute in groups()[heading].values()]
    return "\n".join(["| attribute | type | present | example |", "|---|---|---|---|", *rows])


def _row(attribute: Attribute) -> str:
    present = attribute.condition or "always"
    notes = [attribute.brief.removesuffix(".")] if attribute.brief else []
    if attribute.values and len(attribute.values) <= _MOST_VALUES:
        notes.append(", ".join(f"`{value}`" for value in attribute.values) + (", …" if attribute.is_open else ""))
    told = ": ".join(notes)
    return f"| `{attribute.name}` | {attribute.type} | {present}{'. ' if told else ''}{told} | `{attribute.example}` |"


def rendered(page: str) -> str:
    """Return the page with its tables made from the registry."""
    return re.sub(
        r"(?s)(<!-- semconv: (?P<heading>\w+) -->\n).*?(\n<!-- end of semconv -->)",
        lambda found: f"{found[1]}{table(found['heading'])}{found[3]}",
        page,
    )


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
