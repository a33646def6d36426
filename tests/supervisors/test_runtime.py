"""What a tree leaves behind: which threads are stuck, and who waits for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from supervisors import Runtime
from tests.supervisors.live import WITHIN_S, Wait, child, tree_of


@pytest.fixture
def busy():
    """What keeps an actor busy until the test ends."""
    messages = [Wait(), Wait()]
    yield messages
    for message in messages:
        message.go()


@pytest.mark.parametrize("dispatcher", ["own", "shared"])
def test_who_closes_does_not_wait_for_a_thread_that_was_left_behind(busy, dispatcher):
    """It has taken its own time to stop, and no more: the tree has ended."""
    tree = tree_of(child("c", shutdown_s=0.05, dispatcher=dispatcher))
    tree.child("c").tell(busy[0])
    assert busy[0].came.wait(WITHIN_S)
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(tree.stop, 100 * WITHIN_S)
        try:
            assert stopped.result(WITHIN_S * 0.6)  # the message ends by itself after all of it
        finally:
            busy[0].go()
    assert tree.runtime.left_behind.in_all == 1


@pytest.mark.parametrize(("dispatcher", "threads"), [("own", 2), ("shared", 1)])
def test_threads_that_are_left_are_counted_and_not_actors(busy, dispatcher, threads):
    """Twenty actors, two of them at work: on threads of their own, or one before the other."""
    runtime = Runtime()
    names = [f"c{n}" for n in range(20)]
    tree = tree_of(*(child(name, dispatcher=dispatcher) for name in names), runtime=runtime)
    lives = [tree.child(name)._slot.current for name in names]
    for name, message in zip(names, busy[:threads], strict=False):
        tree.child(name).tell(message)
        assert message.came.wait(WITHIN_S)

    assert runtime.threads_left(lives) == threads
    for message in busy:
        message.go()
    assert tree.stop(WITHIN_S)


def test_threads_that_were_left_behind_before_are_among_them_once(busy):
    tree = tree_of(child("c", shutdown_s=0.05))
    ref = tree.child("c")
    ref.tell(busy[0])
    assert busy[0].came.wait(WITHIN_S)
    life = ref._slot.current
    assert life is not None
    tree.terminate_child("c")

    assert tree.runtime.threads_left([life]) == 1
    (thread,) = tree.runtime.left_behind.threads
    busy[0].go()
    thread.join(WITHIN_S)
    assert tree.runtime.threads_left([life]) == 0
    assert tree.stop(WITHIN_S)
