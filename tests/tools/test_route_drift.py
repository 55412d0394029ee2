"""Drift between the route table and its sources is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools import route_drift

if TYPE_CHECKING:
    from pathlib import Path

ROOT = """
from django.urls import include, path
urlpatterns = [path("api/v1/", include("plane.api.urls")), path("", include("plane.web.urls"))]
"""
URLS = """
from django.urls import include, path
from rest_framework.routers import DefaultRouter
router = DefaultRouter()
router.register(r"stickies", StickyViewSet, basename="stickies")
P = "workspaces/<str:slug>/projects/<uuid:project_id>/"
urlpatterns = [
    path("workspaces/<str:slug>/projects/<uuid:project_id>/labels/", Labels.as_view(http_method_names=["get", "post"])),
    path("workspaces/<str:slug>/projects/<uuid:project_id>/moods/", Moods.as_view({"get": "list", "post": "create"})),
    path("workspaces/<str:slug>/projects/<uuid:project_id>/moods/today/", Reader.as_view()),
    path("workspaces/<str:slug>/projects/<uuid:project_id>/pages/<uuid:issue_id>/", Writer.as_view()),
    path("workspaces/<str:slug>/", include(router.urls)),
]
"""
VIEWS = """
class Reader(View):
    def get(self, request): ...

class Writer(View):
    def get(self, request): ...
    def patch(self, request): ...
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with some known routes, and two that the table cannot know."""
    for name, text in {"urls.py": ROOT, "api/urls/mood.py": URLS, "api/views/mood.py": VIEWS}.items():
        file = tmp_path / "apps" / "api" / "plane" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def test_routes_that_the_table_does_not_know_are_found(checkout: Path) -> None:
    found = [line for write in route_drift.server_writes(checkout) for line in route_drift.drift(write)]
    project = "/api/v1/workspaces/<str:slug>/projects/<uuid:project_id>"
    assert found == [
        f"no route: POST {project}/moods/",
        f"names a work item as {{page_id}}: PATCH {project}/pages/<uuid:issue_id>/",
    ]


def test_the_methods_of_a_route_are_those_of_its_view(checkout: Path) -> None:
    writes = [(write.method, write.shown.rpartition("slug>/")[2]) for write in route_drift.server_writes(checkout)]
    project = "projects/<uuid:project_id>"
    assert writes == [
        ("POST", f"{project}/labels/"),
        ("POST", f"{project}/moods/"),
        ("PATCH", f"{project}/pages/<uuid:issue_id>/"),
        *((method, f"stickies/{below}") for below in ("", "<pk>/") for method in ("DELETE", "PATCH", "POST", "PUT")),
    ]


def test_a_write_that_the_guard_does_not_judge_is_found() -> None:
    write = route_drift.Write("POST", "/elsewhere/", "/elsewhere/")
    assert list(route_drift.drift(write)) == ["not judged: POST /elsewhere/"]


def test_a_post_that_reads_is_no_drift() -> None:
    path = "/api/v1/workspaces/acme/work-items/advanced-search/"
    assert list(route_drift.drift(route_drift.Write("POST", path, path))) == []


def test_the_table_knows_every_write_of_the_installed_sdk(capsys: pytest.CaptureFixture[str]) -> None:
    assert route_drift.main([]) == 0, capsys.readouterr().out
    assert len(set(route_drift.sdk_writes())) > 400
