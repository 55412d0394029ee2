"""Docstrings open with an imperative or a noun phrase, not with a question word."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("guard", "instrumentation", "dashboard")
QUESTION = re.compile(r"(?:What|Whether|Which|Where|Who|How)\b")
LARGEST_SHARE = 0.02


def docstrings(package: str) -> list[tuple[str, str]]:
    """Return the place and the text of every docstring of a package."""
    found = []
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                text = ast.get_docstring(node)
                if text:
                    found.append((f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", text))
    return found


def test_docstrings_do_not_open_with_a_question_word() -> None:
    every = [docstring for package in PACKAGES for docstring in docstrings(package)]
    questions = [f"{place}: {text.splitlines()[0]}" for place, text in every if QUESTION.match(text)]
    assert len(questions) < LARGEST_SHARE * len(every), "\n".join(questions)
