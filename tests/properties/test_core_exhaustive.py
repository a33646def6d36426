"""Every history of a small tree, to a depth (supervision.md E8 b).

Breadth first over events: children end, starts and stops are answered in all ways and
orders, requests come, time passes, it is told to stop. Histories that lead to the same place
(`tests.core_states.state_of`) are followed once. On every step the core must say what
`otp_table.Otp` says, and the invariants of `core_world.World` must hold; every place must
have a way to an end that answers every request.

The depth counts what happens to the supervisor. Answers to what it orders cost none: they
are all tried, in all orders, between any two of those.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any, NamedTuple

import pytest

from supervisors.core import protocol as to
from supervisors.core.spec import ExtraArgs, SupervisorSpec
from supervisors.core.words import AutoShutdown, Strategy
from tests.core_states import state_of
from tests.properties.core_world import World, reference_of, said, spec_of
from tests.properties.otp_table import Kid, Otp, Said

IDS = "abc"
PERIOD_S = 5.0
TYPES = ("permanent", "transient", "temporary")


class Move(NamedTuple):
    """One event, for the core and for the table."""

    cost: int
    message: Said
    seconds: float = 0.0


class Kinds(NamedTuple):
    """What may happen."""

    ends: tuple[str, ...] = ("crash", "normal")
    starts: tuple[str, ...] = ("up", "failed")
    stops: tuple[str, ...] = ("shutdown", "crash")
    orders: tuple[to.Operation, ...] = ("terminate_child",)
    waits_s: tuple[float, ...] = (PERIOD_S + 1,)
    crowd: int = 1
    """How much may come while an answer is awaited."""


ALL = Kinds(
    ends=("crash", "normal", "killed"),
    starts=("up", "failed", "ignored", "down"),
    stops=("shutdown", "crash", "normal"),
    orders=("terminate_child", "restart_child", "delete_child", "start_child"),
    waits_s=(PERIOD_S, PERIOD_S + 1),
    crowd=2,
)


class Place(NamedTuple):
    """A state, and how it was reached."""

    world: World
    otp: Otp
    """The table's supervisor when it was idle for the last time …"""
    since: tuple[tuple[Said, float], ...]
    """… and what it has got since, with the times."""
    crowd: int = 0
    """How many wait in the inbox."""
    path: Any = None
    """``(path before, message, now_s)``, for people."""


class Seen(NamedTuple):
    """How much there was to see."""

    states: int
    steps: int
    ends: int


def moves(place: Place, kinds: Kinds) -> Iterator[Move]:
    """What may happen next."""
    world = place.world
    for name in world.starting:
        for how in kinds.starts:
            yield Move(0, ("down", name, "crash") if how == "down" else (how, name))
    for name in world.stopping:
        for how in kinds.stops:
            yield Move(0, ("down", name, how))
    if world.told_to_stop or place.crowd >= kinds.crowd:
        return
    for name in world.living:
        if name not in world.stopping:
            for how in kinds.ends:
                yield Move(1, ("down", name, how))
    for op, name in product(kinds.orders, sorted(world.numbers)):
        yield Move(1, ("request", (op, name), op, name))
    yield Move(1, ("stop",))
    for seconds in kinds.waits_s:
        yield Move(1, (), seconds)


def make(world: World, move: Move) -> list[to.Effect]:
    """Let *move* happen to the core."""
    match move.message:
        case ("boot",):
            return world.boot()
        case ():
            world.now_s += move.seconds
            return world.feed(to.Timer(("nothing", "", 0)))
        case ("stop",):
            return world.stop()
        case ("down", name, how) if name in world.living:
            return world.fall(name, how)
        case ("down", name, _):
            return world.answer_start(name, "down")
        case ("request", token, "start_child", name):
            line = ExtraArgs(label=name) if world.dynamic else spec_of(Kid(name, "transient"))
            return world.ask(token, "start_child", line)
        case ("request", token, "reload", flags, kids):
            world.reloaded = True
            return world.ask(token, "reload", SupervisorSpec(tuple(map(spec_of, kids)), **flags))
        case ("request", token, op, name):
            return world.ask(token, op, name)
        case (how, name):
            return world.answer_start(name, how)
    raise AssertionError(move)


def explore(spec: SupervisorSpec, depth: int, kinds: Kinds, added: tuple[str, ...] = ()) -> Seen:
    """Go everywhere, from the boot on. *added*: dynamic children to begin with."""
    place = first_place(spec, added)
    seen, steps, ends = {_key(place.world)}, 0, 0
    waiting = deque([(0, place)])
    while waiting:
        cost, place = waiting.popleft()
        if place.world.over is not None:
            place.world.must_be_over()
            ends += 1
            continue
        for move in moves(place, kinds):
            if cost + move.cost > depth:
                continue
            steps += 1
            there = _step(place, move)
            key = _key(there.world)
            if key not in seen:
                seen.add(key)
                queue = waiting.append if move.cost else waiting.appendleft
                queue((cost + move.cost, there))
    return Seen(len(seen), steps, ends)


def first_place(spec: SupervisorSpec, added: tuple[str, ...] = ()) -> Place:
    """The boot has begun; under a template, *added* are up."""
    place = _step(Place(World(spec), reference_of(spec), ()), Move(0, ("boot",)))
    for name in added:
        place = _step(place, Move(0, ("request", ("add", name), "start_child", name)))
        place = _step(place, Move(0, ("up", name)))
    return place


def _step(place: Place, move: Move) -> Place:
    world, message = place.world.copy(), move.message
    spoken = said(make(world, move))
    otp, path = place.otp.twin(), (place.path, message, world.now_s)
    for earlier, at_s in place.since:  # a generator can't be copied: go there again
        _feed(otp, earlier, at_s)
    words = _feed(otp, message, world.now_s)
    assert spoken == words, f"{world.core!r}\n{_story(path)}"
    assert otp.ended == (world.over is not None)
    if otp.idle:
        return Place(world, otp, (), 0, path)
    since = (*place.since, (message, world.now_s)) if message else place.since
    return Place(world, place.otp, since, len(otp.mailbox), path)


def _feed(otp: Otp, message: Said, now_s: float) -> list[Said]:
    if message[2:3] == ("start_child",):
        message = (*message[:3], Kid(message[3], "transient"))
    if message[2:3] == ("reload",):
        message = (*message[:4], [replace(kid) for kid in message[4]])
    return otp.feed(message, now_s) if message else []


def _story(path: Any) -> str:
    lines = []
    while path is not None:
        path, message, now_s = path
        lines.append(f"{now_s:g} s: {message}")
    return "\n".join(reversed(lines))


def _key(world: World) -> Any:
    return state_of(world.core), frozenset((+world.owed).items()), world.told_to_stop


# -- the grid -------------------------------------------------------------------------------------


def static_tree(strategy: str, types: tuple[str, ...], intensity: int, auto: str) -> SupervisorSpec:
    """Children of *types*; the last two are significant where they may be."""
    return SupervisorSpec(
        tuple(
            spec_of(Kid(name, kind, auto != "never" and kind != "permanent" and name != "a"))
            for name, kind in zip(IDS, types, strict=False)
        ),
        Strategy(strategy),
        intensity=intensity,
        period_s=PERIOD_S,
        auto_shutdown=AutoShutdown(auto),
    )


def dynamic_tree(kind: str, intensity: int) -> SupervisorSpec:
    """A template."""
    template = spec_of(Kid("t", kind))
    return SupervisorSpec(
        (template,), Strategy.simple_one_for_one, intensity=intensity, period_s=PERIOD_S
    )


SQUARE = [
    ("permanent", "permanent", "permanent"),
    ("transient", "transient", "transient"),
    ("temporary", "temporary", "temporary"),
    ("permanent", "transient", "temporary"),
    ("transient", "temporary", "permanent"),
    ("temporary", "permanent", "transient"),
]
"""Each type at each place, among its like and among the others."""

STRATEGIES = ["one_for_one", "one_for_all", "rest_for_one"]
FEW = Kinds()
QUIET_WIDE = ALL._replace(crowd=1)


def report(capsys, title, seen):
    """Print how much there was to see, past pytest's capture."""
    states, steps, ends = map(sum, zip(*seen, strict=True))
    with capsys.disabled():
        sys.stdout.write(f"\n  {title}: {states:,} states, {steps:,} steps, {ends:,} ends ")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("intensity", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_history_of_three_children(strategy, intensity, capsys):
    """Six mixes of types, to depth 5; temporary ones at one intensity, since they spend none."""
    seen = [
        explore(static_tree(strategy, types, intensity, "never"), 5, FEW)
        for types in SQUARE
        if intensity == 1 or "temporary" not in types
    ]
    report(capsys, f"{strategy}, intensity {intensity}", seen)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("auto", ["any_significant", "all_significant"])
def test_every_history_of_significant_children(auto, capsys):
    """Two of three are significant, where their type allows it."""
    seen = [
        explore(static_tree(strategy, types, 1, auto), 4, FEW)
        for strategy, types in product(STRATEGIES, SQUARE)
        if len(set(types)) == 3
    ]
    report(capsys, auto, seen)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", TYPES)
def test_every_history_of_three_children_from_a_template(kind, capsys):
    """simple_one_for_one: they are stopped all at once."""
    seen = [explore(dynamic_tree(kind, intensity), 4, FEW, ("a", "b", "c")) for intensity in (0, 1)]
    report(capsys, kind, seen)


# -- beyond the depth -----------------------------------------------------------------------------


def walk(seed: int, steps: int) -> int:
    """One long history of a random small tree: how many steps it took."""
    rng = Random(seed)
    types = tuple(rng.choice(TYPES) for _ in IDS)
    intensity = rng.choice((1, 3, 9))
    strategy, added = rng.choice([*STRATEGIES, "simple"]), ()
    if strategy == "simple":
        spec, added = dynamic_tree(types[0], intensity), ("a", "b", "c")
    else:
        spec = static_tree(strategy, types, intensity, autos(seed))
    place = first_place(spec, added)
    kinds = ALL._replace(crowd=4)
    for step in range(steps):
        if place.world.over is not None:
            return step
        likely = _weighed(place, kinds)
        if strategy != "simple" and rng.random() < 0.03:
            likely = [_reload(rng, step)]
        place = _step(place, rng.choice(likely))
    return steps


def _reload(rng: Random, token: int) -> Move:
    """Other flags and types for some of the children."""
    flags = {
        "strategy": rng.choice(STRATEGIES),
        "intensity": rng.choice((1, 3, 9)),
        "period_s": PERIOD_S,
        "auto_shutdown": rng.choice(["any_significant", "all_significant"]),
    }
    kids = []
    for name in rng.sample("abcd", rng.randint(1, 4)):
        kind = rng.choice(TYPES)
        kids.append(Kid(name, kind, kind != "permanent" and rng.random() < 0.7))
    return Move(1, ("request", ("reload", token), "reload", flags, tuple(kids)))


def _weighed(place: Place, kinds: Kinds) -> list[Move]:
    """Answers are likely, most of them good ones; to be told to stop is not."""
    found = []
    for move in moves(place, kinds):
        good = (move.message and move.message[0] == "up") or move.message[-1:] == ("shutdown",)
        weight = 8 if good else 3 if move.cost == 0 or move.message[:1] == ("down",) else 1
        if move.message != ("stop",) or not found:
            found += [move] * weight
    return found


@pytest.mark.timeout(60)
def test_long_histories(capsys):
    """Random ones, with more in the inbox."""
    steps = sum(walk(seed, 100) for seed in range(400))
    report(capsys, "walks", [(0, steps, 300)])
    assert steps > 5_000


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_long_histories_for_long():
    """The same, a hundred times."""
    for seed in range(300, 30_000):
        walk(seed, 80)


# -- the whole grid, in `make soak` ---------------------------------------------------------------


def autos(at: int) -> str:
    """The three modes in turn."""
    return ("never", "any_significant", "all_significant")[at % 3]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("at", range(27))
def test_all_kinds_of_events(strategy, at, capsys):
    """3 strategies x 27 mixes of types, every kind of event, to depth 5."""
    types = list(product(TYPES, repeat=3))[at]
    turn = at + at // 3 + at // 9 + STRATEGIES.index(strategy)
    spec = static_tree(strategy, types, 1, autos(turn))
    report(capsys, f"{strategy} {types} {spec.auto_shutdown}", [explore(spec, 5, QUIET_WIDE)])


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_kinds_of_events_two_at_a_time(strategy, capsys):
    """While an answer is awaited two more come: the inbox's order."""
    spec = static_tree(strategy, TYPES, 1, autos(1 + STRATEGIES.index(strategy)))
    report(capsys, f"{strategy}, crowd", [explore(spec, 4, ALL)])


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("intensity", [0, 1, 2])
def test_all_kinds_of_events_from_a_template(kind, intensity, capsys):
    """simple_one_for_one to depth 5."""
    seen = explore(dynamic_tree(kind, intensity), 5, QUIET_WIDE, ("a", "b", "c"))
    report(capsys, f"template {kind} {intensity}", [seen])
