"""Every exception `supervisors` raises on purpose.

Catch `SupervisorError` to catch them all. Each class carries a stable ``code``
(the anchor of its section in ``docs/errors.md``) and the facts needed to act
on it as attributes, so nobody has to parse a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from supervisors.exit import Exit, shown

__all__ = [
    "ChildError",
    "ChildStartError",
    "ConfigError",
    "HandlerExit",
    "MailboxFull",
    "NoSuchChild",
    "NotRunning",
    "Refusal",
    "RestartLimitReached",
    "SpecError",
    "StartTimeout",
    "ThreadRefused",
    "SupervisorError",
    "TooManyAbandoned",
]


class SupervisorError(Exception):
    """Base of all errors raised by this package. Catch a subclass if you can name it."""

    code: ClassVar[str] = "supervisor-error"


class SpecError(SupervisorError, ValueError):
    """A specification is not usable. Nothing was started; correct ``field`` and try again.

    Raised when the specification is made, so a wrong one never reaches a
    supervisor; and by ``reload`` and ``start_child`` when a specification is
    sound by itself but not for the supervisor that it is given to.
    """

    code = "spec"

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} = {value!r}: must be {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class ConfigError(SupervisorError, ValueError):
    """A configuration file is not usable. Nothing was made of it; correct ``key`` and try again.

    The message is one line: ``tree.toml: [children.db] shutdown_s = -1: must be ...``.
    What is not shown as a value may be a secret: unknown keys, ``args`` and ``kwargs``.
    """

    code = "config"

    def __init__(
        self, file: str, table: str, key: str, allowed: str, *, value: str | None = None
    ) -> None:
        """Say what is wrong where.

        Args:
            file: its path, or ``<text>``.
            table: as in the file's own brackets, without them; ``""`` for the top.
            key: of the table; ``""`` where the table itself is wrong, or the file is.
            allowed: what would be right, as the end of a sentence.
            value: as text; None where it may be a secret, or is no single value.
        """
        self.file = file
        self.table = table
        self.key = key
        self.allowed = allowed
        self.value = value
        super().__init__(f"{file}: {self.problem}")

    @property
    def problem(self) -> str:
        """The message without the file."""
        where = " ".join(
            part for part in (f"[{self.table}]" if self.table else "", self.key) if part
        )
        shown = "" if self.value is None else f" = {self.value}"
        return f"{where}{shown}: {self.allowed}" if where else self.allowed


class Refusal(StrEnum):
    """Why a supervisor refused a request about a child: OTP's error atoms, and ``parked``."""

    not_found = "not_found"
    running = "running"
    restarting = "restarting"
    already_present = "already_present"
    already_started = "already_started"
    simple_one_for_one = "simple_one_for_one"
    start_failed = "start_failed"
    parked = "parked"


_EXPLAINED = {
    Refusal.not_found: "there is no such child; ask which_children()",
    Refusal.running: "it is running; terminate_child() first",
    Refusal.restarting: "it is being restarted; wait, or terminate_child() to give up on it",
    Refusal.already_present: "its spec is there, stopped; restart_child() or delete_child()",
    Refusal.already_started: "a child with this id is running",
    Refusal.simple_one_for_one: "a simple_one_for_one supervisor can't do this",
    Refusal.start_failed: "it failed to start",
    Refusal.parked: "the supervisor is parked and starts nothing before its next probe",
}


class ChildError(SupervisorError):
    """A request about one child was refused; the supervisor and the child are as before.

    ``reason`` says why, in OTP's words, and decides what to do next: see `Refusal`.
    """

    code = "child"

    def __init__(self, reason: Refusal, child_id: str, *, incarnation: int | None = None) -> None:
        super().__init__(f"child {child_id!r}: {_EXPLAINED[reason]}")
        self.reason = reason
        self.child_id = child_id
        self.incarnation = incarnation
        """The running incarnation, when *reason* is ``already_started``."""


class NoSuchChild(ChildError, KeyError):
    """An address was asked for that isn't there; ``known`` has the ids that are.

    Either the id is wrong, or the child has not been added yet, or it has been deleted. A child
    of the specification has its address from the start, also before it is up.
    """

    code = "no-such-child"

    def __init__(
        self, supervisor: str, child_id: str, known: Sequence[str], what: str = "child"
    ) -> None:
        super().__init__(Refusal.not_found, child_id)
        there = ", ".join(known) or "none"
        self.args = (f"no {what} {child_id!r} of {supervisor}; there are: {there}",)
        self.supervisor = supervisor
        self.known = tuple(known)

    def __str__(self) -> str:
        return str(self.args[0])  # and not its repr, as a KeyError's


class ChildStartError(ChildError):
    """A child's start raised, timed out, or ended before it was done; see ``cause``.

    At boot the children that had started were stopped again, in reverse, and
    there is no supervisor. From ``start_child`` nothing was stored; from
    ``restart_child`` the spec is kept, stopped. Neither costs restart budget.
    Repair the cause, then ask again: the supervisor won't try by itself.
    """

    code = "child-start"

    def __init__(self, child_id: str, cause: BaseException | str) -> None:
        super().__init__(Refusal.start_failed, child_id)
        self.cause = cause
        self.args = (f"child {child_id!r} failed to start: {shown(cause)}",)
        if isinstance(cause, BaseException):
            self.__cause__ = cause


class StartTimeout(SupervisorError, TimeoutError):
    """A child did not finish its start in time. It counts as a failed start.

    Either the start waits for something that isn't there (make it start
    without, and heal later) or ``timeout_s`` is too short for this machine.
    """

    code = "start-timeout"

    def __init__(self, child_id: str, timeout_s: float) -> None:
        super().__init__(f"child {child_id!r} had not started after {timeout_s:g} s")
        self.child_id = child_id
        self.timeout_s = timeout_s


class TooManyAbandoned(SupervisorError):
    """So many threads are stuck that no child is started any more (`Runtime(max_abandoned=…)`).

    Children hung or did not stop in time, and Python can't kill a thread. Find what they
    wait for (``stuck`` of them do) and give it a time-out; starts work again once enough
    of the threads have come back.
    """

    code = "too-many-abandoned"

    def __init__(self, child_id: str, stuck: int) -> None:
        super().__init__(f"child {child_id!r} was not started: {stuck} abandoned threads are stuck")
        self.child_id = child_id
        self.stuck = stuck


class ThreadRefused(SupervisorError, RuntimeError):
    """No thread could be started: a limit of the system or the container, or of memory.

    Whoever needed it has failed to start; nothing waits for it. Raise the limit (``ulimit -u``,
    ``pids.max``) or run fewer threads, then start again. With ``at_exit`` the interpreter is
    ending, and CPython 3.12 starts none then: start earlier.
    """

    code = "thread-refused"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"no thread for {name}: {why}")
        self.name = name
        self.at_exit = "interpreter shutdown" in why


class RestartLimitReached(SupervisorError):
    """Children crashed more often than the supervisor's restart budget allows.

    The supervisor has stopped all its children, newest first, and either
    exits ``shutdown`` (whether it is restarted is its parent's decision) or
    parks. The child named is the one whose crash was one too many; read the
    reports before it. Raise ``intensity`` only if crashes are independent.

    After a probe no budget is granted: there ``on_probation`` is true, and one
    crash, or failed start, of a child that had proved nothing yet is enough.
    """

    code = "restart-limit"

    def __init__(
        self, child_id: str, *, intensity: int, period_s: float, on_probation: bool = False
    ) -> None:
        why = f"more than {intensity} restarts in {period_s:g} s"
        super().__init__(f"child {child_id!r}: {'failed on probation' if on_probation else why}")
        self.child_id = child_id
        self.on_probation = on_probation
        self.intensity = intensity
        self.period_s = period_s


class MailboxFull(SupervisorError):
    """A bounded mailbox refused a message. Not a crash: slow down or shed.

    The refused message comes back in ``message``, so the sender still owns it.
    """

    code = "mailbox-full"

    def __init__(self, actor: str, *, capacity: str, message: object) -> None:
        super().__init__(f"mailbox of {actor} is full ({capacity})")
        self.actor = actor
        self.capacity = capacity
        self.message = message


class HandlerExit(SupervisorError):
    """A question was answered by ``SystemExit``, ``KeyboardInterrupt`` or the like; see ``cause``.

    That would have ended the thread, and in plain Pykka every actor of the process. Whoever
    asked gets this instead, and goes on. Something in the actor wants to end the process:
    a command line that it calls, a host's time limit, Ctrl-C. Keep it out of the actor.
    """

    code = "handler-exit"

    def __init__(self, actor: str, cause: BaseException) -> None:
        super().__init__(f"{actor} did not answer, but raised {shown(cause)}")
        self.actor = actor
        self.cause = cause


class NotRunning(SupervisorError):
    """The supervisor, or the child, has ended; the request was not carried out.

    ``exit`` says how it ended, if that is known; ``cause`` what went wrong last in a tree that has
    ended by itself, with file and line. Asking again can't help; start a new one.
    """

    code = "not-running"

    def __init__(
        self, what: str, ended: Exit | None = None, *, whole_tree: bool = False, cause: str = ""
    ) -> None:
        words = f"{what} is not running" + (f": {ended}" if ended is not None else "")
        if whole_tree:
            words += "; its whole tree has ended, and all addresses with it"
        super().__init__(f"{words}; last cause: {cause}" if cause else words)
        self.what = what
        self.exit = ended
        self.cause = cause
