"""What a `clickhouse://` address may say, and what is used where it says nothing."""

from __future__ import annotations

import pytest

from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState
from plane_guard_dashboard.store import open_engine
from plane_guard_dashboard.store.clickhouse_address import PASSWORD, AddressError, is_address, parsed


def test_every_part_of_an_address_has_a_default_but_the_host() -> None:
    address = parsed("clickhouse://host", {})
    assert (address.port, address.user, address.password) == (8123, "default", "")
    assert address.place == "clickhouse://host:8123/default?table=otel_traces"
    assert parsed("clickhouses://host", {}).place == "clickhouses://host:8443/default?table=otel_traces"


def test_a_full_address_is_taken_apart_and_escapes_are_read() -> None:
    address = parsed("clickhouses://me%40home:p%40ss%2Fw@[::1]:9/db_1?table=spans", {})
    assert (address.user, address.password, address.host, address.port) == ("me@home", "p@ss/w", "::1", 9)
    assert address.place == "clickhouses://[::1]:9/db_1?table=spans"


def test_the_password_may_come_from_the_environment_and_is_never_shown() -> None:
    assert parsed("clickhouse://me@host", {PASSWORD: "secret"}).password == "secret"
    assert parsed("clickhouse://me:own@host", {PASSWORD: "secret"}).password == "own"
    assert "secret" not in repr(parsed("clickhouse://me:secret@host", {}))


@pytest.mark.parametrize(
    "source",
    [
        "clickhouse://",
        "clickhouse://me:secret@",
        "clickhouse://me:secret@host:port/db",
        "clickhouse://me:secret@host:99999/db",
        "clickhouse://me:secret@host/db-1",
        "clickhouse://me:secret@host/a/b",
        "clickhouse://me:secret@host/db?table=",
        "clickhouse://me:secret@host/db?table=a;DROP",
        "clickhouse://me@host/db?password=secret",
        "clickhouse://me:secret@host/db#part",
        "clickhouse://me:sec?ret@host/db",
        "clickhouse://[me:secret@host/db",
    ],
)
def test_what_is_no_address_says_how_one_looks_and_not_what_it_was(source: str) -> None:
    with pytest.raises(AddressError, match="an address looks like clickhouse://user:password@host"):
        parsed(source, {})
    with pytest.raises(NoTracesError) as caught:
        open_engine(source).refresh()
    assert caught.value.state is SourceState.BROKEN
    assert "secret" not in str(caught.value)
    assert "sec?" not in str(caught.value)


def test_only_these_two_schemes_are_addresses() -> None:
    assert is_address("clickhouse://host")
    assert is_address("clickhouses://host")
    assert not any(map(is_address, ("clickhouse", "postgres://host", "folder/clickhouse://host")))
