"""The Plane server to ask: its address, the token and the workspaces, from the environment of a Plane client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from plane_guard.keys import is_slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLOUD = "https://api.plane.so"
URL_VARIABLES = ("PLANE_BASE_URL", "PLANE_API_HOST_URL", "PLANE_API_URL", "PLANE_URL")
TOKEN_VARIABLES = ("PLANE_API_KEY", "PLANE_API_TOKEN", "PLANE_TOKEN")
WORKSPACE_VARIABLES = ("PLANE_WORKSPACE_SLUG", "PLANE_WORKSPACE")
_WEB_APP = {"api.plane.so": "https://app.plane.so"}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class CannotAskError(Exception):
    """The server cannot be asked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """An address without `/api/v1`, a token, and the slugs of the workspaces to read."""

    url: str
    token: str = field(repr=False)
    workspaces: tuple[str, ...]

    @property
    def host(self) -> str:
        """The host, with the port if the address has one."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def is_local(self) -> bool:
        """True for a server on this machine."""
        return (urlsplit(self.url).hostname or "") in _LOOPBACK

    @property
    def web(self) -> str:
        """The address of the web app."""
        return _WEB_APP.get(self.host, self.url)


def find(
    environ: Mapping[str, str], url: str | None, workspaces: Iterable[str], from_evidence: Iterable[str] = ()
) -> Server:
    """Return the server that options, environment and evidence name.

    Raises:
        CannotAskError: Something is missing or malformed.
    """
    token = _first(environ, TOKEN_VARIABLES)
    if not token:
        raise CannotAskError(
            f"There is no Plane token: set {TOKEN_VARIABLES[0]} to a token that may read the projects of the run."
        )
    slugs = tuple(dict.fromkeys(workspaces)) or tuple(filter(None, [_first(environ, WORKSPACE_VARIABLES)]))
    slugs = slugs or tuple(sorted(set(from_evidence)))
    if not slugs:
        raise CannotAskError("No workspace is known: name its slug with --workspace.")
    for slug in slugs:
        if not is_slug(slug):
            raise CannotAskError(f"{slug!r} is not the slug of a workspace: copy it from the address of Plane's pages.")
    return Server(_address(url or _first(environ, URL_VARIABLES) or CLOUD), token, slugs)


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise CannotAskError("The address of the Plane server is invalid: write it like https://plane.example.com.")
    return text.rstrip("/").removesuffix("/api/v1").rstrip("/")


def _first(environ: Mapping[str, str], names: Iterable[str]) -> str:
    return next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")
