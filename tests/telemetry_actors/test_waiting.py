"""What waits at the door: nothing that the garbage collector walks, and all that stages need."""

import gc
from collections import deque

import pytest

from supervisors import MailboxSpec
from supervisors.testing import crash
from telemetry_actors import Admission, TelemetryGateway, TelemetrySettings
from telemetry_actors.door.waiting import WaitingEvents, flat, whole
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.testing import RecordingSink, running_gateway

TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a1", "mode": "chat"}


@pytest.fixture
def gateway():
    """One that never starts: what is accepted stays in its mailbox."""
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False
    yield gateway
    gateway.stop(0.1)


def an_item(serial=1):
    envelope = Envelope("app_created", "t", f"e{serial}", 7, b"\x80", b"\x81", b"f", {"a": 1})
    ticket = Ticket(serial, 3, 100, "manager", 9, True, 11, b"p", True, 12)
    return ticket, envelope


def a_mailbox(*serials, **spec):
    mailbox = WaitingEvents(
        MailboxSpec(batch_max_items=10, **spec), lambda item: item[0].charged_bytes
    )
    for serial in serials:
        mailbox.put(an_item(serial), 100)
    return mailbox


def tracked(gateway):
    gc.collect(0)
    return sum(map(gc.is_tracked, gateway._life.door.mailbox.user))


# -- the collector ---------------------------------------------------------------------------------


def test_an_event_that_waits_is_nothing_to_the_garbage_collector(gateway):
    """Mutants: a NamedTuple, or the share itself in the ticket."""
    for n in range(500):
        gateway.emit("app_created", {"tenant_id": f"t{n % 7}"}, APP)
        gateway.emit("message_run", TENANT, {"message_id": n, "trace_id": "x"}, event_id=f"id{n}")

    assert len(gateway._life.door.mailbox.user) == 1000
    assert tracked(gateway) == 0


def test_there_are_no_more_objects_however_many_events_wait(gateway):
    def objects():
        gc.collect()
        return len(gc.get_objects())

    gateway.emit("app_created", TENANT, APP)  # what is made once
    before = objects()
    for _ in range(2_000):
        assert gateway.emit("app_created", TENANT, APP) is Admission.ACCEPTED

    assert objects() - before < 50  # of the test's own


def test_an_event_with_a_trace_manager_is_one_object(gateway):
    """The manager is the host's; it can't be a number."""
    manager = type("Manager", (), {"add_trace_task": lambda *_: None})()
    for _ in range(10):
        gateway.emit("message_run", TENANT, {"message_id": "m"}, trace_manager=manager)

    assert tracked(gateway) == 10


# -- both forms ------------------------------------------------------------------------------------


def test_an_item_is_flat_while_it_waits_and_whole_afterwards():
    item = an_item()
    there = whole(flat(item))

    assert type(flat(item)) is tuple
    assert there == item
    assert [type(part) for part in there] == [Ticket, Envelope]


def test_what_emit_puts_in_is_what_an_item_is(gateway):
    """It makes the tuple in place."""
    gateway.emit("app_created", TENANT, APP, event_id="one")
    (waiting,) = gateway._life.door.mailbox.user
    ((ticket, envelope),) = gateway._life.door.mailbox.held()
    room = gateway._life.door.pressure.room

    assert flat((ticket, envelope)) == waiting
    assert (ticket.serial, ticket.place, ticket.measured, ticket.packed) == (1, None, False, None)
    assert room.numbered[ticket.share] is room.held_by("acme")
    assert envelope[:3] == ("app_created", "acme", "one")
    assert (envelope.payload_fallback, envelope.metadata) == (None, None)


def test_a_batch_is_taken_whole_and_in_order():
    mailbox, batch = a_mailbox(1, 2, 3), []
    mailbox.take(2, batch, 0.0)

    assert batch == [an_item(1), an_item(2)]
    assert mailbox.held() == [an_item(3)]
    assert mailbox.queued_bytes == 100


def test_a_batch_is_bounded_in_bytes():
    mailbox, batch = a_mailbox(1, 2, 3, batch_max_bytes=250), []
    mailbox.take(3, batch, 0.0)

    assert batch == [an_item(1), an_item(2)]


def test_all_is_drained_whole():
    mailbox, into = a_mailbox(1, 2, 3), [an_item(0)]
    mailbox.drain(into)

    assert into == [an_item(n) for n in range(4)]
    assert len(mailbox) == 0


def test_what_goes_back_is_flat_again():
    mailbox = a_mailbox()
    mailbox.extend([an_item(1), an_item(2)], 200)

    assert list(mailbox.user) == [flat(an_item(1)), flat(an_item(2))]
    assert (mailbox.held(), mailbox.queued_bytes) == ([an_item(1), an_item(2)], 200)


def test_the_oldest_is_known_without_a_copy_of_the_others():
    assert a_mailbox(4, 5).oldest() == an_item(4)
    assert a_mailbox().oldest() is None


class Seen(deque):
    """Tells of each pop what the batch holds by then."""

    def __init__(self, items, batch):
        super().__init__(items)
        self.batch, self.seen = batch, []

    def popleft(self):
        self.seen.append((len(self), len(self.batch)))
        return super().popleft()


def test_no_event_is_in_neither_place_when_a_move_is_broken_off():
    """One is in the hands of the C call at most; those before it are in the batch."""
    mailbox, batch = a_mailbox(1, 2, 3), []
    mailbox.user = Seen(mailbox.user, batch)
    mailbox.move(3, batch)

    assert mailbox.user.seen == [(3, 0), (2, 1), (1, 2)]
    assert batch == [an_item(1), an_item(2), an_item(3)]


def test_a_gateway_actor_that_crashes_with_a_batch_in_hand_leaves_whole_items_there():
    with running_gateway() as (gateway, _):
        crash(gateway._life.places.ref("stages/gateway"), ValueError("x"), in_hand=True)
        for n in range(3):
            gateway.emit("app_created", TENANT, APP, event_id=f"e{n}")
        assert gateway.flush(5)

    assert gateway.status().restarts == 1
    assert gateway.ledger().balanced()
    assert (gateway.ledger().exported, gateway.ledger().dropped) == (2, {"stage_crash": 1})
    assert gateway._life.door.pressure.room.events == 0


def test_what_a_stop_finds_at_the_door_has_its_line_and_gives_its_room_back(gateway):
    for _ in range(3):
        gateway.emit("app_created", TENANT, APP)
    held = [item[1].case for _, item in gateway._life.places.held()]
    gateway.stop(0.1)
    letters = gateway.dead_letters()

    assert held == ["app_created"] * 3
    assert gateway.ledger().dropped == {"shutdown": 3}
    assert [letter.envelope.tenant_id for letter in letters] == ["acme"] * 3
    assert gateway.ledger().balanced()
    room = gateway._life.door.pressure.room
    assert (room.events, room.event_bytes, room.tenants()) == (0, 0, 0)
