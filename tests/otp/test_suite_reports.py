"""OTP's supervisor_SUITE: what observers are told. OTP logs; we hand out `LifecycleEvent`s."""

import pytest

from supervisors import ChildSpec, SupervisedActor
from supervisors.errors import ChildStartError
from supervisors.testing import crash
from tests.otp.tree import spec


def test_external_start_no_progress_log(tree):
    """A start from outside isn't taken for a restart; the first restart told is the first one.

    Adapted: OTP's log has no progress report then. Ours are records, and ``up`` is of any start.
    """
    sup = tree()
    sup.ref.start_child(spec("child1"))
    sup.end("child1", "normal")

    assert sup.log == ["up child1", "down child1 normal", "restarting child1", "up child1"]


def last_down(tree, error):
    """The record of a child's crash of *error*."""
    sup = tree(spec("any_id", restart="temporary"))
    heard = []
    sup.ref.subscribe(heard.append)
    crash(sup.child("any_id"), error)
    sup.stage.run_until_idle()
    return heard[0]


def test_format_log_1(tree):
    """A record says who, which life and why; however long the reason is, it is cut.

    Adapted: a bound of characters in place of OTP's bound of depth.
    """
    short, long = last_down(tree, ValueError(15)), last_down(tree, ValueError("x" * 10_000))

    assert short == ("down", "any_id", 1, "crash(ValueError(15))")
    assert long[:3] == short[:3]
    assert long.detail.startswith("crash(ValueError('xxx")
    assert len(long.detail) == 500


class Unprintable(Exception):
    """An error that can't be shown."""

    def __repr__(self):
        raise RuntimeError("no")


class Lines(Exception):
    """An error that takes several lines to show."""

    def __repr__(self):
        return "Lines(\n  1,\n  2)"


def test_format_log_2(tree):
    """A record is one line, whatever the error shows of itself; it need not even be able to.

    Adapted: there is one form, and no options.
    """
    assert last_down(tree, Lines()).detail == "crash(Lines( 1, 2))"
    assert last_down(tree, Unprintable()).detail == "crash(<Unprintable>)"

    class Never(SupervisedActor):
        def on_start(self):
            raise Unprintable

    sup = tree()
    with pytest.raises(ChildStartError, match="<Unprintable>"):
        sup.ref.start_child(ChildSpec("child", Never))
    assert sup.is_running()
