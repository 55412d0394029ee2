#!/usr/bin/env bash
# Tests with a collector beside them, on any machine with bash, curl and a collector:
#
#   OTELCOL=/path/to/otelcol ./plain.sh                  # python -m pytest
#   OTELCOL=/path/to/otelcol ./plain.sh tox -e py313     # or any other command
#
# Leaves plane-guard-evidence.tar.gz and plane-guard-report.md to be kept. Exit code 0 only if the tests passed, the
# collector has all of the evidence, and nothing tried to write to production.
set -uo pipefail

failed=0
health=http://127.0.0.1:${PLANE_GUARD_OTLP_HEALTH_PORT:-13133}
export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${PLANE_GUARD_OTLP_HTTP_PORT:-4318}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf

PLANE_GUARD_TRACE_DIR=$PWD/collected "${OTELCOL:-otelcol}" --config="${CONFIG:-otel-collector.yaml}" >otelcol.log 2>&1 &
collector=$!
trap 'kill "$collector" 2>/dev/null' EXIT
for _ in {1..150}; do
    curl -fs -o /dev/null "$health" && break
    kill -0 "$collector" 2>/dev/null || break
    sleep 0.2
done

[ "$#" -gt 0 ] || set -- python -m pytest
"$@" || failed=1

plane-guard ship || failed=1
kill "$collector" && wait "$collector"

plane-guard report --format markdown >plane-guard-report.md
tar -czf plane-guard-evidence.tar.gz "${PLANE_GUARD_TRACE_DIR:-.plane-guard}" collected || failed=1
plane-guard report --fail-on prod-attempt || failed=1
exit "$failed"
