"""No thread can be started (the limit of the system, or the interpreter is ending).

A child that needs one has failed to start, as it would of any other cause; nothing else comes
to harm, and when there are threads again all is as it was.
"""

from __future__ import annotations

import threading

import pytest

from supervisors import Backoff, ChildSpec, Runtime, SupervisedActor, Supervisor, SupervisorSpec
from supervisors.errors import ChildStartError
from supervisors.testing import crash, end_thread, settle
from tests.chaos.storm import poll


class Echo(SupervisedActor):
    def on_receive(self, message):
        return message


@pytest.fixture
def limit(monkeypatch):
    """Set it, and no thread can be started."""
    reached, start = threading.Event(), threading.Thread.start

    def start_if_allowed(thread):
        if reached.is_set():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_allowed)
    return reached


@pytest.fixture
def tree():
    spec = SupervisorSpec(
        (
            ChildSpec("own", Echo),
            ChildSpec("a", Echo, dispatcher="shared"),
            ChildSpec("b", Echo, dispatcher="shared"),
        ),
        intensity=3,
        backoff=Backoff(min_s=0.01, max_s=0.05),
        on_intensity="park",
        probe_min_s=0.05,
        probe_max_s=0.1,
    )
    tree = Supervisor.start(spec, runtime=Runtime(sweep_interval_s=0.01))
    yield tree
    assert tree.stop(5)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("end", [lambda ref: crash(ref, ValueError("x")), end_thread])
@pytest.mark.parametrize("name", ["own", "a"])
def test_a_crash_when_there_is_no_thread_is_survived(tree, limit, name, end):
    refs = [tree.child(one) for one in ("own", "a", "b")]
    ended = []
    tree.subscribe(lambda event: ended.append(event.kind))
    limit.set()
    end(tree.child(name))
    asked = [ref.ask("well?", block=False) for ref in refs]
    assert poll(lambda: "failed" in ended or "down" in ended)
    limit.clear()

    assert [future.get(timeout=10) for future in asked] == ["well?"] * 3
    assert tree.is_alive()


@pytest.mark.timeout(30)
def test_a_child_that_is_added_says_why_it_did_not_start(tree, limit):
    limit.set()
    with pytest.raises(ChildStartError, match="can't start new thread"):
        tree.start_child(ChildSpec("more", Echo))
    limit.clear()

    tree.start_child(ChildSpec("more", Echo))
    settle(tree.child("more"))
