"""The allow-list of what is emitted, applied where attributes are built. Nothing else leaves the process.

Types are compared exactly, because a test may have replaced `isinstance`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from plane_guard_instrumentation.evidence import redaction
from plane_guard_instrumentation.evidence.attributes import EMITTED, EMITTED_UNDER, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    Value = str | int | bool | list[str]
    Attributes = dict[str, Value]
    Check = Callable[[object, Sequence[str]], Value | None]

_HEX = r"[0-9a-f]{32}"
_DIGESTS = r"[0-9a-f]+(?: [0-9a-f]+)*"
_WORD = r"[A-Za-z_][A-Za-z0-9_.-]{0,39}"
_TEMPLATE = r"/[A-Za-z0-9_./{}-]*"
_SLUG = r"[A-Za-z0-9_-]{1,48}"
# Digits and letters without a separator are a generated key. Nobody names a workspace like that.
_GENERATED = r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{24,}"
_WEB = r"(?P<scheme>https?)://(?:[^/?#]*@)?(?P<rest>[^/?#@\s]+(?:/[^?#\s]*)?)"


def prepare() -> None:
    """Load and compile what decisions need, before a test replaces what this uses."""
    _core()
    for pattern in (_HEX, _WORD, _TEMPLATE, _SLUG, _GENERATED):
        redaction.compiled(pattern)
    redaction.prepare()


def sanitize(found: Mapping[str, object], secrets: Sequence[str] = ()) -> Attributes:
    """Return the attributes that may be emitted, with ``secrets`` masked wherever they occur."""
    kept: Attributes = {}
    for name, value in found.items():
        if value is not None:
            check = _CHECK_OF.get(name) or (_text if name.startswith(EMITTED_UNDER) else None)
            shown = check(value, secrets) if check is not None else None
            if shown is not None and shown != "":
                kept[name] = shown
    return kept


def web_address(value: object) -> str | None:
    """Return an http(s) address without user info, query and fragment."""
    bare = value.partition("?")[0].partition("#")[0] if type(value) is str else ""
    match = redaction.compiled(_WEB).fullmatch(bare) if bare else None
    return f"{match['scheme']}://{match['rest']}" if match else None


@cache
def _core() -> ModuleType:
    # Only decisions have project keys, and most processes decide nothing.
    from plane_guard import keys

    return keys


def _matching(pattern: str) -> Check:
    return lambda value, _: value if type(value) is str and redaction.compiled(pattern).fullmatch(value) else None


def _number(value: object, _: Sequence[str]) -> int | None:
    return value if type(value) is int else None


def _text(value: object, secrets: Sequence[str]) -> str | None:
    return redaction.clean(value, secrets) if type(value) is str else None


def _texts(value: object, secrets: Sequence[str]) -> list[str] | None:
    return [redaction.clean(str(text), secrets) for text in value] if type(value) is list else None


def _digests(value: object, _: Sequence[str]) -> list[str] | None:
    return [text for text in value if redaction.compiled(_DIGESTS).fullmatch(text)] if type(value) is list else None


def _slug(value: object, secrets: Sequence[str]) -> str | None:
    # A masked slug would group with other masked slugs, so it is left out.
    if type(value) is not str or not redaction.compiled(_SLUG).fullmatch(value):
        return None
    is_secret = redaction.clean(value, secrets) != value or redaction.compiled(_GENERATED).search(value)
    return None if is_secret else value


def _key(check: str) -> Check:
    return lambda value, _: value if type(value) is str and getattr(_core(), check)(value) else None


def _project(value: object, secrets: Sequence[str]) -> str | None:
    # A key such as `acme/ORCH` contains the workspace's slug.
    key = _key("is_project_key")(value, secrets)
    if type(key) is not str:
        return None
    slug, slash, _ = key.partition("/")
    return key if not slash or _slug(slug, secrets) else None


_CHECKS: dict[str, Check] = {
    Kind.HEX: _matching(_HEX),
    Kind.WORD: _matching(_WORD),
    Kind.NUMBER: _number,
    Kind.FLAG: lambda value, _: value if type(value) is bool else None,
    Kind.PROJECT: _project,
    Kind.UUID: _key("is_uuid"),
    Kind.KEY: _key("is_work_item_key"),
    Kind.SLUG: _slug,
    Kind.TEMPLATE: lambda value, secrets: _text(_matching(_TEMPLATE)(value, secrets), secrets),
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.DIGESTS: _digests,
    Kind.URL: lambda value, secrets: _text(web_address(value), secrets),
}
_CHECK_OF = {name: _CHECKS[kind] for name, kind in EMITTED.items()}
