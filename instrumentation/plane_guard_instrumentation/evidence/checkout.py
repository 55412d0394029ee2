"""Branch, revision and origin of a git checkout or worktree, read from its files without starting git."""

from __future__ import annotations

import re

from plane_guard_instrumentation.evidence.system import SYSTEM

# Compiled in a checkout only.
_REVISION = r"[0-9a-f]{40}|[0-9a-f]{64}"
_ORIGIN = r'(?m)^\[remote "origin"\][ \t]*$(?P<body>(?:\n(?!\[).*)*)'
_URL = r"(?m)^\s*url\s*=\s*(?P<url>\S+)\s*$"
_SSH = r"(?:ssh://)?(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+)(?::[0-9]+/|:|/)/*(?P<path>[^:\s]+)"
_REF_KINDS = (("refs/heads/", "branch"), ("refs/tags/", "tag"))
_POINTER = "gitdir:"


def attributes(folder: str) -> dict[str, str]:
    """Return branch, revision, name and origin of the checkout whose top folder this is, as far as they are known."""
    name = {"vcs.repository.name": folder.rpartition(SYSTEM.sep)[2]}
    try:
        git = f"{folder}/.git"
        return name | _read(_git_folder(folder, git))
    except (OSError, ValueError):
        return {}


def _git_folder(folder: str, git: str) -> str:
    """Return the folder with HEAD. In a worktree or submodule, ``.git`` is a file that names it."""
    pointer = _text(git)
    return _joined(folder, pointer.removeprefix(_POINTER).strip()) if pointer.startswith(_POINTER) else git


def _read(git: str) -> dict[str, str]:
    common = _text(f"{git}/commondir").strip()
    store = _joined(git, common) if common else git
    return _head(SYSTEM.read_text(f"{git}/HEAD").strip(), store) | _origin(_text(f"{store}/config"))


def _head(head: str, store: str) -> dict[str, str]:
    if not head.startswith("ref:"):
        return {"vcs.ref.head.revision": head} if re.fullmatch(_REVISION, head) else {}
    reference = head.removeprefix("ref:").strip()
    found = {"vcs.ref.head.name": reference}
    for prefix, kind in _REF_KINDS:
        if reference.startswith(prefix):
            found = {"vcs.ref.head.name": reference.removeprefix(prefix), "vcs.ref.head.type": kind}
    revision = _revision(reference, store)
    return found | ({"vcs.ref.head.revision": revision} if re.fullmatch(_REVISION, revision) else {})


def _revision(reference: str, store: str) -> str:
    loose = _text(f"{store}/{reference}").strip()
    if loose:
        return loose
    for line in _text(f"{store}/packed-refs").splitlines():
        revision, _, name = line.partition(" ")
        if name == reference:
            return revision
    return ""


def _origin(config: str) -> dict[str, str]:
    section = re.search(_ORIGIN, config)
    url = re.search(_URL, section["body"]) if section else None
    address = web_form(url["url"]) if url else ""
    return {"vcs.repository.url.full": address} if address else {}


def web_form(url: str) -> str:
    """Return the https address of a repository, however git reaches it; an empty string for one on this machine."""
    if url.startswith(("http://", "https://")):
        return url.removesuffix("/").removesuffix(".git")
    ssh = re.fullmatch(_SSH, url) if url else None
    is_remote = url.startswith("ssh://") or (":" in url and "://" not in url)
    return f"https://{ssh['host']}/{ssh['path']}".removesuffix("/").removesuffix(".git") if ssh and is_remote else ""


def _joined(folder: str, path: str) -> str:
    return path if path.startswith(SYSTEM.sep) else f"{folder}/{path}"


def _text(file: str) -> str:
    """Return the text of a file, or an empty string if it is missing or a folder."""
    try:
        return SYSTEM.read_text(file)
    except (OSError, ValueError):
        return ""
