"""The identity of a group of decisions: test, project, op and reason. It is the same in every run."""

from __future__ import annotations

import hashlib
import json

from plane_guard_instrumentation.evidence.executed_tests import key_of, without_parameters

__all__ = ["NOBODY", "KnownReportError", "fingerprint", "key_of_test", "known_groups", "without_parameters"]

NOBODY = "(none)"


class KnownReportError(ValueError):
    """The earlier report cannot be used; the text says what to name instead."""


def fingerprint(test: str, project: str, op: str, reason: str) -> str:
    """Return the identity of a group. A parametrized test is one test."""
    return hashlib.sha256("\n".join((without_parameters(test), project, op, reason)).encode()).hexdigest()[:12]


def known_groups(report: str) -> dict[str, str]:
    """Return the groups in the text of an earlier report: the test of each by its fingerprint.

    Raises:
        KnownReportError: The text is no such report.
    """
    try:
        return {str(group["fingerprint"]): str(group.get("test", "")) for group in json.loads(report)["groups"]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        message = (
            "is not what `plane-guard report --format json` writes: name such a file or plane-guard-known.toml with"
            " --known, or leave it out"
        )
        raise KnownReportError(message) from None


def key_of_test(test: str) -> str:
    """Return the key under which a session record names a test, whatever its parameters."""
    return key_of(without_parameters(test))
