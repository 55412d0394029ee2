"""The log line of a decision, on logger ``plane_guard``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

_LOGGER = "plane_guard"
_ERROR, _INFO = 40, 20  # pragma: no mutate  as `logging` numbers them
_LONGEST = 200


def audit_block(
    project_id: object, op: object, reason: object, work_item: object = None, work_item_key: object = None
) -> None:
    """Log a refused write as one ``ERROR`` line with project, work item, op and reason."""
    message = "BLOCKED Plane write in a test process: project=%s work_item=%s op=%s reason=%s"
    logger = _logger()
    if logger.isEnabledFor(_ERROR):  # pragma: no mutate  saves composing what nobody reads
        logger.error(message, _one_line(project_id or "unresolved"), _item(work_item, work_item_key), op, reason)


def audit_allow(
    project_id: object, op: object, reason: object, work_item: object = None, work_item_key: object = None
) -> None:
    """Log a write to the sandbox as one ``INFO`` line containing ``ALLOWED``."""
    message = "ALLOWED Plane write to the sandbox: project=%s work_item=%s op=%s reason=%s"
    logger = _logger()
    if logger.isEnabledFor(_INFO):  # pragma: no mutate  as above
        logger.info(message, _one_line(project_id or "unresolved"), _item(work_item, work_item_key), op, reason)


def _item(work_item: object, key: object) -> str:
    return " ".join(_one_line(name) for name in (work_item, key and f"({key})") if name) or "none"


def _one_line(value: object) -> str:
    """Return a value without line breaks and control characters, so it cannot forge a log line."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)[:_LONGEST])


def _logger() -> Logger:
    import logging

    return logging.getLogger(_LOGGER)
