"""Who holds how much: exact while few do, bounded however many there are."""

import threading

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.books.room import COMMON_SHARES, OWN_SHARES, Room
from telemetry_actors.sinks import RecordingSink


def numbers(share):
    return share.events, share.event_bytes


def test_what_is_taken_is_held_until_it_is_given_back():
    room = Room()
    shares = [room.take("a", 10), room.take("a", 5), room.take("b", 10)]

    assert numbers(room.held_by("a")) == (2, 15)
    assert numbers(room.held_by("b")) == (1, 10)
    assert numbers(room) == (3, 25)
    assert room.tenants() == 2

    for share, charged in zip(shares[:2], (10, 5), strict=True):
        room.give_back(share, charged)
    assert numbers(room.held_by("a")) == (0, 0)
    assert numbers(room) == (1, 10)
    assert room.tenants() == 1


def test_asking_for_a_tenant_makes_no_share():
    room = Room()

    assert [numbers(room.held_by(f"t{n}")) for n in range(3)] == [(0, 0)] * 3
    assert room.tenants() == 0


def test_a_million_tenants_cost_a_bounded_table():
    """Those that come while it is full have a few in common, and give back what they held."""
    room = Room()
    held = [(f"t{n}", room.take(f"t{n}", 10)) for n in range(1_000_000)]

    assert len(room.own) == OWN_SHARES
    assert len({share for _, share in held[OWN_SHARES:]}) <= COMMON_SHARES
    name, share = held[-1]
    assert room.held_by(name) is room.numbered[share]
    assert room.numbered[share].events > 1

    for _, share in held:
        room.give_back(share, 10)
    assert room.tenants() == 0
    assert numbers(room) == (0, 0)
    assert {numbers(share) for share in room.numbered.values()} == {(0, 0)}
    assert len(room.numbered) == COMMON_SHARES


def test_an_event_is_given_back_where_it_was_taken_also_from_a_share_that_was_dropped():
    """A producer had looked the share up just before the books dropped it."""
    room = Room()
    first = room.take("a", 10)
    share = room.share_of("a")
    room.give_back(first, 10)
    room.events += 1  # the producer comes back with the old one
    room.event_bytes += 10
    share.events += 1
    share.event_bytes += 10
    second = room.take("a", 10)
    room.give_back(share.number, 10)

    assert second != first
    assert room.held_by("a") is room.numbered[second]
    assert numbers(room.numbered[second]) == numbers(room) == (1, 10)


def test_many_threads_take_and_give_back_and_nothing_is_left():
    room = Room()

    def work(number):
        for n in range(20_000):
            share = room.take(f"t{(n + number) % 5}", n)
            room.give_back(share, n)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert numbers(room) == (0, 0)
    assert room.tenants() == 0
    assert len(room.numbered) == COMMON_SHARES


def test_who_makes_a_share_that_another_thread_has_just_made_leaves_none_behind():
    """Both found none, and each made one: the first that is known is everybody's."""
    room = Room()
    first = room._own_share("a")

    assert room._own_share("a") is first
    assert list(room.numbered.values()).count(first) == 1
    assert len(room.numbered) == COMMON_SHARES + 1


def test_a_host_reads_how_much_waits_as_one_number():
    settings = TelemetrySettings.enabled(gateway={"linger_s": 60})
    with TelemetryGateway(settings, sinks=[RecordingSink()]) as gateway:
        before = gateway.events_in_memory
        for number in range(3):
            gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": f"a{number}", "mode": "m"})
        waiting = gateway.events_in_memory
        assert gateway.flush(10)
        assert (before, waiting, gateway.events_in_memory) == (0, 3, 0)
