"""Erlang/OTP's supervision for Pykka actors."""

import supervisors.system.interpreter  # noqa: F401 -- first: it may refuse
from supervisors.core.backoff import Backoff
from supervisors.core.inflight import InFlight
from supervisors.core.protocol import ChildCounts, OneLife
from supervisors.core.spec import ChildSpec, ExtraArgs, MailboxSpec, SupervisorSpec
from supervisors.core.words import BRUTAL_KILL, INFINITY, AutoShutdown, Overflow, Restart, Strategy
from supervisors.exit import Exit, ExitKind
from supervisors.run.actor import SupervisedActor
from supervisors.run.events import LifecycleEvent
from supervisors.run.mailbox import Mailbox
from supervisors.run.ref import Ref
from supervisors.run.reports import Place, Report
from supervisors.run.root import ChildInfo, SupervisorRef
from supervisors.run.runtime import Runtime
from supervisors.run.slot import Slot
from supervisors.run.supervisor import Supervisor
from supervisors.run.tick import TICK
from supervisors.run.words import Revoked
from supervisors.system.clock import Clock, SystemClock

__all__ = [
    "BRUTAL_KILL",
    "INFINITY",
    "TICK",
    "AutoShutdown",
    "Backoff",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "Clock",
    "Exit",
    "ExitKind",
    "ExtraArgs",
    "InFlight",
    "LifecycleEvent",
    "Mailbox",
    "MailboxSpec",
    "OneLife",
    "Overflow",
    "Place",
    "Ref",
    "Report",
    "Restart",
    "Revoked",
    "Runtime",
    "Slot",
    "Strategy",
    "SupervisedActor",
    "Supervisor",
    "SupervisorRef",
    "SupervisorSpec",
    "SystemClock",
]
