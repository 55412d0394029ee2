"""The clients of the matrix: real programs of this machine, each sending the same requests."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.contained.environment import Environment

PROGRAMS = Path(__file__).with_name("programs")
KEY = "X-Api-Key: $PLANE_API_KEY"


class Client(NamedTuple):
    """A program that takes METHOD URL BODY and prints the status, or a reason to leave it out."""

    command: list[str]
    missing: str = ""
    is_plain: bool = False
    """True if it knows no TLS."""


def every(environment: Environment) -> Mapping[str, Client]:
    """Return every client, by name."""
    built = environment.bare.parents[2]
    curl = 'exec curl -s -o /dev/null -w "%{http_code}" -X "$1" -H "X-Api-Key: $PLANE_API_KEY" '
    curl += '-H "Content-Type: application/json" --data "$3" "$2"'
    wget = 'wget -q -S -O /dev/null --method "$1" --header "X-Api-Key: $PLANE_API_KEY" '
    wget += '--header "Content-Type: application/json" --body-data "$3" "$2" 2>&1 | awk \'/HTTP\\//{print $2}\''
    node, java, bare = _found("node"), _found("java"), str(environment.bare)
    return {
        "curl": Client(["bash", "-c", curl, "curl"], _missing("curl")),
        "wget": Client(["bash", "-c", wget, "wget"], _missing("wget")),
        "node fetch": Client([node, str(PROGRAMS / "fetch.mjs")], _missing("node")),
        "node axios": Client([node, str(built / "axios.cjs")], _not_built(built / "node_modules", "npm")),
        "Go net/http": Client([str(built / "client")], _not_built(built / "client", "go")),
        "static binary": Client([str(built / "client-static")], _not_built(built / "client-static", "go")),
        "Java HttpClient": Client([java, str(PROGRAMS / "Client.java")], _missing("java")),
        "python -S": Client([bare, "-S", str(PROGRAMS / "plain.py")]),
        "requests in another venv": Client([bare, str(PROGRAMS / "with_requests.py")]),
        "primp": Client([bare, str(PROGRAMS / "with_primp.py")]),
        "bash /dev/tcp": Client(["bash", str(PROGRAMS / "tcp.sh")], is_plain=True),
    }


def _found(name: str) -> str:
    return shutil.which(name) or name


def _missing(name: str) -> str:
    return "" if shutil.which(name) else f"{name} is not installed"


def _not_built(path: Path, tool: str) -> str:
    return "" if path.exists() else f"not built: install {tool}, delete {path.parent}, run .ci/contained/build"
