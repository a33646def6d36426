"""Who imports whom in both packages, read from the source; nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("supervisors", "telemetry_actors")


@dataclass(frozen=True, slots=True)
class Arrow:
    """One import: from the module at whose line it stands to the module that defines the name."""

    source: str
    target: str
    name: str
    line: int
    through: str
    """The module that the import names: a face, if it goes through one."""


class House:
    """Every module of both packages, and the arrows between them."""

    def __init__(self, root: Path = ROOT) -> None:
        self.paths = {_module_of(root, path): path for path in _files(root)}
        self.trees = {name: ast.parse(path.read_text()) for name, path in self.paths.items()}

    @cached_property
    def faces(self) -> dict[str, dict[str, tuple[str, str]]]:
        """What each package's ``__init__`` hands on: name -> (module, name there)."""
        return {
            name: _handed_on(self.trees[name])
            for name, path in self.paths.items()
            if path.name == "__init__.py"
        }

    @cached_property
    def arrows(self) -> list[Arrow]:
        """All imports from one file of ours to another, those of faces left out."""
        found = []
        for source, tree in self.trees.items():
            if self.is_face(source):
                continue
            for module, name, line in _imports(tree):
                target = self.defining(module, name)
                if target is not None and target != source:
                    is_file = f"{module}.{name}" in self.paths
                    through = f"{module}.{name}" if is_file else module
                    found.append(Arrow(source, target, name, line, through))
        return found

    def is_face(self, module: str) -> bool:
        """An ``__init__`` that defines nothing: it only hands names on."""
        if self.paths[module].name != "__init__.py":
            return False
        return not any(
            isinstance(node, ast.FunctionDef | ast.ClassDef) for node in self.trees[module].body
        ) and not any(
            isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" not in ast.unparse(node)
            for node in self.trees[module].body
        )

    def defining(self, module: str, name: str) -> str | None:
        """The module of ours that defines `name` of `module`; None if it isn't ours."""
        seen = set()
        while (module, name) not in seen:
            seen.add((module, name))
            if f"{module}.{name}" in self.paths:
                return f"{module}.{name}"
            handed = self.faces.get(module, {}).get(name)
            if handed is None:
                break
            module, name = handed
        return module if module in self.paths else None


def _files(root: Path) -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((root / package).rglob("*.py"))


def _module_of(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                package, _, name = one.name.rpartition(".")
                yield package, name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                yield node.module, one.name, node.lineno


def _handed_on(tree: ast.Module) -> dict[str, tuple[str, str]]:
    return {
        one.asname or one.name: (node.module, one.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for one in node.names
    }


def room_of(module: str) -> str:
    """The folder of its package in which a module lies, or itself where it lies in the root."""
    return ".".join(module.split(".")[:2])


def circles(arrows: set[tuple[str, str]]) -> list[list[str]]:
    """Groups of nodes that reach one another, largest first."""
    groups = [group for group in _groups(arrows) if len(group) > 1]
    return sorted((sorted(group) for group in groups), key=lambda g: (-len(g), g))


def floors(arrows: set[tuple[str, str]]) -> dict[str, int]:
    """Each node's floor: 1 on the ground; a circle is on one floor."""
    floor: dict[str, int] = {}
    for group in _groups(arrows):  # what is imported comes first
        below = {b for a, b in arrows if a in group and b not in group}
        at = 1 + max((floor[one] for one in below), default=0)
        floor.update(dict.fromkeys(group, at))
    return floor


def _groups(arrows: set[tuple[str, str]]) -> list[set[str]]:
    """Strongly connected groups, those that are imported first (Tarjan's, without recursion)."""
    after: dict[str, list[str]] = {}
    for a, b in sorted(arrows):
        after.setdefault(a, []).append(b)
        after.setdefault(b, [])
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    groups: list[set[str]] = []
    for start in list(after):
        if start in index:
            continue
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        work = [(start, iter(after[start]))]
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(after[other])))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = set()
                    while node not in group:
                        group.add(stack.pop())
                    on_stack -= group
                    groups.append(group)
    return groups
