"""What is measured of the house, and how far it may go."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

from tests.house.imports import PACKAGES, ROOT, Arrow, House, circles, floors, room_of

PAGE: Final = re.compile(r"\b([\w/.-]+\.md)\b")
ADR: Final = re.compile(r"\bADR-(\d{4})\b")
CODE: Final = re.compile(r"`((?:[\w]+/)+[\w]+\.py)`")
SECTION: Final = re.compile(r"\b(?:style|supervision\.md) [A-Z]?\d+\b")
ONLY_FOR: Final = ("supervisors/", "telemetry_actors/")


class Measure(NamedTuple):
    """One number, with what it may be at most (or at least)."""

    name: str
    value: float
    limit: float
    least: bool = False
    """The limit is the least that it may be."""
    why: tuple[str, ...] = ()
    """Which ones, where they can be named."""

    @property
    def holds(self) -> bool:
        """Within its limit."""
        return self.value >= self.limit if self.least else self.value <= self.limit


class Measured:
    """All measures of one checkout."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._files = {(a.source, a.target) for a in house.arrows}
        self._rooms = {(room_of(a), room_of(b)) for a, b in self._files if room_of(a) != room_of(b)}

    def measures(self) -> list[Measure]:
        """In the order in which they are printed; the limits are this repository's."""
        file_circles, room_circles = circles(self._files), circles(self._rooms)
        past, wide, dead = self._past_a_door(), self._wide(), list(self._dead_references())
        return [
            *(self._root(package, most) for package, most in zip(PACKAGES, (6, 10), strict=True)),
            Measure("rooms", len(_folders(self._house)), 27, why=_folders(self._house)),
            Measure("floors among rooms", max(floors(self._rooms).values()), 12),
            Measure("circles among rooms", len(room_circles), 0, why=_listed(room_circles)),
            Measure("circles among files", len(file_circles), 0, why=_listed(file_circles)),
            Measure("imports past a door", len(past), 0, why=past),
            Measure(
                "attributes of the widest class", wide[0][0], MOST_ATTRIBUTES, why=_named(wide)
            ),
            Measure("Any in signatures and fields", self._anys, MOST_ANYS),
            Measure("words of a public docstring, median", self._words, LEAST_WORDS, least=True),
            Measure("references that lead nowhere", len(dead), 0, why=tuple(dead)),
            Measure("lines of source", self._lines, MOST_LINES),
        ]

    def _root(self, package: str, most: int) -> Measure:
        names = sorted(p.name for p in (ROOT / package).glob("*.py"))
        return Measure(f"files in the root of {package}", len(names), most, why=tuple(names))

    def _past_a_door(self) -> tuple[str, ...]:
        return tuple(
            f"{a.source}:{a.line} imports {a.name} of {a.through}"
            for a in self._house.arrows
            if room_of(a.source) != room_of(a.target) and _is_private(a)
        )

    def _wide(self) -> list[tuple[int, str]]:
        found = [
            (len(_attributes(node)), f"{module}.{node.name}")
            for module, tree in self._house.trees.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and not _is_data(node)
        ]
        return sorted(found, reverse=True)

    @cached_property
    def _anys(self) -> int:
        return sum(
            isinstance(node, ast.Name) and node.id == "Any"
            for tree in self._house.trees.values()
            for node in ast.walk(tree)
        )

    @cached_property
    def _words(self) -> float:
        return statistics.median(
            len(doc.split())
            for module, tree in self._house.trees.items()
            if not any(part.startswith("_") for part in module.split("."))
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and (doc := ast.get_docstring(node))
        )

    @cached_property
    def _lines(self) -> int:
        return sum(len(path.read_text().splitlines()) for path in self._house.paths.values())

    def _dead_references(self) -> Iterator[str]:
        """Pages, decisions and files that a docstring or comment names and nobody has."""
        pages = {p.name for p in ROOT.rglob("*.md") if ".venv" not in p.parts}
        decisions = {p.name[:4] for p in (ROOT / "docs" / "adr").glob("*.md")}
        for module, path in self._house.paths.items():
            for number, line in enumerate(path.read_text().splitlines(), 1):
                dead = [page for page in PAGE.findall(line) if page.rpartition("/")[2] not in pages]
                dead += [f"ADR-{n}" for n in ADR.findall(line) if n not in decisions]
                dead += SECTION.findall(line)
                dead += [f for f in CODE.findall(line) if not _is_there(f, module)]
                for one in dead:
                    yield f"{module}:{number} {one}"


# What is not where it should be yet may at least get no worse.
MOST_ATTRIBUTES: Final = 20
MOST_ANYS: Final = 383
LEAST_WORDS: Final = 14
MOST_LINES: Final = 46_943


def _folders(house: House) -> tuple[str, ...]:
    """First-level folders of both packages."""
    return tuple(sorted({room_of(m) for m in house.paths if m.count(".") > 1}))


def _listed(groups: list[list[str]]) -> tuple[str, ...]:
    return tuple(" -> ".join(group) for group in groups)


def _named(wide: list[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(f"{n} {name}" for n, name in wide[:5])


def _is_private(arrow: Arrow) -> bool:
    """Whether the name that is imported lies in a file or folder whose name begins with "_"."""
    inside = arrow.through.split(".")[2:]
    return any(part.startswith("_") for part in inside)


def _is_data(node: ast.ClassDef) -> bool:
    """A model or tuple of fields: it is as wide as what it describes."""
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    return bool(bases & {"NamedTuple", "BaseModel", "StatusModel", "Snapshot", "BaseSettings"}) or (
        any(base.endswith(("Settings", "Model", "Part", "Fields", "Payload")) for base in bases)
    )


def _attributes(node: ast.ClassDef) -> set[str]:
    own = {
        one.target.id
        for one in node.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }
    for part in ast.walk(node):
        if (
            isinstance(part, ast.Attribute)
            and isinstance(part.ctx, ast.Store)
            and isinstance(part.value, ast.Name)
            and part.value.id == "self"
        ):
            own.add(part.attr)
    return own


def _is_there(named: str, module: str) -> bool:
    package = module.partition(".")[0]
    starts = (ROOT, ROOT / package, *(ROOT / package / room for room in ("stores", "sinks")))
    return any((start / named).is_file() for start in starts)
