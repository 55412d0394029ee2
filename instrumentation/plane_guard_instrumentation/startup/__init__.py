"""Detect a test process, install the guard, scrub inherited settings."""
