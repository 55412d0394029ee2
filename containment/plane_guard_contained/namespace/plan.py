"""The plan that the launcher hands to the process that enters the namespace. It holds no secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

PROXY_PORT = 48_128
"""Inside, a client that is told of a proxy finds it on this port of 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The command and the surroundings in which it runs."""

    command: list[str]
    door: int
    """Descriptor of the socket that leads to the proxy."""
    status: int
    """Descriptor of the pipe on which the namespace reports to the launcher."""
    loopback_ports: list[int]
    """Ports of 127.0.0.1 that lead to the proxy: Plane servers on this machine."""
    covers: list[tuple[str, str]]
    """Files and folders to put over others: source and target."""
    markers: str
    """Folder in which processes inside find their guarded ancestor."""
    marker: str
    """The launcher's own marker, for them to read."""
    proxy_variables: dict[str, str]
    """Set only if connections cannot be led to the proxy by the kernel."""

    def as_text(self) -> str:
        """Return the plan as one argument of a command line."""
        return json.dumps(asdict(self))


def read(text: str) -> Plan:
    """Return the plan that `as_text` wrote."""
    return Plan(**json.loads(text))
