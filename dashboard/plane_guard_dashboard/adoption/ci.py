"""The CI step that reports what a run tried, after the step that runs the tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard_dashboard.adoption.draft import Draft

REPORT = "report --format markdown --github-step-summary --fail-on prod-attempt"
GATE = "report --fail-on prod-attempt"
_WORKFLOWS = (".github/workflows/*.yml", ".github/workflows/*.yaml")
_RUNNER = re.compile(r"(?:^|[\s/;&|])(?P<runner>pytest|py\.test|unittest|manage\.py test|tox|nox)(?:\s|$)")
_LAUNCHER = re.compile(r"\b(?:poetry|uv|pdm|pipenv|hatch) run(?: --(?:group|package|extra)[= ]\S+)*")
_OTHERS = {
    ".circleci/config.yml": "CircleCI",
    "azure-pipelines.yml": "Azure Pipelines",
    "Jenkinsfile": "Jenkins",
    ".gitea/workflows": "Gitea",
    "bitbucket-pipelines.yml": "Bitbucket",
    ".travis.yml": "Travis",
}
_ELSEWHERE = "{name}: run `plane-guard {gate}` after the tests, whether they passed or not (docs/ci.md)."


@dataclass(frozen=True, slots=True)
class _Step:
    """A step that runs tests: the line of its first dash, the line after its end, and its command."""

    start: int
    end: int
    column: int
    command: str


def add_step(draft: Draft) -> None:
    """Add the step to every workflow of GitHub that runs tests, and to GitLab's jobs."""
    for name in draft.find(*_WORKFLOWS):
        _github(draft, name)
    if draft.read(".gitlab-ci.yml") is not None:
        _gitlab(draft, ".gitlab-ci.yml")
    if draft.read("tox.ini") is not None:
        _tox(draft, "tox.ini")
    for name, title in _OTHERS.items():
        if (draft.root / name).exists():
            draft.notes.append(_ELSEWHERE.format(name=title, gate=GATE))


def _github(draft: Draft, name: str) -> None:
    text = draft.read(name) or ""
    if "plane-guard" in text or "plane_guard" in text:
        return
    lines = text.splitlines(keepends=True)
    for step in reversed(list(_steps(draft, name, text))):
        if not _by_itself(step.command):
            indent = " " * step.column
            added = f"{indent}- run: {_call(step.command)} {REPORT}\n{indent}  if: always()\n"
            blank = "\n" if step.start > 0 and not lines[step.start - 1].strip() else ""
            lines.insert(step.end, blank + added)
            lines[step.end - 1] = lines[step.end - 1].rstrip("\n") + "\n"
    draft.change(name, "".join(lines))


def _by_itself(command: str) -> bool:
    """Return True for runners that have environments of their own, in which plane-guard is."""
    return {match["runner"] for match in _RUNNER.finditer(_without_installs(command))} <= {"tox", "nox"}


def _call(command: str) -> str:
    """Return plane-guard as it is started in the environment of the tests."""
    launcher = _LAUNCHER.search(command)
    return f"{launcher[0]} plane-guard" if launcher else "plane-guard"


def _without_installs(command: str) -> str:
    return "\n".join(line for line in command.splitlines() if not re.search(r"\b(?:install|add|sync)\b", line))


def _steps(draft: Draft, name: str, text: str) -> Iterator[_Step]:
    try:
        document = yaml.compose(text)
    except yaml.YAMLError as error:
        draft.notes.append(f"{name} is not valid YAML ({str(error).splitlines()[0]}). Fix it first.")
        return
    for steps in _values(document, "steps"):
        for step in steps.value if isinstance(steps, yaml.SequenceNode) else ():
            command = next((run.value for run in _values(step, "run") if isinstance(run.value, str)), "")
            if _RUNNER.search(_without_installs(command)):
                yield _step(step, command, text)


def _step(node: yaml.Node, command: str, text: str) -> _Step:
    lines = text.splitlines()
    end, column = node.end_mark.line, node.end_mark.column
    # A block ends where the next token begins; blank lines and comments before it are not part of it.
    end += bool(end < len(lines) and lines[end][:column].strip())
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1
    dash = lines[node.start_mark.line].rfind("-", 0, node.start_mark.column)
    return _Step(node.start_mark.line, end, dash, command)


def _values(node: yaml.Node | None, key: str) -> Iterator[yaml.Node]:
    """Yield every value of a key, at whatever depth."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                yield value
            else:
                yield from _values(value, key)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _values(value, key)


def _gitlab(draft: Draft, name: str) -> None:
    """Let the script of a job go on after its tests, report, and end as the tests did."""
    text = draft.read(name) or ""
    if "plane-guard" in text:
        return
    lines, changed = text.splitlines(), False
    for number, line in reversed(list(enumerate(lines))):
        item = re.match(r"(?P<indent>\s*- )(?P<command>[^'\"|>\[{#][^#]*?)(?P<rest>\s+#.*)?\s*$", line)
        if item is None or not _RUNNER.search(_without_installs(item["command"])) or _by_itself(item["command"]):
            continue
        indent, command = item["indent"], item["command"]
        is_last = number + 1 == len(lines) or not lines[number + 1].startswith(indent)
        if not is_last:
            continue
        gate = f"{indent}{_call(command)} {GATE} || failed=1"
        lines[number : number + 1] = [
            f"{indent}{command} || failed=1{item['rest'] or ''}",
            gate,
            f'{indent}exit "${{failed:-0}}"',
        ]
        changed = True
    if changed:
        draft.change(name, "\n".join(lines) + "\n")
    else:
        draft.notes.append(_ELSEWHERE.format(name="GitLab", gate=GATE))


def _tox(draft: Draft, name: str) -> None:
    """Install plane-guard in tox's environment, and report after its commands, whether they failed or not."""
    text = draft.read(name) or ""
    section = re.search(r"^\[testenv\][^\n]*\n(?P<body>(?:(?!\[).*\n?)*)", text, re.MULTILINE)
    if section is None or "plane-guard" in section["body"]:
        return
    body = section["body"].rstrip("\n") + "\n"
    rest = section["body"][len(body) - 1 :].removeprefix("\n") if body.strip() else ""
    deps = re.search(r"^deps[ \t]*=[^\n]*\n(?:[ \t]+[^\n]*\n)*", body, re.MULTILINE)
    if deps is None:
        body = f"deps =\n    plane-guard\n{body}"
    else:
        first = deps[0].partition("=")[2].partition("\n")[0].strip()
        listed = deps[0] if not first else deps[0].replace(first, f"\n    {first}", 1).replace("= \n", "=\n", 1)
        body = body.replace(deps[0], f"{listed}    plane-guard\n", 1)
    body += f"commands_post =\n    plane-guard {GATE}\n" if "commands_post" not in body else ""
    if "commands_post" in section["body"]:
        draft.notes.append(f"{name}: add `plane-guard {GATE}` to commands_post.")
    draft.change(name, text[: section.start("body")] + body + rest + text[section.end("body") :])
