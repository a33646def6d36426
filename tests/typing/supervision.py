"""What a type checker says to a user of `supervisors`. Checked by mypy as `api.py` is; not run.

The documented words are texts: they check, and others don't.
"""

from __future__ import annotations

from typing import Any, assert_type

import pykka

from supervisors import (
    BRUTAL_KILL,
    INFINITY,
    AutoShutdown,
    ChildSpec,
    ExtraArgs,
    MailboxSpec,
    Overflow,
    Ref,
    Restart,
    Strategy,
    SupervisedActor,
    Supervisor,
    SupervisorRef,
    SupervisorSpec,
)
from telemetry_actors import TelemetryGateway, TelemetrySettings


class Db(SupervisedActor):
    """A child that others ask."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def count(self) -> int:
        return self.rows


class Web(SupervisedActor):
    """A child that asks another."""

    def on_start(self) -> None:
        assert_type(self.sibling("db"), Ref[Any])
        assert_type(self.sibling("db", Db), Ref[Db])


# -- specifications ------------------------------------------------------------------------------

db = ChildSpec("db", Db, args=[3], restart="temporary", shutdown_s="infinity")
web = ChildSpec(
    "web",
    start=Web,
    kwargs={},
    restart="transient",
    shutdown_s="brutal_kill",
    significant=True,
    mailbox=MailboxSpec(max_items=10, overflow="drop_oldest"),
    ask_errors="reply_and_crash",
)
tree = SupervisorSpec([db, web], strategy="rest_for_one", auto_shutdown="all_significant")
SupervisorSpec(children=[db], strategy="simple_one_for_one", on_intensity="park")
SupervisorSpec(children=(ChildSpec("below", tree, type="supervisor", shutdown_s=INFINITY),))
ChildSpec("db", Db, (3,), {"rows": 3}, Restart.permanent, BRUTAL_KILL)
SupervisorSpec((), Strategy.one_for_all, auto_shutdown=AutoShutdown.never)
MailboxSpec(overflow=Overflow.block)
ExtraArgs(["tenant-7"], label="tenant-7")

assert_type(db.restart, Restart)
assert_type(db.args, tuple[Any, ...])
assert_type(tree.children, tuple[ChildSpec, ...])
assert_type(tree.strategy, Strategy)


def mistaken() -> None:
    """Not called."""
    ChildSpec("db", Db, restart="always")  # type: ignore[arg-type]
    ChildSpec("db", Db, shutdown_s="never")  # type: ignore[arg-type]
    ChildSpec("db", Db, args=3)  # type: ignore[arg-type]
    ChildSpec("db", Db, patience=3)  # type: ignore[call-arg]
    ChildSpec("db")  # type: ignore[call-arg]
    SupervisorSpec(strategy="one_for_two")  # type: ignore[arg-type]
    SupervisorSpec(children=["db"])  # type: ignore[list-item]
    MailboxSpec(overflow="explode")  # type: ignore[arg-type]
    MailboxSpec(10)  # type: ignore[call-arg]


# -- addresses ------------------------------------------------------------------------------------


def ask(supervisor: SupervisorRef) -> None:
    """Not called."""
    assert_type(supervisor.child("db"), Ref[Any])
    ref = supervisor.child("db", Db)
    assert_type(ref, Ref[Db])
    assert_type(ref.actor_class, type[Db])
    assert_type(ref.proxy(), pykka.ActorProxy[Db])
    plain: pykka.ActorRef[Db] = ref
    untyped: Ref = ref
    plain.tell(1)
    untyped.tell(1)
    supervisor.child("db", int)  # type: ignore[type-var]
    other: Ref[Web] = ref  # type: ignore[assignment]
    other.tell(1)


def run() -> None:
    """Not called."""
    with Supervisor.start(tree) as supervisor:
        assert_type(supervisor, SupervisorRef)
        assert_type(supervisor.wait(), bool)
        assert_type(supervisor.wait(1.5), bool)


# -- settings -------------------------------------------------------------------------------------

settings = TelemetrySettings(
    enterprise_otlp_headers="k=v",
    redis_url="redis://localhost:6379/0",
    gateway={"linger_s": 0.1},
    otlp={"attempt_timeout_s": 5},
    transport="in_process",
)
TelemetryGateway(settings)
assert_type(settings.gateway.linger_s, float)
TelemetrySettings(gateway=settings.gateway)


def mistaken_settings() -> None:
    """Not called."""
    TelemetrySettings(gateway=3)  # type: ignore[arg-type]
    TelemetrySettings(gate={})  # type: ignore[call-arg]
    TelemetrySettings(transport="pigeon")  # type: ignore[arg-type]
