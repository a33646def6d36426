"""Claims in a real Redis: the same answers as memory's, across stores, in one round trip."""

import os
import threading
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from supervisors import SystemClock
from supervisors.testing import FakeClock
from telemetry_actors.ports import DedupStore
from telemetry_actors.settings import DedupSettings
from telemetry_actors.stores import MemoryDedupStore
from telemetry_actors.stores.redis_dedup import RedisDedupStore
from tests.servers.redis import Redis

TTL_S = 3600.0
LEASE_S = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def redis(server):
    """An empty one."""
    with server.client() as client:
        client.flushall()
    return server


class Woken:
    """Counts how often the stage was asked to settle."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1


@pytest.fixture
def make(redis):
    made = []

    def store(url="", clock=None, wake=None, max_ids=1000, process="", **values):
        clock = clock or SystemClock()
        values = {"ttl_s": TTL_S, "timeout_s": 5.0, **values}
        local = MemoryDedupStore(values["ttl_s"], max_ids, clock)
        chosen = DedupSettings(**values)
        parts = local, chosen, clock, wake or Woken(), process or uuid4().hex
        made.append(RedisDedupStore.at(url or redis.url, *parts))
        return made[-1]

    yield store
    for one in made:
        one.close(1.0)


def claim(store, event, serial=1, tenant="t"):
    return store.claim([(tenant, event, serial)])[0]


def test_it_is_a_dedup_store(make):
    typed: DedupStore = make()
    assert typed.claim([]) == []
    assert typed.reaches_out


def test_g09_of_two_processes_one_is_first(make):
    one, other = make(), make()

    assert claim(one, "e")
    assert not claim(other, "e")  # the same serial, and another process's
    assert claim(one, "e")  # its own claim
    assert not claim(one, "e", serial=2)
    assert claim(other, "e", tenant="t2")


def test_g09_the_claim_says_who_holds_it_and_how_long(make, redis):
    claim(make(process="0b5e"), "e/1", serial=17, tenant="acme")

    [(key, holder)] = redis.keys().items()
    with redis.client() as client:
        left_s = client.ttl(key)

    assert (key, holder) == ("telemetry:dedup:acme:e%2F1", "0b5e%3A17")
    assert LEASE_S - 5 <= left_s <= LEASE_S


def test_g09_the_whole_time_begins_with_the_outcome(make, redis):
    store = make()
    claim(store, "e")
    store.keep([("t", "e", 1)])
    assert store.health().outcomes_waiting == 1
    claim(store, "f")  # in whose round trip it goes

    assert store.health().outcomes_waiting == 0
    with redis.client() as client:
        assert TTL_S - 5 <= client.ttl("telemetry:dedup:t:e") <= TTL_S
        assert client.ttl("telemetry:dedup:t:f") <= LEASE_S


def test_g09_a_process_that_is_killed_leaves_no_claim_behind_its_lease(make, redis):
    claim(make(), "e")
    assert not claim(make(), "e")
    pass_time(redis, LEASE_S)

    assert claim(make(), "e")


def test_g09_a_lease_is_renewed_as_long_as_its_event_has_no_outcome(make, redis):
    clock, other = FakeClock(), make()
    store = make(clock=clock)
    claim(store, "e")
    store.settle()
    for _ in range(12):
        clock.advance(LEASE_S / 3)
        pass_time(redis, LEASE_S / 3)
        assert store.settle() == pytest.approx(LEASE_S / 3)
        assert not claim(other, "e")
    store.release([("t", "e", 1)])
    store.settle()

    assert claim(other, "e")


def test_g09_a_lease_that_redis_has_forgotten_is_made_anew(make, redis):
    """It failed over to a server that had not heard of it."""
    clock = FakeClock()
    store = make(clock=clock)
    claim(store, "e")
    claim(store, "f", serial=2)
    with redis.client() as client:
        client.flushall()
    clock.advance(LEASE_S / 3)
    store.keep([("t", "f", 2)])
    clock.advance(1.0)
    store.settle()
    store.settle()

    assert sorted(redis.keys()) == ["telemetry:dedup:t:e", "telemetry:dedup:t:f"]
    with redis.client() as client:
        assert client.ttl("telemetry:dedup:t:f") > LEASE_S >= client.ttl("telemetry:dedup:t:e")


def test_g09_a_lease_that_another_has_now_is_left_to_it(make, redis):
    clock, other = FakeClock(), make()
    store = make(clock=clock)
    claim(store, "e")
    pass_time(redis, LEASE_S)
    assert claim(other, "e", serial=9)
    clock.advance(LEASE_S)  # nobody could send for so long
    store.settle()
    store.keep([("t", "e", 1)])
    clock.advance(1.0)
    store.settle()

    assert redis.keys()["telemetry:dedup:t:e"].endswith("%3A9")
    with redis.client() as client:
        assert client.ttl("telemetry:dedup:t:e") <= LEASE_S


def test_g09_an_admission_has_one_name_in_its_process_and_in_the_next(make):
    """The journal and letters bring (process, serial) along as the event's origin."""
    claim(make(process="0b5e"), "e", serial=17)

    assert make().claim([("t", "e", "0b5e:17")]) == [True]


def test_g09_outcomes_and_renewals_cost_no_round_trip_of_their_own(make, redis):
    clock = FakeClock()
    store = make(clock=clock)
    asked = []
    store._link.ask = lambda *args, ask=store._link.ask: asked.append(args) or ask(*args)
    for n in range(60):  # a batch a second
        batch = [("t", f"e{n}-{m}", 100 * n + m) for m in range(8)]
        store.claim(batch)
        store.keep(batch[:4])  # the others take their time
        clock.advance(1.0)

    assert len(asked) == 60
    pass_time(redis, LEASE_S - 1)
    assert len(redis.keys()) == 8 * 60  # all of them: kept, or renewed


def test_g09_who_comes_from_elsewhere_passes_its_own_claim_in_any_process(make):
    """A redelivered task, or a letter replayed by another process, brings its origin along."""
    origin = ("t", "e", "0b5e:17")

    assert make().claim([origin]) == [True]
    assert make().claim([origin]) == [True]
    assert make().claim([("t", "e", "0b5e:18"), ("t", "e", 17)]) == [False, False]


def test_g09_a_released_claim_is_free_everywhere(make):
    woken = Woken()
    one, other = make(wake=woken), make()
    claim(one, "e")
    assert one.settle() == pytest.approx(LEASE_S / 3, abs=1.0)
    woken.times = 0
    one.release([("t", "e", 1)])
    assert woken.times == 1
    assert one.settle() is None

    assert claim(other, "e", serial=2)
    assert not claim(one, "e", serial=3)


def test_g09_only_the_holder_can_release(make, redis):
    one, other = make(), make()
    claim(one, "e")
    claim(other, "e")
    other.release([("t", "e", 1)])
    other._local.claim([("t", "e", 1)])  # as if it had passed while Redis was away
    other.release([("t", "e", 1)])
    other.settle()

    assert len(redis.keys()) == 1
    assert not claim(other, "e")


def test_g09_a_release_goes_before_the_next_claim_of_the_same_id(make):
    """The caller's retry comes before anybody had the time to settle."""
    one = make()
    claim(one, "e", serial=1)
    one.release([("t", "e", 1)])

    assert claim(one, "e", serial=2)
    assert one.health().releases_waiting == 0


def test_what_another_process_has_released_is_free_here_although_it_was_asked_for_before(make):
    one, other = make(), make()
    claim(one, "e")
    assert not claim(other, "e", serial=1)
    one.release([("t", "e", 1)])
    one.settle()

    assert claim(other, "e", serial=2)


def test_a_claim_ends_with_its_time(make, redis):
    one, other = make(), make()
    claim(one, "e")
    one.keep([("t", "e", 1)])
    one.close(1.0)
    assert pass_time(redis, TTL_S * 0.9) == 1
    assert not claim(other, "e")
    assert pass_time(redis, TTL_S * 0.2) == 0

    assert claim(other, "e")


def test_less_than_a_second_is_a_time_as_well(make, redis):
    claim(make(ttl_s=0.75), "e")

    with redis.client() as client:
        assert 0 < client.pttl("telemetry:dedup:t:e") <= 750


def test_a_repeat_does_not_prolong_the_time(make, redis):
    one, other = make(), make()
    claim(one, "e")
    one.keep([("t", "e", 1)])
    one.close(1.0)
    pass_time(redis, TTL_S / 2)
    claim(other, "e")
    claim(one, "e")

    with redis.client() as client:
        assert client.ttl("telemetry:dedup:t:e") <= TTL_S / 2


def test_a_batch_is_one_round_trip_and_repeats_of_this_process_are_none(make, redis):
    store = make()
    claim(store, "warm")
    asked = []
    store._link.ask = lambda *args, ask=store._link.ask: asked.append(args) or ask(*args)

    batch = [("t", f"e{n}", n) for n in range(256)]
    assert store.claim(batch) == [True] * 256
    assert len(asked) == 1
    assert store.claim([(t, e, -1) for t, e, _ in batch]) == [False] * 256
    assert len(asked) == 1


def test_repeats_within_one_batch_are_found(make):
    batch = [("t", "e", 1), ("t", "e", 2), ("t", "f", 3), ("t", "e", 1)]
    assert make().claim(batch) == [True, False, True, True]


def test_a_claim_that_ends_between_the_two_commands_is_made_again(make, redis):
    """SET says that somebody has it, GET that nobody has."""
    one = make()
    real, asked = one._link.ask, []

    def ask(commands, timeout_s):
        asked.append(commands)
        if len(asked) == 1:
            return [None, None]
        return real(commands, timeout_s)

    one._link.ask = ask

    assert claim(one, "e")
    assert len(asked) == 2
    assert len(redis.keys()) == 1
    assert one.health().unchecked == 0


def test_any_id_may_be_claimed_and_released(make, redis):
    store = make()
    odd = [("", "", 1), ("a:b", "/..\0\n", 2), ("\ud800", "\u00e4" * 500, 3), ("t", "*", 4)]

    assert store.claim(odd) == [True] * 4
    assert make().claim(odd) == [False] * 4
    store.release(odd)
    store.settle()
    assert redis.keys() == {}


def test_the_database_of_the_url_is_used(make, redis):
    claim(make(redis.url[:-1] + "3"), "e")

    assert redis.keys() == {}
    assert claim(make(), "e")


def test_of_many_stores_and_threads_one_is_first(make):
    start = threading.Barrier(4)
    firsts = []

    def work(store):
        start.wait(5)
        for n in range(0, 40, 8):
            firsts.extend(store.claim([("t", f"e{m}", 1) for m in range(n, n + 8)]))

    threads = [threading.Thread(target=work, args=(make(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(firsts) == [False] * 120 + [True] * 40


def test_one_store_may_be_asked_by_two_threads_at_a_time(make):
    """A stage that hung comes back, and another has its place."""
    store = make()
    threads = [
        threading.Thread(target=store.claim, args=([("t", f"{n}-{m}", m) for m in range(50)],))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.health().failures == 0
    assert store.health().misses == 200


def test_the_status_counts(make):
    one, other = make(), make()
    one.claim([("t", "e", 1), ("t", "e", 2), ("t", "f", 3)])
    claim(other, "e")

    health = one.health()
    assert (health.store, health.healthy, health.breaker) == ("redis", True, "closed")
    assert (health.hits, health.misses, health.ids, health.unchecked) == (1, 2, 2, 0)
    assert (other.health().hits, other.health().misses) == (1, 0)


def test_what_this_process_had_to_forget_is_not_released(make, redis):
    """`max_ids` bounds what is known of our own claims; Redis keeps such a one to its end."""
    store = make(max_ids=2)
    keys = [("t", f"e{n}", n) for n in range(3)]
    store.claim(keys)
    store.release(keys)
    store.settle()

    assert set(redis.keys()) <= {"telemetry:dedup:t:e0", "telemetry:dedup:t:e1"}


def test_what_was_never_claimed_costs_redis_nothing(make, redis):
    """An event that was dropped before it came to dedup, of which there may be many."""
    woken = Woken()
    store = make(wake=woken)
    store.release([("t", "e", 1)])

    assert woken.times == 0
    assert store.health().releases_waiting == 0


def test_many_releases_go_in_several_round_trips(make, redis):
    store = make(max_ids=5000)
    keys = [("t", f"e{n}", n) for n in range(1200)]
    store.claim(keys)
    store.release(keys)
    while store.settle() is not None:
        pass

    assert redis.keys() == {}
    assert store.health().releases_lost == 0


def test_close_releases_what_is_left(make, redis):
    store = make(max_ids=5000)
    keys = [("t", f"e{n}", n) for n in range(1200)]
    store.claim(keys)
    store.release(keys)
    store.close(5.0)

    assert redis.keys() == {}


def test_the_child_of_a_fork_has_a_connection_of_its_own(make, redis):
    """It writes nothing into its parent's socket, and the parent's stays open."""
    store = make()
    claim(store, "e")
    with redis.client() as client:
        mine = {c["id"] for c in client.client_list()}
    child = os.fork()
    if child == 0:
        done = claim(store, "f") and not claim(store, "e", serial=2)
        store.close(1.0)
        os._exit(0 if done else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert claim(store, "g")
    assert store.health().failures == 0
    with redis.client() as client:
        assert mine & {c["id"] for c in client.client_list()}


def pass_time(redis, seconds):
    """As if *seconds* had gone by: Redis has a clock of its own. How many keys are left."""
    with redis.client() as client:
        keys = list(client.scan_iter("telemetry:dedup:*:*"))
        for key in keys:
            left_ms = client.pttl(key) - int(seconds * 1000)
            client.pexpire(key, left_ms) if left_ms > 0 else client.delete(key)
        return len(list(client.scan_iter("telemetry:dedup:*:*")))


# -- memory and Redis against one model -----------------------------------------------------------


class Model:
    """Ten lines: who holds what since when."""

    def __init__(self):
        self.claims, self.now_s = {}, 0.0

    def claim(self, event, holder):
        held = self.claims.get(event)
        if held is not None and self.now_s - held[1] < TTL_S:
            return held[0] == holder
        self.claims[event] = (holder, self.now_s)
        return True

    def release(self, event, holder):
        if self.claims.get(event, ("",))[0] == holder:
            del self.claims[event]


EVENTS = st.sampled_from(["a", "b", "c:d", "\u00e4/\0"])
HOLDERS = st.integers(1, 3) | st.just("elsewhere:1")
BATCHES = st.lists(st.tuples(EVENTS, HOLDERS), min_size=1, max_size=6)


class SameAsTheModel(RuleBasedStateMachine):
    """Whatever is done to both stores, they say what the model says."""

    server = None

    @initialize()
    def begin(self):
        with self.server.client() as client:
            client.flushall()
        self.clock, self.model = FakeClock(), Model()
        self.memory = MemoryDedupStore(TTL_S, 1000, self.clock)
        local = MemoryDedupStore(TTL_S, 1000, self.clock)
        chosen = DedupSettings(ttl_s=TTL_S, timeout_s=5.0)
        parts = local, chosen, self.clock, Woken(), "here"
        self.redis = RedisDedupStore.at(self.server.url, *parts)

    @rule(batch=BATCHES)
    def claim(self, batch):
        held = self.model.claims
        batch = [pair for pair in batch if held.get(pair[0], ("",))[0] != pair[1]]  # see above
        expected = [self.model.claim(event, holder) for event, holder in batch]
        keys = [("t", *pair) for pair in batch]
        assert self.memory.claim(keys) == expected
        assert self.redis.claim(keys) == expected
        self.redis.keep(keys)

    @rule(batch=BATCHES)
    def release(self, batch):
        for event, holder in batch:
            self.model.release(event, holder)
        for store in (self.memory, self.redis):
            store.release([("t", *pair) for pair in batch])

    @rule()
    def settle(self):
        self.redis.settle()

    # No sum of these is a whole window, where the two clocks may differ by the test's own time.
    @rule(share=st.sampled_from([0.11, 0.43, 0.999, 1.001]))
    def advance(self, share):
        self.clock.advance(1.0)
        self.redis.settle()  # outcomes are told before so much time goes by
        self.clock.advance(TTL_S * share - 1.0)
        self.model.now_s += TTL_S * share
        pass_time(self.server, TTL_S * share)

    def teardown(self):
        if hasattr(self, "redis"):
            assert self.redis.health().failures == 0
            self.redis.close(1.0)


@pytest.mark.timeout(40)
def test_g09_memory_and_redis_say_what_the_model_says(redis):
    from hypothesis.stateful import run_state_machine_as_test

    SameAsTheModel.server = redis
    chosen = settings(max_examples=40, stateful_step_count=25)
    run_state_machine_as_test(SameAsTheModel, settings=chosen)
