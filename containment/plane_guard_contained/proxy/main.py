"""The process of the proxy.

It is no guarded process: the add-on decides, and mitmproxy's own connections are what it decides about. So the
launcher starts it without site-packages' start-up files.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

import plane_guard_watch
from plane_guard_contained.credentials.vault import Vault
from plane_guard_contained.proxy import orders as _orders

_UNREADABLE = 2


def main() -> None:
    """Run the proxy of the orders on standard input, until that input ends."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    if not line:
        sys.exit(_UNREADABLE)
    orders = _orders.read(line)
    plane_guard_watch.STATE.ancestor = plane_guard_watch.STATE.marker = orders.marker
    plane_guard_watch.STATE.evidence = orders.evidence
    logging.disable(logging.CRITICAL)  # its log would hold addresses and errors of requests
    asyncio.run(_run(orders))


async def _run(orders: _orders.Orders) -> None:
    from mitmproxy import master, options
    from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig

    from plane_guard_contained.proxy.addon import LAYER, Guard
    from plane_guard_contained.proxy.connections import Connections
    from plane_guard_instrumentation.evidence import coverage, session

    coverage.report_clients(lambda: [LAYER])
    coverage.report_containment(orders.containment)
    guard = Guard(orders, Vault(orders.secrets))
    running = master.Master(options.Options(confdir=orders.folder))
    tls = tlsconfig.TlsConfig()
    running.addons.add(core.Core(), proxyserver.Proxyserver(), next_layer.NextLayer(), tls, guard)
    running.options.update(
        server=False,
        connection_strategy="lazy",
        upstream_cert=False,
        add_upstream_certs_to_client_chain=False,
        ssl_verify_upstream_trusted_ca=orders.trusted or None,
        store_streamed_bodies=False,
    )
    tls.certstore = _store(orders, Path(orders.folder))
    connections = Connections(running, guard)
    connections.accept(orders)
    session.announce()
    _tell(ready=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    _tell(blocked=guard.blocked, refused=dict(guard.refused))
    os._exit(0)


def _store(orders: _orders.Orders, folder: Path) -> object:
    """Return mitmproxy's store of certificates for our authority, whose key is in no file."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from mitmproxy.certs import Cert, CertStore, dummy_crl

    key = load_pem_private_key(orders.authority_key.encode(), None)
    authority = Cert.from_pem(orders.authority.encode())
    crl = dummy_crl(key, authority.to_cryptography())
    return CertStore(key, authority, None, crl, CertStore.load_dhparam(folder / "dhparam.pem"))


def _tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
