"""The collector's configuration keeps the promises that no `otelcol validate` checks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PATH = Path(__file__).parents[2] / "otel-collector.yaml"
TEXT = PATH.read_text()
CONFIG: dict[str, Any] = yaml.safe_load(TEXT)
PIPELINES: dict[str, dict[str, list[str]]] = CONFIG["service"]["pipelines"]
SECTIONS = ("receivers", "processors", "exporters")
MAY_DROP = ("batch", "sampler", "sampling", "filter")


def test_nothing_in_the_way_of_a_decision_can_drop_it() -> None:
    components = [name for pipeline in PIPELINES.values() for name in pipeline["processors"]]
    assert not [name for name in components if any(word in name for word in MAY_DROP)]


def test_the_memory_limiter_comes_first_and_has_a_limit_and_an_interval() -> None:
    assert all(pipeline["processors"][0] == "memory_limiter" for pipeline in PIPELINES.values())
    assert {"check_interval", "limit_mib"} <= CONFIG["processors"]["memory_limiter"].keys()


def test_a_restart_appends_and_every_write_is_unbuffered() -> None:
    exporter = CONFIG["exporters"]["file/plane_guard"]
    assert exporter["rotation"]["max_megabytes"] > 20, "smaller than the largest request"
    assert exporter["rotation"]["max_backups"] > 0
    assert not {"append", "compression", "flush_interval", "group_by"} & exporter.keys()


def test_it_writes_lines_that_the_reader_finds() -> None:
    exporter = CONFIG["exporters"]["file/plane_guard"]
    assert exporter["format"] == "json"
    assert exporter["path"] == "${env:PLANE_GUARD_TRACE_DIR:-./.plane-guard}/traces.jsonl"


def test_every_variable_has_a_default() -> None:
    variables = re.findall(r"\$\{(.*?)\}", TEXT)
    assert variables
    assert all(re.fullmatch(r"env:[A-Z_]+:-.+", variable) for variable in variables)


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    told = CONFIG["receivers"]["otlp"]["protocols"]
    endpoints = [CONFIG["extensions"]["health_check"]["endpoint"], *(told[name]["endpoint"] for name in told)]
    assert len(endpoints) == 3
    assert all(end.startswith("${env:PLANE_GUARD_OTLP_HOST:-127.0.0.1}:") for end in endpoints)
    assert "cors" not in TEXT


@pytest.mark.parametrize("section", SECTIONS)
def test_every_component_is_defined_and_used(section: str) -> None:
    used = {name for pipeline in PIPELINES.values() for name in pipeline[section]}
    assert used == CONFIG[section].keys()


def test_extensions_are_defined_and_used() -> None:
    assert set(CONFIG["service"]["extensions"]) == CONFIG["extensions"].keys()


def test_no_exporter_has_a_deprecated_name() -> None:
    assert not {name.partition("/")[0] for name in CONFIG["exporters"]} & {"otlp", "otlphttp", "logging"}
