"""What the git checkout or worktree around a folder says about itself, read without starting git."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MOST_FOLDERS = 40
_LARGEST_FILE = 4_194_304
# Compiled where there is a checkout.
_REVISION = r"[0-9a-f]{40}|[0-9a-f]{64}"
_ORIGIN = r'(?m)^\[remote "origin"\][ \t]*$(?P<body>(?:\n(?!\[).*)*)'
_URL = r"(?m)^\s*url\s*=\s*(?P<url>\S+)\s*$"
_SSH = r"(?:ssh://)?(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+)(?::[0-9]+/|:|/)/*(?P<path>[^:\s]+)"
_REF_KINDS = (("refs/heads/", "branch"), ("refs/tags/", "tag"))


def attributes(here: Path) -> dict[str, str]:
    """Branch, revision, folder name and origin of the checkout that this folder is in; empty outside of any."""
    try:
        for folder in (here, *list(here.parents)[:_MOST_FOLDERS]):
            git = folder / ".git"
            if git.exists():
                return {"vcs.repository.name": folder.name, **_read(_git_folder(git))}
    except (OSError, ValueError):
        pass
    return {}


def _git_folder(git: Path) -> Path:
    if not git.is_file():
        return git
    return (git.parent / _text(git).removeprefix("gitdir:").strip()).resolve()


def _read(git: Path) -> dict[str, str]:
    common = git / "commondir"
    store = (git / _text(common).strip()).resolve() if common.exists() else git
    return _head(_text(git / "HEAD").strip(), store) | _origin(store / "config")


def _head(head: str, store: Path) -> dict[str, str]:
    if not head.startswith("ref:"):
        return {"vcs.ref.head.revision": head} if re.fullmatch(_REVISION, head) else {}
    reference = head.removeprefix("ref:").strip()
    found = {"vcs.ref.head.name": reference}
    for prefix, kind in _REF_KINDS:
        if reference.startswith(prefix):
            found = {"vcs.ref.head.name": reference.removeprefix(prefix), "vcs.ref.head.type": kind}
    revision = _revision(reference, store)
    return found | ({"vcs.ref.head.revision": revision} if re.fullmatch(_REVISION, revision) else {})


def _revision(reference: str, store: Path) -> str:
    loose, packed = store / reference, store / "packed-refs"
    if loose.is_file():
        return _text(loose).strip()
    for line in _text(packed).splitlines() if packed.is_file() else ():
        revision, _, name = line.partition(" ")
        if name == reference:
            return revision
    return ""


def _origin(config: Path) -> dict[str, str]:
    section = re.search(_ORIGIN, _text(config)) if config.is_file() else None
    url = re.search(_URL, section["body"]) if section else None
    address = web_form(url["url"]) if url else ""
    return {"vcs.repository.url.full": address} if address else {}


def web_form(url: str) -> str:
    """The https address of a repository, whatever way git reaches it; the empty string for one on this machine."""
    if url.startswith(("http://", "https://")):
        return url.removesuffix("/").removesuffix(".git")
    ssh = re.fullmatch(_SSH, url) if url else None
    is_remote = url.startswith("ssh://") or (":" in url and "://" not in url)
    return f"https://{ssh['host']}/{ssh['path']}".removesuffix("/").removesuffix(".git") if ssh and is_remote else ""


def _text(file: Path) -> str:
    if file.stat().st_size > _LARGEST_FILE:
        return ""
    return file.read_text(encoding="utf-8")
