"""The core against OTP's rules, with answers in any order (supervision.md E8 a).

Two machines of hypothesis. The first has the core and `otp_table.Otp` side by side: at
every step both must say the same, in the same order. The second turns on what OTP doesn't
have (back-off, parking, progress), where the invariants of `core_world.World` are the judge.
Then seeded walks of the second kind, which are longer than hypothesis likes them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from supervisors.core import protocol as to
from supervisors.core._strategy import judge, was_clean
from supervisors.core.backoff import Backoff
from supervisors.core.spec import ExtraArgs, SupervisorSpec
from supervisors.core.words import AutoShutdown, Restart, Strategy
from tests.core_states import state_of
from tests.properties.core_world import ENDS, World, kid_of, reference_of, said, spec_of
from tests.properties.otp_table import AFTER_END, CLEAN, EXITS, REPORTED, Kid

NAMES = "abcdefg"
STATIC = [s for s in Strategy if s is not Strategy.simple_one_for_one]
ORDERS: list[to.Operation] = ["terminate_child", "restart_child", "delete_child"]
QUESTIONS: list[to.Operation] = ["which_children", "count_children"]
TIMES_S = (0.0, 0.1, 1.0, 4.0, 5.0, 5.5)
"""On both sides of the period, and on it."""


def test_the_verdict_on_one_child_is_the_tables():
    """All 21 pairs of restart type and end."""
    seen = {
        (how, restart): judge(Restart(restart), ENDS[how])
        for how in EXITS
        for restart in ("permanent", "transient", "temporary")
    }

    assert len(seen) == 21
    for (how, restart), verdict in seen.items():
        assert verdict.restart == (AFTER_END[how][restart] == "restart")
        assert verdict.report == (how in REPORTED[restart])


@pytest.mark.parametrize("brutal", [False, True])
@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_what_is_a_clean_stop_is_the_tables(brutal, restart):
    """All 42 of how it was asked, whom, and how it ended."""
    spec = spec_of(Kid("a", restart, brutal=brutal))
    asked = "exit(kill)" if brutal else "exit(shutdown)"

    clean = tuple(how for how in EXITS if was_clean(spec, ENDS[how]))
    assert sorted(clean) == sorted(CLEAN[asked, restart])


# -- what is drawn ------------------------------------------------------------------------------

AUTO = st.sampled_from([str(mode) for mode in AutoShutdown])


@st.composite
def kids(draw, name, auto):
    restart = draw(st.sampled_from(["permanent", "permanent", "transient", "temporary"]))
    significant = auto != "never" and restart != "permanent" and draw(st.booleans())
    return Kid(name, restart, significant, draw(st.booleans()))


@st.composite
def flags(draw, *, dynamic=False):
    strategy = Strategy.simple_one_for_one if dynamic else draw(st.sampled_from(STATIC))
    return {
        "strategy": str(strategy),
        "intensity": draw(st.sampled_from([3, 8, 2, 1, 0])),
        "period_s": 5.0,
        "auto_shutdown": "never" if dynamic else draw(AUTO),
    }


@st.composite
def trees(draw, *, dynamic=False, most=5):
    chosen = draw(flags(dynamic=dynamic))
    some = st.lists(st.sampled_from(NAMES), max_size=most, unique=True)
    names = ["t"] if dynamic else draw(some)
    return chosen, [draw(kids(name, chosen["auto_shutdown"])) for name in names]


def tree_spec(chosen, line, **more):
    return SupervisorSpec(tuple(map(spec_of, line)), **chosen, **more)


BOOTS = st.lists(st.sampled_from(["up"] * 19 + ["ignored"]), min_size=4, max_size=6)
"""How starts are answered at the beginning: most trees get through it."""


# -- the core and the table, side by side -------------------------------------------------------


class AgainstOtp(RuleBasedStateMachine):
    """Whatever happens, in whatever order it is answered: both say the same."""

    tokens = 0

    @initialize(tree=trees(), boots=BOOTS)
    def boot(self, tree, boots):
        self.begin(tree)
        for how in boots:
            if self.world.starting:
                self.a_start_is_answered(how)

    def begin(self, tree):
        spec = tree_spec(*tree)
        self.world = World(spec)
        self.otp = reference_of(spec)
        self.agree(self.world.boot(), ("boot",))

    def agree(self, effects, message):
        assert said(effects) == self.otp.feed(message, self.world.now_s)

    # -- children -------------------------------------------------------------------------------

    @precondition(lambda self: self.world.starting)
    @rule(how=st.sampled_from(["up", "up", "up", "ignored", "failed", "down"]))
    def a_start_is_answered(self, how):
        (name,) = self.world.starting
        words = ("down", name, "crash") if how == "down" else (how, name)
        self.agree(self.world.answer_start(name, how), words)

    @precondition(lambda self: self.world.stopping)
    @rule(data=st.data(), how=st.sampled_from(["shutdown", "shutdown", *EXITS]))
    def a_stop_is_answered(self, data, how):
        self.ends(data.draw(st.sampled_from(sorted(self.world.stopping))), how)

    @precondition(lambda self: self.world.living)
    @rule(data=st.data())
    def a_child_crashes(self, data):
        self.ends(data.draw(st.sampled_from(sorted(self.world.living))), "crash")

    @precondition(lambda self: self.world.living)
    @rule(data=st.data(), how=st.sampled_from(EXITS))
    def a_child_ends(self, data, how):
        self.ends(data.draw(st.sampled_from(sorted(self.world.living))), how)

    def ends(self, name, how):
        self.agree(self.world.fall(name, how), ("down", name, how))

    # -- requests -------------------------------------------------------------------------------

    def request(self, op, argument=None, *words):
        self.tokens += 1
        effects = self.world.ask(self.tokens, op, argument)
        self.agree(effects, ("request", self.tokens, op, *words))

    @rule(op=st.sampled_from([*ORDERS, *QUESTIONS]), data=st.data())
    def it_is_asked(self, op, data):
        if op in QUESTIONS:
            self.request(op)
            return
        name = data.draw(st.sampled_from(["zz", "t", *self.world.numbers]))
        self.request(op, name, name)

    @rule(data=st.data(), name=st.sampled_from([*NAMES, "t"]), chance=st.integers(0, 2))
    def it_is_given_another(self, data, name, chance):
        """A child, or now and then a whole spec."""
        if chance:
            self.a_child_is_added(data, name)
        else:
            self.the_spec_is_reloaded(data)

    def a_child_is_added(self, data, name):
        if self.world.dynamic:
            if name != "t":
                self.request("start_child", ExtraArgs(label=name), Kid(name))
            return
        kid = data.draw(kids(name, data.draw(AUTO)))
        self.request("start_child", spec_of(kid), kid)

    def the_spec_is_reloaded(self, data):
        chosen, line = data.draw(trees(dynamic=self.world.dynamic))
        self.world.reloaded = True
        words = [kid_of(child) for child in tree_spec(chosen, line).children]
        self.request("reload", tree_spec(chosen, line), chosen, words)

    # -- the rest -------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from(TIMES_S))
    def time_passes(self, seconds):
        self.world.now_s += seconds

    @precondition(lambda self: self.world.numbers)
    @rule(data=st.data(), kind=st.sampled_from([to.ChildUp, to.ChildIgnored, to.ChildDown]))
    def old_news(self, data, kind):
        """About a life that is over: changes nothing."""
        name = data.draw(st.sampled_from(sorted(self.world.numbers)))
        latest = self.world.numbers[name]
        number = latest if name not in self.world.living | self.world.starting else latest - 1
        self.world.feed(to.Timer(("nothing", "", 0)))  # the core has seen the time
        before = state_of(self.world.core)
        more = (ENDS["crash"],) if kind is to.ChildDown else ()
        assert self.world.feed(kind(name, number, *more)) == []
        assert state_of(self.world.core) == before

    @rule(chance=st.integers(0, 19))
    def it_is_told_to_stop(self, chance):
        if chance == 0:  # now and then: not much happens after it
            self.agree(self.world.stop(), ("stop",))

    @invariant()
    def a_copy_is_the_same(self):
        if hasattr(self, "world"):
            before = state_of(self.world.core)
            self.world = self.world.copy()
            assert state_of(self.world.core) == before

    def teardown(self):
        if not hasattr(self, "world"):
            return
        self.agree(self.world.stop(), ("stop",))
        while not self.world.quiet:
            if self.world.starting:
                self.a_start_is_answered("up")
            else:
                self.ends(next(iter(self.world.stopping)), "shutdown")
        self.world.must_be_over()
        assert self.otp.ended


class AgainstOtpFromATemplate(AgainstOtp):
    """simple_one_for_one: the same, with children that are made on request."""

    @initialize(tree=trees(dynamic=True), names=st.lists(st.sampled_from(NAMES), unique=True))
    def boot(self, tree, names):
        self.begin(tree)
        for name in names:
            self.request("start_child", ExtraArgs(label=name), Kid(name))
            self.a_start_is_answered("up")


# -- beyond OTP -----------------------------------------------------------------------------------


@st.composite
def wide_specs(draw):
    chosen, line = draw(trees(dynamic=draw(st.booleans())))
    waits = Backoff(min_s=0.5, max_s=3.0, stable_after_s=5.0)
    return tree_spec(
        chosen,
        line,
        backoff=draw(st.sampled_from([Backoff(), waits, replace(waits, jitter=0.0)])),
        count_progress=draw(st.booleans()),
        on_intensity=draw(st.sampled_from(["exit", "park", "park"])),
    )


class BeyondOtp(RuleBasedStateMachine):
    """Back-off, parking and progress: the invariants hold."""

    tokens = 0

    @initialize(spec=wide_specs(), seed=st.integers(0, 9), boots=BOOTS)
    def boot(self, spec, seed, boots):
        self.world = World(spec, seed)
        self.world.boot()
        for how in boots:
            if self.world.starting:
                self.a_start_is_answered(how)

    @precondition(lambda self: self.world.starting)
    @rule(how=st.sampled_from(["up", "up", "up", "ignored", "failed", "down"]))
    def a_start_is_answered(self, how):
        (name,) = self.world.starting
        self.world.answer_start(name, how)

    @precondition(lambda self: self.world.living)
    @rule(
        data=st.data(),
        how=st.sampled_from(["crash", *EXITS]),
        progressed=st.booleans(),
        uptime_s=st.sampled_from([0.0, 5.0]),
    )
    def a_child_ends(self, data, how, progressed, uptime_s):
        name = data.draw(st.sampled_from(sorted(self.world.living)))
        self.world.fall(name, how, progressed=progressed, uptime_s=uptime_s)

    @precondition(lambda self: self.world.stopping)
    @rule(data=st.data(), how=st.sampled_from(["shutdown", *EXITS]))
    def a_stop_is_answered(self, data, how):
        self.world.fall(data.draw(st.sampled_from(sorted(self.world.stopping))), how)

    @precondition(lambda self: self.world.timers)
    @rule(data=st.data())
    def a_timer_rings(self, data):
        self.world.ring(data.draw(st.sampled_from(sorted(self.world.timers))))

    @precondition(lambda self: self.world.old_timers)
    @rule(data=st.data())
    def a_timer_rings_that_was_cancelled(self, data):
        key = data.draw(st.sampled_from(sorted(self.world.old_timers)))
        assert self.world.feed(to.Timer(key)) == []

    @rule(
        op=st.sampled_from([*ORDERS, *QUESTIONS, "get_child_spec", "no_such_thing"]),
        data=st.data(),
        number=st.sampled_from([None, None, 1, 2]),
    )
    def it_is_asked(self, op, data, number):
        name = data.draw(st.sampled_from(["zz", "t", *self.world.numbers]))
        self.ask(op, name if number is None else to.OneLife(name, number))

    @rule(data=st.data(), name=st.sampled_from([None, *NAMES, "t"]), chance=st.integers(0, 2))
    def it_is_given_another(self, data, name, chance):
        if not chance:
            self.world.reloaded = True
            self.ask("reload", data.draw(wide_specs()))
        elif self.world.dynamic:
            self.ask("start_child", ExtraArgs(label=name))
        elif name is not None:
            self.ask("start_child", spec_of(data.draw(kids(name, data.draw(AUTO)))))

    @rule(seconds=st.sampled_from(TIMES_S))
    def time_passes(self, seconds):
        self.world.now_s += seconds

    def ask(self, op, argument=None):
        self.tokens += 1
        self.world.ask(self.tokens, op, argument)

    @invariant()
    def a_copy_is_the_same(self):
        if hasattr(self, "world"):
            before = state_of(self.world.core)
            self.world = self.world.copy()
            assert state_of(self.world.core) == before

    def teardown(self):
        if hasattr(self, "world"):
            self.world.wind_up()


MACHINES = [AgainstOtp, AgainstOtpFromATemplate, BeyondOtp]


QUICK = [phase for phase in Phase if phase is not Phase.shrink]
"""A failure is printed as it was found; shrinking one may take minutes."""


def explore(machine, examples, phases):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize("machine", MACHINES)
def test_the_core_keeps_the_rules(machine):
    explore(machine, 60, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("machine", MACHINES)
def test_the_core_keeps_the_rules_for_long(machine):
    explore(machine, 3000, list(Phase))


# -- walks ----------------------------------------------------------------------------------------


def drawn_kid(rng, name, auto):
    restart = rng.choice(["permanent", "permanent", "transient", "temporary"])
    significant = auto != "never" and restart != "permanent" and rng.random() < 0.5
    return Kid(name, restart, significant, rng.random() < 0.5)


def drawn_spec(rng, dynamic=None):
    dynamic = rng.random() < 0.2 if dynamic is None else dynamic
    auto = "never" if dynamic else rng.choice([str(mode) for mode in AutoShutdown])
    names = ["t"] if dynamic else rng.sample(NAMES, rng.randint(0, 4))
    chosen = {
        "strategy": Strategy.simple_one_for_one if dynamic else rng.choice(STATIC),
        "intensity": rng.choice([0, 1, 2, 5]),
        "period_s": rng.choice([1.0, 50.0]),
        "auto_shutdown": auto,
    }
    return tree_spec(
        chosen,
        [drawn_kid(rng, name, auto) for name in names],
        backoff=rng.choice([Backoff(), Backoff(min_s=0.5, max_s=3.0, stable_after_s=5.0)]),
        count_progress=rng.random() < 0.5,
        on_intensity=rng.choice(["exit", "park", "park"]),
    )


class Walk:
    """One history, drawn from a seed."""

    def __init__(self, seed):
        self.rng = Random(seed)
        self.world = World(drawn_spec(self.rng), seed)
        self.seen = Counter()
        self.tokens = 0

    def run(self, steps):
        self.count(self.world.boot())
        for _ in range(steps):
            if self.world.over is not None:
                break
            self.world.now_s += self.rng.choice([0.0, 0.0, 0.1, 1.0])
            self.count(self.rng.choice(self.possible())())
            if self.rng.random() < 0.05:
                self.world = self.world.copy()
        self.count(self.world.wind_up())
        return self.seen

    def count(self, effects):
        self.seen.update(type(effect).__name__ for effect in effects)

    def possible(self):
        world = self.world
        return [
            *[self.start] * 5 * bool(world.starting),
            *[self.end] * 2 * bool(world.living),
            *[self.obey] * 5 * bool(world.stopping),
            *[self.ring] * 2 * bool(world.timers),
            *[self.ring_late] * bool(world.old_timers),
            *[self.ask] * 2,
        ]

    def start(self):
        how = self.rng.choice(["up"] * 14 + ["ignored", "failed", "failed", "down"])
        return self.world.answer_start(next(iter(self.world.starting)), how)

    def end(self):
        return self.fall(self.rng.choice(sorted(self.world.living)), ["crash", *EXITS])

    def obey(self):
        return self.fall(self.rng.choice(sorted(self.world.stopping)), ["shutdown"] * 5 + [*EXITS])

    def fall(self, name, hows):
        progressed, uptime_s = self.rng.random() < 0.3, self.rng.choice([0.0, 5.0])
        how = self.rng.choice(hows)
        return self.world.fall(name, how, progressed=progressed, uptime_s=uptime_s)

    def ring(self):
        return self.world.ring(self.rng.choice(sorted(self.world.timers)))

    def ring_late(self):
        assert self.world.feed(to.Timer(self.rng.choice(sorted(self.world.old_timers)))) == []
        return []

    def ask(self):
        rng, world = self.rng, self.world
        op = rng.choice([*ORDERS, *ORDERS, *QUESTIONS, "get_child_spec", "start_child", "reload"])
        argument = rng.choice(["zz", "t", *world.numbers])
        if op == "start_child" and world.dynamic:
            argument = ExtraArgs(label=rng.choice([None, "k1", "k2"]))
        elif op == "start_child":
            mode = rng.choice([str(mode) for mode in AutoShutdown])
            argument = spec_of(drawn_kid(rng, rng.choice(NAMES), mode))
        elif op == "reload":
            world.reloaded = True
            argument = drawn_spec(rng, rng.choice([None, world.dynamic]))
        elif rng.random() < 0.2:
            argument = to.OneLife(argument, rng.randint(1, 4))
        self.tokens += 1
        return world.ask(self.tokens, op, argument)


@pytest.mark.timeout(60)
def test_long_walks_keep_the_invariants():
    seen = Counter()
    for seed in range(600):
        try:
            seen += Walk(seed).run(150)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error

    assert min(seen[kind] for kind in ("Parked", "Unparked", "SetTimer", "CancelTimer")) > 50
    assert min(seen[kind] for kind in ("Restarting", "Removed", "StopChild")) > 1000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_long_walks_keep_the_invariants_for_long():
    for seed in range(600, 30_000):
        Walk(seed).run(300)
