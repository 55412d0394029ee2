"""Copies evidence to where its own would be, then writes to each URL. Run without site-packages."""

import os
import shutil
import sys
import urllib.error
import urllib.request

copied, *urls = sys.argv[1:]
shutil.copy(copied, f".plane-guard/decisions-here-{os.getpid()}-1.jsonl")
headers = {"X-Api-Key": os.environ["PLANE_API_KEY"], "Content-Type": "application/json"}
for url in urls:
    try:
        print(urllib.request.urlopen(urllib.request.Request(url, b'{"name": "forged"}', headers)).status)
    except urllib.error.HTTPError as error:
        print(error.code)
