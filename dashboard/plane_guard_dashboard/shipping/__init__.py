"""Send evidence to an OpenTelemetry Collector."""
