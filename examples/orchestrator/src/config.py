"""The orchestrator's settings, from environment variables that start with ``ORCH_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What differs between deployments. There is no switch here that turns the write guard off."""

    model_config = SettingsConfigDict(env_prefix="ORCH_")

    plane_api_url: str = "https://api.plane.so"
    plane_api_token: str = Field(default="", repr=False)
    plane_workspace_slug: str = ""
    plane_project_id: str = ""
    gitea_token: str = Field(default="", repr=False)

    plane_test_write_enabled: bool = False
    plane_test_sandbox_projects: str = "8c5a3025-4f9d-4190-b79f-fa06276bb27e"


settings = Settings()
