"""g09, g10, g27 with a real Redis that fails in every way while events flow.

What is asserted after each fault: every event got through, this process's own repeats were
found, the books balance, the status says what is wrong and for how long; and when the
fault is over, ids are known across processes again.
"""

import os
import re
import socket

import pytest

from supervisors import SystemClock
from telemetry_actors.settings import DedupSettings
from telemetry_actors.stores import MemoryDedupStore
from telemetry_actors.stores._redis_link import RedisLink
from telemetry_actors.stores.redis_dedup import RedisDedupStore
from tests.faults.dedup import (
    APP,
    PASSWORD,
    TENANT,
    dedup_of,
    emit,
    gateway_with,
    known,
    known_after_flush,
    until,
)
from tests.servers.proxy import Proxy
from tests.servers.redis import Redis
from tests.stopwatch import Stopwatch

# -- faults while events flow ---------------------------------------------------------------------


class Stopped:
    words = "Connection refused"

    def begin(self, redis, proxy):
        redis.stop()

    def end(self, redis, proxy):
        redis.start()


class Paused:
    words = "Timeout"

    def begin(self, redis, proxy):
        redis.pause()

    def end(self, redis, proxy):
        redis.go_on()


class Slow:
    words = "Timeout"

    def begin(self, redis, proxy):
        proxy.delay_s = 1.0

    def end(self, redis, proxy):
        proxy.delay_s = 0.0


class Full:
    words = "maxmemory"

    def begin(self, redis, proxy):
        redis.fill()

    def end(self, redis, proxy):
        redis.do("CONFIG", "SET", "maxmemory", "0")


class ReadOnly:
    words = "read only replica"

    def begin(self, redis, proxy):
        redis.do("REPLICAOF", "127.0.0.1", "1")

    def end(self, redis, proxy):
        redis.do("REPLICAOF", "NO", "ONE")


class Locked:
    """A password is set while we have none, and everybody is thrown out."""

    words = "Authentication required"

    def begin(self, redis, proxy):
        redis.do("CONFIG", "SET", "requirepass", PASSWORD)
        redis._password = PASSWORD
        redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def end(self, redis, proxy):
        redis.do("CONFIG", "SET", "requirepass", "")
        redis._password = ""


class Loading:
    words = "loading|Timeout"  # it looks up so seldom that an answer may come too late

    def begin(self, redis, proxy):
        with redis.client() as client:
            for n in range(600):  # 60 MB: it looks up from its reading once in 2 MB
                client.set(f"filler{n}", os.urandom(100_000))
            client.save()
        redis.stop()
        redis.start("--key-load-delay", "2500", wait=False)
        until(lambda: _says_loading(redis))

    def end(self, redis, proxy):
        pass


def _says_loading(redis):
    try:
        with socket.create_connection(("127.0.0.1", redis.port)) as asked:
            asked.sendall(b"PING\r\n")
            return asked.recv(100).startswith(b"-LOADING")
    except ConnectionRefusedError:
        return False


FAULTS = [
    *(Stopped, Paused, Slow, Full, ReadOnly, Locked),
    # It must answer within the time-out, with its reading to do beside.
    pytest.param(Loading, marks=pytest.mark.timed, id="loading"),
]


@pytest.mark.timeout(40)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__.lower())
def test_g10_events_pass_whatever_becomes_of_redis_and_it_heals(redis, fault):
    fault = fault()
    with Proxy(redis.port) as proxy:
        via = proxy if isinstance(fault, Slow) else redis
        with gateway_with(redis.url_for("", "", port=via.port)) as gateway:
            assert known_after_flush(gateway, redis, emit(gateway, 20, repeats=5))
            assert dedup_of(gateway).healthy

            fault.begin(redis, proxy)
            for _ in range(5):
                emit(gateway, 20, repeats=10)
                assert gateway.flush(5)
            during = until(lambda: not (seen := dedup_of(gateway)).healthy and seen)
            problems = gateway.status().problems
            fault.end(redis, proxy)

            until(lambda: dedup_of(gateway).healthy)
            assert known_after_flush(gateway, redis, emit(gateway, 20, repeats=5))
            ledger = gateway.ledger()

    assert re.search(fault.words, during.last_failure)
    assert 0 < during.unchecked <= 100
    assert any(during.last_failure in problem for problem in problems)
    assert (ledger.exported, ledger.duplicate) == (140, 60)
    assert ledger.balanced()


@pytest.mark.timed
def test_g10_a_redis_that_hangs_costs_a_few_waits_and_not_one_for_each_batch(redis):
    redis.pause()
    with gateway_with(redis.url, timeout_s=0.3, breaker_open_s=5.0, breaker_max_s=5.0) as gateway:
        watch = Stopwatch()
        for _ in range(40):
            emit(gateway, 1)
            assert gateway.flush(5)
        took_s = watch.took_s()
        seen = dedup_of(gateway)

    assert (seen.breaker, seen.failures, seen.unchecked) == ("open", 3, 40)
    assert took_s < 3 * 0.3 + 1.5


@pytest.mark.timed
@pytest.mark.parametrize("drip_s", [0.02, 0.1])
def test_g10_a_peer_that_sends_a_byte_now_and_then_is_late_as_well(redis, drip_s):
    """The time-out is for the whole round trip, not for each read."""
    clock = SystemClock()
    with Proxy(redis.port) as proxy:
        proxy.drip_s = drip_s
        url = redis.url_for("", "", port=proxy.port)
        chosen = DedupSettings(timeout_s=0.3)
        store = RedisDedupStore.at(
            url, MemoryDedupStore(9, 9, clock), chosen, clock, lambda: None, "p"
        )
        watch = Stopwatch()
        assert store.claim([("t", f"e{n}", n) for n in range(50)]) == [True] * 50
        took_s = watch.took_s()
        store.close(0.1)

    assert store.health().failures == 1
    assert took_s < 0.3 + 0.3


def test_g10_a_key_of_another_type_lets_its_event_pass_and_no_breaker_opens(redis):
    redis.do("LPUSH", "telemetry:dedup:t:odd", "x")
    with gateway_with(redis.url) as gateway:
        gateway.emit("app_created", TENANT, APP, event_id="odd")
        ids = emit(gateway, 10)
        assert gateway.flush(5)
        seen = dedup_of(gateway)
        ledger = gateway.ledger()
        redis.do("DEL", "telemetry:dedup:t:odd")
        assert known(redis, ids)

    assert ledger.exported == 11
    assert (seen.healthy, seen.breaker, seen.unchecked) == (True, "closed", 1)
    assert "WRONGTYPE" in seen.last_failure


def test_g30_a_url_that_can_not_be_used_is_not_repeated(caplog):
    with gateway_with("redis://:p4ss@127.0.0.1:1/0?nonsense=1") as gateway:
        emit(gateway, 5)
        assert gateway.flush(5)
        seen = dedup_of(gateway)

    assert seen.last_failure == "redis_url can't be used (TypeError)"
    assert seen.unchecked == 5
    assert "p4ss" not in caplog.text


@pytest.mark.parametrize("times", [1, 2])
def test_g10_a_server_that_restarts_between_two_batches_costs_no_claim(redis, times):
    """A connection may have been closed without our noticing: the first failure on it is none."""
    with gateway_with(redis.url) as gateway:
        for _ in range(times):
            emit(gateway, 3)
            assert gateway.flush(5)
            redis.stop()
            redis.start()
        assert known_after_flush(gateway, redis, emit(gateway, 3))
        seen = dedup_of(gateway)

    assert seen.unchecked == 0  # (an outcome that was to be told meanwhile may have failed)


# -- starting without it --------------------------------------------------------------------------


def test_g27_without_redis_the_tree_starts_says_so_and_heals_when_it_comes(tmp_path, caplog):
    late = Redis(tmp_path)
    with gateway_with(late.url) as gateway:
        seen = until(lambda: not (seen := dedup_of(gateway)).healthy and seen)  # no event needed
        emit(gateway, 10, repeats=5)
        assert gateway.flush(5)
        until(lambda: dedup_of(gateway).breaker == "open")
        with late:
            until(lambda: dedup_of(gateway).healthy)
            assert known_after_flush(gateway, late, emit(gateway, 10))
            ledger = gateway.ledger()

    assert "Connection refused" in seen.last_failure
    assert (ledger.exported, ledger.duplicate) == (20, 5)
    said = [record.getMessage() for record in caplog.records if "dedup" in record.getMessage()]
    assert len(said) == 2
    assert "Redis at redis://127.0.0.1" in said[0]
    assert "is back" in said[1]


def test_who_comes_back_after_the_end_leaves_no_connection(redis):
    """A stage that hung in its round trip has its answer when the tree is gone."""
    link = RedisLink(redis.url, SystemClock().now_s)
    assert link.ask([("PING",)], 5.0) == [b"PONG"]
    link.close()
    assert link.ask([("PING",)], 5.0) == [b"PONG"]
    with redis.client() as client:
        until(lambda: len(client.client_list()) == 1)
