"""Runs commands, a JSON list of name, target and command on standard input; prints what each printed last.

Requests to another host than Plane's carry no token.
"""

import json
import os
import subprocess
import sys

for name, target, command in json.load(sys.stdin):
    environ = {**os.environ, "PLANE_API_KEY": ""} if target == "other" else None
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=environ)
    lines = ran.stdout.strip().splitlines()
    print(json.dumps([name, target, lines[-1] if lines else "", ran.stderr[-2000:]]), flush=True)
