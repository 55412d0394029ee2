"""Sends one request: METHOD URL BODY. Prints the status. Runs with `python -S`."""

import http.client
import os
import sys
from urllib.parse import urlsplit

method, url, body = sys.argv[1:]
address = urlsplit(url)
kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
connection = kind(address.hostname or "", address.port)
headers = {"X-Api-Key": os.environ["PLANE_API_KEY"], "Content-Type": "application/json"}
connection.request(method, address.path, body, headers)
print(connection.getresponse().status)
