"""What is overdue, what is not, and where `emit()` may give way."""

import asyncio
import functools
import signal
import sys
import threading
import types

import pytest

from supervisors import InFlight, Mailbox, MailboxSpec
from supervisors.run.mailbox import Wait
from supervisors.testing import FakeClock
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.batch import lateness
from telemetry_actors.door import _giving_way
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.testing import RecordingSink

TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a1"}


def until(true):
    breath = threading.Event()
    for _ in range(1000):
        if true():
            return
        breath.wait(0.005)
    raise AssertionError("it never came")


# -- what is overdue ------------------------------------------------------------------------------


class Place:
    """A mailbox and its slot, with a consumer that gets no processor time."""

    def __init__(self, clock, *, is_door=False, **spec):
        self.mailbox = Mailbox(MailboxSpec(batch_max_items=10, **spec))
        self.mailbox.dues.now_s = clock.now_s
        self.slot = types.SimpleNamespace(ended=False, in_flight=None)
        self.clock = clock
        self.lateness = lateness.Lateness(clock)
        path = ("root", "x")
        other = types.SimpleNamespace(mailbox=Mailbox(MailboxSpec()), path=("root", "y"))
        holder = types.SimpleNamespace(mailbox=self.mailbox, path=path)
        holders = [holder] if is_door else [other, holder]
        self.lateness.watch(holders, {path: self.slot})

    def event(self):
        envelope = Envelope("app_created", "t", "e", self.clock.now_ns(), b"\x80", b"\x80")
        return Ticket(1, 0, 100), envelope

    def take(self):
        self.slot.in_flight = flight = InFlight()
        flight.taken_s = self.clock.now_s()
        self.mailbox.take(len(self.mailbox), flight.batch, flight.taken_s)
        return flight

    def let_go(self):
        self.slot.in_flight = None
        self.mailbox.let_go(self.clock.now_s())

    def overdue_s(self):
        return round(self.lateness.overdue_s(), 3)


@pytest.fixture
def clock():
    return FakeClock()


def test_g02_what_waits_at_the_door_is_overdue_after_its_linger(clock):
    """`emit()` writes nothing for it: the event has its time."""
    door = Place(clock, is_door=True, linger_s=0.1)
    seen = [door.overdue_s()]
    door.mailbox.append(door.event())
    for _ in range(4):
        seen.append(door.overdue_s())
        clock.advance(0.1)

    assert seen == [0.0, 0.0, 0.0, 0.1, 0.2]


@pytest.mark.parametrize("linger_s", [0.0, 1.0])
def test_g02_what_was_put_into_a_stage_is_overdue_from_when_it_should_be_taken(clock, linger_s):
    stage = Place(clock, linger_s=linger_s)
    stage.mailbox.extend([stage.event()])
    clock.advance(linger_s + 0.3)
    stage.mailbox.extend([stage.event()])  # the oldest counts

    assert stage.overdue_s() == 0.3


def test_g02_a_batch_that_is_worked_on_for_too_long_is_overdue_too(clock):
    """Whose thread has lost the GIL in the middle of it does not come back, either."""
    stage = Place(clock)
    stage.mailbox.extend([stage.event()])
    clock.advance(0.1)
    stage.take()
    assert stage.overdue_s() == 0.0
    clock.advance(0.3)
    assert stage.overdue_s() == 0.3
    stage.let_go()
    assert stage.overdue_s() == 0.0


def test_g02_what_came_while_a_batch_was_in_hand_is_due_when_that_is_done(clock):
    stage = Place(clock)
    stage.mailbox.extend([stage.event()])
    stage.take()
    stage.mailbox.extend([stage.event()])
    clock.advance(5)
    stage.let_go()
    assert stage.overdue_s() == 0.0
    clock.advance(0.3)
    assert stage.overdue_s() == 0.3


def test_g02_time_on_the_wire_and_in_a_back_off_is_not_overdue(clock):
    sink = Place(clock)
    sink.mailbox.extend([sink.event()])
    flight = sink.take()
    with flight.whole_batch("request"):
        clock.advance(5)
        assert sink.overdue_s() == 0.0
    flight.due_s = clock.now_s() + 1.0
    clock.advance(1.0)
    assert sink.overdue_s() == 0.0
    clock.advance(0.3)
    assert sink.overdue_s() == 0.3  # it should have tried again


def test_g02_behind_a_full_mailbox_and_when_parked_nothing_is_overdue(clock):
    stage, full = Place(clock), Place(clock, max_items=1)
    stage.mailbox.feed([full.mailbox])
    stage.mailbox.extend([stage.event()])
    full.mailbox.extend([full.event()])
    assert type(stage.mailbox.poll(clock.now_s(), None)) is Wait
    clock.advance(5)
    assert stage.overdue_s() == 0.0
    full.take()
    assert stage.overdue_s() == 0.0  # only from now on
    clock.advance(0.3)
    assert stage.overdue_s() == 0.3
    stage.mailbox.parked = True
    assert stage.overdue_s() == 0.0


@pytest.mark.timed
def test_status_says_how_old_the_oldest_is_and_that_nothing_is_overdue():
    gate = threading.Event()

    class Slow(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            gate.wait()
            return super().export(kind, encoded, timeout_s)

    settings = TelemetrySettings.enabled(gateway={"linger_s": 0}, sink={"linger_s": 0})
    with TelemetryGateway(settings, sinks=[Slow()]) as gateway:
        gateway.emit("app_created", TENANT, APP)
        until(lambda: gateway.status().pressure.oldest_age_s > 0.3)
        pressure = gateway.status().pressure
        ages = {m.path: m.oldest_age_s for m in gateway.status().mailboxes}
        gate.set()
        assert gateway.flush(10)
        assert gateway.status().pressure.oldest_age_s == 0.0

    assert pressure.overdue_s < 0.25
    assert [path for path, age_s in ages.items() if age_s] == ["sinks/logs"]


# -- where it may give way ------------------------------------------------------------------------


def test_g02_it_may_give_way_on_an_ordinary_thread_and_on_the_main_one():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(_giving_way.may_give_way()))
    thread.start()
    thread.join()

    assert seen == [True]
    assert _giving_way.may_give_way()


def test_g02_it_gives_way_in_no_event_loop():
    async def ask():
        return _giving_way.may_give_way()

    assert asyncio.run(ask()) is False


@pytest.mark.parametrize("module", ["gevent", "eventlet"])
def test_g02_it_gives_way_on_no_hub(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, types.ModuleType(module))

    assert not _giving_way.may_give_way()


def _handler(seen, _signum, _frame):
    seen.append(_giving_way.may_give_way())


class _Handlers:
    def __init__(self, seen):
        self.seen = seen

    def handle(self, _signum, _frame):
        self.deeper()

    def deeper(self):
        self.seen.append(_giving_way.may_give_way())

    def starred(self, *_args):
        self.deeper()


@pytest.mark.parametrize("form", ["function", "method", "starred", "partial"])
def test_g02_it_gives_way_in_no_signal_handler(form):
    seen = []
    handlers = _Handlers(seen)
    forms = {
        "function": lambda _signum, _frame: seen.append(_giving_way.may_give_way()),
        "method": handlers.handle,
        "starred": handlers.starred,
        "partial": functools.partial(_handler, seen),
    }
    before = signal.signal(signal.SIGUSR1, forms[form])
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert seen == [False]


def test_a_stack_that_is_too_deep_to_tell_counts_as_a_handler():
    def deeper(n):
        return deeper(n - 1) if n else _giving_way.in_signal_handler(sys._getframe())

    assert not deeper(3)
    assert deeper(300)


# -- giving way -----------------------------------------------------------------------------------


class Late:
    """A tree that is so late."""

    def __init__(self, seconds):
        self.seconds = seconds

    def overdue_s(self):
        return self.seconds


@pytest.mark.parametrize(("late_s", "times"), [(0.0, 0), (0.25, 0), (0.26, 1)])
def test_g02_it_gives_way_only_when_something_is_overdue(late_s, times):
    pauses = _giving_way.Pauses(Late(late_s).overdue_s)
    pauses.look()

    assert pauses.count == times


def test_g02_it_looks_at_most_once_in_20_ms():
    clock = FakeClock()
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()], clock=clock)
    intake = gateway._life.door.intake
    gateway._life.door.enqueuer.asleep, looks = False, []
    intake._look = lambda: looks.append(clock.now_s())
    for _ in range(100):
        gateway.emit("app_created", TENANT, APP)
        clock.advance(0.005)

    assert len(looks) == 25
    assert gateway.ledger().accepted == 100


def test_g02_a_refused_event_looks_as_well_else_a_starved_tree_with_a_full_mailbox_stays_so():
    clock = FakeClock()
    settings = TelemetrySettings.enabled(gateway={"mailbox_events": 1})
    gateway = TelemetryGateway(settings, sinks=[RecordingSink()], clock=clock)
    intake = gateway._life.door.intake
    gateway._life.door.enqueuer.asleep, looks = False, []
    intake._look = lambda: looks.append(1)
    for _ in range(3):
        gateway.emit("app_created", TENANT, APP)
        clock.advance(0.02)

    assert gateway.ledger().refused == {"mailbox_full": 2}
    assert len(looks) == 3


def test_giving_way_can_be_switched_off():
    gateway = TelemetryGateway(TelemetrySettings.enabled(pressure={"give_way": False}), sinks=[])

    assert gateway._life.door.intake._look is None


def test_g01_what_a_look_raises_reaches_nobody():
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False
    gateway._life.door.intake._look = lambda: 1 / 0

    assert gateway.emit("app_created", TENANT, APP)
    assert gateway.ledger().accepted == 1
