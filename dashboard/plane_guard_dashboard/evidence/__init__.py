"""Read exported traces: sources, OTLP documents and typed rows."""
