"""The tests that this process has executed, for the session record.

A reader needs them to tell a test that ran without an attempt from a test that did not run. A list of node ids would be
longer than all other evidence together, so each test is named by a key: the first digits of the digest of its node id,
without the parameters of the case.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import redaction

if TYPE_CHECKING:
    from collections.abc import Iterable

DIGITS_OF_A_KEY = 12
# Fifty thousand keys are a line of 650 kB, which collectors and databases still take.
MOST_KEYS = 50_000
_KEYS_A_TEXT = 150  # readers cut longer texts
_PARAMETERS = r"(?s)\[.*\]$"


class _State:
    number: int | None = None
    keys: tuple[str, ...] = ()


def record(tests: Iterable[str]) -> None:
    """Set the node ids of the tests that were executed, each once."""
    secrets = redaction.of_environment()
    found = list(tests)
    # A decision has the redacted node id, so the key is made from that too.
    names = {without_parameters(redaction.clean(test, secrets)) for test in found}
    _State.number = len(found)
    _State.keys = tuple(sorted(map(key_of, names))) if len(names) <= MOST_KEYS else ()


def number() -> int | None:
    """Return the number of executed tests. None means that this process has not told, or runs no pytest session."""
    return _State.number


def keys() -> list[str] | None:
    """Return the keys in texts of many keys each, or None if there are none or too many."""
    found = _State.keys
    texts = [" ".join(found[at : at + _KEYS_A_TEXT]) for at in range(0, len(found), _KEYS_A_TEXT)]
    return texts or None


def without_parameters(test: str) -> str:
    """Return a test without the parameters of the case."""
    return redaction.compiled(_PARAMETERS).sub("", test) if "[" in test else test


def key_of(test: str) -> str:
    """Return the key of a test, which has no parameters."""
    return hashlib.sha256(test.encode("utf-8", "backslashreplace")).hexdigest()[:DIGITS_OF_A_KEY]
