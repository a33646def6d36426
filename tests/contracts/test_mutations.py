"""The list of mutations fits the code: each applies, names a test that exists, and parses.

Whether the tests notice is what `make mutants` finds out; this is what keeps the list alive
between two runs of it.
"""

import ast
from functools import cache

import pytest

from tests.mutate import ROOT, Mutation, Stale, mutated, read

OWED = {f"g{n:02}" for n in range(1, 31)}
BOOKS = {"admission", "join", "in_flight", "partial", "exported", "pressure", "fence"}
BESIDES = {"bridges", "instruments", "providers", "sampling"}
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
