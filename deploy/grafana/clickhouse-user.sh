#!/bin/sh
# Run once by the image of ClickHouse, after views.sql: lets Grafana's account in, with the password of the dashboard's.
set -eu
hash=$(printf %s "${PLANE_GUARD_DASHBOARD_PASSWORD:?}" | sha256sum | cut -d ' ' -f 1)
clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --query \
    "ALTER USER plane_guard_grafana IDENTIFIED WITH sha256_hash BY '$hash' HOST ANY"
