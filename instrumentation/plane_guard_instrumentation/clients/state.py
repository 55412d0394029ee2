"""The state of this package: which classes were patched, and which clients are closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from plane_guard import PlaneWriteBlocked
    from plane_guard_instrumentation.clients.snapshot import PatchSnapshot


@dataclass(slots=True, eq=False)
class WaitingCall:
    """A call of an MCP client that waits for its answer. Event loops do not share threads."""

    session: Any
    message: dict[str, Any]
    thread: int
    refusal: PlaneWriteBlocked | None = None


@dataclass(slots=True)
class ClientState:
    """Changed by `patches` and `self_check` only."""

    patched: WeakKeyDictionary[type, set[str]] = field(default_factory=WeakKeyDictionary)
    """The methods that were patched, by class."""
    closed: dict[str, str] = field(default_factory=dict)
    """The layers whose requests are not checked, and why. Known Plane hosts are closed to them."""
    unproven: set[str] = field(default_factory=set)
    """The closed layers whose self-check failed, which a later self-check may open again."""
    held: WeakKeyDictionary[Any, tuple[int, list[bytes], list[bytes]]] = field(default_factory=WeakKeyDictionary)
    """The requests of `http.client` whose bodies are not complete yet: the length, the pieces, and the head."""
    pending: WeakKeyDictionary[Any, bytes] = field(default_factory=WeakKeyDictionary)
    """The last bytes that were sent over a connection without passing `endheaders`."""
    waiting: list[WaitingCall] = field(default_factory=list)
    """The calls of MCP clients that wait for an answer."""
    snapshot: PatchSnapshot | None = None
    installed: bool = False
    verifying: bool = False


state = ClientState()
