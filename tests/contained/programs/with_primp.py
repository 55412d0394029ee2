"""Sends one request: METHOD URL BODY. Prints the status."""

import os
import sys

import primp  # type: ignore[import-not-found]  # of the bare environment

method, url, body = sys.argv[1:]
headers = {"X-Api-Key": os.environ["PLANE_API_KEY"], "Content-Type": "application/json"}
print(primp.Client().request(method, url, content=body.encode(), headers=headers).status_code)
