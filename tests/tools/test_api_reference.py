"""The API reference is what the docstrings say, and every public name has one."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from tools import api_reference


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="later Pythons print some signatures differently")
def test_the_page_is_up_to_date() -> None:
    written = api_reference.PAGE.read_text(encoding="utf-8")
    assert written == api_reference.reference().rstrip() + "\n", "run: python -m tools.api_reference"


def test_every_public_name_is_in_it() -> None:
    page = api_reference.reference()
    for module in api_reference.MODULES:
        for name in sys.modules[module].__all__:
            assert f"### `{name}" in page, name


def test_a_name_without_a_docstring_is_an_error() -> None:
    with pytest.raises(api_reference.UndocumentedError, match=r"a\.b has no docstring"):
        api_reference._doc(SimpleNamespace(__doc__=None), "a.b")
