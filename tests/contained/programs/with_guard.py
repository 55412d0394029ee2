"""Writes through a guarded Python: URL of the sandbox's items, URL of production's. Prints what became of each write.

Two equal writes with requests, one each with httpx and aiohttp, one with a child that the guard cannot see, and one to
production with each.
"""

import asyncio
import os
import subprocess
import sys

import aiohttp
import httpx
import requests

PLAIN = """
import os, sys, urllib.error, urllib.request
headers = {"X-Api-Key": os.environ["PLANE_API_KEY"], "Content-Type": "application/json"}
asked = urllib.request.Request(sys.argv[1], b'{"name": "plain"}', headers)
try:
    print(urllib.request.urlopen(asked).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
HEADERS = {"X-Api-Key": os.environ["PLANE_API_KEY"]}


async def with_aiohttp(url: str) -> int:
    """Write with aiohttp."""
    async with (
        aiohttp.ClientSession(headers=HEADERS, trust_env=True) as session,
        session.post(url, json={"name": "aiohttp"}) as response,
    ):
        return response.status


for url, writes in (sys.argv[1], ("requests", "requests", "httpx", "aiohttp")), (sys.argv[2], ("requests", "httpx")):
    for name in writes:
        try:
            if name == "aiohttp":
                print(name, asyncio.run(with_aiohttp(url)))
            else:
                module = requests if name == "requests" else httpx
                print(name, module.post(url, json={"name": name}, headers=HEADERS).status_code)
        except RuntimeError as refusal:
            print(name, type(refusal).__name__)
    ran = subprocess.run([os.environ["BARE"], "-S", "-c", PLAIN, url], capture_output=True, text=True, check=False)
    print("plain", ran.stdout.strip() or ran.stderr)
