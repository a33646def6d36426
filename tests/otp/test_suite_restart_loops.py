"""OTP's supervisor_SUITE: a child that can't be restarted holds nobody else up.

The original's start fails after 2 s, so that a supervisor tries for ever without exceeding its
intensity. Ours fails at once and is tried again after a back-off of 2 s, to the same effect.
"""

import pytest

from supervisors import BRUTAL_KILL, Backoff, ExtraArgs
from tests.otp.tree import refusal, spec

LOOPING = {
    "intensity": 8,
    "period_s": 10,
    "backoff": Backoff(min_s=2.0, max_s=2.0, jitter=0.0),
}


@pytest.fixture
def looping(tree):
    """Start a supervisor one of whose children can crash and then not start."""

    def start(*children, **flags):
        return tree(*children, **LOOPING, **flags)

    return start


def loop(sup, id_):
    """Have a child crash, and every try to start it fail."""
    sup.stage.no_start.add(id_)
    sup.end(id_)
    sup.stage.advance(5.0)
    assert sup.log.count(f"failed {id_}") >= 2


def stops_at_once(sup):
    """The supervisor is stopped in the middle of the loop, and waits for nothing."""
    before_s = sup.stage.clock.now_s()
    assert str(sup.stop()) == "shutdown"
    assert sup.stage.clock.now_s() == before_s


def test_hanging_restart_loop(looping):
    """In the loop requests are answered, the child can be terminated and the supervisor stopped.

    Adapted: what takes 2 s is a back-off, not a failing start.
    """
    child = spec("child1", shutdown_s=BRUTAL_KILL)
    sup = looping()
    sup.ref.start_child(child)
    loop(sup, "child1")

    assert refusal(sup.ref.start_child, child) == "already_present"
    assert refusal(sup.ref.restart_child, "child1") == "restarting"
    assert refusal(sup.ref.delete_child, "child1") == "restarting"
    assert sup.which() == ["child1 restarting"]
    assert sup.counts() == [1, 0, 0, 1]
    sup.ref.terminate_child("child1")
    assert sup.which() == ["child1 stopped"]
    assert [line for line in sup.log if "down" in line] == ["down child1 crash"]

    sup.stage.no_start.clear()
    sup.ref.restart_child("child1")
    loop(sup, "child1")
    stops_at_once(sup)


def test_hanging_restart_loop_rest_for_one(looping):
    """The same under rest_for_one; those started later are stopped meanwhile.

    Adapted: a back-off of 2 s.
    """
    children = [spec(f"child{n}", shutdown_s=BRUTAL_KILL) for n in (1, 2, 3)]
    sup = looping(*children, strategy="rest_for_one")
    first = sup.life("child1")
    loop(sup, "child2")

    assert refusal(sup.ref.start_child, children[1]) == "already_present"
    assert refusal(sup.ref.restart_child, "child2") == "restarting"
    assert refusal(sup.ref.delete_child, "child2") == "restarting"
    assert sup.which() == ["child3 stopped", "child2 restarting", "child1 running"]
    assert sup.counts() == [3, 1, 0, 3]
    sup.ref.terminate_child("child2")
    assert sup.which() == ["child3 stopped", "child2 stopped", "child1 running"]
    assert sup.life("child1") == first

    sup.stage.no_start.clear()
    sup.ref.restart_child("child2")
    loop(sup, "child2")
    stops_at_once(sup)


def test_hanging_restart_loop_simple(looping):
    """The same for a dynamic child; it is terminated by the life that it had.

    Adapted: a back-off of 2 s.
    """
    sup = looping(spec("child1", shutdown_s=BRUTAL_KILL), strategy="simple_one_for_one")
    life = sup.ref.start_child(ExtraArgs(label="k1")).life
    loop(sup, "k1")

    assert refusal(sup.ref.restart_child, "child1") == "simple_one_for_one"
    assert refusal(sup.ref.delete_child, "child1") == "simple_one_for_one"
    assert sup.which() == ["k1 restarting"]
    assert sup.counts() == [1, 0, 0, 1]
    sup.ref.terminate_child(life)
    assert sup.which() == []

    sup.stage.no_start.clear()
    sup.ref.start_child(ExtraArgs(label="k2"))
    loop(sup, "k2")
    stops_at_once(sup)
