"""Project keys and object ids: their form, and the spellings that mean the same object.

A real server routes only lower-case dashed uuids in a path, but accepts upper-case, dashless and
``urn:uuid:`` spellings inside a body, so ids are compared in one canonical spelling.
"""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"[0-9a-f]{32}")
_SLUG = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_IDENTIFIER = r"[A-Za-z0-9]{1,12}"
_NAMED_PROJECT = re.compile(rf"{_SLUG}/{_IDENTIFIER}")
_WORK_ITEM_KEY = re.compile(rf"{_IDENTIFIER}-[0-9]{{1,12}}")
_DIGITS = 32
_ID_LENGTH_LIMIT = 64


def is_uuid(text: object) -> bool:
    """Return if this is a uuid as a Plane path accepts it: lower-case, with dashes."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def is_project_key(text: object) -> bool:
    """Return if this is a canonical uuid or ``workspace-slug/IDENTIFIER``."""
    return isinstance(text, str) and (is_uuid(text) or _NAMED_PROJECT.fullmatch(text) is not None)


def is_slug(text: object) -> bool:
    """Return if this can be a workspace slug."""
    return isinstance(text, str) and re.fullmatch(_SLUG, text) is not None


def is_identifier(text: str) -> bool:
    """Return if this can be a project identifier such as ``ORCH``."""
    return re.fullmatch(_IDENTIFIER, text) is not None


def is_work_item_key(text: str) -> bool:
    """Return if this is the key of a work item, such as ``ORCH-114``."""
    return _WORK_ITEM_KEY.fullmatch(text) is not None


def canonical_uuid(text: object) -> str | None:
    """Return the lower-case dashed spelling of a uuid in any spelling that Plane accepts in a body, else ``None``."""
    if not isinstance(text, str) or len(text) > _ID_LENGTH_LIMIT:
        return None
    if len(text) < _DIGITS:  # pragma: no mutate  most values of a body, and what follows would say the same
        return None
    if _UUID.fullmatch(text) is not None:  # pragma: no mutate  nearly always; what follows would say the same
        return str.__str__(text)
    bare = text.strip().lower().removeprefix("urn:").removeprefix("uuid:")
    digits = bare.removeprefix("{").removesuffix("}").replace("-", "")
    if _HEX.fullmatch(digits) is None:
        return None
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
