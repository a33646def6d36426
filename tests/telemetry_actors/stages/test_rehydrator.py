"""The rehydrator passes on whole events; one without a payload goes into the lane to get it."""

import pytest

from supervisors import Mailbox, MailboxSpec
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.stages import Lane
from telemetry_actors.stages.rehydrator import _has_none


@pytest.fixture
def lane():
    return Lane(Mailbox(MailboxSpec(batch_max_items=10)))


def an_item(payload, **ticket):
    return Ticket(1, 0, 100, **ticket), Envelope("app_created", "t", "e", 1, b"\x80", payload)


def test_an_inline_payload_is_whole_also_when_it_is_empty(lane):
    items = [an_item(b"\x80"), an_item(b"\x81\xa1a\x01")]

    assert lane.sort(items, _has_none) == (items, [])


def test_without_a_payload_it_goes_into_the_lane_with_all_behind_it(lane):
    before, without, behind = an_item(b"\x80"), an_item(None), an_item(b"\x80")
    other = an_item(b"\x80", thread=7)

    assert lane.sort([before, without, other, behind], _has_none) == (
        [before, other],
        [without, behind],
    )
