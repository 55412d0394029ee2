"""The orders of the launcher to the proxy: one line on its standard input, because it holds the tokens.

The end of that input ends the proxy.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from plane_guard_contained.credentials.vault import Secret


@dataclass(frozen=True, slots=True)
class Orders:
    """Everything that the proxy has to know."""

    marker: str
    """Marker of the launcher, which names run, trace folder and settings."""
    evidence: str
    """Why this is a test process."""
    folder: str
    """A folder for files of the proxy, which the launcher deletes."""
    authority: str
    authority_key: str
    containment: str
    """How the command is contained."""
    door: int = -1
    """Descriptor of the socket on which the namespace hands over connections."""
    listener: int = -1
    """Descriptor of a listening socket, without containment."""
    trusted: str = ""
    """Bundle of the authorities that servers may have their certificates from."""
    secrets: tuple[Secret, ...] = ()
    token_hosts: tuple[str, ...] = ()
    """The hosts that tokens may be sent to."""
    plain_hosts: tuple[str, ...] = ()
    """Those of them that are addressed without TLS."""
    connect_to: tuple[tuple[str, int, str, int], ...] = ()
    """Host and port that are asked for, host and port to connect to instead."""

    def as_line(self) -> bytes:
        """Return the orders as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"


def read(line: bytes) -> Orders:
    """Return the orders of a line that `as_line` wrote."""
    fields = json.loads(line)
    return Orders(
        **{
            **fields,
            "secrets": tuple(Secret(**secret) for secret in fields["secrets"]),
            "token_hosts": tuple(fields["token_hosts"]),
            "plain_hosts": tuple(fields["plain_hosts"]),
            "connect_to": tuple(
                (str(host), int(port), str(to), int(at)) for host, port, to, at in fields["connect_to"]
            ),
        }
    )
