"""A patient producer waits for room and keeps the recorded pace."""

import pytest

from telemetry_actors.books.ledger import Admission
from telemetry_actors.demo._producer import PatientProducer
from telemetry_actors.demo.event import MadeEvent

SECOND_NS = 1_000_000_000


class SteppingClock:
    """Time passes only while somebody waits."""

    def __init__(self):
        self.waits = []
        self.time_s = 100.0

    def now_s(self):
        return self.time_s

    def now_ns(self):
        return int(self.time_s * 1e9)

    def wait(self, token, timeout_s):
        self.waits.append(timeout_s)
        self.time_s += timeout_s


class Gateway:
    """Has room, and answers, as it is told; then for ever."""

    def __init__(self, room=(), answers=()):
        self.room = list(room)
        self.answers = list(answers)
        self.emitted = []

    def has_room(self):
        return self.room.pop(0) if self.room else True

    def emit(self, case, context, payload, *, event_id=None):
        self.emitted.append((case, event_id))
        return self.answers.pop(0) if self.answers else Admission.ACCEPTED


@pytest.fixture
def clock():
    return SteppingClock()


def event(at_s=None):
    at_ns = None if at_s is None else int(at_s * SECOND_NS)
    return MadeEvent("app_created", {}, {}, "e", at_ns)


def test_whoever_watches_is_asked_all_along_a_wait_and_may_end_it(clock):
    looks = []

    def look():
        looks.append(clock.now_s())
        if len(looks) == 8:
            raise EOFError

    producer = PatientProducer(Gateway(), clock, speed=1.0, while_waiting=look)
    producer.emit(event(at_s=0))
    with pytest.raises(EOFError):
        producer.emit(event(at_s=1000))

    assert looks == [100.25 + n / 4 for n in range(8)]


def test_with_room_nothing_waits(clock):
    producer = PatientProducer(Gateway(), clock)

    assert producer.emit(event(at_s=5)) is Admission.ACCEPTED
    assert clock.waits == []
    assert producer.made == 1


def test_it_asks_for_room_before_it_emits(clock):
    gateway = Gateway(room=[False] * 20)
    producer = PatientProducer(gateway, clock)

    producer.emit(event())

    assert gateway.emitted == [("app_created", "e")], "emitted once, so nothing was refused"
    assert clock.waits[0] < clock.waits[-1] <= 0.25


def test_an_event_that_found_no_room_after_all_is_tried_again(clock):
    gateway = Gateway(answers=[Admission.BYTES_FULL, Admission.MAILBOX_FULL, Admission.PARKED])
    producer = PatientProducer(gateway, clock)

    assert producer.emit(event()) is Admission.ACCEPTED
    assert len(gateway.emitted) == 4
    assert producer.made == 1


@pytest.mark.parametrize("admission", [Admission.TOO_LARGE, Admission.STOPPING, Admission.INVALID])
def test_what_waiting_does_not_cure_comes_back(clock, admission):
    producer = PatientProducer(Gateway(answers=[admission]), clock)

    assert producer.emit(event()) is admission
    assert clock.waits == []


@pytest.mark.parametrize(("speed", "waits"), [(1, [2.0, 0.5]), (2, [1.0, 0.25]), (0, [])])
def test_the_pace(clock, speed, waits):
    producer = PatientProducer(Gateway(), clock, speed=speed)

    for at_s in (10, 12, None, 12.5, 11):  # no time, or one gone by: no wait
        producer.emit(event(at_s))

    assert clock.waits == pytest.approx(waits)


@pytest.mark.parametrize(("speed", "at_s"), [(1e-300, 1), (1, 9e9)])
def test_no_wait_is_longer_than_a_clock_can_count(clock, speed, at_s):
    producer = PatientProducer(Gateway(), clock, speed=speed)
    producer.emit(event(0))
    producer.emit(event(at_s))

    assert clock.waits == [365 * 86_400]


def test_what_has_a_way_in_of_its_own_takes_it_and_waits_for_room_alone():
    """A parked handler is nothing to wait for: what comes back may be what parks it."""
    answers = [Admission.MAILBOX_FULL, Admission.BYTES_FULL, Admission.PARKED, Admission.ACCEPTED]
    event = MadeEvent("app_created", {}, {}, enter=lambda: answers.pop(0))

    assert PatientProducer(Gateway(), SteppingClock()).emit(event) is Admission.PARKED
    assert answers == [Admission.ACCEPTED]
