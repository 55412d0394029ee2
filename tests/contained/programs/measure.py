"""Measures requests of `python -S`: URL PROXY COUNT kept|fresh. Prints the median time of one in seconds.

PROXY is host:port, or - for none. A kept connection carries all requests, a fresh one each.
"""

import http.client
import os
import ssl
import statistics
import sys
import time
from urllib.parse import urlsplit

url, proxy, count, how = sys.argv[1:]
address = urlsplit(url)
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])


def connect() -> http.client.HTTPSConnection:
    """Return a connection, through the proxy if there is one."""
    host, port = address.hostname or "", address.port or 443
    if proxy == "-":
        return http.client.HTTPSConnection(host, port, context=context)
    at, _, number = proxy.partition(":")
    made = http.client.HTTPSConnection(at, int(number), context=context)
    made.set_tunnel(host, port)
    return made


def ask(connection: http.client.HTTPSConnection) -> None:
    """Send one request and read the response."""
    connection.request("GET", address.path, headers={"X-Api-Key": os.environ.get("PLANE_API_KEY", "")})
    response = connection.getresponse()
    response.read()
    if response.status != http.client.OK:
        sys.exit(f"status {response.status}")


times, kept = [], connect()
ask(kept)
for _ in range(int(count)):
    begin = time.perf_counter()
    connection = kept if how == "kept" else connect()
    ask(connection)
    times.append(time.perf_counter() - begin)
    if how == "fresh":
        connection.close()
print(statistics.median(times))
