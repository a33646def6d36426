"""Who goes into a lane: what is large, and what comes behind it; and nobody is lost in one."""

import threading

import pytest

from supervisors import ChildSpec, Exit, Mailbox, MailboxSpec, Runtime, Supervisor, SupervisorSpec
from telemetry_actors.books.books import Books
from telemetry_actors.books.dead_letters import DeadLetters
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.stages.lane import Lane, LaneActor

WAIT_S = 5.0


def an_event(name, *, thread=1, tenant="t", case=0):
    envelope = Envelope("message_run", tenant, name, 1, b"\x80", b"\x80")
    return Ticket(1, case, 100, thread=thread), envelope


BATCH = [
    an_event("before"),
    an_event("large"),
    an_event("behind"),
    an_event("other thread", thread=2),
    an_event("other tenant", tenant="u"),
    an_event("other case", case=1),
]
OTHERS = ["other thread", "other tenant", "other case"]


@pytest.fixture
def lane():
    return Lane(Mailbox(MailboxSpec()))


def names(items):
    return [envelope.event_id for _, envelope in items]


def is_large(item):
    return item[1].event_id == "large"


def test_g07_what_comes_behind_a_large_one_in_its_batch_goes_into_the_lane_too(lane):
    straight, aside = lane.sort(BATCH, is_large)

    assert (names(straight), names(aside)) == (["before", *OTHERS], ["large", "behind"])


def test_g07_what_comes_behind_one_in_the_lane_goes_there(lane):
    lane.mailbox.append(an_event("large"))
    straight, aside = lane.sort(BATCH, lambda _item: False)

    assert (names(straight), names(aside)) == (OTHERS, ["before", "large", "behind"])


def test_where_nothing_waits_the_batch_goes_on_as_it_is(lane):
    straight, aside = lane.sort(BATCH, lambda _item: False)

    assert straight is BATCH
    assert aside == []


class Errandless(LaneActor):
    """A lane of events that have nothing to wait for."""

    out = Mailbox(MailboxSpec())

    def begin(self, item):
        return None

    def finish(self, item, errand):
        return item

    def outlet(self, item):
        return self.out


class Held(Mailbox):
    """Whoever first takes some in is held at that, before they are out of here."""

    def __init__(self):
        super().__init__(MailboxSpec(batch_max_items=2))
        self.reached, self.over = threading.Event(), threading.Event()
        self.thread = None

    def held(self):
        found = super().held()
        if self.thread is None:
            self.thread = threading.current_thread()
            self.reached.set()
            assert self.over.wait(WAIT_S)
        return found


def test_one_that_is_given_up_as_it_takes_some_in_takes_none():
    """They would be in its own copy of the batch, which is nobody's (g16)."""
    mailbox, runtime = Held(), Runtime()
    lane = Lane(mailbox)
    Errandless.out.max_items = 0  # nobody is let out
    runtime.adopt(("root", "lane"), mailbox)
    child = ChildSpec(
        "lane",
        Errandless,
        ("stages/lane", Books(1, DeadLetters(10, 10**6))),
        {"lane": lane, "keeper": None, "clock": runtime.clock},
    )
    root = Supervisor.start(SupervisorSpec((child,)), runtime=runtime)
    mailbox.append(an_event("first"))
    while not lane.slot.in_flight:
        pass
    mailbox.append(an_event("second"))
    assert mailbox.reached.wait(WAIT_S)
    lane.slot.current.lose(Exit.hung())
    while names(lane.slot.in_flight.batch) != ["first", "second"]:
        pass  # the next life has taken it in, and has no room for one more
    mailbox.append(an_event("third"))
    mailbox.over.set()
    mailbox.thread.join(WAIT_S)

    assert names(mailbox.user) == ["third"]
    assert root.stop(WAIT_S)
