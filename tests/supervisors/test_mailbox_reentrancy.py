"""A mailbox in the middle of whose steps somebody else comes: another thread, or a handler."""

from _thread import get_ident
from collections import deque

import pytest

from supervisors import Mailbox, MailboxSpec
from supervisors.run.mailbox import Wait


class Interrupted(deque):
    """Calls *then* once, in the middle of the first *method*."""

    def __init__(self, items, method, then):
        super().__init__(items)
        self._method, self._then = method, then

    def _meanwhile(self, method):
        if method == self._method and self._then is not None:
            then, self._then = self._then, None
            then(self)

    def __iter__(self):
        self._meanwhile("iter")
        return super().__iter__()

    def popleft(self):
        self._meanwhile("popleft")
        return super().popleft()


def a_mailbox(**spec):
    return Mailbox(MailboxSpec(**spec))


def test_a_copy_that_is_disturbed_is_made_again():
    mailbox = a_mailbox(batch_max_items=5)

    def disturb(_user):
        raise RuntimeError("deque mutated during iteration")

    mailbox.user = Interrupted("ab", "iter", disturb)

    assert mailbox.held() == ["a", "b"]


def test_a_drain_that_is_overtaken_by_another_takes_the_rest():
    mailbox = a_mailbox(batch_max_items=5)
    mailbox.user = Interrupted("ab", "popleft", deque.clear)

    assert mailbox.drain() == []


def test_a_message_that_went_while_it_was_looked_at_is_asked_for_again():
    mailbox = a_mailbox()
    mailbox.user = Interrupted("a", "popleft", deque.clear)

    assert mailbox.poll(0.0, None) == Wait(0.0)


def test_a_stop_that_comes_while_downstream_is_found_full_is_served_at_once():
    up, down = a_mailbox(batch_max_items=5), a_mailbox(max_items=1, batch_max_items=5)
    up.feed([down])
    down.append("full")
    up.append("a")
    real = down.has_room

    def has_room(size=0):
        if not up.system:
            up.steer("stop")
        return real(size)

    down.has_room = has_room

    assert up.poll(0.0, None) == "stop"


@pytest.mark.parametrize("batched", [False, True])
def test_room_that_is_made_between_the_two_looks_is_seen(batched):
    """Whoever made it may have looked for a flag that was not up yet."""
    up = a_mailbox(**({"batch_max_items": 5} if batched else {}))
    down = a_mailbox(max_items=1, batch_max_items=5)
    up.feed([down])
    down.append("full")
    up.append("a")
    looks = []
    real = down.has_room

    def has_room(size=0):
        looks.append(real(size))
        down.user.clear()
        return looks[-1]

    down.has_room = has_room

    assert up.poll(0.0, None) == (1 if batched else "a")
    assert looks == [False, True]


def test_a_sender_at_its_recursion_limit_leaves_the_wake_to_the_next():
    mailbox, woken = a_mailbox(batch_max_items=5), []

    def too_deep():
        raise RecursionError

    mailbox.poll(0.0, None)
    mailbox.wake = too_deep
    mailbox.append("a")
    mailbox.wake = lambda: woken.append(list(mailbox.user))
    mailbox.append("b")

    assert woken == [["a", "b"]]


class BrokenOff(deque):
    """A signal handler raises *error* as the append is over."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def append(self, item):
        if not isinstance(self._error, MemoryError):
            super().append(item)
        raise self._error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TimeoutError()])
def test_an_append_that_is_broken_off_has_put_its_item_in_and_says_so(error):
    """The bytes are right, and the next sender wakes the consumer."""
    woken = []
    mailbox = a_mailbox(max_bytes=100)
    mailbox.wake = lambda: woken.append(len(mailbox))
    mailbox.poll(0.0, None)  # it is empty: the next item is to wake its consumer
    mailbox.user = BrokenOff(error)
    with pytest.raises(type(error)):
        mailbox.append("a", 5)

    assert (list(mailbox.user), mailbox.queued_bytes) == (["a"], 5)
    assert mailbox.interrupted == {get_ident()}
    mailbox.user = deque(mailbox.user)
    mailbox.append("b", 5)
    assert woken == [2]


def test_an_append_that_fails_of_itself_has_done_nothing():
    mailbox = a_mailbox(max_bytes=100)
    mailbox.user = BrokenOff(MemoryError())
    with pytest.raises(MemoryError):
        mailbox.append("a", 5)

    assert (list(mailbox.user), mailbox.queued_bytes, mailbox.interrupted) == ([], 0, set())


def test_a_wake_that_is_broken_off_is_done_by_the_next_sender():
    errors = [KeyboardInterrupt()]

    def wake():
        if errors:
            raise errors.pop()
        woken.append(len(mailbox))

    woken: list[int] = []
    mailbox = a_mailbox()
    mailbox.wake = wake
    mailbox.poll(0.0, None)
    with pytest.raises(KeyboardInterrupt):
        mailbox.append("a")
    assert mailbox.interrupted == {get_ident()}
    mailbox.append("b")

    assert woken == [2]
