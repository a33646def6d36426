"""A session: feed, wait as long as it gets on, stop, read the books."""

import pytest

from telemetry_actors.books.ledger import Admission, Ledger
from telemetry_actors.demo.event import BadLine, MadeEvent
from telemetry_actors.demo.session import Hopeless, Session
from telemetry_actors.observe.status import Status

EVENT = MadeEvent("app_created", {}, {}, line=3)


class Clock:
    """Stands still, but for what `advance` adds."""

    time_s = 0.0

    def now_s(self):
        return self.time_s

    def now_ns(self):
        return 0

    def wait(self, token, timeout_s):
        self.time_s += timeout_s


class Gateway:
    """Says of each flush what it was told, and holds as many events as it was told."""

    def __init__(self, clock, *, flushes=(), in_flight=(), answers=()):
        self.clock = clock
        self.flushes = list(flushes)
        self.held = list(in_flight)
        self.answers = list(answers)
        self.emitted = 0
        self.stops = []

    def has_room(self):
        return True

    def emit(self, case, context, payload, *, event_id=None):
        self.emitted += 1
        return self.answers.pop(0) if self.answers else Admission.ACCEPTED

    def flush(self, timeout_s):
        self.clock.time_s += timeout_s
        answer = self.flushes.pop(0) if self.flushes else False
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stop(self, timeout_s):
        self.stops.append(timeout_s)
        if len(self.stops) == 1 and KeyboardInterrupt in self.answers:
            raise KeyboardInterrupt

    def ledger(self):
        in_flight = self.held.pop(0) if len(self.held) > 1 else (self.held or [0])[0]
        return Ledger(emitted=1, accepted=1, in_flight=in_flight, exported=1 - bool(in_flight))

    def status(self):
        return Status(
            state="running",
            restarts=0,
            tree=[],
            mailboxes=[],
            sinks=[],
            parked=[],
            dead_letters=[],
            dead_letters_forgotten=0,
            problems=[],
        )


class Notes:
    def __init__(self):
        self.notes = []
        self.made = []

    def advance(self, made):
        self.made.append(made)

    def note(self, text):
        self.notes.append(text)


class Watcher:
    """Gives up at its first look after so many."""

    def __init__(self, patience=10**9, cause=""):
        self.patience = patience
        self.words = cause

    def look(self):
        self.patience -= 1
        if self.patience < 0:
            raise Hopeless

    def cause(self):
        return self.words


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def notes():
    return Notes()


def session_of(gateway, clock, notes, watcher=None):
    return Session(gateway, clock, notes, stop_timeout_s=10.0, watcher=watcher or Watcher())


def test_what_is_hopeless_ends_the_feeding_and_is_not_waited_for(clock, notes):
    gateway = Gateway(clock, in_flight=[3])
    session = session_of(gateway, clock, notes, Watcher(1, cause="nothing listens"))

    session.feed([EVENT] * 3)
    books = session.close()

    assert (gateway.emitted, clock.time_s, gateway.stops) == (1, 0.0, [1.0])
    assert (books.given_up, books.cause, books.interrupted) == (True, "nothing listens", False)


def test_what_turns_out_hopeless_while_it_is_waited_for_ends_the_wait(clock, notes):
    gateway = Gateway(clock, in_flight=[3])
    session = session_of(gateway, clock, notes, Watcher(3, cause="nothing listens"))

    session.feed([EVENT])
    books = session.close()

    assert (books.given_up, gateway.stops) == (True, [1.0])
    assert clock.time_s < 5


def test_interrupted_while_nothing_arrives_is_not_waited_for(clock, notes):
    gateway = Gateway(clock, flushes=[KeyboardInterrupt()])
    session = session_of(gateway, clock, notes, Watcher(cause="nothing listens"))

    session.feed([EVENT])

    assert session.close().interrupted
    assert gateway.stops == [1.0]


def test_it_counts_events_and_keeps_the_first_bad_lines(clock, notes):
    session = session_of(Gateway(clock, flushes=[True]), clock, notes)

    session.feed([EVENT, *(BadLine(i, "why") for i in range(30)), EVENT])
    books = session.close()

    assert books.made == 2
    assert notes.made == [1, 2]
    assert books.bad_lines == 30
    assert [bad.line for bad in books.first_bad_lines] == list(range(20))
    assert notes.notes[-1] == "further bad lines are counted, not shown"
    assert len(notes.notes) == 21


def test_a_refusal_names_its_line_and_stops_nothing(clock, notes):
    gateway = Gateway(clock, flushes=[True], answers=[Admission.TOO_LARGE])
    session = session_of(gateway, clock, notes)

    session.feed([EVENT, EVENT])

    assert notes.notes == ["line 3: app_created refused: too_large"]
    assert gateway.emitted == 2


def test_it_waits_as_long_as_it_gets_on(clock, notes):
    """Five hundred slices with progress in each are no reason to give up."""
    gateway = Gateway(clock, in_flight=range(500, -1, -1))
    session = session_of(gateway, clock, notes)

    session.close()

    assert clock.time_s == pytest.approx(250)
    assert gateway.stops == [10.0]


def test_it_gives_up_when_nothing_moves(clock, notes):
    gateway = Gateway(clock, in_flight=[7])
    session = session_of(gateway, clock, notes)

    books = session.close()

    assert books.seconds == pytest.approx(90)
    assert books.ledger.in_flight == 7


def test_metrics_alone_do_not_hold_it_up(clock, notes):
    """Every event has its outcome; only the export of the metrics failed."""
    gateway = Gateway(clock, in_flight=[0], flushes=[False] * 100)

    session_of(gateway, clock, notes).close()

    assert clock.time_s == pytest.approx(0.5)


def test_ctrl_c_while_feeding_stops_at_once(clock, notes):
    def source():
        yield EVENT
        raise KeyboardInterrupt

    gateway = Gateway(clock, in_flight=[5])
    session = session_of(gateway, clock, notes)

    session.feed(source())
    books = session.close()

    assert books.interrupted
    assert clock.time_s == 0.0, "no flush: stop() alone, which has a limit"
    assert gateway.stops == [10.0]
    assert notes.notes == ["interrupted; 10 s for what is under way"]


def test_ctrl_c_while_waiting_goes_on_to_the_stop(clock, notes):
    gateway = Gateway(clock, in_flight=[5], flushes=[False, KeyboardInterrupt()])

    books = session_of(gateway, clock, notes).close()

    assert books.interrupted
    assert gateway.stops == [10.0]


def test_ctrl_c_while_stopping_stops_without_a_wait(clock, notes):
    gateway = Gateway(clock, flushes=[True], answers=[KeyboardInterrupt])

    books = session_of(gateway, clock, notes).close()

    assert books.interrupted
    assert gateway.stops == [10.0, 0.0]


def test_a_source_that_breaks_off_is_said_and_the_books_are_read(clock, notes):
    def source():
        yield EVENT
        raise OSError(5, "Input/output error")

    session = session_of(Gateway(clock, flushes=[True]), clock, notes)

    session.feed(source())
    books = session.close()

    assert books.read_error == "Input/output error"
    assert books.made == 1
    assert notes.notes == ["the source broke off: Input/output error"]
