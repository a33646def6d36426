"""OTP's supervisor_SUITE: stopping, in time and out of it, in order and all at once."""

import pytest

from supervisors import BRUTAL_KILL, INFINITY, ExtraArgs, SupervisorSpec
from tests.otp.tree import ENDS, spec


def stopping(sup, hanging=(), until_s=0.0):
    """Stop *sup* while some of its children hang: what was logged, and how long it took."""
    stage = sup.stage
    before, began_s = len(sup.log), stage.clock.now_s()
    for id_ in hanging:
        stage.suspend(sup.child(id_))
    sup.begin_stop()
    stage.advance(until_s)
    assert str(sup.stop()) == "shutdown"
    return sup.new(before), stage.clock.now_s() - began_s


def dynamic(sup, *labels):
    """Start a dynamic child for each label."""
    for label in labels:
        sup.ref.start_child(ExtraArgs(label=label))


def test_sup_stop_infinity(tree):
    """``INFINITY`` is allowed for a worker and for a supervisor, and both stop of shutdown."""
    inner = spec("child1", start=SupervisorSpec(), shutdown_s=INFINITY)
    sup = tree(inner, spec("child2", shutdown_s=INFINITY))

    log, took_s = stopping(sup)

    assert [line for line in log if line.startswith("down")] == [
        "down child2 shutdown",
        "down child1 shutdown",
    ]
    assert took_s == 0


def test_sup_stop_timeout(tree):
    """A child that does not stop in its time is killed; its sibling stops of shutdown.

    Adapted: killed means abandoned. Its thread may still run, and nobody listens to it.
    """
    sup = tree(spec("child1"), spec("child2"))

    log, took_s = stopping(sup, hanging=["child2"], until_s=1.0)

    assert log == ["down child2 killed", "down child1 shutdown", "finished"]
    assert took_s == 1.0


def test_sup_stop_timeout_dynamic(tree):
    """The same under simple_one_for_one. Adapted: killed means abandoned."""
    sup = tree(spec("child", restart="temporary"), strategy="simple_one_for_one")
    dynamic(sup, "k1", "k2")

    log, took_s = stopping(sup, hanging=["k2"], until_s=1.0)

    assert log == ["down k1 shutdown", "down k2 killed", "finished"]
    assert took_s == 1.0


def test_sup_stop_brutal_kill(tree):
    """A child with ``BRUTAL_KILL`` is killed and not asked; its sibling stops of shutdown.

    Adapted: killed means abandoned.
    """
    sup = tree(spec("child1"), spec("child2", shutdown_s=BRUTAL_KILL))

    log, took_s = stopping(sup)

    assert log == ["down child2 killed", "down child1 shutdown", "finished"]
    assert took_s == 0


def test_sup_stop_brutal_kill_dynamic(tree):
    """Ten dynamic children that don't listen are killed all the same. Adapted: abandoned."""
    template = spec("child", restart="temporary", shutdown_s=BRUTAL_KILL)
    sup = tree(template, strategy="simple_one_for_one")
    labels = [f"k{n}" for n in range(10)]
    dynamic(sup, *labels)

    log, took_s = stopping(sup, hanging=labels)

    assert sorted(log[:-1]) == sorted(f"down {label} killed" for label in labels)
    assert took_s == 0


RESTARTS = ["temporary", "transient", "permanent"]


def test_sup_stop_race(tree):
    """Children that end by themselves while the supervisor stops: no hang, and no restart."""
    sup = tree(spec("child_a", restart="temporary"))
    ends = {f"{restart} {how}": how for restart in RESTARTS for how in ENDS}
    for id_ in ends:
        sup.ref.start_child(spec(id_, restart=id_.partition(" ")[0]))
    sup.ref.start_child(spec("child_z", restart="temporary", shutdown_s=2.0))
    stage, before = sup.stage, len(sup.log)
    stage.suspend(sup.child("child_z"))
    sup.begin_stop()
    stage.advance(0.2)
    for id_, how in ends.items():
        sup.end(id_, how)
    stage.advance(0.8)
    stage.resume(sup.child("child_z"))

    assert str(sup.stop()) == "shutdown"
    log = sup.new(before)
    kinds = {id_: str(ENDS[how].kind) for id_, how in ends.items()}
    assert sorted(log) == sorted(
        [f"down {id_} {kind}" for id_, kind in kinds.items()]
        + ["down child_z shutdown", "down child_a shutdown", "finished"]
    )
    assert stage.clock.now_s() == 1.0


@pytest.mark.parametrize("restart", RESTARTS)
def test_sup_stop_non_shutdown_exit_dynamic(tree, restart):
    """Dynamic children that end of something else when told to stop don't hold the stop up."""
    sup = tree(spec("child", restart=restart), strategy="simple_one_for_one")
    dynamic(sup, *ENDS)
    sup.stage.on_stop = {how: how for how in ENDS}

    log, took_s = stopping(sup)

    assert sorted(log[:-1]) == sorted(f"down {how} {ENDS[how].kind}" for how in ENDS)
    assert took_s == 0


def test_simple_one_for_one_shutdown(tree):
    """All dynamic children stop at once, on one timer: as slow as the slowest that may be.

    Adapted: two need 1 s to stop, one would need 5 s, and 2 s are allowed: it is killed then.
    """
    sup = tree(spec("child", shutdown_s=2.0), strategy="simple_one_for_one")
    dynamic(sup, "k1", "k2", "k3")
    stage, before = sup.stage, len(sup.log)
    for id_ in ("k1", "k2", "k3"):
        stage.suspend(sup.child(id_))
    sup.begin_stop()
    stage.advance(1.0)
    assert sup.new(before) == []
    stage.resume(sup.child("k1"))
    stage.resume(sup.child("k2"))
    stage.advance(1.0)

    assert sorted(sup.new(before)[:2]) == ["down k1 shutdown", "down k2 shutdown"]
    assert sup.new(before)[2:] == ["down k3 killed", "finished"]
    assert stage.clock.now_s() == 2.0


def test_child_unlink(tree):
    """A child that is past hearing can't hang terminate_child, nor what is sent meanwhile.

    Adapted: there are no links to undo; the child hangs, and is abandoned when its time is up.
    """
    sup = tree(spec("naughty_child"))
    sup.stage.suspend(sup.child("naughty_child"))
    sup.stage.slots["root",].ref.tell("foo")

    sup.ref.terminate_child("naughty_child")

    assert sup.which() == ["naughty_child stopped"]
    assert sup.log[-2:] == ["stray", "down naughty_child killed"]
    assert sup.stage.clock.now_s() == 1.0


IDS = ["ch7", "ch3", "ch10", "ch2", "ch5"]


def test_order_of_children(tree):
    """Children start in their order and stop in reverse, in a group restart and at the end."""
    sup = tree(*map(spec, IDS), strategy="rest_for_one")
    assert sup.log == [f"up {id_}" for id_ in IDS]
    kept = [sup.life(id_) for id_ in IDS[:2]]

    before = len(sup.log)
    sup.end("ch10")
    assert sup.new(before) == [
        "down ch10 crash",
        "restarting ch10",
        "down ch5 shutdown",
        "down ch2 shutdown",
        *(f"up {id_}" for id_ in IDS[2:]),
    ]
    assert [sup.life(id_) for id_ in IDS[:2]] == kept

    before = len(sup.log)
    sup.stop()
    assert sup.new(before) == [*(f"down {id_} shutdown" for id_ in IDS[::-1]), "finished"]
