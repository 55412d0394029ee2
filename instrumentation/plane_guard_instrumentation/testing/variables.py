"""The variables that Plane's clients read: plane-sdk's examples, plane-mcp-server, the node SDK and its MCP server."""

from __future__ import annotations

URL_VARIABLES = ("PLANE_BASE_URL", "PLANE_INTERNAL_BASE_URL", "PLANE_API_HOST_URL", "PLANE_API_URL", "PLANE_URL")
TOKEN_VARIABLES = ("PLANE_API_KEY", "PLANE_API_TOKEN", "PLANE_TOKEN")
WORKSPACE_VARIABLES = ("PLANE_WORKSPACE_SLUG", "PLANE_WORKSPACE")
PROJECT_VARIABLES = ("PLANE_PROJECT_ID", "PLANE_PROJECT")
