"""g09, g10, g27 with a real Redis that fails in every way while events flow.

What is asserted after each fault: every event got through, this process's own repeats were
found, the books balance, the status says what is wrong and for how long; and when the
fault is over, ids are known across processes again.
"""

import itertools
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervisors import SystemClock
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.settings import DedupSettings
from telemetry_actors.stores import MemoryDedupStore
from telemetry_actors.stores.redis_dedup import RedisDedupStore
from telemetry_actors.testing import RecordingSink, running_gateway
from tests.servers.proxy import Proxy
from tests.servers.redis import Redis, free_port, redis_server, wheels_server

TENANT = {"tenant_id": "t"}
APP = {"app_id": "a1"}
PASSWORD = "p4ss/w:rd@ 7"
QUICK = {"timeout_s": 0.2, "breaker_open_s": 0.1, "breaker_max_s": 0.2}
NUMBERS = itertools.count()


@pytest.fixture
def redis(tmp_path):
    with Redis(tmp_path) as running:
        yield running


@contextmanager
def gateway_with(url, **dedup):
    with running_gateway(
        redis_url=url, dedup={**QUICK, **dedup}, gateway={"linger_s": 0.0}, sink={"linger_s": 0.0}
    ) as (gateway, _):
        yield gateway


def emit(gateway, events, repeats=0):
    """So many new events, and the first of them again; return the ids."""
    ids = [f"e{next(NUMBERS)}" for _ in range(events)]
    for event_id in ids + ids[:repeats]:
        assert gateway.emit("app_created", TENANT, APP, event_id=event_id)
    return ids


def until(holds, within_s=8.0):
    deadline = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
    return found


def dedup_of(gateway):
    return gateway.status().dedup


def known(redis, ids):
    return {f"telemetry:dedup:t:{event_id}" for event_id in ids} <= set(redis.keys())


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
    words = "loading"

    def begin(self, redis, proxy):
        with redis.client() as client:
            client.mset({f"filler{n}": "x" * 100 for n in range(5000)})
            client.save()
        redis.stop()
        redis.start(
            "--key-load-delay", "400", "--loading-process-events-interval-bytes", "1024", wait=False
        )
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


FAULTS = [Stopped, Paused, Slow, Full, ReadOnly, Locked, Loading]


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

    assert fault.words in during.last_failure
    assert 0 < during.unchecked <= 100
    assert any(during.last_failure in problem for problem in problems)
    assert (ledger.exported, ledger.duplicate) == (140, 60)
    assert ledger.balanced()


def known_after_flush(gateway, redis, ids):
    assert gateway.flush(5)
    return known(redis, ids)


def test_g10_a_redis_that_hangs_costs_a_few_waits_and_not_one_for_each_batch(redis):
    redis.pause()
    with gateway_with(redis.url, timeout_s=0.3, breaker_open_s=5.0, breaker_max_s=5.0) as gateway:
        began_s = time.monotonic()
        for _ in range(40):
            emit(gateway, 1)
            assert gateway.flush(5)
        took_s = time.monotonic() - began_s
        seen = dedup_of(gateway)

    assert (seen.breaker, seen.failures, seen.unchecked) == ("open", 3, 40)
    assert took_s < 3 * 0.3 + 1.5


@pytest.mark.parametrize("drip_s", [0.02, 0.1])
def test_g10_a_peer_that_sends_a_byte_now_and_then_is_late_as_well(redis, drip_s):
    """The time-out is for the whole round trip, not for each read."""
    clock = SystemClock()
    with Proxy(redis.port) as proxy:
        proxy.drip_s = drip_s
        url = redis.url_for("", "", port=proxy.port)
        chosen = DedupSettings(timeout_s=0.3)
        store = RedisDedupStore.at(url, MemoryDedupStore(9, 9, clock), chosen, clock, lambda: None)
        began_s = time.monotonic()
        assert store.claim([("t", f"e{n}", n) for n in range(50)]) == [True] * 50
        took_s = time.monotonic() - began_s
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

    assert (seen.failures, seen.unchecked) == (0, 0)


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
    assert "Redis fails" in said[0]
    assert "is back" in said[1]


# -- who may come in ------------------------------------------------------------------------------


def test_a_password_of_any_letters_is_understood(tmp_path):
    with Redis(tmp_path, password=PASSWORD) as redis, gateway_with(redis.url) as gateway:
        assert known_after_flush(gateway, redis, emit(gateway, 5))


def test_a_user_needs_four_commands_on_its_own_keys(redis):
    rules = ["+set", "+get", "+del", "+eval"]
    redis.do("ACL", "SETUSER", "tele", "on", f">{PASSWORD}", "~telemetry:dedup:*", *rules)
    with gateway_with(redis.url_for("tele", PASSWORD)) as gateway:
        assert known_after_flush(gateway, redis, emit(gateway, 5))
        assert dedup_of(gateway).failures == 0
        ids = emit(gateway, 1)
        assert gateway.flush(5)
        gateway._life.dedup.release([("t", ids[0], serial) for serial in range(20)])
        until(lambda: not known(redis, ids))

    assert dedup_of(gateway).failures == 0


def test_a_user_that_may_not_release_is_said_and_claims_all_the_same(redis):
    rules = ["+set", "+get"]
    redis.do("ACL", "SETUSER", "tele", "on", f">{PASSWORD}", "~telemetry:dedup:*", *rules)
    with gateway_with(redis.url_for("tele", PASSWORD)) as gateway:
        ids = emit(gateway, 1)
        assert gateway.flush(5)
        gateway._life.dedup.release([("t", ids[0], serial) for serial in range(20)])
        seen = until(lambda: (seen := dedup_of(gateway)).releases_lost and seen)
        assert known_after_flush(gateway, redis, emit(gateway, 5))

    assert (seen.releases_lost, seen.releases_waiting, seen.healthy) == (1, 0, True)
    assert "eval" in seen.last_failure.lower()


@pytest.mark.parametrize("user", ["", "tele"])
def test_g10_wrong_credentials_let_events_pass_and_are_in_no_text(redis, user, caplog):
    caplog.set_level(logging.DEBUG)
    redis.do("CONFIG", "SET", "requirepass", "right")
    redis._password = "right"
    with gateway_with(redis.url_for(user, PASSWORD)) as gateway:
        emit(gateway, 5)
        assert gateway.flush(5)
        seen = until(lambda: not (seen := dedup_of(gateway)).healthy and seen)
        texts = [
            caplog.text,
            gateway.status().model_dump_json(),
            repr(gateway._life.dedup),
            repr(vars(gateway._life.dedup)),
        ]
        ledger = gateway.ledger()

    assert ledger.exported == 5
    assert "username-password" in seen.last_failure or "WRONGPASS" in seen.last_failure
    for written in (PASSWORD, "p4ss", "w%3Ard"):
        assert written not in "".join(texts)


# -- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path):
    """A server's context, and the file of the authority that vouches for it."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, tmp_path / "ca.pem"


def test_tls_with_a_private_authority(redis, tls):
    context, authority = tls
    with Proxy(redis.port, tls=context) as proxy:
        url = redis.url_for("", "", port=proxy.port).replace("redis:", "rediss:")
        with gateway_with(f"{url}?ssl_ca_certs={authority}", timeout_s=2.0) as gateway:
            assert known_after_flush(gateway, redis, emit(gateway, 50, repeats=5))
            assert dedup_of(gateway).failures == 0
            assert proxy.connections == 1


def test_g10_a_certificate_that_nobody_vouches_for_is_not_trusted_and_events_pass(redis, tls):
    with Proxy(redis.port, tls=tls[0]) as proxy:
        url = redis.url_for("", "", port=proxy.port).replace("redis:", "rediss:")
        with gateway_with(url, timeout_s=2.0) as gateway:
            emit(gateway, 5)
            assert gateway.flush(5)
            seen = dedup_of(gateway)

    assert "certificate" in seen.last_failure.lower()
    assert seen.unchecked == 5


# -- two processes --------------------------------------------------------------------------------

PRODUCER = """
import json, sys
from telemetry_actors.testing import running_gateway
with running_gateway(redis_url=sys.argv[1], dedup={"timeout_s": 5.0}) as (gateway, _):
    gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})
    gateway.flush(10)
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(int(sys.argv[2])):
        gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"}, event_id=f"same{n}")
    gateway.flush(10)
    print(json.dumps(gateway.ledger().model_dump(mode="json")))
"""


@pytest.mark.timeout(30)
def test_g09_of_an_id_that_two_processes_emit_at_the_same_time_exactly_one_is_exported(redis):
    command = [sys.executable, "-c", PRODUCER, redis.url, "500"]
    pipe = subprocess.PIPE
    producers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for producer in producers:
        assert producer.stdout.readline() == "ready\n"
    for producer in producers:
        producer.stdin.write("go\n")
        producer.stdin.flush()
    one, other = (json.loads(producer.communicate()[0]) for producer in producers)

    assert one["exported"] + other["exported"] == 502
    assert one["duplicate"] + other["duplicate"] == 500
    assert one["exported"] + one["duplicate"] == 501


def test_g09_what_is_dropped_here_may_be_sent_again_there(redis):
    """Refused by the receiver of one gateway; the other one's is well."""

    class Cross(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            return ExportResult(Verdict.REFUSED, message="not now")

    chosen = TelemetrySettings.enabled(redis_url=redis.url, dedup=QUICK, sink={"linger_s": 0})
    with TelemetryGateway(chosen, sinks=[Cross()]) as here, gateway_with(redis.url) as there:
        ids = emit(here, 10)
        assert here.flush(5)
        until(lambda: not redis.keys())
        for event_id in ids:
            there.emit("app_created", TENANT, APP, event_id=event_id)
        assert there.flush(5)
        dropped, exported = here.ledger().dropped, there.ledger().exported

    assert (dropped, exported) == ({"rejected": 10}, 10)


def test_g09_what_a_stop_dropped_may_be_sent_again_after_it(redis):
    """The last releases are made when the tree has ended, within the time of the stop."""

    class Hangs(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            return ExportResult(Verdict.RETRY, message="later")

    chosen = TelemetrySettings.enabled(redis_url=redis.url, dedup=QUICK, sink={"linger_s": 0})
    gateway = TelemetryGateway(chosen, sinks=[Hangs()]).start()
    ids = emit(gateway, 30)
    until(lambda: known(redis, ids))
    report = gateway.stop(0.5)

    assert gateway.ledger().dropped == {"shutdown": 30} or report.unconfirmed
    assert redis.keys() == {}


def test_a_release_that_finds_no_redis_is_made_when_it_is_back(redis):
    with gateway_with(redis.url) as gateway:
        ids = emit(gateway, 5)
        assert known_after_flush(gateway, redis, ids)
        redis.pause()
        gateway._life.dedup.release([("t", e, n) for e in ids for n in range(20)])
        until(lambda: not dedup_of(gateway).healthy)
        assert dedup_of(gateway).releases_waiting == 5
        redis.go_on()
        until(lambda: dedup_of(gateway).healthy)

        until(lambda: not redis.keys())
        assert dedup_of(gateway).releases_lost == 0


def test_stop_does_not_wait_for_a_redis_that_hangs(redis):
    with gateway_with(redis.url, timeout_s=5.0) as gateway:
        ids = emit(gateway, 5)
        assert known_after_flush(gateway, redis, ids)
        redis.pause()
        gateway._life.local_claims.claim([("t", "x", 1)])
        began_s = time.monotonic()
        gateway.stop(0.5)
        took_s = time.monotonic() - began_s

    assert took_s <= 0.7


# -- fork -----------------------------------------------------------------------------------------


def test_g09_the_child_of_a_fork_knows_its_parents_ids_by_redis_alone(redis):
    with gateway_with(redis.url, timeout_s=5.0) as gateway:
        ids = emit(gateway, 5)
        assert gateway.flush(5)
        child = os.fork()
        if child == 0:
            os._exit(_in_child(gateway, ids))
        _, status = os.waitpid(child, 0)
        emit(gateway, 5)
        assert gateway.flush(5)
        seen = dedup_of(gateway)

    assert os.waitstatus_to_exitcode(status) == 0
    assert seen.failures == 0


def _in_child(gateway, ids):
    for event_id in [*ids, "own"]:
        gateway.emit("app_created", TENANT, APP, event_id=event_id)
    done = gateway.flush(5)
    ledger = gateway.ledger()
    gateway.stop(2)
    return 0 if done and (ledger.exported, ledger.duplicate) == (1, 5) else 1


# -- the server itself ----------------------------------------------------------------------------


def test_the_server_is_the_machines_or_that_of_a_wheel(tmp_path, monkeypatch):
    """Both branches: a PATH with one, and a PATH without."""
    (tmp_path / "with").mkdir()
    (tmp_path / "with" / "redis-server").symlink_to(wheels_server())
    monkeypatch.setenv("PATH", str(tmp_path / "with"))
    assert Path(redis_server()).parent == tmp_path / "with"
    with Redis(tmp_path) as running:
        assert running.do("PING")

    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server() == wheels_server()
    with Redis(tmp_path, port=free_port()) as running:
        assert running.do("PING")
