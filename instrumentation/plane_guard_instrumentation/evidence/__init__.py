"""Decisions on disk: records, spans, resource attributes, redaction and the evidence file."""
