"""The files and sockets of this machine that a contained command must not find as they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NOTHING = "/dev/null"
_RESOLVER = "/etc/resolv.conf"
_RESOLVER_TEXT = "# Names are resolved inside the contained run.\nnameserver 127.0.0.1\noptions ndots:1\n"
# Services that start programs or open connections for whoever asks, outside of the namespace.
_DOORS = (
    "/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock",
    "/run/crio/crio.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/snapd.socket",
    "/run/systemd/resolve/io.systemd.Resolve", "/var/run/nscd/socket", "/run/libvirt/libvirt-sock",
)  # fmt: skip
_USER_DOORS = ("bus", "systemd/private", "docker.sock", "podman/podman.sock")
_ADDRESS_VARIABLES = ("DOCKER_HOST", "DBUS_SESSION_BUS_ADDRESS", "CONTAINER_HOST")


def covers(folder: Path, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what to put over what: our resolver over the system's, nothing over services that lead out."""
    resolver = folder / "resolv.conf"
    resolver.write_text(_RESOLVER_TEXT, encoding="ascii")
    found = [(str(resolver), _RESOLVER)] if os.path.isfile(_RESOLVER) else []
    return [*found, *((_NOTHING, path) for path in sorted(_doors(environ)))]


def _doors(environ: Mapping[str, str]) -> set[str]:
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    named = [_path(environ.get(name, "")) for name in _ADDRESS_VARIABLES]
    paths = (*_DOORS, *(os.path.join(runtime, door) for door in _USER_DOORS), *named)
    return {os.path.realpath(path) for path in paths if path and os.path.exists(path)}


def _path(address: str) -> str:
    """Return the path in an address such as ``unix:///run/docker.sock`` or ``unix:path=/run/user/1000/bus,guid=…``."""
    scheme, _, rest = address.partition(":")
    return rest.removeprefix("path=").partition(",")[0].replace("//", "", 1) if scheme == "unix" else ""
