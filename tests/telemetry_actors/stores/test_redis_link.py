"""One connection to Redis: it goes with the role of its server, and is ours whatever the URL says.

Real servers; those that take one another's place stand behind one address.
"""

from uuid import uuid4

import pytest

from supervisors import SystemClock
from telemetry_actors.settings import DedupSettings
from telemetry_actors.stores import MemoryDedupStore
from telemetry_actors.stores._redis_link import LinkError, RedisLink
from telemetry_actors.stores.redis_dedup import RedisDedupStore
from tests.servers.proxy import Proxy
from tests.servers.redis import Redis, free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def pair(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with Redis(tmp_path / "one") as one, Redis(tmp_path / "other") as other:
        yield one, other


def a_store(url):
    clock, chosen = SystemClock(), DedupSettings(timeout_s=5.0)
    local = MemoryDedupStore(3600.0, 1000, clock)
    return RedisDedupStore.at(url, local, chosen, clock, lambda: None, uuid4().hex)


def a_link(url):
    return RedisLink(url, SystemClock().now_s)


def demoted(one, other):
    one.do("REPLICAOF", "127.0.0.1", str(other.port))


def demoted_and_cut_off(one, _other):
    one.do("CONFIG", "SET", "replica-serve-stale-data", "no")
    one.do("REPLICAOF", "127.0.0.1", str(free_port()))


def cut_off_from_its_replicas(one, _other):
    one.do("CONFIG", "SET", "min-replicas-to-write", "1")


FAILOVERS = [demoted, demoted_and_cut_off, cut_off_from_its_replicas]


@pytest.mark.parametrize("happens", FAILOVERS)
def test_g10_after_a_failover_behind_one_address_the_next_round_trip_finds_the_primary(
    pair, happens
):
    one, other = pair
    with Proxy(one.port) as address:
        store = a_store(one.url_for("", "", port=address.port))
        assert store.claim([("t", "before", 1)]) == [True]
        happens(*pair)
        address.server_port = other.port

        assert store.claim([("t", "after", 2)]) == [True]
        health = store.health()
        assert (health.unchecked, health.failures, health.healthy) == (0, 0, True)
        assert list(other.keys()) == ["telemetry:dedup:t:after"]
        assert address.connections == 2
        store.close(1.0)


@pytest.mark.parametrize("happens", FAILOVERS)
def test_g10_while_there_is_no_primary_each_round_trip_looks_anew(pair, happens):
    one, other = pair
    with Proxy(one.port) as address:
        link = a_link(one.url_for("", "", port=address.port))
        write = ("SET", "k", "v")
        assert link.ask([write], 5.0) == [b"OK"]
        happens(*pair)
        for connections in (2, 3, 4):  # the kept one was tried once more, at once
            (reply,) = link.ask([write], 5.0)
            assert isinstance(reply, Exception)
            assert address.connections == connections
        address.server_port = other.port
        assert link.ask([write], 5.0) == [b"OK"]
        assert link.ask([write], 5.0) == [b"OK"]
        assert address.connections == 5
        link.close()


def test_what_a_script_says_of_the_role_counts_as_well(pair):
    one, other = pair
    with Proxy(one.port) as address:
        link = a_link(one.url_for("", "", port=address.port))
        script = ("EVAL", "return redis.call('set', KEYS[1], '1')", 1, "k")
        assert link.ask([script], 5.0) == [b"OK"]
        demoted(*pair)
        address.server_port = other.port
        assert link.ask([script], 5.0) == [b"OK"]
        link.close()


def test_what_is_wrong_with_one_key_or_one_user_costs_no_connection(server):
    with Proxy(server.port) as address:
        link = a_link(server.url_for("", "", port=address.port))
        wrong = [("DEL", "l"), ("RPUSH", "l", "1"), ("GET", "l"), ("NO-SUCH-COMMAND",)]
        for _ in range(3):
            assert [isinstance(reply, Exception) for reply in link.ask(wrong, 5.0)][2:] == [
                True
            ] * 2
        assert address.connections == 1
        link.close()


@pytest.mark.parametrize(
    "options",
    [
        "decode_responses=true",
        "max_connections=20",
        "encoding=utf-16",
        "encoding_errors=ignore",
        "protocol=3",
        "health_check_interval=1",
        "retry_on_timeout=true",
        "retry_on_error=x",
        "timeout=1",
        "socket_timeout=0.000001&socket_connect_timeout=0.000001",
        "socket_read_size=0",
        "legacy_responses=false",
        "single_connection_client=true",
        "client_name=mine&socket_keepalive=true",
        "decode_responses=true&max_connections=20&protocol=3&encoding=utf-16",
    ],
)
def test_g09_own_claims_are_known_whatever_the_urls_options(server, options):
    server.do("FLUSHALL")
    store = a_store(f"{server.url}?{options}")
    assert store.claim([("t", "e", 1), ("t", "ü", 2)]) == [True, True]
    store._local.release([("t", "e", 1)])
    assert store.claim([("t", "e", 1), ("t", "f", 3)]) == [True, True]  # its own in Redis
    assert a_store(server.url).claim([("t", "e", 7)]) == [False]
    health = store.health()
    assert (health.unchecked, health.failures) == (0, 0)
    assert set(server.keys()) == {f"telemetry:dedup:t:{e}" for e in ("e", "f", "%C3%BC")}
    store.close(1.0)


@pytest.mark.parametrize(
    "options", ["no_such=1", "connection_class=x", "credential_provider=x", "db=x", "retry=3"]
)
def test_an_option_that_can_not_be_used_is_said_without_the_url(server, options):
    with pytest.raises(LinkError, match=r"^redis_url can't be used \(\w+\)$"):
        a_link(f"{server.url}?{options}").ask([("PING",)], 5.0)
