"""The server, account and table in a `clickhouse://` address. No message contains the password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

PORTS: Mapping[str, int] = {"clickhouse": 8123, "clickhouses": 8443}
PASSWORD = "CLICKHOUSE_PASSWORD"  # noqa: S105 - the name of a variable
FORM = "clickhouse://user:password@host:8123/database?table=otel_traces"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,126}")


class AddressError(ValueError):
    """An invalid address. The text says why, and shows a valid one."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: an address looks like {FORM}")


@dataclass(frozen=True, slots=True)
class Address:
    """A table of traces, and the account that reads it."""

    secure: bool
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    table: str

    @property
    def place(self) -> str:
        """The address without account and password."""
        scheme = "clickhouses" if self.secure else "clickhouse"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/{self.database}?table={self.table}"


def is_address(source: str) -> bool:
    """Return True if this is the address of a ClickHouse server."""
    return source.partition("://")[0] in PORTS and "://" in source


def parsed(source: str, environ: Mapping[str, str]) -> Address:
    """Return the parts of the address, with defaults for those that it leaves out."""
    try:
        found = urlsplit(source)
        port = found.port
    except ValueError:
        raise AddressError("Invalid host or port in the ClickHouse address") from None
    if not found.hostname:
        raise AddressError("The ClickHouse address names no host")
    return Address(
        secure=found.scheme == "clickhouses",
        host=found.hostname,
        port=PORTS[found.scheme] if port is None else port,
        user=unquote(found.username or "default"),
        password=unquote(found.password) if found.password is not None else environ.get(PASSWORD, ""),
        database=_identifier("database", unquote(found.path.strip("/")) or "default"),
        table=_identifier("table", _options(found).get("table", "otel_traces")),
    )


def _options(found: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(found.query, keep_blank_values=True))
    if found.fragment or options.keys() - {"table"}:
        raise AddressError("The only option of a ClickHouse address is `table`")
    return options


def _identifier(kind: str, name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise AddressError(f"The name of the {kind} in the ClickHouse address may hold letters, digits and _ only")
    return name
