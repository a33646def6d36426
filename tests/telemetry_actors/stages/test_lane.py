"""Who goes into a lane: what is large, and what comes behind it."""

import pytest

from supervisors import Mailbox, MailboxSpec
from telemetry_actors.envelope import Envelope, Ticket
from telemetry_actors.stages._lane import Lane


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
