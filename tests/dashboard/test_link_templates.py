"""Links lead where a template or the evidence says, and nowhere else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from plane_guard_dashboard import link_templates
from plane_guard_dashboard.link_templates import FIELDS, VARIABLES, Link, from_environment

ROW: dict[str, Any] = {
    "server_address": "api.plane.so",
    "workspace": "acme",
    "project": "11111111-1111-4111-8111-111111111111",
    "work_item": "ORCH-114",
    "work_item_id": "22222222-2222-4222-8222-222222222222",
    "work_item_key": "ORCH-114",
    "caller": "src/stages.py:12 move",
    "repository_url": "https://github.com/acme/orch",
    "repository": "orch",
    "branch": "feature/x'y",
    "revision": "0123456789abcdef",
    "job": "412 / test",
    "pipeline": "https://github.com/acme/orch/actions/runs/412",
    "run": "5" * 32,
    "trace_id": "a" * 32,
    "span_id": "b" * 16,
}


def links(environ: dict[str, str], **more: Any) -> dict[Link, str]:
    return from_environment(environ).links({**ROW, **more})


def test_the_evidence_alone_links_to_the_item_the_line_and_the_job() -> None:
    assert links({}) == {
        Link.WORK_ITEM: "https://app.plane.so/acme/browse/ORCH-114/",
        Link.CODE: "https://github.com/acme/orch/blob/0123456789abcdef/src/stages.py#L12",
        Link.JOB: "https://github.com/acme/orch/actions/runs/412",
    }
    by_id = f"https://app.plane.so/acme/projects/{ROW['project']}/issues/{ROW['work_item_id']}/"
    assert links({}, work_item_key="")[Link.WORK_ITEM] == by_id


@pytest.mark.parametrize(
    ("repository", "path"),
    [
        ("https://gitlab.example.com/a/b/", "/-/blob/0123456789abcdef/src/stages.py#L12"),
        ("https://codeberg.org/a/b", "/src/commit/0123456789abcdef/src/stages.py#L12"),
        ("https://bitbucket.org/a/b", "/src/0123456789abcdef/src/stages.py#lines-12"),
        ("https://git.example.com/a/b", None),
        ("https://notgithub.com/a/b", None),
    ],
)
def test_each_forge_shows_a_line_in_its_own_way(repository: str, path: str | None) -> None:
    assert links({}, repository_url=repository).get(Link.CODE) == (path and repository.rstrip("/") + path)


@pytest.mark.parametrize(
    "unknown",
    [
        {"server_address": "plane.example", "repository_url": "", "pipeline": ""},
        {"workspace": "(none)", "revision": "", "pipeline": "javascript:alert(1)"},
        {"work_item_key": None, "work_item_id": "", "caller": "src/stages.py", "pipeline": "https://"},
        {"server_address": "", "caller": "/abs/stages.py:1 move", "pipeline": "data:text/html,x"},
        {"server_address": "", "caller": "../stages.py:1 move", "pipeline": "https://h/\u202e"},
        {"server_address": "", "repository_url": "javascript://github.com/%0aalert(1)", "pipeline": "//h/x"},
    ],
)
def test_what_is_not_known_or_no_web_address_gives_no_link(unknown: dict[str, Any]) -> None:
    assert links({}, **unknown) == {}


def test_templates_of_the_environment_override_the_evidence() -> None:
    environ = {
        "PLANE_GUARD_WORK_ITEM_URL": "https://plane.example/{workspace}/{project}/{work_item}",
        "PLANE_GUARD_CODE_URL": "https://git.example/{repository}/{revision}/{file}?line={line}&b={branch}",
        "PLANE_GUARD_JOB_URL": "https://ci.example/{job}",
        "PLANE_GUARD_TRACE_URL": "http://localhost:16686/trace/{trace_id}?uiFind={span_id}",
    }
    assert set(environ) == set(VARIABLES.values())
    assert links(environ) == {
        Link.WORK_ITEM: f"https://plane.example/acme/{ROW['project']}/ORCH-114",
        Link.CODE: "https://git.example/orch/0123456789abcdef/src/stages.py?line=12&b=feature%2Fx%27y",
        Link.JOB: "https://ci.example/412%20%2F%20test",
        Link.TRACE: f"http://localhost:16686/trace/{'a' * 32}?uiFind={'b' * 16}",
    }
    assert Link.TRACE not in links(environ, trace_id="")


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert(1)//{}",
        "JavaScript://host/%0aalert({})",
        "java\tscript:alert(1)",
        "data:text/html,{}",
        "//host/{}",
        "ftp://host/{}",
        "https:///{}",
        "https://{}/x",
        "https://user{}@host/",
        "https://host\\@evil/{}",
        "http://[/{}",
    ],
)
def test_a_template_that_is_no_web_address_is_refused_with_a_message(link: Link, template: str) -> None:
    text = template.replace("{}", f"{{{FIELDS[link][0]}}}")
    found = from_environment({VARIABLES[link]: text})
    assert found.texts == {}
    assert f"{VARIABLES[link]} is ignored" in found.problems[0]
    assert "https://" in found.problems[0]


def test_a_field_that_does_not_exist_is_named_with_those_that_do() -> None:
    found = from_environment({"PLANE_GUARD_TRACE_URL": "https://host/{trace}"})
    assert found.texts == {}
    [problem] = found.problems
    assert "{trace} is not a field" in problem
    assert "{trace_id}, {span_id}" in problem


@pytest.mark.parametrize(
    "value", ["//evil.example", "@evil", "\\evil", "#x", "?x=1", "{span_id}", "\n", "../..", "a b"]
)
def test_values_of_the_evidence_cannot_leave_their_place(value: str) -> None:
    environ = {"PLANE_GUARD_TRACE_URL": "https://host/{trace_id}"}
    address = links(environ, trace_id=value)[Link.TRACE]
    assert urlsplit(address).netloc == "host"
    assert address.count("/") == 3
    assert not set("?#{}\n \\") & set(address)
    assert link_templates.is_web(address)
    hostile = links({}, repository_url=f"https://github.com/{value.strip()}", pipeline="")
    assert not set("{}\n\\") & set(hostile.get(Link.CODE, ""))
