-- What the collector and the dashboard need in ClickHouse, made once; it may be run again.
--
--   clickhouse-client --multiquery < deploy/clickhouse.sql
--
-- The tables are those that the exporter makes with create_schema: true (collector 0.161), in the database that
-- deploy/otel-collector.clickhouse.yaml names. For another name, replace plane_guard everywhere in this file.

CREATE DATABASE IF NOT EXISTS plane_guard;

CREATE TABLE IF NOT EXISTS plane_guard.otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS plane_guard.otel_traces_trace_id_ts
(
    TraceId String CODEC(ZSTD(1)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS plane_guard.otel_traces_trace_id_ts_mv TO plane_guard.otel_traces_trace_id_ts AS
SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM plane_guard.otel_traces
WHERE TraceId != ''
GROUP BY TraceId;

-- The account of the dashboard: it reads, and within limits. Nobody can use it before it has a password and a host:
--   ALTER USER plane_guard_dashboard IDENTIFIED BY '...' HOST ANY;
CREATE SETTINGS PROFILE IF NOT EXISTS plane_guard_reader SETTINGS
    readonly = 1,
    max_execution_time = 30,
    max_memory_usage = 4000000000,
    max_result_rows = 100000,
    result_overflow_mode = 'throw';
CREATE USER IF NOT EXISTS plane_guard_dashboard HOST NONE SETTINGS PROFILE 'plane_guard_reader';
GRANT SELECT ON plane_guard.* TO plane_guard_dashboard;

-- Optional, for a table of more than ten million spans that other services write to as well: the spans of plane-guard
-- once more in a table of their own, which the dashboard reads with ?table=plane_guard_traces. The waterfall of a
-- decision then shows no other spans. Run what follows without the two dashes; the last statement copies what is there.
--
-- CREATE TABLE IF NOT EXISTS plane_guard.plane_guard_traces AS plane_guard.otel_traces
-- ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(Timestamp) ORDER BY (SpanName, Timestamp, TraceId, SpanId);
-- CREATE MATERIALIZED VIEW IF NOT EXISTS plane_guard.plane_guard_traces_mv TO plane_guard.plane_guard_traces AS
-- SELECT * FROM plane_guard.otel_traces
-- WHERE SpanName = 'plane_guard.session' OR has(Events.Name, 'plane_guard.decision');
-- INSERT INTO plane_guard.plane_guard_traces SELECT * FROM plane_guard.otel_traces
-- WHERE SpanName = 'plane_guard.session' OR has(Events.Name, 'plane_guard.decision');
