"""Names inside the namespace: each gets an address of its own, which tells the relay the name again.

Addresses are from 198.18.0.0/15, which the Internet does not use. The proxy looks the real ones up.
"""

from __future__ import annotations

import ipaddress
import struct

_FIRST = int(ipaddress.IPv4Address("198.18.0.1"))
_MOST = (1 << 17) - 2
_NETWORK = ipaddress.ip_network("198.18.0.0/15")
_HEADER = struct.Struct("!6H")
_A, _IN = 1, 1
_ANSWER, _RECURSION, _FORMAT_ERROR = 0x8000, 0x0180, 1
_SECONDS = 60
_POINTER_TO_QUESTION = 0xC00C
_LONGEST_LABEL = 63
_LOCAL = frozenset({"localhost"})


class Names:
    """The names that were asked for, and the address of each."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def address(self, name: str) -> str:
        """Return the address that stands for a name."""
        key = name.lower().rstrip(".")
        if key in _LOCAL or key.endswith(".localhost"):
            return "127.0.0.1"
        if key not in self._addresses:
            address = str(ipaddress.IPv4Address(_FIRST + len(self._addresses) % _MOST))
            self._addresses[key] = address
            self._names[address] = key
        return self._addresses[key]

    def host(self, address: str) -> str:
        """Return the name that an address stands for, the address itself if it is a real one, or an empty string."""
        if address in self._names:
            return self._names[address]
        return "" if ipaddress.ip_address(address) in _NETWORK else address

    def answer(self, query: bytes) -> bytes:
        """Return the answer to a DNS query, or nothing if it is no query. Only IPv4 addresses are known."""
        if len(query) < _HEADER.size:
            return b""
        number, flags, questions, *_ = _HEADER.unpack_from(query)
        if flags & _ANSWER:
            return b""
        try:
            name, end = _read_name(query)
            kind, network = struct.unpack_from("!HH", query, end)
        except (struct.error, IndexError, ValueError):
            return _HEADER.pack(number, _ANSWER | _RECURSION | _FORMAT_ERROR, 0, 0, 0, 0)
        question = query[_HEADER.size : end + 4]
        is_known = questions == 1 and (kind, network) == (_A, _IN) and bool(name)
        record = b""
        if is_known:
            packed = ipaddress.IPv4Address(self.address(name)).packed
            record = struct.pack("!HHHIH", _POINTER_TO_QUESTION, _A, _IN, _SECONDS, len(packed)) + packed
        return _HEADER.pack(number, _ANSWER | _RECURSION, 1, int(is_known), 0, 0) + question + record


def _read_name(query: bytes) -> tuple[str, int]:
    labels, at = [], _HEADER.size
    while query[at]:
        length = query[at]
        if length > _LONGEST_LABEL:
            raise ValueError(length)
        labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 1
