"""The list of mutations fits the code: each applies, names a test that exists, and parses.

Whether the tests notice is what `make mutants` finds out; this is what keeps the list alive
between two runs of it.
"""

import ast
from functools import cache

import pytest

from tests.mutants import drawn, mutants_of
from tests.mutate import ROOT, Mutation, Stale, changed_files, mutated, read

OWED = {f"g{n:02}" for n in range(1, 31)}
BOOKS = {"admission", "join", "in_flight", "partial", "exported", "pressure", "fence"}
BESIDES = {"bridges", "instruments", "providers", "sampling", "settings"}
"""Mechanisms with no number, and outside the books."""

MUTATIONS = read()


def shown(mutation):
    return f"{mutation.promise}: {mutation.what}"


@cache
def names_in(file):
    """Node ids of all functions in a test file, without the file."""
    tree = ast.parse((ROOT / file).read_text())
    inner = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    return {f.name for f in tree.body if isinstance(f, ast.FunctionDef)} | {
        f"{c.name}::{f.name}" for c in inner for f in c.body if isinstance(f, ast.FunctionDef)
    }


@pytest.mark.parametrize("mutation", MUTATIONS, ids=shown)
def test_it_applies_and_changes_something_that_python_still_reads(mutation):
    source = (ROOT / mutation.file).read_text()
    changed = mutated(source, mutation)

    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=shown)
def test_the_test_that_must_fail_exists(mutation):
    file, _, name = mutation.test.partition("::")

    assert name.partition("[")[0] in names_in(file)


def test_no_mutation_is_there_twice():
    assert len({m[2:] for m in MUTATIONS}) == len(MUTATIONS)
    assert len({shown(m) for m in MUTATIONS}) == len(MUTATIONS)


def test_every_promise_that_is_owed_and_every_rule_of_the_books_has_one():
    assert {m.promise for m in MUTATIONS} == OWED | BOOKS | BESIDES


@pytest.mark.parametrize("promise", sorted(OWED))
def test_the_test_of_a_promise_bears_its_number(promise):
    """semantics.md: at least one test named after it, which fails without the mechanism."""
    names = [m.test.rpartition("::")[2] for m in MUTATIONS if m.promise == promise]

    assert any(name.startswith(f"test_{promise}_") for name in names)


# -- the tool itself ------------------------------------------------------------------------------

SOURCE = """\
def first():
    x = 1  # a comment
    return x


class A:
    def f(self):
        return 1

    def g(self):
        return 1
"""


def a_mutation(before, after="pass", inside=""):
    return Mutation("g01", "", "file.py", before, after, "", inside)


def test_a_line_is_found_without_its_comment_and_keeps_its_indentation():
    assert mutated(SOURCE, a_mutation("x = 1", "x = 2")) == SOURCE.replace(
        "x = 1  # a comment", "x = 2"
    )


def test_a_line_that_occurs_twice_is_found_by_where_it_stands():
    changed = mutated(SOURCE, a_mutation("return 1", "return 2", inside="A.g"))

    assert changed.splitlines()[7:11:3] == ["        return 1", "        return 2"]


@pytest.mark.parametrize(
    "stale",
    [a_mutation("return 1"), a_mutation("x = 3"), a_mutation("x = 1", inside="first.inner")],
    ids=["twice", "never", "nowhere"],
)
def test_what_does_not_apply_is_said(stale):
    with pytest.raises(Stale):
        mutated(SOURCE, stale)


@pytest.mark.parametrize("ref", ["no such commit", "HEAD:nowhere"])
def test_without_a_history_to_compare_with_nothing_has_changed_and_that_is_said(ref, capsys):
    assert changed_files(ref) == set()
    assert "all mutations are left out" in capsys.readouterr().out


# -- mutants that nobody has listed ---------------------------------------------------------------

DRAWN_FROM = """\
def f(a: Literal[1], b):
    self.x = b
    say(a)
    if not a and b > 0:
        return "ü", a + b
    return None if f"{a + b}" else True
"""


def test_each_mutant_is_one_piece_changed():
    found = list(mutants_of("f.py", DRAWN_FROM))

    assert {(m.line, m.before, m.after) for m in found} == {
        (2, "self.x = b", "pass"),
        (3, "say(a)", "pass"),
        (4, "not a and b > 0", "(not a or b > 0)"),
        (4, "not a", "(a)"),
        (4, "b > 0", "(b >= 0)"),
        (4, "0", "1"),
        (4, "0", "(-1)"),
        (5, 'return "ü", a + b', "return None"),
        (5, "a + b", "(a - b)"),
        (6, 'return None if f"{a + b}" else True', "return None"),
        (6, "True", "False"),
    }
    for mutant in found:
        changed = mutant.applied(DRAWN_FROM)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(DRAWN_FROM))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_sample_is_what_its_seed_says_and_each_has_tests_that_are_there():
    listed = {(m.file, m.before) for m in MUTATIONS}
    chosen = drawn(20, 7, listed)

    assert chosen == drawn(20, 7, listed)
    assert 15 <= len(chosen) <= 20  # a file may have nothing to change
    for mutant in chosen:
        assert mutant.tests
        assert all((ROOT / test).is_file() for test in mutant.tests)
        ast.parse(mutant.applied((ROOT / mutant.file).read_text()))
