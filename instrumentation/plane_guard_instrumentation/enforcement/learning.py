"""Learning Plane hosts from the requests that this process sends.

A test that reads from Plane on a host that no setting names tells that the host is Plane's. From then on clients that
the guard cannot inspect may not connect to it.
"""

from __future__ import annotations

from contextlib import suppress

from plane_guard import process


def learn_host(url: str | bytes) -> None:
    """Remember the host of a Plane-shaped URL as a Plane host, in a test process."""
    if not process.test_evidence():
        return
    from plane_guard.classification import plane_shaped_address

    # A URL that cannot be read teaches nothing. The check of the request itself refuses it if it is a write.
    with suppress(Exception):
        address = plane_shaped_address(url.decode("latin-1") if isinstance(url, bytes) else url)
        if address is not None:
            process.learn_host(*address)
