"""The collector's configuration keeps the promises that no `otelcol validate` checks."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from plane_guard_dashboard.store.clickhouse_address import PASSWORD, parsed
from tests.collector import configuration
from tests.collector.configuration import ROOT, resolved

DEPLOY = ROOT / "deploy"
TEXT = configuration.CONFIG.read_text()
CONFIG: dict[str, Any] = resolved(configuration.CONFIG, environ={})
OVERLAY_TEXT = configuration.CLICKHOUSE.read_text()
OVERLAY: dict[str, Any] = yaml.safe_load(OVERLAY_TEXT)
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
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


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, "./.plane-guard/traces.jsonl"),
        ({"PLANE_GUARD_TRACE_DIR": ""}, "./.plane-guard/traces.jsonl"),
        ({"PLANE_GUARD_TRACE_DIR": "/data"}, "/data/traces.jsonl"),
        ({"PLANE_GUARD_TRACE_DIR": "build/evidence"}, "build/evidence/traces.jsonl"),
    ],
)
def test_it_writes_lines_that_the_reader_finds(environ: dict[str, str], path: str) -> None:
    exporter = resolved(configuration.CONFIG, environ=environ)["exporters"]["file/plane_guard"]
    assert exporter["format"] == "json"
    assert exporter["path"] == path


def test_every_port_has_a_default() -> None:
    ports = [variable for variable in re.findall(r"\$\{(env:.*?)\}", TEXT) if "PORT" in variable]
    assert ports
    assert all(re.fullmatch(r"env:[A-Z_]+:-[0-9]+", variable) for variable in ports)


@pytest.mark.parametrize("host", [None, "", "0.0.0.0", "::", "*", "localhost"])
def test_it_listens_on_loopback_and_the_usual_ports_whatever_a_host_variable_holds(host: str | None) -> None:
    config = resolved(configuration.CONFIG, environ={} if host is None else {"PLANE_GUARD_OTLP_HOST": host})
    protocols = config["receivers"]["otlp"]["protocols"]
    endpoints = [config["extensions"]["health_check"], *protocols.values()]
    assert [end["endpoint"] for end in endpoints] == ["127.0.0.1:13133", "127.0.0.1:4317", "127.0.0.1:4318"]
    [reader] = config["service"]["telemetry"]["metrics"]["readers"]
    assert reader["pull"]["exporter"]["prometheus"]["host"] == "127.0.0.1"
    assert not any("cors" in protocol for protocol in protocols.values())


def test_only_the_overlay_for_containers_opens_the_ports_and_it_changes_nothing_else() -> None:
    opened = resolved(configuration.CONFIG, configuration.CONTAINER, environ={})
    assert yaml.safe_load(yaml.safe_dump(opened).replace("0.0.0.0", "127.0.0.1")) == CONFIG
    assert yaml.safe_dump(opened).count("0.0.0.0") == len(["health", "grpc", "http"])


def test_every_variable_is_explained_at_the_top() -> None:
    head = TEXT.partition("\nextensions:")[0]
    names = set(re.findall(r"env:([A-Z_]+)", TEXT))
    assert all(name in head or name.removeprefix("PLANE_GUARD_OTLP") in head for name in names)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_component_is_defined_and_used(section: str) -> None:
    used = {name for pipeline in PIPELINES.values() for name in pipeline[section]}
    assert used == CONFIG[section].keys()


def test_extensions_are_defined_and_used() -> None:
    assert set(CONFIG["service"]["extensions"]) == CONFIG["extensions"].keys()


def test_no_exporter_has_a_deprecated_name() -> None:
    assert not {name.partition("/")[0] for name in CONFIG["exporters"]} & {"otlp", "otlphttp", "logging"}


def test_the_clickhouse_overlay_keeps_the_file_and_loses_nothing_on_its_way() -> None:
    exporter = OVERLAY["exporters"]["clickhouse"]
    assert OVERLAY["service"]["pipelines"]["traces"]["exporters"] == ["file/plane_guard", "clickhouse"]
    assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert exporter["sending_queue"]["block_on_overflow"] is True
    assert exporter["ttl"] == "0s"
    storage = exporter["sending_queue"]["storage"]
    assert OVERLAY["extensions"][storage]["fsync"] is True
    assert OVERLAY["service"]["extensions"] == [*CONFIG["service"]["extensions"], storage]


def test_every_variable_of_the_overlay_but_its_secret_has_a_default() -> None:
    without = re.findall(r"\$\{env:([A-Z_]+)\}", OVERLAY_TEXT)
    assert without == ["PLANE_GUARD_CLICKHOUSE_PASSWORD"]


def test_the_composition_publishes_on_loopback_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service["ports"]]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_composition_mounts_files_that_are_there_and_volumes_that_it_defines() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            found = (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            assert found, volume
    build = COMPOSE["services"]["dashboard"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    for service in COMPOSE["services"].values():
        assert set(service.get("depends_on", ())) <= COMPOSE["services"].keys()


def test_the_composition_sets_only_variables_that_exist_and_demands_the_secret() -> None:
    known = set(re.findall(r"env:([A-Z_]+)", TEXT + OVERLAY_TEXT))
    environment = COMPOSE["services"]["collector"]["environment"]
    assert environment.keys() <= known
    assert environment["PLANE_GUARD_CLICKHOUSE_PASSWORD"].startswith("${PLANE_GUARD_CLICKHOUSE_PASSWORD:?")


def test_the_dashboard_of_the_composition_reads_what_the_collector_writes_with_an_account_that_only_reads() -> None:
    clickhouse, dashboard = (COMPOSE["services"][name] for name in ("clickhouse", "dashboard"))
    address = parsed(dashboard["environment"]["PLANE_GUARD_TRACES"], {})
    exporter = OVERLAY["exporters"]["clickhouse"]
    assert exporter["database"] == f"${{env:PLANE_GUARD_CLICKHOUSE_DATABASE:-{address.database}}}"
    assert (address.table, address.port) == (exporter.get("traces_table_name", "otel_traces"), 8123)
    schema = (DEPLOY / "clickhouse.sql").read_text()
    assert f"CREATE TABLE IF NOT EXISTS {address.database}.{address.table}\n" in schema
    assert f"GRANT SELECT ON {address.database}.* TO {address.user};" in schema
    assert f"ALTER USER {address.user} " in (DEPLOY / "clickhouse-dashboard-user.sh").read_text()
    secret = "${PLANE_GUARD_DASHBOARD_PASSWORD:?choose a password for the dashboard}"
    assert dashboard["environment"][PASSWORD] == clickhouse["environment"]["PLANE_GUARD_DASHBOARD_PASSWORD"] == secret


def test_the_tables_are_there_before_the_collector_writes() -> None:
    collector, clickhouse = (COMPOSE["services"][name] for name in ("collector", "clickhouse"))
    assert "PLANE_GUARD_CLICKHOUSE_CREATE_SCHEMA" not in collector["environment"]
    assert clickhouse["environment"]["CLICKHOUSE_DB"] == "plane_guard"
    scripts = [one.split(":")[1] for one in clickhouse["volumes"] if one.startswith("./")]
    assert [script.rpartition("/")[0] for script in scripts] == ["/docker-entrypoint-initdb.d"] * 4
    assert scripts == sorted(scripts)


def test_the_images_are_pinned_and_the_collector_is_of_the_version_that_the_tests_build() -> None:
    images = {name: service["image"] for name, service in COMPOSE["services"].items() if "image" in service}
    assert all(re.search(r":[0-9][0-9.]+$", image) for image in images.values())
    version = yaml.safe_load((ROOT / ".ci/collector/manifest.yaml").read_text())["dist"]["version"]
    assert images["collector"] == f"otel/opentelemetry-collector-contrib:{version}"


def test_the_collector_of_the_tests_has_the_components_of_both_files_in_one_version() -> None:
    manifest = yaml.safe_load((ROOT / ".ci/collector/manifest.yaml").read_text())
    version = manifest["dist"]["version"]
    for section in (*SECTIONS, "extensions"):
        modules = [entry["gomod"] for entry in manifest[section]]
        assert all(module.endswith(f" v{version}") for module in modules)
        names = {
            name.partition("/")[0].replace("_", "")
            for name in (CONFIG.get(section) or {}) | (OVERLAY.get(section) or {})
        }
        assert all(any(name in module.partition(" ")[0].rpartition("/")[2] for module in modules) for name in names)
    assert f"cmd/builder@v{version}\n" in (ROOT / ".ci/collector/build").read_text()
