"""The request as a client is about to send it, in the form that all clients share."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Client(NamedTuple):
    """The process that sent a request which another process decides: its program's name and its id, if known.

    ``has_recorded`` tells from the attributes of an allow if that process has recorded the same decision.
    """

    name: str = ""
    pid: int | None = None
    has_recorded: Callable[[Mapping[str, object]], bool] = lambda _: False


class OutgoingRequest(NamedTuple):
    """A request before it is sent.

    ``headers`` are name and value as bytes. ``body`` is bytes, ``None`` for no body, or the stream itself if the
    content is not in memory. ``origin`` is scheme, host and port, such as ``https://api.plane.so``. ``client`` is
    ``None`` if this process sends the request itself.
    """

    layer: str
    method: str
    url: str
    headers: Sequence[tuple[bytes, bytes]]
    body: object
    origin: str
    client: Client | None = None
