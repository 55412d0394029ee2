"""Links from a decision to the work item in Plane, the line of code, the CI job and the trace.

A template is an http(s) address with fields such as `{trace_id}`. Its variable in the environment overrides what the
evidence tells. A link is built only from fields that are known, and their values cannot change its host or scheme.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


class Link(StrEnum):
    """The places that a decision links to."""

    WORK_ITEM = "work item"
    CODE = "code"
    JOB = "CI job"
    TRACE = "trace"


VARIABLES: Mapping[Link, str] = {
    Link.WORK_ITEM: "PLANE_GUARD_WORK_ITEM_URL",
    Link.CODE: "PLANE_GUARD_CODE_URL",
    Link.JOB: "PLANE_GUARD_JOB_URL",
    Link.TRACE: "PLANE_GUARD_TRACE_URL",
}
_OF_THE_PROCESS = ("repository_url", "repository", "branch", "revision", "run", "job", "pipeline")
FIELDS: Mapping[Link, tuple[str, ...]] = {
    Link.WORK_ITEM: ("workspace", "project", "work_item", "work_item_id", "work_item_key"),
    Link.CODE: ("file", "line", *_OF_THE_PROCESS),
    Link.JOB: _OF_THE_PROCESS,
    Link.TRACE: ("trace_id", "span_id"),
}
_FIELD = re.compile(r"\{(\w*)\}")
_CALLER = re.compile(r"(?P<file>.+):(?P<line>[0-9]{1,9})(?: .*)?", re.DOTALL)
_CLOUD = "api.plane.so"
_BY_KEY = "https://app.plane.so/{workspace}/browse/{work_item_key}/"
_BY_ID = "https://app.plane.so/{workspace}/projects/{project}/issues/{work_item_id}/"
# A label of the host's name, and where that software shows a file at a commit.
_FORGES: Mapping[str, str] = {
    "github": "/blob/{revision}/{file}#L{line}",
    "gitlab": "/-/blob/{revision}/{file}#L{line}",
    "bitbucket": "/src/{revision}/{file}#lines-{line}",
    "gitea": "/src/commit/{revision}/{file}#L{line}",
    "forgejo": "/src/commit/{revision}/{file}#L{line}",
    "codeberg": "/src/commit/{revision}/{file}#L{line}",
}


@dataclass(frozen=True, slots=True)
class LinkTemplates:
    """The templates of the environment. `problems` says which are ignored, why, and what to write instead."""

    texts: Mapping[Link, str]
    problems: tuple[str, ...] = ()

    def links(self, row: Mapping[str, Any]) -> dict[Link, str]:
        """Return the links of a decision. `row` has the columns of the store; those that are missing are unknown."""
        values = _values(row)
        texts = {**_of_evidence(values), **self.texts}
        found = {link: _filled(texts[link], values) for link in Link if link in texts}
        return {link: address for link, address in found.items() if address}


def from_environment(environ: Mapping[str, str]) -> LinkTemplates:
    """Return the templates that the environment names."""
    given = {link: text for link, name in VARIABLES.items() if (text := environ.get(name, ""))}
    problems = {link: problem for link, text in given.items() if (problem := _problem(link, text))}
    texts = {link: text for link, text in given.items() if link not in problems}
    return LinkTemplates(texts, tuple(f"{VARIABLES[link]} is ignored: {text}." for link, text in problems.items()))


def is_web(address: str) -> bool:
    """Return True if a browser may open this address: http or https, with a host."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    # Browsers read a backslash as a slash, so it may end the host earlier than it does here.
    plain = address.isprintable() and "\\" not in address
    return plain and parts.scheme in {"http", "https"} and bool(parts.hostname)


def _problem(link: Link, text: str) -> str:
    if not is_web(text) or "{" in urlsplit(text).netloc:
        return "it is not an http or https address with a fixed host. Write one such as https://host/{…}"
    unknown = [name for name in _FIELD.findall(text) if name not in FIELDS[link]]
    known = ", ".join(f"{{{name}}}" for name in FIELDS[link])
    return f"{{{unknown[0]}}} is not a field of it. The fields are {known}" if unknown else ""


def _values(row: Mapping[str, Any]) -> dict[str, str]:
    known = {name: str(value) for name, value in row.items() if value not in (None, "", 0, "(none)")}
    place = _CALLER.fullmatch(known.get("caller", ""))
    return (place.groupdict() if place else {}) | known


def _of_evidence(values: Mapping[str, str]) -> dict[Link, str]:
    """Return the templates for which the evidence is enough: Plane's cloud, known forges, and the job's own address."""
    found: dict[Link, str] = {}
    if values.get("server_address") == _CLOUD:
        found[Link.WORK_ITEM] = _BY_KEY if "work_item_key" in values else _BY_ID
    repository = values.get("repository_url", "")
    relative = not values.get("file", "/").startswith(("/", "..")) and ":" not in values["file"]
    if is_web(repository) and relative:
        labels = (urlsplit(repository).hostname or "").split(".")
        path = next((path for name, path in _FORGES.items() if name in labels), "")
        found |= {Link.CODE: f"{_escaped(repository)}{path}"} if path else {}
    if is_web(values.get("pipeline", "")):
        found[Link.JOB] = _escaped(values["pipeline"])
    return found


def _escaped(address: str) -> str:
    """Return an address of the evidence as a part of a template, without fields of its own."""
    return address.rstrip("/").replace("{", "%7B").replace("}", "%7D")


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Return the address, or an empty string if a field is unknown."""
    if any(name not in values for name in _FIELD.findall(template)):
        return ""
    filled = _FIELD.sub(lambda found: quote(values[found[1]], safe="/" if found[1] == "file" else ""), template)
    return filled if is_web(filled) else ""
