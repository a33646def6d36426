"""What supervisor core and shell say to each other: events in, effects out.

The shell (`run/supervisor.py`) owns threads, clocks and actors and decides
nothing; the core (`core/core.py`) decides and owns nothing but its state. Each
`StartChild` is answered exactly once by `ChildUp`, `ChildIgnored` or
`ChildFailed`, and each incarnation that was up ends with one `ChildDown`,
whether it was asked to by `StopChild` or not. Answers may come at any time
and interleave with everything else.

All are frozen, so that they can be recorded, compared and sent anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from supervisors.core.spec import ChildSpec
from supervisors.core.words import ShutdownTime
from supervisors.exit import Exit

TimerKey: TypeAlias = tuple[str, str, int]
"""What a timer is for, whose, and a number: never used for two timers."""

Operation: TypeAlias = Literal[
    "start_child",
    "terminate_child",
    "restart_child",
    "delete_child",
    "which_children",
    "which_child",
    "count_children",
    "get_child_spec",
    "reload",
]

ChildState: TypeAlias = Literal["running", "restarting", "stopped"]

ReportContext: TypeAlias = Literal[
    "start_error", "child_terminated", "shutdown", "shutdown_error", "progress"
]


# -- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Boot:
    """Start the children. The first event, once."""


@dataclass(frozen=True, slots=True)
class ChildUp:
    """The start succeeded."""

    id: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildIgnored:
    """The start chose not to run (OTP's ``ignore``). Not a failure."""

    id: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildFailed:
    """The start failed. Nothing of that incarnation is running."""

    id: str
    incarnation: int
    error: BaseException | str


@dataclass(frozen=True, slots=True)
class ChildDown:
    """An incarnation that was up has ended, asked to or not."""

    id: str
    incarnation: int
    exit: Exit
    progressed: bool = False
    """It had handled at least one message."""
    uptime_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """A question or an order from outside; answered by one `Reply` with the same token.

    =================  ===============================================  ======================
    op                 argument                                         value of the reply
    =================  ===============================================  ======================
    start_child        `ChildSpec`; simple_one_for_one: `ExtraArgs`     `ChildView`
    terminate_child    id, or `OneLife`                                 None
    restart_child      id                                               `ChildView`
    delete_child       id                                               None
    which_children     None                                             tuple of `ChildView`
    which_child        id                                               `ChildView`
    count_children     None                                             `ChildCounts`
    get_child_spec     id                                               `ChildSpec`
    reload             `SupervisorSpec`                                 None
    =================  ===============================================  ======================
    """

    token: Any
    op: Operation
    argument: object = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The parent, or the owner, ends the supervisor."""

    exit: Exit = field(default_factory=Exit.shutdown)
    """With what it is to finish."""


@dataclass(frozen=True, slots=True)
class Timer:
    """The time asked for by `SetTimer` has come. One that was cancelled does no harm."""

    key: TimerKey


Event: TypeAlias = Boot | ChildUp | ChildIgnored | ChildFailed | ChildDown | Request | Stop | Timer


# -- effects ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartChild:
    """Start an incarnation. To be answered by `ChildUp`, `ChildIgnored` or `ChildFailed`."""

    id: str
    incarnation: int
    """Number of this attempt: one more than the last attempt for this id, so it is unique."""
    spec: ChildSpec
    extra_args: tuple[object, ...] = ()
    """To be appended to ``spec.args`` (simple_one_for_one)."""


@dataclass(frozen=True, slots=True)
class StopChild:
    """Ask an incarnation to end; after *shutdown_s* abandon it (`Exit.killed`)."""

    id: str
    incarnation: int
    shutdown_s: ShutdownTime


@dataclass(frozen=True, slots=True)
class Removed:
    """The spec is gone, and nothing will be started under this id unless it is added anew.

    What the shell kept for it (slot, mailbox, address) can go.
    """

    id: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a `Request`: an error, or else a value."""

    token: Any
    value: Any = None
    error: BaseException | None = None
    counted: tuple[tuple[str, int], ...] = ()
    """Of ``count_children``: id and incarnation of each child that was counted as active. Whoever
    of these has ended at this moment is not: OTP's supervisor asks each process as it answers, and
    so counts one less than it lists while the news of an end still waits in its mailbox."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Answer with `Timer` after *delay_s* seconds."""

    key: TimerKey
    delay_s: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The timer is no longer wanted."""

    key: TimerKey


@dataclass(frozen=True, slots=True)
class Booted:
    """All children have started."""


@dataclass(frozen=True, slots=True)
class BootFailed:
    """A child failed to start at boot; those before it are down again. The last effect."""

    error: BaseException


class FinishCause(StrEnum):
    """Why a supervisor finished."""

    stopped = "stopped"
    intensity_exceeded = "intensity_exceeded"
    auto_shutdown = "auto_shutdown"


@dataclass(frozen=True, slots=True)
class Finished:
    """All children are down and the supervisor is done. The last effect."""

    exit: Exit
    cause: FinishCause


@dataclass(frozen=True, slots=True)
class Report:
    """What OTP writes to its log about a child; no decision hangs on it."""

    context: ReportContext
    id: str
    reason: Exit | BaseException | str | None = None
    """How it ended, why it didn't start, or ``reached_max_restart_intensity``."""


@dataclass(frozen=True, slots=True)
class Parked:
    """The budget is spent and all children are down; the next try comes after *probe_s*."""

    reason: BaseException
    probe_s: float


@dataclass(frozen=True, slots=True)
class Unparked:
    """The children are up again, on probation."""


@dataclass(frozen=True, slots=True)
class Restarting:
    """A child is down and will be started again, after *delay_s* seconds."""

    id: str
    delay_s: float


Effect: TypeAlias = (
    StartChild
    | StopChild
    | Removed
    | Reply
    | SetTimer
    | CancelTimer
    | Booted
    | BootFailed
    | Finished
    | Report
    | Parked
    | Unparked
    | Restarting
)


# -- what requests take and give ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OneLife:
    """Names one incarnation, as an Erlang pid does: for ``terminate_child`` without a race.

    If that incarnation has been replaced meanwhile, there is nothing left to terminate.
    """

    id: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildView:
    """One child, as ``which_children`` shows it."""

    id: str
    state: ChildState
    type: Literal["worker", "supervisor"]
    incarnation: int
    """Number of the last start attempt; 0 before the first."""
    starts: int
    """How many starts have succeeded since the spec was added."""


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """Answer of ``count_children``."""

    specs: int
    """Child specs; under simple_one_for_one 1, the template."""
    active: int
    """Children really running."""
    supervisors: int
    """Children of type supervisor, running or not."""
    workers: int
    """Children of type worker, running or not."""
