"""The words of the docs are those of the code: links, options, messages, exit codes, ops."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING

import click
import pytest
import yaml

from plane_guard import Op, Reason, Settings
from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence.groups import KnownReportError, known_groups
from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState
from plane_guard_dashboard.shipping import endpoint
from tests import docs_blocks
from tests.docs_blocks import PAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in docs_blocks.links(page):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            file = page if not path else (page.parent / path)
            assert file.exists(), f"{page}: {target}"
            assert not anchor or anchor in docs_blocks.anchors(file), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    bases = (ROOT, ROOT / "examples" / "orchestrator")
    named = docs_blocks.files_named(page)
    assert [name for name in named if not any((base / name).exists() for base in bases)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_call_of_the_command_has_options_that_exist(page: Path) -> None:
    for call in docs_blocks.mentioned_calls(page):
        program, *words = shlex.split(call.replace("…", ""))
        assert program == "plane-guard"
        if words[0] in {"COMMAND", "--help", "--version"}:
            continue
        command = main.get_command(click.Context(main), words[0])
        assert command is not None, call
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
        ours = words[1 : words.index("--")] if "--" in words else words[1:]
        assert {word.partition("=")[0] for word in ours if word.startswith("-")} <= known, call


def test_the_docs_name_no_option_that_no_command_has() -> None:
    every = {
        option
        for name in main.list_commands(click.Context(main))
        for parameter in main.get_command(click.Context(main), name).params  # type: ignore[union-attr]
        for option in parameter.opts
    }
    foreign = {"--help", "--version", "--config", "--disable-plugin-autoload", "--build", "--full"}
    foreign |= {"--prefix", "--target"}  # of pip
    for page in PAGES:
        named = set(re.findall(r"`(--[a-z-]+)", docs_blocks.prose(page)))
        assert named <= every | foreign, page


def test_every_reason_has_its_entry() -> None:
    assert set(Reason) <= set(docs_blocks.headings(TROUBLESHOOTING))


def messages() -> list[str]:
    """The headings of the entries that are words of a message."""
    below = TROUBLESHOOTING.read_text(encoding="utf-8").partition("## In a test run")[2]
    return [heading for heading in re.findall(r"^### (.+)$", below, re.MULTILINE) if heading not in set(Reason)]


@cache
def source() -> str:
    """Every string of the code; what is filled in is left out."""
    files = [file for top in ("guard", "instrumentation", "dashboard") for file in (ROOT / top).rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return "\n".join(filter(None, map(_text, nodes)))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize("message", messages())
def test_the_words_of_an_entry_are_those_of_a_message(message: str) -> None:
    code = source()
    for piece in re.split(r"…|\(…\)", message):
        assert piece.strip(" ():") in code, piece


BAD = {
    "PLANE_TEST_WRITE_ENABLED": "maybe",
    "PLANE_TEST_SANDBOX_PROJECTS": "no key",
    "PLANE_GUARD_PROTECTED_PROJECTS": "no key",
    "PLANE_GUARD_HOSTS": "*.example.com",
}
NO_ENDPOINT: tuple[dict[str, str], ...] = (
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"},
)


def produced() -> Iterator[str]:
    """Messages that the code makes when asked to, of every kind."""
    yield from Settings.from_environ(BAD).problems
    yield from Settings.from_environ({"PLANE_TEST_SANDBOX_PROJECTS": ""}).problems
    states = (state for state in SourceState if state.name != "UNSUPPORTED")
    yield from (str(NoTracesError(state, "folder", "detail")) for state in states)
    for environ in NO_ENDPOINT:
        with pytest.raises(endpoint.EndpointError) as refused:
            endpoint.find(None, environ)
        yield str(refused.value)
    with pytest.raises(KnownReportError) as unknown:
        known_groups("{}")
    yield f"report.json {unknown.value}."


@pytest.mark.parametrize("message", list(produced()))
def test_a_message_that_the_code_makes_has_an_entry(message: str) -> None:
    pieces = [[piece.strip(" ():") for piece in re.split(r"…|\(…\)", entry)] for entry in messages()]
    assert any(all(piece in message for piece in entry) for entry in pieces), message


def test_the_ops_of_the_readme_are_the_codes() -> None:
    below = (ROOT / "README.md").read_text(encoding="utf-8").split("## Ops\n", 1)[1].split("\n## ", 1)[0]
    named = [
        op for line in below.splitlines() if line[:3] == "| `" for op in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    assert sorted(named) == sorted(Op)


def test_the_exit_codes_have_a_row_for_each_command() -> None:
    assert set(docs_blocks.rows(ROOT / "docs" / "commands.md", "Exit codes")) == set(
        main.list_commands(click.Context(main))
    )


def test_every_page_of_the_docs_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in docs_blocks.links(page)
        if not re.match(r"[a-z]+:|#", target)
    }
    folders = {path for path in linked if path.is_dir()}
    alone = [page for page in PAGES if "docs" in page.parts and page.resolve() not in linked]
    assert [page for page in alone if page.parent.resolve() not in folders or page.name != "README.md"] == []


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda form: form.name
)
def test_an_issue_template_is_one(form: Path) -> None:
    read = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.name == "config.yml":
        assert isinstance(read["blank_issues_enabled"], bool)
        return
    assert {"name", "description", "body"} <= set(read)
    ids = [field["id"] for field in read["body"]]
    assert len(set(ids)) == len(ids)
    assert {field["type"] for field in read["body"]} <= {"textarea", "input"}
