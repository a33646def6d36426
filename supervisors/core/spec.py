"""Specifications: what a supervisor is to run, as frozen data that checks itself.

A tree is described before anything runs: `SupervisorSpec` holds `ChildSpec`s,
and a child may be a `SupervisorSpec` again. Whatever can be wrong with one is
said when it is made, by a `SpecError` that names field, value and what is
allowed; no supervisor ever sees a wrong one.

Words, defaults and forbidden combinations are OTP's (``docs/supervision.md``).
Ours besides: mailbox, dispatcher, back-off, ``count_progress``, parking.

What may be given is more than what is kept: a word for a member, a list for a tuple. So each
class has an ``__init__`` for type checkers alone; the one that runs is the dataclass's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from supervisors.core import check as _check
from supervisors.core import words
from supervisors.core.backoff import Backoff
from supervisors.core.words import (
    INFINITY,
    AutoShutdown,
    Overflow,
    Restart,
    Shutdown,
    ShutdownTime,
    Strategy,
)
from supervisors.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSpec:
    """How much may wait for an actor, and in what portions it is handed over.

    With ``batch_max_items`` the mailbox coalesces: the actor is handed a tuple
    of messages, filled until one of the limits is met or ``linger_s`` is over.
    """

    max_items: int | None = None
    """Messages that may wait; None is no limit."""
    max_bytes: int | None = None
    """Bytes that may wait, as the sender states them; None is no limit."""
    overflow: Overflow = Overflow.reject
    linger_s: float = 0.0
    """Seconds to wait for a batch to fill, counted from its first message."""
    linger_growth: float = 1.0
    """How many times *linger_s* it may become while batches are small (below a quarter of
    *batch_max_items*): wake-ups are then what costs. 1.0: it is always *linger_s*."""
    batch_max_items: int | None = None
    """Messages in one batch; None hands messages over one by one."""
    batch_max_bytes: int | None = None
    """Bytes in one batch, except that one message always fits; None is no limit."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            max_items: int | None = None,
            max_bytes: int | None = None,
            overflow: Overflow | words.OverflowWord = Overflow.reject,
            linger_s: float = 0.0,
            linger_growth: float = 1.0,
            batch_max_items: int | None = None,
            batch_max_bytes: int | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Check every field, and that what shapes a batch comes with a batch."""
        for name in ("max_items", "max_bytes", "batch_max_items", "batch_max_bytes"):
            if getattr(self, name) is not None:
                _check.count(f"MailboxSpec.{name}", getattr(self, name), 1)
        overflow = _check.one_of("MailboxSpec.overflow", self.overflow, Overflow)
        object.__setattr__(self, "overflow", overflow)
        _check.at_least("MailboxSpec.linger_s", self.linger_s, 0)
        _check.at_least("MailboxSpec.linger_growth", self.linger_growth, 1)
        if self.batch_max_items is None:
            for name in ("linger_s", "batch_max_bytes"):
                if getattr(self, name):
                    raise SpecError(
                        f"MailboxSpec.{name}", getattr(self, name), "unset without batch_max_items"
                    )


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start one child, and what to do when it ends.

    >>> ChildSpec("meter", start=dict).shutdown_s
    5.0
    """

    id: str
    """Unique under its supervisor."""
    start: Callable[..., object] | SupervisorSpec
    """An actor class; for ``type="supervisor"`` the `SupervisorSpec` of the subtree."""
    args: tuple[Any, ...] = field(default=(), hash=False)
    kwargs: Mapping[str, object] = field(default_factory=dict, hash=False)
    """Stored as a copy that can't be changed."""
    restart: Restart = Restart.permanent
    shutdown_s: ShutdownTime = None  # type: ignore[assignment]  # resolved in __post_init__
    """Seconds to wait after asking it to stop, then it is abandoned. Default: 5.0 for a worker,
    INFINITY for a supervisor."""
    significant: bool = False
    """Whether its end counts for ``auto_shutdown``."""
    type: Literal["worker", "supervisor"] = "worker"
    mailbox: MailboxSpec = MailboxSpec()
    dispatcher: str = "own"
    """Who runs it: ``"own"`` is a thread of its own, any other name a thread shared under it."""
    start_timeout_s: float | None = None
    """Seconds that a start may take; then it has failed and its thread is abandoned. None: any."""
    hang_after_s: float | None = None
    """Seconds that one message may take; then the actor is judged by `run/_watch.py`. None: any."""
    redeliver: int = 0
    """How often a message that the actor crashed on is handed out again, before it is
    quarantined."""
    ask_errors: Literal["reply", "reply_and_crash"] = "reply"
    """What an exception does to the actor when the message was a question: Pykka's rule
    (the asker gets it, the actor lives), or the asker gets it and the actor crashes."""

    if TYPE_CHECKING:

        def __init__(
            self,
            id: str,
            start: Callable[..., object] | SupervisorSpec,
            args: Sequence[object] = (),
            kwargs: Mapping[str, object] = ...,
            restart: Restart | words.RestartWord = Restart.permanent,
            shutdown_s: ShutdownTime | words.ShutdownWord | None = None,
            significant: bool = False,
            type: Literal["worker", "supervisor"] = "worker",
            mailbox: MailboxSpec = ...,
            dispatcher: str = "own",
            start_timeout_s: float | None = None,
            hang_after_s: float | None = None,
            redeliver: int = 0,
            ask_errors: Literal["reply", "reply_and_crash"] = "reply",
        ) -> None: ...

    def __post_init__(self) -> None:
        """Check every field, and what OTP calls bad combinations."""
        _check.text("ChildSpec.id", self.id)
        _check.flag(f"{self.id}.significant", self.significant)
        _check.text(f"{self.id}.dispatcher", self.dispatcher)
        if not isinstance(self.mailbox, MailboxSpec):
            raise SpecError(f"{self.id}.mailbox", self.mailbox, "a MailboxSpec")
        self._check_start()
        self._check_care()
        put = object.__setattr__
        put(self, "restart", _check.one_of(f"{self.id}.restart", self.restart, Restart))
        put(self, "shutdown_s", self._checked_shutdown())
        put(self, "args", _check.positional(f"{self.id}.args", self.args))
        put(self, "kwargs", MappingProxyType(_check.keywords(f"{self.id}.kwargs", self.kwargs)))
        if self.significant and self.restart is Restart.permanent:
            raise SpecError(
                f"{self.id}.significant",
                True,
                "False for a permanent child (bad_combination: it never ends for good)",
            )

    def _check_start(self) -> None:
        if self.type not in ("worker", "supervisor"):
            raise SpecError(f"{self.id}.type", self.type, "'worker' or 'supervisor'")
        subtree = isinstance(self.start, SupervisorSpec)
        if self.type == "supervisor" and not subtree:
            raise SpecError(f"{self.id}.start", self.start, "a SupervisorSpec (type='supervisor')")
        if self.type == "worker" and (subtree or not callable(self.start)):
            raise SpecError(f"{self.id}.start", self.start, "an actor class (type='worker')")
        if hasattr(self.start, "_actor_loop"):  # by a name of Pykka's, which is not imported here
            _check.supervised(f"{self.id}.start", self.start)

    def _check_care(self) -> None:
        for name in ("start_timeout_s", "hang_after_s"):
            if getattr(self, name) is not None:
                _check.at_least(f"{self.id}.{name}", getattr(self, name), 0, above=True)
        _check.count(f"{self.id}.redeliver", self.redeliver, 0)
        if self.ask_errors not in ("reply", "reply_and_crash"):
            raise SpecError(
                f"{self.id}.ask_errors", self.ask_errors, "'reply' or 'reply_and_crash'"
            )

    def _checked_shutdown(self) -> ShutdownTime:
        value: object = self.shutdown_s
        if value is None:
            return INFINITY if self.type == "supervisor" else 5.0
        if isinstance(value, str) and value in tuple(Shutdown):
            return Shutdown(value)
        try:
            return _check.at_least(f"{self.id}.shutdown_s", value, 0)
        except SpecError:
            allowed = "a finite number >= 0, BRUTAL_KILL or INFINITY"
            raise SpecError(f"{self.id}.shutdown_s", value, allowed) from None

    def named(self, label: str) -> ChildSpec:
        """The spec of a dynamic child, made from this template."""
        return replace(self, id=label)

    def without_arguments(self) -> ChildSpec:
        """The spec without what it started from: a temporary child's are kept by nobody."""
        return replace(self, args=(), kwargs={})


@dataclass(frozen=True, slots=True)
class ExtraArgs:
    """What ``start_child`` of a simple_one_for_one supervisor takes.

    >>> ExtraArgs(("tenant-7",), label="tenant-7").label
    'tenant-7'
    """

    args: tuple[object, ...] = field(default=(), hash=False)
    """Appended to the template's ``args``."""
    label: str | None = None
    """Id of the new child; None lets the supervisor make one up."""

    if TYPE_CHECKING:

        def __init__(self, args: Sequence[object] = (), label: str | None = None) -> None: ...

    def __post_init__(self) -> None:
        """Check both fields."""
        if self.label is not None:
            _check.text("ExtraArgs.label", self.label)
        object.__setattr__(self, "args", _check.positional("ExtraArgs.args", self.args))


@dataclass(frozen=True, slots=True)
class SupervisorSpec:
    """Children in start order, and how their ends are answered.

    More than ``intensity`` restarts within ``period_s`` seconds are too many:
    the supervisor stops its children and exits, or parks.
    """

    children: tuple[ChildSpec, ...] = ()
    """In start order; under simple_one_for_one exactly one, the template."""
    strategy: Strategy = Strategy.one_for_one
    intensity: int = 1
    """Restarts allowed in the window; 0 allows none."""
    period_s: float = 5.0
    """Length of the window; a restart exactly this old still counts."""
    auto_shutdown: AutoShutdown = AutoShutdown.never
    backoff: Backoff = field(default_factory=Backoff)
    count_progress: bool = False
    """True: a crash of an incarnation that had handled a message costs no budget."""
    on_intensity: Literal["exit", "park"] = "exit"
    """What to do when the budget is spent: ``"exit"`` leaves it to the parent, as in OTP;
    ``"park"`` stops the children, waits, and tries again, for ever."""
    probe_min_s: float = 1.0
    """Seconds parked before the first try."""
    probe_max_s: float = 60.0
    """The wait doubles with each try that fails, up to this."""

    if TYPE_CHECKING:

        def __init__(
            self,
            children: Sequence[ChildSpec] = (),
            strategy: Strategy | words.StrategyWord = Strategy.one_for_one,
            intensity: int = 1,
            period_s: float = 5.0,
            auto_shutdown: AutoShutdown | words.AutoShutdownWord = AutoShutdown.never,
            backoff: Backoff = ...,
            count_progress: bool = False,
            on_intensity: Literal["exit", "park"] = "exit",
            probe_min_s: float = 1.0,
            probe_max_s: float = 60.0,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Check every field, the children together, and what OTP calls bad combinations."""
        put = object.__setattr__
        put(self, "strategy", _check.one_of("strategy", self.strategy, Strategy))
        put(self, "auto_shutdown", _check.one_of("auto_shutdown", self.auto_shutdown, AutoShutdown))
        put(self, "children", _check.positional("children", self.children))
        _check.count("intensity", self.intensity, 0)
        _check.at_least("period_s", self.period_s, 0, above=True)
        _check.flag("count_progress", self.count_progress)
        if not isinstance(self.backoff, Backoff):
            raise SpecError("backoff", self.backoff, "a Backoff")
        self._check_parking()
        self._check_children()

    @property
    def template(self) -> ChildSpec | None:
        """The one child spec of a simple_one_for_one supervisor; None under other strategies."""
        return self.children[0] if self.strategy is Strategy.simple_one_for_one else None

    def check_child(self, child: ChildSpec) -> None:
        """Whether *child* may run under this supervisor.

        Raises:
            SpecError: it is significant, and auto_shutdown is never.
        """
        if child.significant and self.auto_shutdown is AutoShutdown.never:
            raise SpecError(
                f"{child.id}.significant", True, "False with auto_shutdown never (bad_combination)"
            )

    def warnings(self) -> tuple[str, ...]:
        """What is allowed and yet hardly meant, one sentence each."""
        fastest_s = self.backoff.shortest_s(self.intensity)
        if fastest_s <= self.period_s:
            return ()
        budget = f"intensity {self.intensity} in period_s {self.period_s:g}"
        return (f"no child alone can exceed {budget}: its back-off takes {fastest_s:g} s",)

    def _check_parking(self) -> None:
        if self.on_intensity not in ("exit", "park"):
            raise SpecError("on_intensity", self.on_intensity, "'exit' or 'park'")
        _check.at_least("probe_min_s", self.probe_min_s, 0, above=True)
        _check.at_least("probe_max_s", self.probe_max_s, 0, above=True)
        if self.probe_max_s < self.probe_min_s:
            raise SpecError(
                "probe_max_s", self.probe_max_s, f"at least probe_min_s ({self.probe_min_s:g})"
            )

    def _check_children(self) -> None:
        seen: set[str] = set()
        for child in self.children:
            if not isinstance(child, ChildSpec):
                raise SpecError("children", child, "ChildSpecs")
            if child.id in seen:
                raise SpecError("children", child.id, "ids that differ (duplicate_child_name)")
            seen.add(child.id)
            self.check_child(child)
        if self.strategy is not Strategy.simple_one_for_one:
            return
        if len(self.children) != 1:
            raise SpecError("children", len(self.children), "one template for simple_one_for_one")
        if self.auto_shutdown is not AutoShutdown.never:
            raise SpecError(
                "auto_shutdown",
                self.auto_shutdown,
                "never under simple_one_for_one (bad_combination)",
            )
