"""The changes that `plane-guard init` proposes, one function each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.adoption import ci, env_files, pyproject

if TYPE_CHECKING:
    from plane_guard_dashboard.adoption.draft import Draft

IGNORED = ".plane-guard/"
_AGENT_FILES = ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md", ".cursorrules", "GEMINI.md")
PARAGRAPH = """\
## Tests never write to production Plane

plane-guard is installed. In a test process it refuses every write to Plane, unless the test asked to write and the
write provably stays inside a sandbox project. `plane_guard.PlaneWriteBlocked` means that the code under test was about
to change real data; nothing was sent. Do not retry it, do not catch it to make a test pass, and do not look for a
switch: there is none. `plane-guard fix TEST` proposes the change that the test needs, which is usually the fixture
`fake_plane`. `plane-guard explain WORD` explains a reason. Never add a production project to `sandbox_projects`.
"""
_UNSURE = "{key} ({origin}) is listed as protected. If it is a sandbox, move it to sandbox_projects."
_NO_FACTS = "No .env file names a project. Name your sandbox and production projects in [tool.plane_guard]."


def propose(draft: Draft) -> Draft:
    """Fill a draft with everything that the project lacks."""
    facts = env_files.facts(draft)
    pyproject.add_tables(draft, facts)
    pyproject.add_requirement(draft)
    _ignore_evidence(draft)
    ci.add_step(draft)
    _tell_agents(draft)
    draft.notes += [_UNSURE.format(key=key, origin=origin) for key, origin in facts.projects.items()]
    if not facts.projects and not facts.sandboxes and "pyproject.toml" in draft.changed:
        draft.notes.append(_NO_FACTS)
    draft.notes[:] = dict.fromkeys(draft.notes)
    return draft


def _ignore_evidence(draft: Draft) -> None:
    text = draft.read(".gitignore")
    if text is None and not (draft.root / ".git").exists():
        return
    if IGNORED.rstrip("/") not in {line.strip().strip("/") for line in (text or "").splitlines()}:
        draft.append(".gitignore", f"{IGNORED}\n")


def _tell_agents(draft: Draft) -> None:
    """Add the paragraph to each file that coding agents read, or to a new AGENTS.md."""
    found = [name for name in _AGENT_FILES if (draft.root / name).exists()] or [_AGENT_FILES[0]]
    for name in found:
        text = draft.read(name) or ""
        if "plane-guard" not in text:
            draft.append(name, ("\n" if text and not text.endswith("\n\n") else "") + PARAGRAPH)
