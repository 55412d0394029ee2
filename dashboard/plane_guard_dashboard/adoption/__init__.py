"""Set a project up: look at it, and propose changes to its files as a diff."""

from plane_guard_dashboard.adoption.draft import Draft
from plane_guard_dashboard.adoption.steps import propose

__all__ = ["Draft", "propose"]
