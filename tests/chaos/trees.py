"""Random trees: every option that a spec has, in the mix that a seed gives."""

from __future__ import annotations

from random import Random
from typing import Literal

from supervisors import (
    BRUTAL_KILL,
    INFINITY,
    AutoShutdown,
    Backoff,
    ChildSpec,
    MailboxSpec,
    Overflow,
    Restart,
    Strategy,
    SupervisorSpec,
)
from tests.chaos.actors import BatchActor, Books, PlainActor

__all__ = ["a_tree", "a_worker"]

STATIC = [Strategy.one_for_one, Strategy.one_for_all, Strategy.rest_for_one]
RESTARTS = [Restart.permanent, Restart.permanent, Restart.transient, Restart.temporary]


def a_tree(
    rng: Random, books: Books, *, threads: bool, path: str = "root", depth: int = 0
) -> SupervisorSpec:
    """A supervisor and what is below it."""
    dynamic = depth > 0 and rng.random() < 0.2
    auto = AutoShutdown.never
    if depth and not dynamic and rng.random() < 0.2:
        auto = rng.choice([AutoShutdown.any_significant, AutoShutdown.all_significant])
    children = []
    for n in range(1 if dynamic else rng.randint(1, 3)):
        below = f"{path}/c{n}"
        if depth < 2 and not dynamic and rng.random() < 0.4 - 0.15 * depth:
            subtree = a_tree(rng, books, threads=threads, path=below, depth=depth + 1)
            children.append(
                ChildSpec(
                    f"c{n}",
                    subtree,
                    type="supervisor",
                    restart=rng.choice([Restart.permanent, Restart.permanent, Restart.transient]),
                    shutdown_s=rng.choice([INFINITY, INFINITY, 2.0]),
                )
            )
        else:
            children.append(
                a_worker(rng, books, f"c{n}", below, auto=auto, threads=threads, dynamic=dynamic)
            )
    return SupervisorSpec(
        tuple(children),
        Strategy.simple_one_for_one if dynamic else rng.choice(STATIC),
        intensity=rng.choice([5, 20] if threads else [0, 1, 3, 3, 10]),
        period_s=rng.choice([1.0, 5.0, 50.0]),
        auto_shutdown=auto,
        backoff=rng.choice([Backoff(), Backoff(), Backoff(min_s=0.05, max_s=0.5)]),
        count_progress=rng.random() < 0.5,
        on_intensity=_on_intensity(rng, depth, threads=threads),
        probe_min_s=0.05 if threads else 1.0,
        probe_max_s=0.2 if threads else 60.0,
    )


def _on_intensity(rng: Random, depth: int, *, threads: bool) -> Literal["exit", "park"]:
    """Roots mostly park; with threads nearly all, for a storm that is over soon is none."""
    parks = (0.9 if threads else 0.7) if depth == 0 else 0.3
    return "park" if rng.random() < parks else "exit"


def a_worker(
    rng: Random,
    books: Books,
    name: str,
    path: str,
    *,
    auto: AutoShutdown = AutoShutdown.never,
    threads: bool = False,
    dynamic: bool = False,
) -> ChildSpec:
    """One child with a mailbox of some kind."""
    restart = rng.choice(RESTARTS)
    batches = rng.random() < 0.3
    mailbox = a_mailbox(rng, batches=batches, threads=threads)
    shutdown_s = rng.choice([BRUTAL_KILL, 0.05 if threads else 0.5, 5.0, INFINITY])
    return ChildSpec(
        name,
        BatchActor if batches else PlainActor,
        args=(books, path),
        restart=restart,
        shutdown_s=1.0 if threads and shutdown_s is INFINITY else shutdown_s,
        significant=auto is not AutoShutdown.never
        and restart is not Restart.permanent
        and rng.random() < 0.5,
        mailbox=mailbox,
        dispatcher=rng.choice(["own", "x", "y"]),
        start_timeout_s=0.3 if threads else 1.0,
        hang_after_s=0.04 if threads else None,
        redeliver=rng.choice([0, 0, 1, 2]),
        ask_errors=rng.choice(["reply", "reply_and_crash"]),
    )


def a_mailbox(rng: Random, *, batches: bool, threads: bool) -> MailboxSpec:
    """Bounded or not; full ones refuse, drop, or (with threads) let the sender wait."""
    bounded = rng.random() < 0.3
    policies = [*Overflow] if threads else [p for p in Overflow if p is not Overflow.block]
    return MailboxSpec(
        max_items=rng.randint(2, 6) if bounded else None,
        overflow=rng.choice(policies),
        batch_max_items=rng.randint(1, 5) if batches else None,
        linger_s=rng.choice([0.0, 0.01]) if batches else 0.0,
    )
