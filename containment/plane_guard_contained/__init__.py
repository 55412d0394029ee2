"""Contained runs: a command whose only way out is a proxy that decides by the rules of the guard.

Linux only. The proxy needs the extra ``proxy`` (mitmproxy, Python 3.12 or newer).
"""
