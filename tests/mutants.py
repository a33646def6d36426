"""Mutants that nobody has listed: one token of any line, drawn at random; and who would notice.

A survivor is a question, not a verdict: the test is missing, the line is not needed, or the
mutant does the same by another way. `tests/mutate.py` tries them (``--sample N --seed S``).
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Collection, Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from tests.house.imports import ROOT, House, _imports

_OTHER = {
    one: other
    for pair in (
        *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot)),
        *((ast.In, ast.NotIn), (ast.And, ast.Or), (ast.Add, ast.Sub)),
    )
    for one, other in (pair, pair[::-1])
}
_SLOW = ("tests/chaos", "tests/faults", "tests/hosts")


class Mutant(NamedTuple):
    """One changed place of one file, and the test files that should notice."""

    file: str
    line: int
    start: int
    """Where the changed piece begins and ends, in bytes of the file."""
    end: int
    before: str
    after: str
    tests: tuple[str, ...] = ()
    promise: str = "sample"

    @property
    def what(self) -> str:
        """Where it is, and what is changed."""
        return f"{self.file}:{self.line}: {self.before} -> {self.after}"

    def applied(self, source: str) -> str:
        """*source* with the piece exchanged."""
        text = source.encode()
        return (text[: self.start] + self.after.encode() + text[self.end :]).decode()


def drawn(count: int, seed: int, listed: Collection[tuple[str, str]]) -> list[Mutant]:
    """About *count* of them, of files that some test reads, longer files more often.

    *listed*: files and lines that are looked after.
    """
    house, chance = House(), random.Random(seed)
    readers = _readers(house)
    sources = {module: path.read_text() for module, path in house.paths.items() if readers(module)}
    sizes = [source.count("\n") for source in sources.values()]
    found: list[Mutant] = []
    for module in chance.choices(list(sources), sizes, k=count):
        file = str(house.paths[module].relative_to(ROOT))
        lines = [line.partition("  #")[0].strip() for line in sources[module].splitlines()]
        unlisted = [
            mutant
            for mutant in mutants_of(file, sources[module])
            if (file, lines[mutant.line - 1]) not in listed
        ]
        found += (
            m._replace(tests=readers(module))
            for m in chance.sample(unlisted, min(1, len(unlisted)))
        )
    return found


def mutants_of(file: str, source: str) -> Iterator[Mutant]:
    """Each mutant of *source*, in no particular order."""
    text = source.encode()
    starts = [0, *accumulate(map(len, text.splitlines(keepends=True)))]
    for node in _visible(ast.parse(source)):
        for other in _others(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            before = " ".join(text[start:end].decode().split())
            yield Mutant(file, node.lineno, start, end, before, other)


def _visible(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but annotations, and pieces of f-strings, whose places Python 3.11 doesn't know."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST) and not isinstance(node, ast.JoinedStr):
                yield node
                yield from _visible(node)


def _others(node: ast.AST) -> Iterator[str]:
    """What may stand in place of *node*."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield _unparsed(node, ops=[_OTHER[type(node.ops[0])]()])
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in _OTHER:
        yield _unparsed(node, op=_OTHER[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield str(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield from (str(node.value + 1), f"({node.value - 1})")
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield "return None"
    elif _can_go(node):
        yield "pass"


def _unparsed(node: ast.AST, **changed: object) -> str:
    other = copy.copy(node)
    for name, value in changed.items():
        setattr(other, name, value)
    return f"({ast.unparse(other)})"


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _can_go(node: ast.AST) -> bool:
    """A statement without which all names are still there."""
    if isinstance(node, ast.Assign):
        return all(isinstance(t, ast.Attribute | ast.Subscript) for t in node.targets)
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return is_call or isinstance(node, ast.AugAssign | ast.Delete)


def _readers(house: House) -> partial[tuple[str, ...]]:
    """Given a module: the test files that import it or bear its name.

    Where there are none, those of the modules that import it, and so on upwards. Those that have
    its name come first; the slow ones only where there are no others.
    """
    tests: dict[str, set[str]] = {}
    named: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = str(path.relative_to(ROOT))
        named.setdefault(path.stem.removeprefix("test_"), set()).add(file)
        for module, name, _ in _imports(ast.parse(path.read_text())):
            tests.setdefault(house.defining(module, name) or "", set()).add(file)
    above: dict[str, set[str]] = {}
    for arrow in house.arrows:
        above.setdefault(arrow.target, set()).add(arrow.source)
    return partial(_readers_of, tests, named, above)


def _readers_of(
    tests: dict[str, set[str]], named: dict[str, set[str]], above: dict[str, set[str]], module: str
) -> tuple[str, ...]:
    modules, seen, found, own = {module}, set[str](), set[str](), set[str]()
    while modules and not found:
        for one in modules:
            mirrors = named.get(Path(one.replace(".", "/")).name.removeprefix("_"), set())
            root = one.partition(".")[0]
            own |= {file for file in mirrors if file.startswith(f"tests/{root}/")}
            found |= tests.get(one, set()) | own
        seen |= modules
        modules = set[str]().union(*(above.get(one, set()) for one in modules)) - seen
    quick = {file for file in found if not file.startswith(_SLOW)}
    return tuple(sorted(quick or found, key=lambda file: (file not in own, file)))
