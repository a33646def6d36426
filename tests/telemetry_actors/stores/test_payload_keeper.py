"""The keeper lets nobody wait, and knows what is there (g11)."""

import threading

import pytest

from supervisors.testing import FakeClock
from telemetry_actors.ports import Unfit
from telemetry_actors.settings import PayloadStoreSettings
from telemetry_actors.stores.payload_keeper import PayloadKeeper
from tests.telemetry_actors.promises.stores import until

IDS = ("t", "e")
KEY = "telemetry/t/e.json"


class Store:
    """In a dict; each call may be made to raise."""

    def __init__(self):
        self.objects = {}
        self.error = None

    def put(self, key, data):
        if self.error is not None:
            raise self.error
        return self.objects.setdefault(key, data) is data

    def get(self, key, max_bytes):
        if key not in self.objects:
            raise FileNotFoundError
        return self.objects[key]

    def delete(self, key):
        if self.error is not None:
            raise self.error
        self.objects.pop(key, None)

    def sweep(self, older_than_ns):
        return 0

    def close(self):
        pass


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def keeper(store, clock):
    made = PayloadKeeper(lambda: store, PayloadStoreSettings(), clock)
    yield made
    assert made.close(5.0) == 0


def put(keeper, serial=1, ids=IDS, encode=lambda: (b"text", b"fallback")):
    errand = keeper.put(serial, ids, 100, encode, lambda: None)
    if errand is not None:
        until(lambda: errand.done)
    return errand


def get(keeper, ref=KEY, serial=1, ids=IDS):
    errand = keeper.get(serial, ids, ref, bytes.upper, lambda: None)
    if errand is not None:
        until(lambda: errand.done)
    return errand


def test_it_is_put_and_got_and_deleted_when_the_event_has_ended(keeper, store):
    assert put(keeper).result == (KEY, b"fallback")
    assert get(keeper).result == b"TEXT"
    keeper.ended(1)
    keeper.ended(1)
    until(lambda: not keeper.objects)

    assert store.objects == {}
    assert keeper.counts["deleted"] == 1


def test_an_end_that_nobody_has_an_object_for_is_nothing(keeper):
    keeper.ended(7)
    assert keeper._cleaner._threads == []


@pytest.mark.parametrize("ref", [None, 1, "telemetry/t/other.json", "../x", KEY.upper()])
def test_g29_only_the_events_own_object_is_read(keeper, store, ref):
    store.objects[ref] = b"theirs"
    assert get(keeper, ref) is None


def test_g11_an_id_that_has_an_object_keeps_it_and_another_event_of_it_gets_none(keeper, store):
    assert put(keeper, 1).result is not None
    assert put(keeper, 2, encode=lambda: (b"other", None)) is None
    keeper.ended(2)

    assert get(keeper).result == b"TEXT"


def test_the_object_of_an_event_from_elsewhere_goes_with_the_event_here(keeper, store):
    store.objects[KEY] = b"theirs"
    assert get(keeper, serial=5).result == b"THEIRS"
    keeper.ended(5)
    until(lambda: not keeper.objects)

    assert store.objects == {}


def test_after_a_failure_it_asks_again_only_when_its_time_has_come(keeper, store, clock):
    store.error = OSError(28, "full")
    assert put(keeper).error is store.error
    assert put(keeper) is None
    assert not keeper.healthy
    assert "errno 28" in keeper.last_failure

    store.error = None
    clock.advance(1.5)
    assert put(keeper).result is not None
    assert keeper.healthy
    assert put(keeper, 2, ("t", "e2")).result is not None


def test_what_is_unfit_says_nothing_about_the_store(keeper):
    def unfit():
        raise Unfit("bytes")

    assert put(keeper, encode=unfit).result is None
    assert keeper.healthy
    assert keeper.objects == {}
    assert keeper.counts["inline"] == 1


def test_an_object_that_can_not_be_deleted_is_left_and_counted(keeper, store):
    put(keeper)
    store.error = OSError(5, "io")
    keeper.ended(1)
    until(lambda: not keeper.objects)

    assert keeper.counts["delete_failed"] == 1


def test_an_event_that_ends_while_it_is_written_leaves_nothing(keeper, store):
    written, go_on = threading.Event(), threading.Event()

    def slowly():
        written.set()
        go_on.wait(5)
        return b"text", None

    errand = keeper.put(1, IDS, 100, slowly, lambda: None)
    assert written.wait(5)
    keeper.ended(1)
    go_on.set()
    until(lambda: errand.done and not keeper.objects)

    assert store.objects == {}


def test_the_words_of_a_failure_hold_no_id(keeper, store):
    store.error = FileNotFoundError(2, "No such file", "telemetry/secret-tenant/e.json")
    put(keeper)

    assert "secret" not in keeper.last_failure


def test_without_threads_nothing_waits_and_nothing_is_put(keeper, monkeypatch):
    def none(_self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none)
        assert put(keeper) is None
    assert keeper.objects == {}
    assert keeper.counts["inline"] == 1


def test_without_threads_what_was_put_away_is_read_on_the_callers(keeper, store, monkeypatch):
    """It is nowhere else: at the end of CPython 3.12 each such payload would be lost."""

    def none(_self):
        raise RuntimeError("can't start new thread")

    store.objects[KEY] = b"text"
    monkeypatch.setattr(threading.Thread, "start", none)
    errand = get(keeper)
    assert errand.done
    assert errand.error is None


def test_a_keeper_that_is_closed_takes_nothing_more(store, clock):
    keeper = PayloadKeeper(lambda: store, PayloadStoreSettings(), clock)
    keeper.close(1.0)

    assert put(keeper) is None
    assert get(keeper) is None


@pytest.mark.parametrize("url", ["", "s3://bucket/prefix"])
def test_advice_on_a_directory_is_for_who_has_one(store, clock, caplog, url):
    keeper = PayloadKeeper(lambda: store, PayloadStoreSettings(url=url), clock)
    keeper._say("put", FileNotFoundError(2, "No such file or directory"))
    keeper.close(1.0)

    assert ("TELEMETRY_ACTORS__PAYLOAD_STORE__DIRECTORY" in caplog.text) == (not url)
    assert "the payload store fails (put: FileNotFoundError (errno 2)" in caplog.text
