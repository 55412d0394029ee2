"""Sends one request: METHOD URL BODY. Prints the status."""

import os
import sys

import requests

method, url, body = sys.argv[1:]
headers = {"X-Api-Key": os.environ["PLANE_API_KEY"], "Content-Type": "application/json"}
print(requests.request(method, url, data=body, headers=headers, timeout=60).status_code)
