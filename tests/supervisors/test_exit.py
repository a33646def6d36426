"""Exits: equal by kind and detail, abnormal by OTP's rule."""

import pytest

from supervisors.exit import Exit, ExitKind
from tests.supervisors.steered import ENDS


@pytest.mark.parametrize("name", ENDS)
def test_abnormal_is_all_but_normal_and_shutdown(name):
    """Whatever the detail."""
    assert ENDS[name].abnormal is (name not in {"normal", "shutdown", "shutdown with a detail"})


def test_each_constructor_makes_its_own_kind():
    """And every kind has one."""
    assert {ended.kind for ended in ENDS.values()} == set(ExitKind)


def test_exits_are_equal_by_kind_and_detail():
    """The error is for people: two crashes are alike, whoever raised what."""
    assert Exit.crash(ValueError("x")) == Exit.crash("y")
    assert hash(Exit.crash(ValueError("x"))) == hash(Exit.crash("y"))
    assert Exit.shutdown("x") != Exit.shutdown()


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        (Exit.normal(), "normal"),
        (Exit.shutdown("upgrade"), "shutdown(upgrade)"),
        (Exit.crash(ValueError("x")), "crash(ValueError('x'))"),
        (Exit.shutdown("limit", error="too many"), "shutdown(limit, 'too many')"),
    ],
)
def test_it_reads_well(ended, text):
    """Kind first, then what is known."""
    assert str(ended) == text
