"""The version, here and nowhere else: reading it from the installation's metadata would slow every child down."""

from __future__ import annotations

__version__ = "0.1.0"
