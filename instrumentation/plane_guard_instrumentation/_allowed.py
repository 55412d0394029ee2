"""The allow-list of what is emitted, applied where attributes are built: nothing else goes any further."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plane_guard._keys import is_project_key, is_uuid, is_work_item_key
from plane_guard_instrumentation import _redact
from plane_guard_instrumentation._attributes import EMITTED, EMITTED_UNDER, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Value = str | int | bool | list[str]
    Attributes = dict[str, Value]
    Test = Callable[[object, Sequence[str]], Value | None]

_HEX = re.compile(r"[0-9a-f]{32}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_TEMPLATE = re.compile(r"/[A-Za-z0-9_./{}-]*")
_WEB = re.compile(r"(?P<scheme>https?)://(?:[^/?#]*@)?(?P<rest>[^/?#@\s]+(?:/[^?#\s]*)?)")


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
    match = _WEB.fullmatch(re.split(r"[?#]", value)[0]) if isinstance(value, str) else None
    return f"{match['scheme']}://{match['rest']}" if match else None


def _matching(pattern: re.Pattern[str]) -> Test:
    return lambda value, _: value if isinstance(value, str) and pattern.fullmatch(value) else None


def _number(value: object, _: Sequence[str]) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object, secrets: Sequence[str]) -> str | None:
    return _redact.clean(value, secrets) if isinstance(value, str) else None


def _texts(value: object, secrets: Sequence[str]) -> list[str] | None:
    return [_redact.clean(str(text), secrets) for text in value] if isinstance(value, list) else None


def _key(test: Callable[[str], bool]) -> Test:
    return lambda value, _: value if isinstance(value, str) and test(value) else None


_TESTS: dict[Kind, Test] = {
    Kind.HEX: _matching(_HEX),
    Kind.WORD: _matching(_WORD),
    Kind.NUMBER: _number,
    Kind.FLAG: lambda value, _: value if isinstance(value, bool) else None,
    Kind.PROJECT: _key(is_project_key),
    Kind.UUID: _key(is_uuid),
    Kind.KEY: _key(is_work_item_key),
    Kind.TEMPLATE: lambda value, secrets: _text(_matching(_TEMPLATE)(value, secrets), secrets),
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.URL: lambda value, secrets: _text(web_address(value), secrets),
}
_TEST_OF = {name: _TESTS[kind] for name, kind in EMITTED.items()}
