"""Errors of ClickHouse as sentences that say what to do. Messages of the server and the library are not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plane_guard_dashboard.evidence.sources import NoTracesError, SourceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_DENIED = SourceState.DENIED
_BROKEN = SourceState.BROKEN
_SETTINGS = (164, 452)  # READONLY, SETTING_CONSTRAINT_VIOLATION
_PASSWORD = "refuses the user or the password: check both in the address, or CLICKHOUSE_PASSWORD."  # noqa: S105
_LARGE = "needs too much time or memory to answer: choose a shorter time range (more is in docs/clickhouse.md)."


def _each(codes: Iterable[int], state: SourceState, sentence: str) -> dict[int, tuple[SourceState, str]]:
    return dict.fromkeys(codes, (state, sentence))


# By the error codes of ClickHouse.
_ANSWERS: Mapping[int, tuple[SourceState, str]] = {
    **_each(
        (60, 81), SourceState.MISSING, "has no such table: let the collector create it, or run deploy/clickhouse.sql."
    ),
    **_each((192, 193, 194, 516), _DENIED, _PASSWORD),
    **_each((497, *_SETTINGS), _DENIED, "does not let this user read it: GRANT SELECT on the table to the user."),
    **_each((158, 159, 160, 241, 396), _BROKEN, _LARGE),
}
_MISSING = 'needs one more package: pip install "plane-guard[clickhouse]"'
_SILENT = "does not answer: check the address, and that the server runs and speaks HTTP there."
_FOREIGN = "does not answer as ClickHouse does: check the address and the port, which is that of HTTP."


class NoAnswerError(NoTracesError):
    """A failed query. The text is one sentence that says why and what to do."""

    def __init__(self, state: SourceState, place: str, sentence: str) -> None:
        Exception.__init__(self, f"{place} {sentence}")
        self.state = state


def missing_package() -> NoAnswerError:
    """Return the error for an installation without the extra `clickhouse`."""
    return NoAnswerError(SourceState.UNSUPPORTED, "ClickHouse", _MISSING)


def refused_settings(error: Exception) -> bool:
    """Return True if the account may not change settings."""
    return getattr(error, "code", None) in _SETTINGS


def no_answer(place: str, error: Exception) -> NoAnswerError:
    """Return the error of the client as a sentence."""
    code, name = getattr(error, "code", None), getattr(error, "name", None)
    if code is None:
        return NoAnswerError(SourceState.BROKEN, place, _SILENT if _no_reply(error) else _FOREIGN)
    other = f"could not answer (error {code}{f', {name}' if name else ''}): look into the server's log."
    return NoAnswerError(*_found(code, other, place))


def _found(code: int, other: str, place: str) -> tuple[SourceState, str, str]:
    state, sentence = _ANSWERS.get(code, (_BROKEN, other))
    return state, place, sentence


def _no_reply(error: Exception) -> bool:
    """Return True if the connection failed or timed out."""
    return type(error).__name__ == "OperationalError"
