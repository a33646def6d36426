"""g08, g09, F1, F2: an admission has one name in Redis, journal, letter and bridge.

A process accepts events, claims them in Redis, and ends before they have got out; whoever comes
next brings them along and passes their claims. Every durable event arrives.
"""

import base64
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.stores._redis_link import LinkError
from tests.faults.dedup import until
from tests.receivers.oteltap import OtelTap
from tests.servers.redis import Redis

pytestmark = pytest.mark.timeout(90)

EVENTS = 40
NOBODY = "http://127.0.0.1:9"
LARGE = 1_200_000

CHILD = """
import json, sys
from telemetry_actors import TelemetryGateway, TelemetrySettings

settings, events, size = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
gateway = TelemetryGateway(TelemetrySettings.enabled(**settings))
with gateway:
    for n in range(events):
        payload = {"app_id": f"a{n}", "mode": "chat", "name": "x" * size}
        assert gateway.emit("app_created", {"tenant_id": "t"}, payload, event_id=f"e{n}")
    for line in sys.stdin:
        status = gateway.status()
        print(json.dumps([status.journal.durable, status.dedup.misses]), flush=True)
"""


@pytest.fixture(scope="module")
def tap(tmp_path_factory):
    with OtelTap(tmp_path_factory.mktemp("tap")) as running:
        yield running


@pytest.fixture
def redis(tmp_path):
    with Redis(tmp_path) as running:
        yield running


def settings_of(folder, redis, endpoint, **more):
    return {
        "enterprise_otlp_endpoint": endpoint,
        "redis_url": redis.url,
        "journal": {"directory": str(folder / "journal")},
        "payload_store": {"directory": str(folder / "payloads")},
        "gateway": {"linger_s": 0.0},
        "sink": {"linger_s": 0.0},
        "lifecycle": {"stop_timeout_s": 1.0},
        **more,
    }


class Child:
    """A process that has accepted its events, and says how far they are."""

    def __init__(self, settings, events=EVENTS, size=0):
        arguments = [json.dumps(settings), str(events), str(size)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def reached(self):
        """Events that are durable, and events that are claimed."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self, how):
        if how == "killed":
            self._process.kill()
        self._process.stdin.close()  # it leaves the block
        self._process.stdout.close()
        assert self._process.wait(30) == (-signal.SIGKILL if how == "killed" else 0)


def arrived(tap, settings):
    """What the next process brings to the receiver: uids, and its books."""
    before = Counter(tap.received().log_uids)
    with TelemetryGateway(TelemetrySettings.enabled(**settings)) as gateway:
        until(lambda: gateway._life.stores.journal is None or gateway._life.stores.journal.idle)
        assert gateway.flush(20)
        ledger = gateway.ledger()
    return Counter(tap.received().log_uids) - before, ledger


@pytest.mark.parametrize("size", [0, LARGE], ids=["inline", "off-loaded"])
@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_g09_what_is_durable_and_claimed_is_delivered_by_the_next_process(
    tmp_path, tap, redis, how, size
):
    """F1: it was a duplicate of itself, for an hour."""
    events = EVENTS if not size else 4
    child = Child(settings_of(tmp_path, redis, NOBODY), events, size)
    until(lambda: child.reached() == [events, events])
    child.end(how)
    assert len(redis.keys()) >= events  # its claims are still there

    uids, ledger = arrived(tap, settings_of(tmp_path, redis, tap.endpoint))

    assert uids == Counter({f"e{n}": 1 for n in range(events)})
    assert (ledger.exported, ledger.duplicate) == (events, 0)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_g09_what_is_durable_passes_a_third_process_as_well(tmp_path, tap, redis, how):
    """The second ends as the first did: the name stays that of the first admission."""
    for events in (EVENTS, 0):
        child = Child(settings_of(tmp_path, redis, NOBODY), events)
        until(lambda child=child: child.reached()[1] == EVENTS)
        child.end(how)

    uids, ledger = arrived(tap, settings_of(tmp_path, redis, tap.endpoint))

    assert uids == Counter({f"e{n}": 1 for n in range(EVENTS)})
    assert ledger.duplicate == 0


def test_g09_a_process_that_is_killed_without_a_journal_hinders_a_retry_for_its_lease_only(
    tmp_path, tap, redis
):
    """F17: for an hour nothing arrived."""
    settings = settings_of(tmp_path, redis, NOBODY, journal={}, dedup={"lease_s": 1.0})
    gateway = TelemetryGateway(TelemetrySettings.enabled(**settings))
    gateway.start()
    assert gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"}, event_id="retried")
    until(lambda: gateway.status().dedup.leases == 1)
    gateway._life.stores.dedup._link.ask = gone  # from here on this process tells Redis nothing
    until(lambda: not redis.keys(), within_s=5)

    with TelemetryGateway(
        TelemetrySettings.enabled(**{**settings, "enterprise_otlp_endpoint": tap.endpoint})
    ) as other:
        assert other.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"}, event_id="retried")
        assert other.flush(10)
        assert other.ledger().exported == 1
    gateway.stop(0)


def gone(_commands, _timeout_s):
    raise LinkError("gone")


# -- letters --------------------------------------------------------------------------------------


def dropped_to_letters(tmp_path, redis, *, redis_away):
    """All events end as dropped: the receiver is nobody, and nobody waits for it."""
    settings = settings_of(
        tmp_path,
        redis,
        NOBODY,
        journal={},
        dead_letters={"directory": str(tmp_path / "letters")},
        dedup={"timeout_s": 0.2, "lease_s": 300.0},
        otlp={"give_up_s": 1.0, "attempt_timeout_s": 0.5},
    )
    with TelemetryGateway(TelemetrySettings.enabled(**settings)) as gateway:
        for n in range(20):
            assert gateway.emit(
                "app_created", {"tenant_id": "t"}, {"app_id": "a"}, event_id=f"l{n}"
            )
        until(lambda: gateway.status().dedup.leases == 20)
        if redis_away:
            redis.pause()
        until(lambda: sum(gateway.ledger().dropped.values()) == 20)
    redis.go_on()


def replay(tmp_path, redis, endpoint):
    return subprocess.run(
        [
            *(sys.executable, "-m", "telemetry_actors.cli", "dead-letters", "replay"),
            *(str(tmp_path / "letters"), "--endpoint", endpoint, "--json"),
        ],
        env={"TELEMETRY_ACTORS__REDIS_URL": redis.url, "PATH": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def letters_in(tmp_path):
    return len(list((tmp_path / "letters").iterdir()))


@pytest.mark.parametrize("redis_away", [False, True], ids=["", "redis away as they were dropped"])
def test_g09_a_letter_passes_the_claim_that_was_not_given_back(tmp_path, tap, redis, redis_away):
    """F2: they ended as duplicates of themselves, and all letters were removed."""
    dropped_to_letters(tmp_path, redis, redis_away=redis_away)
    before = Counter(tap.received().log_uids)

    done = replay(tmp_path, redis, tap.endpoint)

    assert done.returncode == 0, done.stderr
    assert Counter(tap.received().log_uids) - before == Counter({f"l{n}": 1 for n in range(20)})
    assert letters_in(tmp_path) == 0


def test_g18_a_replay_that_delivered_nothing_removes_nothing_and_says_so(tmp_path, tap, redis):
    dropped_to_letters(tmp_path, redis, redis_away=False)
    with redis.client() as client:
        for n in range(20):
            client.set(f"telemetry:dedup:t:l{n}", "somebody:1")

    done = replay(tmp_path, redis, tap.endpoint)

    assert done.returncode == 1
    assert "20 letters stay" in done.stderr
    assert json.loads(done.stdout)["letters"]["duplicate"] == 20
    assert letters_in(tmp_path) == 20


# -- bridge ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_g09_what_is_durable_reaches_the_broker_under_its_first_name(tmp_path, redis, how):
    """The worker claims it by that name, so a task that comes twice passes its own claim."""
    broker = {"transport": "celery", "redis_url": None}
    settings = settings_of(tmp_path, redis, NOBODY, **broker)
    dead = {"celery": {"broker_url": "redis://127.0.0.1:9/0", "socket_timeout_s": 0.3}}
    child = Child({**settings, **dead})
    until(lambda: child.reached()[0] == EVENTS)
    child.end(how)
    settings["celery"] = {"broker_url": redis.url}
    with TelemetryGateway(TelemetrySettings.enabled(**settings)) as gateway:
        until(lambda: gateway._life.stores.journal.idle)
        assert gateway.flush(20)

    origins = [json.loads(text)["metadata"]["origin"] for text in envelopes(redis)]
    assert {process for process, _ in origins} == {origins[0][0]}
    assert sorted(serial for _, serial in origins) == list(range(1, EVENTS + 1))


def envelopes(redis):
    with redis.client() as client:
        messages = [json.loads(raw) for raw in client.lrange("enterprise_telemetry", 0, -1)]
    return [json.loads(base64.b64decode(message["body"]))[0][0] for message in messages]
