"""Tokens of the environment: placeholders for the command, the real ones for the proxy alone."""
