"""The network of a new namespace: loopback only, every address local, every TCP connection led to one port.

The kernel is asked in netlink messages, because `ip` and `nft` need not be installed.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from typing import Final

NAMES_PORT: Final = 53
_LOOPBACK = b"lo"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_SO_ORIGINAL_DST = 80

_NETLINK_NETFILTER = 12
_NLMSG_ERROR = 2
_REQUEST, _ACK, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_NESTED = 0x8000
_NEW_ROUTE = 24
_TABLE_LOCAL, _PROTOCOL_STATIC, _SCOPE_HOST, _TYPE_LOCAL = 255, 4, 254, 2
_ROUTE_OUTPUT = 4

_BATCH_BEGIN, _BATCH_END, _NFTABLES = 0x10, 0x11, 10
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = 0, 3, 6
_IPV4 = 2
_LOCAL_OUT, _BEFORE_NAT = 3, -100
_NETWORK_HEADER, _DESTINATION_OFFSET = 1, 16
_EQUAL, _NOT_EQUAL = 0, 1
_REGISTER = 1
_META_PROTOCOL = 16
_LOOPBACK_NETWORK = 127
_TABLE = b"plane_guard\0"
_CHAIN = b"out\0"


def raise_loopback() -> None:
    """Bring the loopback interface up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sH14s", _LOOPBACK, 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH14s", _LOOPBACK, flags | _IFF_UP, b""))


def make_every_address_local() -> None:
    """Deliver packets for any IPv4 address to this namespace itself."""
    route = struct.pack(
        "BBBBBBBBI", socket.AF_INET, 0, 0, 0, _TABLE_LOCAL, _PROTOCOL_STATIC, _SCOPE_HOST, _TYPE_LOCAL, 0
    )
    interface = _attribute(_ROUTE_OUTPUT, struct.pack("I", socket.if_nametoindex(_LOOPBACK.decode())))
    flags = _REQUEST | _ACK | _EXCLUSIVE | _CREATE
    _send(socket.NETLINK_ROUTE, [_message(_NEW_ROUTE, flags, 1, route + interface)], acknowledged=1)


def redirect_connections(port: int) -> None:
    """Lead each outgoing TCP connection to this port, except those to 127.0.0.0/8.

    Raises `OSError` if the kernel has no nftables.
    """
    begin = struct.pack("!BBH", 0, 0, _NFTABLES)
    hook = _attribute(1, struct.pack("!I", _LOCAL_OUT)) + _attribute(2, struct.pack("!i", _BEFORE_NAT))
    chain = _attribute(1, _TABLE) + _attribute(3, _CHAIN) + _attribute(4 | _NESTED, hook) + _attribute(7, b"nat\0")
    rule = _attribute(1, _TABLE) + _attribute(2, _CHAIN) + _attribute(4 | _NESTED, _expressions(port))
    messages = [
        _message(_BATCH_BEGIN, _REQUEST, 0, begin),
        _nftables(_NEW_TABLE, 1, _attribute(1, _TABLE)),
        _nftables(_NEW_CHAIN, 2, chain),
        _nftables(_NEW_RULE, 3, rule),
        _message(_BATCH_END, _REQUEST, 4, begin),
    ]
    _send(_NETLINK_NETFILTER, messages, acknowledged=3)


def original_destination(connection: socket.socket) -> tuple[str, int]:
    """Return the address that a client connected to, before the connection was led elsewhere."""
    try:
        found = connection.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
    except OSError:
        address = connection.getsockname()
        return str(address[0]), int(address[1])
    port, packed = struct.unpack("!2xH4s8x", found)
    return socket.inet_ntoa(packed), port


def _expressions(port: int) -> bytes:
    """Return the rule as nftables reads it: destination not 127.0.0.0/8, protocol TCP, redirect to the port."""
    destination = _number(1, _REGISTER) + _number(2, _NETWORK_HEADER) + _number(3, _DESTINATION_OFFSET) + _number(4, 1)
    return b"".join(
        (
            _expression(b"payload", destination),
            _expression(b"cmp", _comparison(_NOT_EQUAL, bytes([_LOOPBACK_NETWORK]))),
            _expression(b"meta", _number(1, _REGISTER) + _number(2, _META_PROTOCOL)),
            _expression(b"cmp", _comparison(_EQUAL, bytes([socket.IPPROTO_TCP]))),
            _expression(b"immediate", _number(1, _REGISTER) + _data(2, struct.pack("!H", port))),
            _expression(b"redir", _number(1, _REGISTER)),
        )
    )


def _expression(name: bytes, content: bytes) -> bytes:
    return _attribute(1 | _NESTED, _attribute(1, name + b"\0") + _attribute(2 | _NESTED, content))


def _comparison(operator: int, value: bytes) -> bytes:
    return _number(1, _REGISTER) + _number(2, operator) + _data(3, value)


def _data(kind: int, value: bytes) -> bytes:
    return _attribute(kind | _NESTED, _attribute(1, value))


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("!I", value))


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _nftables(kind: int, sequence: int, content: bytes) -> bytes:
    family = struct.pack("!BBH", _IPV4, 0, 0)
    return _message(_NFTABLES << 8 | kind, _REQUEST | _CREATE | _ACK, sequence, family + content)


def _message(kind: int, flags: int, sequence: int, content: bytes) -> bytes:
    return struct.pack("IHHII", 16 + len(content), kind, flags, sequence, 0) + content


def _send(protocol: int, messages: list[bytes], *, acknowledged: int) -> None:
    """Send messages and wait until the kernel has acknowledged each; raises `OSError` if it refuses one."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as link:
        link.bind((0, 0))
        link.settimeout(5)
        link.sendall(b"".join(messages))
        while acknowledged > 0:
            received = link.recv(65_536)
            while received:
                length, kind = struct.unpack_from("IH", received)
                if kind == _NLMSG_ERROR:
                    number = -struct.unpack_from("i", received, 16)[0]
                    if number:
                        raise OSError(number, os.strerror(number))
                    acknowledged -= 1
                received = received[length + -length % 4 :]
