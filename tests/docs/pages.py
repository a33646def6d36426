"""What the tests of the documentation have in common: its pages, their blocks, and the suite.

Reads files only; runs nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REASON = re.compile(r"<!-- not run[^:]*: (.+?) -->\s*\Z", re.DOTALL)
_CRASHES = re.compile(r"<!-- it crashes on purpose -->\s*\Z")
_TEST_NAME = re.compile(r"`(test_\w+)`")


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    """Of its fence, from 1."""
    language: str
    text: str
    not_run: str
    """Why it can't be run by itself: the comment before it; "" = it can."""
    output: str | None
    """The ``text`` block right below it, if there is one."""
    crashes: bool
    """Something in it crashes on purpose, so the log goes to stderr: the comment before it."""


def pages() -> list[Path]:
    """README and everything below docs/."""
    return [README, *sorted(DOCS.rglob("*.md"))]


def shown(path: Path) -> str:
    """*path* as a person writes it."""
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of *page*, in order."""
    text = page.read_text()
    found = list(_FENCE.finditer(text))
    for match, after in zip(found, [*found[1:], None], strict=False):
        reason = _REASON.search(text, 0, match.start())
        follows = (
            after is not None
            and after[1] == "text"
            and not text[match.end() : after.start()].strip()
        )
        yield Block(
            page,
            text.count("\n", 0, match.start()) + 1,
            match[1],
            match[2],
            reason[1] if reason else "",
            after[2] if after is not None and follows else None,
            _CRASHES.search(text, 0, match.start()) is not None,
        )


def named_tests(text: str) -> list[str]:
    """Names of tests, in code quotes."""
    return _TEST_NAME.findall(text)


@cache
def suite() -> dict[str, list[Path]]:
    """Every test function of the suite, and the files that hold one of that name."""
    found: dict[str, list[Path]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        body = ast.parse(path.read_text()).body
        inner = [node for one in body if isinstance(one, ast.ClassDef) for node in one.body]
        for node in (*body, *inner):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.setdefault(node.name, []).append(path)
    return found
