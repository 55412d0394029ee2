"""Helpers of the pytest plugin: summary and swallowed blocks."""
