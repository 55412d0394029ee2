"""The identity of a group of decisions: test, project, op and reason. It is the same in every run."""

from __future__ import annotations

import hashlib
import json
import re

NOBODY = "(none)"
_PARAMETERS = re.compile(r"\[.*\]$", re.DOTALL)


class KnownReportError(ValueError):
    """The earlier report cannot be used; the text says what to name instead."""


def fingerprint(test: str, project: str, op: str, reason: str) -> str:
    """Return the identity of a group. A parametrized test is one test."""
    return hashlib.sha256("\n".join((without_parameters(test), project, op, reason)).encode()).hexdigest()[:12]


def known_fingerprints(report: str) -> frozenset[str]:
    """Return the fingerprints in the text of an earlier report.

    Raises:
        KnownReportError: The text is no such report.
    """
    try:
        return frozenset(str(group["fingerprint"]) for group in json.loads(report)["groups"])
    except (ValueError, KeyError, TypeError, RecursionError):
        message = (
            "is not what `plane-guard report --format json` writes: name such a file with --known, or leave it out"
        )
        raise KnownReportError(message) from None


def without_parameters(test: str) -> str:
    """Return the test without the parameters of the case."""
    return _PARAMETERS.sub("", test)
