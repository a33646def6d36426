"""The layout that style.md promises: one concept per file, small, named by a noun."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("supervisors", "telemetry_actors")
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "tools"}
LONGEST_FILE_LINES = 400
MEDIAN_FILE_LINES = 170
MEDIAN_FUNCTION_LINES = 10
P90_FUNCTION_LINES = 30

FILES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def shown(path):
    return str(path.relative_to(ROOT))


def lines_of(path):
    return len(path.read_text().splitlines())


def functions_of(path):
    tree = ast.parse(path.read_text())
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def code_lines(function):
    """Lines of the body without its docstring."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_file_is_a_drawer_for_everything(path):
    """A file's name is a noun of the domain."""
    assert path.stem.strip("_") not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_file_is_long(path):
    """One concept fits on a few screens."""
    assert lines_of(path) <= LONGEST_FILE_LINES


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_every_file_says_what_it_is(path):
    """The first thing in a file is its docstring."""
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_median_file_is_short():
    """Most files are read at a glance."""
    assert statistics.median(lines_of(path) for path in FILES) <= MEDIAN_FILE_LINES


def test_functions_are_short():
    """Median and ninth decile of all functions, docstrings aside."""
    sizes = sorted(code_lines(f) for path in FILES for f in functions_of(path))
    assert statistics.median(sizes) <= MEDIAN_FUNCTION_LINES
    assert sizes[len(sizes) * 9 // 10] <= P90_FUNCTION_LINES


@pytest.mark.parametrize("package", PACKAGES)
def test_the_front_page_holds_imports_only(package):
    """A package's ``__init__`` is imports and ``__all__``; lazy names are allowed."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text())
    kinds = [node for node in tree.body if not _belongs_on_a_front_page(node)]
    assert [ast.unparse(node)[:60] for node in kinds] == []


def _belongs_on_a_front_page(node):
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr):  # the docstring
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return isinstance(target, ast.Name) and target.id in ("__all__", "__version__")
    return False


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_ships_its_types(package):
    """``py.typed`` tells type checkers to look."""
    assert (ROOT / package / "py.typed").is_file()


def test_only_supervisors_looks_at_the_registry():
    """An actor is handed its neighbours; it finds nothing by name (style 9)."""
    outside = [p for p in FILES if p.is_relative_to(ROOT / "telemetry_actors")]
    assert [shown(p) for p in outside if "ActorRegistry" in p.read_text()] == []
