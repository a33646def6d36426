"""A mailbox hands out batches, holds back when downstream is full, and loses nothing."""

import threading

import pytest

from supervisors import InFlight, Mailbox, MailboxSpec, SystemClock
from supervisors.run._linger import Wait


def a_mailbox(**spec):
    return Mailbox(MailboxSpec(**spec), size_of=lambda item: item[1])


def taken(mailbox, now_s=0.0):
    """Poll, and take if items are due."""
    found = mailbox.poll(now_s, None)
    if type(found) is not int:
        return found
    into = []
    mailbox.take(found, into, now_s)
    return into


@pytest.fixture
def lingering():
    """Up to 3 items or 100 bytes, after at most 10 s."""
    return a_mailbox(batch_max_items=3, batch_max_bytes=100, linger_s=10.0)


def test_a_batch_waits_for_company_until_the_linger_is_over(lingering):
    lingering.append(("a", 1), 1)

    assert taken(lingering, 0.0) == Wait(10.0)
    assert taken(lingering, 9.0) == Wait(1.0)
    assert taken(lingering, 10.0) == [("a", 1)]


def test_a_linger_grows_while_batches_are_small_and_shrinks_when_they_are_not():
    mailbox = a_mailbox(batch_max_items=40, linger_s=1.0, linger_growth=5.0)
    waits, now_s = [], 0.0
    for count in (1, 9, 9, 9, 10, 40, 40, 40):
        mailbox.extend([("a", 1)] * count, count)
        wait = taken(mailbox, now_s)
        if isinstance(wait, Wait):
            waits.append(wait.seconds)
            now_s += wait.seconds
            taken(mailbox, now_s)
        else:
            waits.append(0.0)  # it was full

    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0, 0.0, 0.0, 0.0]
    mailbox.append(("a", 1), 1)
    assert taken(mailbox, now_s) == Wait(1.0)


def test_a_linger_that_was_empty_is_short_again():
    mailbox = a_mailbox(batch_max_items=40, linger_s=1.0, linger_growth=5.0)
    mailbox.append(("a", 1), 1)
    assert taken(mailbox, 0.0) == Wait(1.0)
    assert taken(mailbox, 1.0) == [("a", 1)]
    assert taken(mailbox, 1.0) == Wait(2.0)
    assert taken(mailbox, 3.0) == Wait(None)

    mailbox.append(("a", 1), 1)
    assert taken(mailbox, 9.0) == Wait(1.0)


def test_without_growth_it_is_always_the_same():
    mailbox = a_mailbox(batch_max_items=40, linger_s=1.0)
    for now_s in (0.0, 1.0, 2.0):
        mailbox.append(("a", 1), 1)
        assert taken(mailbox, now_s) == Wait(1.0)
        assert taken(mailbox, now_s + 1.0) == [("a", 1)]


def test_whoever_is_in_a_hurry_waits_for_no_growth():
    mailbox = a_mailbox(batch_max_items=40, linger_s=1.0, linger_growth=5.0)
    mailbox.append(("a", 1), 1)
    mailbox.hurry(True)
    assert taken(mailbox, 0.0) == [("a", 1)]


def test_a_full_batch_does_not_wait(lingering):
    lingering.extend([("a", 1), ("b", 1), ("c", 1), ("d", 1)], 4)

    assert taken(lingering) == [("a", 1), ("b", 1), ("c", 1)]


def test_bytes_make_a_batch_full_and_bound_it(lingering):
    lingering.extend([("a", 60), ("b", 60)], 120)

    assert taken(lingering) == [("a", 60)]


def test_one_item_larger_than_a_batch_travels_alone(lingering):
    lingering.extend([("a", 1000), ("b", 1)], 1001)

    assert taken(lingering) == [("a", 1000)]


def test_an_empty_linger_parks_so_that_only_the_first_item_wakes(lingering):
    wakes = []
    lingering.wake = lambda: wakes.append(len(lingering))
    lingering.append(("a", 1), 1)
    taken(lingering, 0.0)
    taken(lingering, 10.0)

    assert taken(lingering, 11.0) == Wait(9.0)  # lingers first
    assert taken(lingering, 20.0) == Wait(None)  # then parks
    lingering.append(("b", 1), 1)
    lingering.append(("c", 1), 1)
    assert wakes == [1]


def test_hurry_cuts_a_linger_short(lingering):
    lingering.append(("a", 1), 1)
    assert isinstance(taken(lingering, 0.0), Wait)

    lingering.hurry(True)

    assert taken(lingering, 0.0) == [("a", 1)]
    lingering.hurry(False)


def test_hurry_lets_the_first_item_wake_a_linger_that_is_still_empty(lingering):
    wakes = []
    lingering.append(("a", 1), 1)
    taken(lingering, 0.0)
    taken(lingering, 10.0)
    lingering.wake = lambda: wakes.append(len(lingering))
    lingering.hurry(True)
    wakes.clear()
    assert isinstance(taken(lingering, 11.0), Wait)

    lingering.append(("b", 1), 1)

    assert wakes == [1]
    lingering.hurry(False)


def test_what_steers_overtakes_the_backlog(lingering):
    lingering.extend([("a", 1), ("b", 1), ("c", 1)], 3)
    lingering.steer("stop")

    assert taken(lingering) == "stop"


def test_an_unfinished_batch_comes_again_before_anything_new(lingering):
    lingering.extend([("a", 1), ("b", 1), ("c", 1)], 3)
    flight = InFlight()
    flight.due_s = 5.0

    assert lingering.poll(1.0, flight) == Wait(4.0)
    assert lingering.poll(5.0, flight) is flight


def test_nothing_is_taken_while_downstream_is_full_and_room_wakes_upstream():
    up, down = a_mailbox(batch_max_items=5), a_mailbox(max_items=1, batch_max_items=5)
    up.feed([down])
    woken = []
    up.wake = lambda: woken.append("up")
    down.append(("x", 1), 1)
    up.append(("a", 1), 1)

    assert taken(up) == Wait(None)
    assert woken == []
    taken(down)
    assert woken == ["up"]
    assert taken(up) == [("a", 1)]


def test_a_parked_downstream_counts_as_having_room():
    up, down = a_mailbox(batch_max_items=5), a_mailbox(max_items=1, batch_max_items=5)
    up.feed([down])
    down.append(("x", 1), 1)
    up.append(("a", 1), 1)
    down.parked = True

    assert taken(up) == [("a", 1)]


def test_bytes_are_given_back_to_the_unit(lingering):
    lingering.extend([("a", 7), ("b", 5)], 12)
    lingering.hurry(True)
    taken(lingering)

    assert lingering.queued_bytes == 0


def test_room_is_bounded_in_items_and_in_bytes():
    mailbox = a_mailbox(max_items=2, max_bytes=10)
    mailbox.append(("a", 8), 8)

    assert mailbox.has_room(2)
    assert not mailbox.has_room(3)
    mailbox.append(("b", 1), 1)
    assert not mailbox.has_room()


def test_where_the_bound_is_bytes_the_oldest_go_until_the_newest_fits_and_no_more():
    mailbox = a_mailbox(max_bytes=100, overflow="drop_oldest")
    for item in [("a", 60), ("b", 30), ("c", 70)]:
        mailbox.offer(item, SystemClock(), "desk")
    assert (mailbox.held(), mailbox.queued_bytes) == ([("b", 30), ("c", 70)], 100)

    mailbox.offer(("d", 80), SystemClock(), "desk")  # two have to go for this one
    assert (mailbox.held(), mailbox.queued_bytes, mailbox.refused) == ([("d", 80)], 80, 3)


def test_many_producers_and_one_consumer_lose_nothing_and_keep_each_ones_order():
    mailbox = a_mailbox(batch_max_items=64)
    token = threading.Semaphore(0)
    mailbox.wake = token.release
    got = []
    threads = [
        threading.Thread(target=consume, args=(mailbox, token, got, 8 * 2000)),
        *(threading.Thread(target=produce, args=(mailbox, who)) for who in range(8)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for who in range(8):
        assert [n for (w, n), _ in got if w == who] == list(range(2000))
    assert mailbox.queued_bytes == 0


def produce(mailbox, who):
    for n in range(2000):
        mailbox.append(((who, n), 1), 1)


def consume(mailbox, token, got, count):
    while len(got) < count:
        found = taken(mailbox)
        if not isinstance(found, Wait):
            got.extend(found)
        elif found.seconds is None:
            token.acquire(timeout=1)
