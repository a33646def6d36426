"""Erlang/OTP's supervision for Pykka actors."""

from supervisors import _interpreter as _interpreter  # first: it may refuse
from supervisors._actor import Revoked, SupervisedActor
from supervisors._clock import Clock, SystemClock
from supervisors._events import LifecycleEvent
from supervisors._exit import Exit, ExitKind
from supervisors._inflight import InFlight
from supervisors._mailbox import Mailbox
from supervisors._protocol import ChildCounts, OneLife
from supervisors._ref import Ref
from supervisors._reports import Place, Report
from supervisors._root import ChildInfo, SupervisorRef
from supervisors._runtime import Runtime
from supervisors._slot import Slot
from supervisors._spec import (
    BRUTAL_KILL,
    INFINITY,
    AutoShutdown,
    Backoff,
    ChildSpec,
    ExtraArgs,
    MailboxSpec,
    Overflow,
    Restart,
    Strategy,
    SupervisorSpec,
)
from supervisors._supervisor import Supervisor
from supervisors._tick import TICK

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
