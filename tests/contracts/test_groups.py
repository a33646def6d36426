"""Which tests run when: everybody is in one group and in no other; bounds are in the right one.

`.ci/test` runs what nobody times a few at a time, what is timed with a core to itself, and what
fills the machine by itself; `make soak` runs what is slow. What a stopwatch of ours says is looked
after by the stopwatch itself.
"""

import ast
import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / ".ci" / "test").read_text()
FILES = sorted((ROOT / "tests").rglob("*.py"))
MARKERS = ("slow", "timed", "alone")
BOUND = re.compile(
    r"assert [^\n]*"
    r"(\btook_s\S*|\.seconds|\b\w*(slowest|hung|stop|emit|cpu)_s\b\S*"
    r"|(monotonic|perf_counter)\(\) - \w+) <=? "
)
"""An assertion that something took at most so long."""


def groups():
    """Expressions over markers: CI's three, and the soak's."""
    found = dict(re.findall(r"^(\w+)='(.*)'$", SCRIPT, re.MULTILINE))
    soak = re.search(r"pytest -m (\w+) \$\(ARGS\)", (ROOT / "Makefile").read_text())
    return [found["shared"], found["timed"], found["alone"], soak[1]]


@pytest.mark.parametrize("has", list(itertools.product([False, True], repeat=len(MARKERS))))
def test_whatever_markers_a_test_has_one_group_runs_it(has):
    names = dict(zip(MARKERS, has, strict=True))

    assert [eval(group, {}, names) for group in groups()].count(True) == 1


def test_the_groups_leave_out_nothing_else():
    for group in ("$shared", "$timed", "$alone"):
        (line,) = [line for line in SCRIPT.splitlines() if f'-m "{group}"' in line]
        words = line.partition(f'-m "{group}"')[2].partition("2>&1")[0].split()
        assert set(words) <= {
            "--numprocesses",
            '"$at_once"',
            '"$cores_timed"',
            "--dist",
            "loadfile",
            "--no-loadscope-reorder",
            '"$@"',
        }


def test_ids_are_the_same_in_each_process(request):
    """Two processes that collect different ids run nothing; times and addresses are none."""
    assert [item.nodeid for item in request.session.items if " at 0x" in item.nodeid] == []


def test_who_defines_tests_is_collected():
    strangers = [
        path
        for path in FILES
        if not path.name.startswith("test_") and "\ndef test_" in path.read_text()
    ]
    assert strangers == []


def marked(node):
    return any("mark.timed" in ast.unparse(decorator) for decorator in node.decorator_list)


def unmarked_bounds(source):
    """Names of the tests that set a bound and are not timed; those of virtual time may."""
    if not BOUND.search(source) or re.search(
        r"^pytestmark = [^\n]*mark\.timed", source, re.MULTILINE
    ):
        return []
    lines = source.splitlines()
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and "runtime" not in {argument.arg for argument in node.args.args}
        and BOUND.search("\n".join(lines[node.lineno - 1 : node.end_lineno]))
        and not marked(node)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_who_says_how_long_something_may_take_is_timed(path):
    assert unmarked_bounds(path.read_text()) == []


def test_a_bound_without_the_marker_is_seen():
    bounds = ["took_s < 0.2", "report.seconds <= 1", "time.monotonic() - began_s < 5"]
    for bound in bounds:
        source = f"def test_it():\n    assert {bound}\n"
        assert unmarked_bounds(source) == ["test_it"]
        assert unmarked_bounds(f"@pytest.mark.timed\n{source}") == []
        assert unmarked_bounds(f"pytestmark = [pytest.mark.timed]\n{source}") == []
        assert unmarked_bounds(source.replace("()", "(runtime)", 1)) == []
    assert unmarked_bounds("def test_it():\n    assert time.monotonic() < until_s\n") == []
