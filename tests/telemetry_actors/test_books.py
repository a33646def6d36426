"""The books: each event one outcome, however many records, sinks and threads report on it."""

import random
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import InFlight
from telemetry_actors.books.books import Books, Listener
from telemetry_actors.books.dead_letters import Among, DeadLetters
from telemetry_actors.books.ends import Drop, Ending, RecordEnd
from telemetry_actors.books.ledger import Outcome, Reason
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.event.ticket import Ticket

LOGS, SPANS = SignalKind.LOGS, SignalKind.SPANS
REJECTED = Drop(Reason.REJECTED, "sinks/logs", "no")
PARKED = Drop(Reason.PARKED, "sinks/spans")


def an_item(serial, case=0):
    return Ticket(serial, case, 10), Envelope("app_created", "t", f"e{serial}", 1, b"\x80", b"\x80")


@pytest.fixture
def letters():
    return DeadLetters(100, 10**6)


@pytest.fixture
def released():
    """Items whose claims were given up."""
    return []


@pytest.fixture
def books(letters, released):
    """Books of two cases, whose lock is free whenever dropped items are told."""

    class Releases(Listener):
        def on_dropped(self, items):
            assert not books._lock.locked()
            released.extend(items)

    books = Books(2, letters, Releases())
    return books


def outcomes(books):
    return (sum(books.exported), sum(books.duplicate), dict(sum(books.dropped, Counter())))


# -- ends without records -------------------------------------------------------------------------


def test_an_end_is_booked_in_the_column_of_its_case(books, letters, released):
    books.end([Ending(an_item(1, case=1)), Ending(an_item(2), duplicate=True)])
    books.end([Ending(an_item(3, case=1), REJECTED)])

    assert (books.exported, books.duplicate) == ([0, 1], [1, 0])
    assert books.dropped == [Counter(), Counter(rejected=1)]
    assert [(x.envelope.event_id, x.reason, x.stage, x.error) for x in letters.list()] == [
        ("e3", Reason.REJECTED, "sinks/logs", "no")
    ]
    assert released == [an_item(3, case=1)]
    assert books.endings == 3


class Hears(Listener):
    """Remembers what it is told, in order."""

    def __init__(self):
        self.off_loaded = {2, 3}
        self.told = []

    def on_dropped(self, items):
        self.told += [("dropped", item) for item in items]

    def on_letters(self, letters):
        self.told += [("letter", letter) for letter in letters]

    def on_ended(self, tickets):
        self.told += [("ended", ticket) for ticket in tickets]

    def on_off_loaded_end(self, serial):
        self.told.append(("off-loaded", serial))


AMONG = Drop(Reason.REJECTED, "sinks/logs", "no", Among(("a", "b"), 1, 64))


@pytest.mark.parametrize("drop", [PARKED, AMONG], ids=["known", "assumed"])
def test_many_that_end_alike_are_booked_as_one_by_one(drop):
    def booked(book):
        hears, letters = Hears(), DeadLetters(3, 10**6)
        books = Books(2, letters, hears)
        shares = [books.room.take(tenant, 10) for tenant in "aabab"] + [None]
        items = [
            (
                Ticket(n, n % 2, 10, object if n == 1 else None, measured=n > 3, share=share),
                an_item(n)[1],
            )
            for n, share in enumerate(shares)
        ]
        books.follow(4, lambda *end: hears.told.append(("followed", *end)))
        books.watch(lambda: hears.told.append("woken"))
        book(books, items)
        assert (books.room.events, books.room.event_bytes, books.room.tenants()) == (0, 0, 0)
        counted = books.snapshot()._replace(lines={})  # no record of theirs is under way
        return counted, letters.list(), letters.forgotten, hears.told

    assert booked(lambda books, items: books.drop_all(items, drop)) == booked(
        lambda books, items: books.end([Ending(item, drop) for item in items])
    )


def test_a_waiter_is_woken_by_each_booking_until_it_has_enough(books):
    woken = []
    unwatch = books.watch(lambda: woken.append(books.endings))
    books.end([Ending(an_item(1)), Ending(an_item(2))])
    books.end([Ending(an_item(3))])
    unwatch()
    books.end([Ending(an_item(4))])

    assert woken == [2, 3]


# -- joins ----------------------------------------------------------------------------------------


def test_the_last_report_books_the_event(books):
    item = an_item(1)
    books.open([(item[0], 2, 1)], sampled_out=0)
    books.report(LOGS, "s", [RecordEnd(item, 0, None), RecordEnd(item, 1, None)])
    assert outcomes(books) == (0, 0, {})
    assert books.joined(1)

    books.report(SPANS, "s", [RecordEnd(item, 0, None)])

    assert outcomes(books) == (1, 0, {})
    assert not books.joined(1)


@pytest.mark.parametrize("drops", [(REJECTED, None), (None, REJECTED)])
def test_the_worst_of_an_events_records_is_its_outcome(books, released, drops):
    item = an_item(1)
    books.open([(item[0], 1, 1)], sampled_out=0)
    books.report(LOGS, "s", [RecordEnd(item, 0, drops[0])])
    books.report(SPANS, "s", [RecordEnd(item, 0, drops[1])])

    assert outcomes(books) == (0, 0, {"rejected": 1})
    assert released == [item]
    assert (books.records.lines[LOGS].exported, books.records.lines[SPANS].exported) == (
        int(drops[0] is None),
        int(drops[1] is None),
    )


@pytest.mark.parametrize("drops", [(PARKED, None), (None, PARKED)])
def test_a_record_is_exported_only_if_every_sink_says_so(books, drops):
    books.records.sinks = 2
    item = an_item(1)
    books.open([(item[0], 1, 0)], sampled_out=0)
    books.report(LOGS, "a", [RecordEnd(item, 0, drops[0])])
    assert (books.records.lines[LOGS].exported, books.records.lines[LOGS].dropped) == (0, Counter())
    books.report(LOGS, "b", [RecordEnd(item, 0, drops[1])])

    line = books.records.lines[LOGS]
    assert (line.made, line.exported, line.dropped) == (1, 0, Counter(parked=1))
    assert line.records == {}
    assert outcomes(books) == (0, 0, {"parked": 1})


def test_spans_that_sampling_left_out_are_no_part_of_the_event(books):
    item = an_item(1)
    books.open([(item[0], 1, 0)], sampled_out=3)
    books.report(LOGS, "s", [RecordEnd(item, 0, None)])

    assert books.records.sampled_out == 3
    assert books.records.lines[SPANS].made == 0
    assert outcomes(books) == (1, 0, {})


_ENDS = st.sampled_from([None, None, None, REJECTED, PARKED])
_EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)).filter(any), max_size=8)


@given(events=_EVENTS, sinks=st.integers(1, 3), seed=st.integers(0, 2**32), data=st.data())
def test_whatever_the_order_of_the_reports_each_event_gets_one_outcome(events, sinks, seed, data):
    books = Books(1, DeadLetters(100, 10**6))
    books.records.sinks = sinks
    items = [an_item(serial) for serial in range(len(events))]
    books.open([(i[0], *n) for i, n in zip(items, events, strict=True)], sampled_out=0)
    reports = [
        (kind, f"sink {sink}", RecordEnd(item, ordinal, data.draw(_ENDS)))
        for item, counts in zip(items, events, strict=True)
        for kind, count in zip((LOGS, SPANS), counts, strict=True)
        for ordinal in range(count)
        for sink in range(sinks)
    ]
    random.Random(seed).shuffle(reports)
    for kind, sink, end in reports:
        books.report(kind, sink, [end])

    bad = {end.item[0].serial for _, _, end in reports if end.drop is not None}
    exported, _, dropped = outcomes(books)
    assert (exported, sum(dropped.values())) == (len(events) - len(bad), len(bad))
    assert books.endings == len(events)
    for kind, line in books.records.lines.items():
        bad_records = {(e.item[0].serial, e.ordinal) for k, _, e in reports if k is kind and e.drop}
        assert line.exported == line.made - len(bad_records)
        assert sum(line.dropped.values()) == len(bad_records)
        assert line.records == {}
    assert not any(books.joined(item[0].serial) for item in items)


# -- fences ---------------------------------------------------------------------------------------


@given(
    events=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=8),
    sinks=st.integers(1, 3),
    ended=st.sets(st.integers(0, 7)),
    seed=st.integers(),
    data=st.data(),
)
def test_a_batch_that_was_taken_whole_is_booked_as_record_by_record(
    events, sinks, ended, seed, data
):
    at_once, one_by_one = (Books(2, DeadLetters(100, 10**6)) for _ in range(2))
    batches = []
    for kind, which in ((LOGS, 0), (SPANS, 1)):
        records = [
            (*an_item(serial, serial % 2), None, n)
            for serial, counts in enumerate(events)
            for n in range(counts[which])
        ]
        batches += [(kind, f"sink-{n}", records) for n in range(sinks)]
    random.Random(seed).shuffle(batches)
    refused = data.draw(st.sets(st.integers(0, len(batches) - 1)))
    for books in (at_once, one_by_one):
        books.records.sinks = sinks
        books.open([(an_item(n, n % 2)[0], *counts) for n, counts in enumerate(events)], 0)
        for serial in ended:  # ended by other hands, as at a stop: reports of it are fenced
            books.records._joins.pop(serial, None)
        for number, (kind, sink, records) in enumerate(batches):
            drop = REJECTED if number in refused else None
            if books is at_once and drop is None:
                books.report_exported(kind, sink, records)
            else:
                books.report(kind, sink, [RecordEnd(r[:2], r[3], drop) for r in records])

    assert outcomes(at_once) == outcomes(one_by_one)
    assert at_once.endings == one_by_one.endings
    for kind in (LOGS, SPANS):
        mine, other = at_once.records.lines[kind], one_by_one.records.lines[kind]
        assert (mine.exported, mine.dropped) == (other.exported, other.dropped)
        assert {n: (t.exported, t.dropped) for n, t in mine.by_sink.items()} == {
            n: (t.exported, t.dropped) for n, t in other.by_sink.items()
        }


def test_a_report_about_an_event_that_has_ended_books_no_second_outcome(books, released):
    """A sink that hung comes back after others have ended its events."""
    item = an_item(1)
    books.open([(item[0], 1, 0)], sampled_out=0)
    books.report(LOGS, "s", [RecordEnd(item, 0, PARKED)])
    books.report(LOGS, "s", [RecordEnd(item, 0, None)])

    assert outcomes(books) == (0, 0, {"parked": 1})
    assert released == [item]


def test_a_batch_is_reported_by_whoever_asks_first_and_nobody_else(books):
    flight, first = InFlight(), []
    start = threading.Barrier(8)

    def ask():
        start.wait(5)
        first.append(books.seal(flight))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(first) == [False] * 7 + [True]
    assert not books.seal(flight)
    assert books.seal(InFlight())


# -- other lines ----------------------------------------------------------------------------------


def test_measurements_and_calls_to_providers_add_up(books):
    books.count_measurements(3, 2)
    books.count_measurements(1, 1)
    books.count_measurements(2, 1, 1)
    books.count_provider("called")
    books.count_provider("raised", 2)

    assert books.measured == [6, 4, 1]
    assert books.providers == Counter(called=1, raised=2)


@pytest.mark.parametrize("known_first", [True, False])
def test_a_drop_that_is_known_outweighs_one_that_is_assumed(books, letters, known_first):
    assumed = Drop(Reason.REJECTED, "sinks/spans", "one of", Among.of(["e1", "e2"], 1))
    item = an_item(1)
    books.open([(item[0], 1, 1)], sampled_out=0)
    ends = [(LOGS, PARKED), (SPANS, assumed)]
    for kind, drop in ends if known_first else reversed(ends):
        books.report(kind, "sink", [RecordEnd(item, 0, drop)])

    assert outcomes(books) == (0, 0, {"parked": 1})
    assert books.assumed[0] == {}
    assert books.records.lines[SPANS].assumed == {"rejected": 1}
    assert [letter.attribution for letter in letters.list()] == [""]


# -- letters, followers, other ways in -------------------------------------------------------------


def test_letters_are_told_with_the_lock_not_held(letters):
    told = []

    class Told(Listener):
        def on_letters(self, batch):
            assert not books._lock.locked()
            told.append(list(batch))

    books = Books(2, letters, Told())
    books.end([Ending(an_item(1), REJECTED), Ending(an_item(2)), Ending(an_item(3), PARKED)])
    books.end([Ending(an_item(4), duplicate=True)])

    assert told == [letters.list()]
    assert [letter.serial for letter in letters.list()] == [1, 3]


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (Ending(an_item(1)), Outcome.EXPORTED),
        (Ending(an_item(1), duplicate=True), Outcome.DUPLICATE),
        (Ending(an_item(1), REJECTED), Outcome.DROPPED),
    ],
    ids=str,
)
def test_whoever_follows_an_event_is_told_once_with_the_lock_not_held(books, ending, outcome):
    ends = []

    def on_end(*end):
        assert not books._lock.locked()
        ends.append(end)

    books.follow(1, on_end)
    books.end([Ending(an_item(2))])
    assert ends == []
    books.end([ending])
    books.end([ending])

    ((told, letter),) = ends
    assert told is outcome
    assert (letter is not None) == (outcome is Outcome.DROPPED)


def test_an_event_with_records_was_measured_and_one_without_says_it_itself(books, letters):
    books.open([(an_item(1)[0], 1, 0)], 0)
    books.report(LOGS, "otlp", [RecordEnd(an_item(1), 0, REJECTED)])
    books.end([Ending(an_item(2), PARKED), Ending(an_item(3), PARKED, measured=True)])
    ticket, envelope = an_item(4)
    books.end([Ending((ticket._replace(measured=True), envelope), PARKED)])

    assert [letter.measured for letter in letters.list()] == [True, False, True, True]


def test_other_ways_in_are_counted_by_case(books):
    books.take_in("dead_letters", {1: 2})
    books.take_in("dead_letters", {0: 1, 1: 1})
    books.take_in("journal", {0: 5})

    assert books.other_ways.sources == {"dead_letters": [1, 3], "journal": [5, 0]}
