"""The allow-list of what is emitted, applied where attributes are built: nothing else goes any further."""

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
    Test = Callable[[object, Sequence[str]], Value | None]

_HEX_LENGTH = 32
_HEX_DIGITS = frozenset("0123456789abcdef")
# Compiled by `prepare`, or where there is such a value: most processes judge nothing.
_WORD = r"[A-Za-z_][A-Za-z0-9_.-]{0,39}"
_TEMPLATE = r"/[A-Za-z0-9_./{}-]*"
_WEB = r"(?P<scheme>https?)://(?:[^/?#]*@)?(?P<rest>[^/?#@\s]+(?:/[^?#\s]*)?)"


def prepare() -> None:
    """Load and compile now what the first decision needs: a test may have replaced more than its clients by then."""
    _core()
    for pattern in (_WORD, _TEMPLATE):
        redaction.compiled(pattern)
    redaction.prepare()


def permitted(found: Mapping[str, object], secrets: Sequence[str] = ()) -> Attributes:
    """What of this may be emitted. ``secrets`` are the credentials known here, masked wherever they turn up."""
    kept: Attributes = {}
    for name, value in found.items():
        if value is not None:
            test = _TEST_OF.get(name) or (_text if name.startswith(EMITTED_UNDER) else None)
            shown = test(value, secrets) if test is not None else None
            if shown is not None and shown != "":
                kept[name] = shown
    return kept


def web_address(value: object) -> str | None:
    """An http(s) address without user info, query and fragment."""
    bare = value.partition("?")[0].partition("#")[0] if isinstance(value, str) else ""
    match = redaction.compiled(_WEB).fullmatch(bare) if bare else None
    return f"{match['scheme']}://{match['rest']}" if match else None


@cache
def _core() -> ModuleType:
    """The core's tests for keys, which only decisions hold."""
    from plane_guard import keys

    return keys


def _matching(pattern: str) -> Test:
    return lambda value, _: value if isinstance(value, str) and redaction.compiled(pattern).fullmatch(value) else None


def _hex(value: object, _: Sequence[str]) -> str | None:
    return value if isinstance(value, str) and len(value) == _HEX_LENGTH and _HEX_DIGITS.issuperset(value) else None


def _number(value: object, _: Sequence[str]) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object, secrets: Sequence[str]) -> str | None:
    return redaction.clean(value, secrets) if isinstance(value, str) else None


def _texts(value: object, secrets: Sequence[str]) -> list[str] | None:
    return [redaction.clean(str(text), secrets) for text in value] if isinstance(value, list) else None


def _key(test: str) -> Test:
    return lambda value, _: value if isinstance(value, str) and getattr(_core(), test)(value) else None


_TESTS: dict[str, Test] = {
    Kind.HEX: _hex,
    Kind.WORD: _matching(_WORD),
    Kind.NUMBER: _number,
    Kind.FLAG: lambda value, _: value if isinstance(value, bool) else None,
    Kind.PROJECT: _key("is_project_key"),
    Kind.UUID: _key("is_uuid"),
    Kind.KEY: _key("is_work_item_key"),
    Kind.TEMPLATE: lambda value, secrets: _text(_matching(_TEMPLATE)(value, secrets), secrets),
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.URL: lambda value, secrets: _text(web_address(value), secrets),
}
_TEST_OF = {name: _TESTS[kind] for name, kind in EMITTED.items()}
