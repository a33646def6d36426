"""The record sink: few requests within the byte limit, one end for each record."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import InFlight
from supervisors.testing import FakeClock
from telemetry_actors.base.breaker import Breaker
from telemetry_actors.books.books import Books
from telemetry_actors.books.dead_letters import DeadLetters
from telemetry_actors.books.ends import Drop
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.signals import LogSignal, SignalKind
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks._sending import Sending
from telemetry_actors.sinks.actor import RecordSinkActor
from telemetry_actors.sinks.retry import RetryPlan, StopBudget

LIMIT_BYTES = 100
A_LOG = LogSignal("dify.app.created", "metric_only", (), (), b"", b"", 1, 2)
ENCODE_ERROR = Drop(Reason.ENCODE_ERROR, "sinks/logs")


class Wire:
    """A sink whose records are bytes, and whose answers are given in advance."""

    name = "wire"

    def __init__(self):
        self.requests, self.answers = [], []

    def size_of(self, encoded):
        return len(encoded)

    def export(self, kind, encoded, timeout_s):
        self.requests.append(list(encoded))
        return self.answers.pop(0) if self.answers else ExportResult(Verdict.ACCEPTED)


@pytest.fixture
def books():
    return Books(1, DeadLetters(100, 10**6))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def noted():
    return []


@pytest.fixture
def sink(books, clock, wire, noted):
    return a_sink(books, clock, wire, lambda *what: noted.append(what))


def a_breaker(**options):
    """Opens after three failures, for a second."""
    numbers = {"failures": 3, "open_s": 1.0, "longest_s": 10.0, "probe_limit_s": 6.0, **options}
    return Breaker(0.0, rng=Steady(), **numbers)


class Steady(random.Random):
    """Takes nothing off."""

    def random(self):
        return 0.0


def a_sink(books, clock, wire, note=lambda *_what: None, *, kind=SignalKind.LOGS, breaker=None):
    def plan(now_s):
        return RetryPlan(
            now_s, give_up_s=10.0, min_s=1.0, max_s=4.0, most_asked_s=60.0, rng=random.Random(1)
        )

    return RecordSinkActor(
        kind,
        wire,
        books,
        clock=clock,
        plan=plan,
        breaker=breaker or a_breaker(),
        max_bytes=LIMIT_BYTES,
        attempt_timeout_s=5.0,
        budget=StopBudget(clock.now_s),
        note=note,
    )


def a_flight(books, *encoded):
    """A batch whose records have been encoded so."""
    flight = InFlight()
    for serial, record in enumerate(encoded):
        ticket = Ticket(serial, 0, 100)
        envelope = Envelope("app_created", "t", f"e{serial}", 1, b"\x80", b"\x80")
        flight.batch.append((ticket, envelope, A_LOG, 0))
        flight.results.append(record)
    books.open([(item[0], 1, 0) for item in flight.batch], sampled_out=0)
    return flight


def send_all(sink, flight):
    """Send until nothing is left to do or a retry is due; False: it is."""
    sending = flight.notes.setdefault("sending", sink._first_chunks(flight.results))
    while sending.work:
        if not sink._send_first(flight, sending):
            return False
    sink._report(flight, sending)
    return True


# -- requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "requests"),
    [
        ([], []),
        ([100], [[0]]),
        ([50, 50], [[0, 1]]),
        ([50, 51], [[0], [1]]),
        ([500, 10, 10], [[0], [1, 2]]),
        ([10, 500, 10], [[0], [1], [2]]),
        ([0, 0, 100], [[0, 1, 2]]),
    ],
)
def test_a_request_holds_as_much_as_the_limit_allows(sink, sizes, requests):
    assert sink._first_chunks([bytes(size) for size in sizes]).work == requests


def test_a_record_that_could_not_be_encoded_is_in_no_request(sink):
    sending = sink._first_chunks([b"a", ENCODE_ERROR, b"b"])

    assert sending.work == [[0, 2]]
    assert sending.ends == [None, ENCODE_ERROR, None]


# -- ends -----------------------------------------------------------------------------------------


def test_a_success_exports_all_and_is_noted(sink, books, wire, noted):
    assert send_all(sink, a_flight(books, b"a", ENCODE_ERROR, b"b"))

    assert wire.requests == [[b"a", b"b"]]
    assert books.exported == [2]
    assert books.dropped[0] == {"encode_error": 1}
    assert noted == [("wire", SignalKind.LOGS, ExportResult(Verdict.ACCEPTED), 0.0, 0)]


@pytest.mark.parametrize(("rejected", "exported"), [(0, 3), (1, 2), (3, 0), (99, 0)])
def test_of_a_partial_success_the_last_are_rejected(sink, books, wire, rejected, exported):
    wire.answers = [ExportResult(Verdict.ACCEPTED, rejected=rejected, message="odd")]
    assert send_all(sink, a_flight(books, b"a", b"b", b"c"))

    assert books.exported == [exported]
    assert sum(books.dropped[0].values()) == 3 - exported
    kept = [f"e{n}" for n in range(exported, 3)]
    assert [x.envelope.event_id for x in books.dead_letters.list()] == kept


def test_a_refusal_ends_its_request_and_not_the_next_one(sink, books, wire):
    wire.answers = [ExportResult(Verdict.REFUSED, message="HTTP 403")]
    assert send_all(sink, a_flight(books, bytes(60), bytes(60)))

    assert (books.exported, books.dropped[0]) == ([1], {"rejected": 1})
    assert books.dead_letters.list()[0].error == "HTTP 403"


def test_g30_what_a_sink_of_the_users_says_is_without_secrets(sink, books, wire, noted):
    """Neither `status()` nor a dead letter gets it."""
    wire.answers = [ExportResult(Verdict.REFUSED, message="401 of amqp://svc:Hunter2@broker")]
    send_all(sink, a_flight(books, b"a"))

    (letter,) = books.dead_letters.list()
    assert letter.error == noted[0][2].message == "401 of amqp://***@broker"


def test_a_retry_waits_without_sleeping_and_sends_the_same_again(sink, books, clock, wire):
    wire.answers = [ExportResult(Verdict.RETRY, message="busy", retry_after_s=3.0)]
    flight = a_flight(books, b"a", b"b")
    assert not send_all(sink, flight)
    assert flight.due_s == 3.0

    clock.advance(3.0)
    assert send_all(sink, flight)
    assert wire.requests == [[b"a", b"b"]] * 2
    assert books.exported == [2]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "retry_exhausted"),
        ({"unconfirmed": True}, "unconfirmed"),
    ],
)
def test_when_time_is_up_the_records_say_whether_they_may_have_arrived(
    sink, books, clock, wire, answer, reason
):
    flight = a_flight(books, b"a")
    wire.answers = [ExportResult(Verdict.RETRY, message="busy", **answer)]
    assert not send_all(sink, flight)
    clock.advance(10.0)
    wire.answers = [ExportResult(Verdict.RETRY, message="still busy")]
    assert send_all(sink, flight)

    assert books.dropped[0] == {reason: 1}


REFUSED, SPLIT = ExportResult(Verdict.REFUSED), ExportResult(Verdict.SPLIT)


@pytest.mark.parametrize(
    ("answers", "exported", "dropped"),
    [
        ([REFUSED], 0, {"unconfirmed": 3}),
        ([SPLIT, REFUSED], 2, {"unconfirmed": 1}),
        ([SPLIT, ExportResult(Verdict.ACCEPTED), SPLIT, REFUSED], 2, {"unconfirmed": 1}),
        ([ExportResult(Verdict.ACCEPTED, rejected=1)], 2, {"unconfirmed": 1}),
        ([ExportResult(Verdict.ACCEPTED)], 3, {}),
    ],
    ids=["a no", "a no to the first part", "a no to the last", "a partial success", "a yes"],
)
def test_g19_after_an_attempt_that_was_not_answered_a_no_proves_nothing(
    sink, books, clock, wire, answers, exported, dropped
):
    """The first time the receiver may have taken them."""
    flight = a_flight(books, b"a", b"b", b"c")
    wire.answers = [ExportResult(Verdict.RETRY, unconfirmed=True), *answers]
    assert not send_all(sink, flight)
    clock.advance(2.0)
    assert send_all(sink, flight)

    assert (books.exported, books.dropped[0]) == ([exported], dropped)


def test_g19_and_of_other_records_of_the_batch_it_says_what_it_says(sink, books, clock, wire):
    flight = a_flight(books, bytes(60), bytes(60))
    wire.answers = [ExportResult(Verdict.RETRY, unconfirmed=True), REFUSED, REFUSED]
    assert not send_all(sink, flight)
    clock.advance(2.0)
    assert send_all(sink, flight)

    assert books.dropped[0] == {"unconfirmed": 1, "rejected": 1}


@given(st.sets(st.integers(0, 19)))
def test_halving_finds_the_culprits_and_no_others(culprits):
    class Strict(Wire):
        def export(self, kind, encoded, timeout_s):
            self.requests.append(list(encoded))
            bad = [e for e in encoded if int(e) in culprits]
            return ExportResult(Verdict.SPLIT if bad else Verdict.ACCEPTED, message="HTTP 400")

    books, wire = Books(1, DeadLetters(100, 10**6)), Strict()
    assert send_all(
        a_sink(books, FakeClock(), wire), a_flight(books, *(b"%d" % n for n in range(20)))
    )

    dropped = {int(x.envelope.event_id[1:]) for x in books.dead_letters.list()}
    assert dropped == culprits
    assert books.exported == [20 - len(culprits)]
    delivered = [int(e) for r in wire.requests if not culprits & set(map(int, r)) for e in r]
    assert delivered == [n for n in range(20) if n not in culprits]  # in order, once each


class Fussy(Wire):
    """Says 400 to each request with a record that it can't take."""

    def __init__(self):
        super().__init__()
        self.takes = lambda _number: False

    def export(self, kind, encoded, timeout_s):
        self.requests.append([int(e) for e in encoded])
        good = all(self.takes(int(e)) for e in encoded)
        return ExportResult(Verdict.ACCEPTED if good else Verdict.SPLIT, message="HTTP 400")


def test_a_receiver_that_takes_nothing_is_not_asked_about_every_record_for_ever():
    """Once it is looked through; then two records speak for the rest, until one passes."""
    books, wire = Books(1, DeadLetters(1000, 10**6)), Fussy()
    sink, batch = a_sink(books, FakeClock(), wire), [b"%d" % n for n in range(32)]
    asked = []
    for takes in (None, None, lambda n: n == 31, None, lambda _n: True):
        wire.takes = takes or (lambda _n: False)
        wire.requests.clear()
        assert send_all(sink, a_flight(books, *batch))
        asked.append(len(wire.requests))

    first, second, third, fourth, fifth = asked
    assert first == 63
    assert second == 4  # all of it, two alone, the rest
    assert third > 32  # one of the two has passed, so each of the others is given its chance
    assert fourth == 63
    assert fifth == 1
    assert books.exported == [1 + 32]
    assert len(books.dead_letters) == 3 * 32 + 31


# -- after a crash --------------------------------------------------------------------------------


def test_a_request_that_crashed_is_tried_whole_once_more_and_then_one_by_one(sink):
    sending = Sending([[0, 1, 2], [3]], [None] * 4)
    sending.on_wire = sending.work[0]
    sink._after_a_crash(sending)
    assert sending.work == [[0, 1, 2], [3]]

    sending.on_wire = sending.work[0]
    sink._after_a_crash(sending)
    assert sending.work == [[0], [1], [2], [3]]


def given_up_in_a_request(sending):
    """What the next incarnation finds, if this one was given up while it waited for an answer."""
    sending.on_wire = sending.work[0]
    flight = InFlight()
    flight.notes["sending"] = sending
    return flight.fresh().notes["sending"]


def test_g19_records_of_a_request_whose_answer_nobody_heard_are_unconfirmed_in_the_end(sink):
    """The receiver may have them, whatever becomes of later attempts."""
    sending = given_up_in_a_request(Sending([[0, 1], [2]], [None] * 3))
    sink._after_a_crash(sending)
    sink._give_up(sending, "too long")
    sink._give_up(sending, "too long")

    assert [end.reason for end in sending.ends] == ["unconfirmed", "unconfirmed", "retry_exhausted"]


def test_g19_so_is_one_that_is_ended_as_the_culprit(sink, monkeypatch):
    monkeypatch.setattr(sink, "_last_words", lambda: "killed")
    sending = Sending([[0]], [None])
    for _ in range(2):
        sending = given_up_in_a_request(sending)
        sink._after_a_crash(sending)

    assert [end.reason for end in sending.ends] == ["unconfirmed"]


def test_g16_what_is_still_done_to_a_sending_that_was_given_up_is_nobodys():
    """It may be in the middle of an answer when it is copied."""
    sending = Sending([[0], [1]], [None] * 2)
    fresh = given_up_in_a_request(sending)
    sending.ends[0] = Drop(Reason.REJECTED, "sinks/logs")
    del sending.work[0]

    assert (fresh.work, fresh.ends) == ([[0], [1]], [None, None])


def test_g19_given_up_between_an_answer_and_what_it_means_the_answer_counts(
    sink, books, wire, monkeypatch
):
    """The next incarnation follows it, and sends nothing again."""
    flight, seen = a_flight(books, b"a", b"b"), []
    monkeypatch.setattr(sink, "_note", lambda *_what: seen.append(flight.fresh()))
    assert send_all(sink, flight)
    assert seen[0].notes["sending"].is_answered()
    assert send_all(sink, seen[0])
    assert wire.requests == [[b"a", b"b"]]
    assert seen[0].notes["sending"].ends == [None, None]


@pytest.mark.parametrize("answers", [1, 2, 5])
@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.REFUSED])
def test_a_crash_after_an_answer_changes_nothing_of_it(
    sink, books, wire, monkeypatch, verdict, answers
):
    """A host's logging filter that raises, say: the receiver has what it said that it has."""
    wire.answers = [ExportResult(verdict, message="no")]
    crashes = iter(range(answers))

    def note(*_what):
        raise OSError(f"crash {next(crashes)}")

    monkeypatch.setattr(sink, "_note", note)
    flight = a_flight(books, b"a", b"b")
    with pytest.raises(OSError, match="crash 0"):
        send_all(sink, flight)
    assert send_all(sink, flight)

    assert wire.requests == [[b"a", b"b"]]
    [(case, dropped)] = enumerate(books.dropped)
    exported = books.exported[case]
    assert (exported, dropped) == ((2, {}) if verdict is Verdict.ACCEPTED else (0, {"rejected": 2}))


def test_g19_a_receiver_that_asks_for_too_long_is_tried_at_the_cap_and_not_before(
    sink, books, wire, clock
):
    """F4: an hour, and the number is from the network."""
    wire.answers = [ExportResult(Verdict.RETRY, retry_after_s=999_999_999.0)]
    sink._holds = lambda _place: True  # the journal has it: no deadline
    flight = a_flight(books, b"a")
    assert not send_all(sink, flight)
    assert flight.due_s == clock.now_s() + 60.0
    clock.advance(60.0)
    assert send_all(sink, flight)
    assert len(wire.requests) == 2

    after = flight.fresh().notes["sending"]
    assert (after.work, after.unheard, after.in_request()) == ([], set(), False)


def test_a_crash_between_two_requests_costs_nothing(sink):
    sending = Sending([[0]], [None])
    for _ in range(5):
        sink._after_a_crash(sending)

    assert (sending.work, sending.crashes) == ([[0]], 0)


def test_a_batch_that_others_have_ended_is_not_reported(sink, books):
    """It hung in a request, and was given up meanwhile."""
    flight = a_flight(books, b"a")
    assert books.seal(flight)
    send_all(sink, flight)

    assert books.endings == 0


@pytest.mark.parametrize(
    ("emitted_s_ago", "waited_s"),
    [(2.0, 2.0), (-3600.0, 0.0), (3600.0, 3.0)],
    ids=["as it was", "the clock was set back", "the clock was set ahead"],
)
def test_a_clock_that_jumps_gives_a_record_neither_more_time_nor_less_than_the_endpoint_was_down(
    books, clock, wire, emitted_s_ago, waited_s
):
    breaker = a_breaker()
    breaker.told(clock.now_s(), "another", failed=True)
    clock.advance(3.0)
    sink, flight = a_sink(books, clock, wire, breaker=breaker), a_flight(books, b"1")
    ticket, envelope, *rest = flight.batch[0]
    emitted_at = clock.now_ns() - int(emitted_s_ago * 1e9)
    flight.batch[0] = (ticket, envelope._replace(emitted_at=emitted_at), *rest)
    wire.answers = [ExportResult(Verdict.RETRY)]
    assert not send_all(sink, flight)

    left_s = flight.notes["sending"].plan.until_s - clock.now_s()
    assert left_s == pytest.approx(10.0 - waited_s)


def test_g22_when_the_time_of_a_stop_is_up_no_attempt_is_begun(books, clock, sink, wire):
    """Threads end one after the other, and each attempt would hold up those behind it."""
    flight = a_flight(books, b"x" * 10)
    sink._budget.begin(clock.now_s())

    assert not send_all(sink, flight)
    assert flight.due_s == clock.now_s() + 0.05
    assert wire.requests == []


def test_an_export_is_from_the_first_try_to_the_end_of_the_last(books, clock, wire):
    """A18: each attempt was one observation."""
    wire.answers = [ExportResult(Verdict.RETRY, status_code=503)] * 2
    sink, seen = a_sink(books, clock, wire), []
    sink._note_export = lambda *what: seen.append(what)
    flight = a_flight(books, b"a", b"b")
    while not send_all(sink, flight):
        clock.advance(1.5)

    [(_, _, result, took_s)] = seen
    assert (result.verdict, took_s) == (Verdict.ACCEPTED, pytest.approx(3.0, abs=1.5))
    assert len(wire.requests) == 3


def test_an_export_that_is_given_up_has_ended_as_its_last_answer(books, clock, wire):
    wire.answers = [ExportResult(Verdict.RETRY, status_code=503)] * 50
    sink, seen = a_sink(books, clock, wire, breaker=a_breaker(failures=1000)), []
    sink._note_export = lambda *what: seen.append(what)
    flight = a_flight(books, b"a")
    while not send_all(sink, flight):
        clock.advance(1.0)

    [(_, _, result, took_s)] = seen
    assert (result.status_code, took_s > 5) == (503, True)


def test_what_is_too_large_is_halved_whatever_the_batch_before_was(sink, books, wire):
    """Two culprits, and then one who is innocent between others."""
    sink._takes_nothing = True

    def export(kind, encoded, timeout_s):
        wire.requests.append(list(encoded))
        big = any(len(one) > 2 for one in encoded)
        return ExportResult(
            Verdict.SPLIT if big else Verdict.ACCEPTED, status_code=413 if big else 200
        )

    wire.export = export
    flight = a_flight(books, b"big", b"s", b"big", b"big")
    assert send_all(sink, flight)

    assert [end is None for end in flight.notes["sending"].ends] == [False, True, False, False]
