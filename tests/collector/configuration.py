"""The collector's configuration files, merged and expanded as the collector does it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "otel-collector.yaml"
CONTAINER = ROOT / "deploy" / "otel-collector.container.yaml"
CLICKHOUSE = ROOT / "deploy" / "otel-collector.clickhouse.yaml"

_VARIABLE = re.compile(r"\$\{env:(\w+)(?::-([^{}]*))?\}")
_TEXT = re.compile(r"\$\{yaml:([^{}]*)\}")


def resolved(*files: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the configuration that the collector uses with these variables."""
    merged: dict[str, Any] = {}
    for file in files:
        merged = _merged(merged, yaml.safe_load(file.read_text()))
    expanded: dict[str, Any] = _expanded(merged, environ)
    return expanded


def _merged(first: Any, second: Any) -> Any:
    """Maps are merged; everything else is replaced."""
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return second
    return {**first, **{key: _merged(first.get(key), value) for key, value in second.items()}}


def _expanded(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(element, environ) for key, element in value.items()}
    if isinstance(value, list):
        return [_expanded(element, environ) for element in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    text = _VARIABLE.sub(lambda found: environ.get(found[1], found[2] or ""), value)
    whole = _TEXT.fullmatch(text)
    return yaml.safe_load(whole[1] if whole else text)
