"""Decisions on their way to other systems: live OTLP export and OpenTelemetry exporters."""
