"""OTP's words, as members and as the texts that may stand in their place.

A specification takes either and keeps the member (`core/spec.py`). The texts are for type checkers;
`tests/typing` holds them to the members.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

StrategyWord: TypeAlias = Literal[
    "one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"
]
RestartWord: TypeAlias = Literal["permanent", "transient", "temporary"]
AutoShutdownWord: TypeAlias = Literal["never", "any_significant", "all_significant"]
ShutdownWord: TypeAlias = Literal["brutal_kill", "infinity"]
OverflowWord: TypeAlias = Literal["reject", "drop_newest", "drop_oldest", "block"]


class Strategy(StrEnum):
    """Who is restarted when one child is."""

    one_for_one = "one_for_one"
    """It alone."""
    one_for_all = "one_for_all"
    """All: the others are stopped first, in reverse start order."""
    rest_for_one = "rest_for_one"
    """It and those started after it."""
    simple_one_for_one = "simple_one_for_one"
    """It alone; all children are made from one template, on request."""


class Restart(StrEnum):
    """Which ends of a child are followed by a restart."""

    permanent = "permanent"
    """All."""
    transient = "transient"
    """Abnormal ones; after another end the spec is kept, stopped."""
    temporary = "temporary"
    """None; the spec is deleted, even when a sibling's restart stopped the child."""


class AutoShutdown(StrEnum):
    """Whether the end of significant children ends the supervisor."""

    never = "never"
    any_significant = "any_significant"
    all_significant = "all_significant"


class Shutdown(StrEnum):
    """The two values of ``shutdown_s`` that are not a number of seconds."""

    brutal_kill = "brutal_kill"
    """Don't ask: abandon it at once. A thread can't be killed; it is no longer listened to."""
    infinity = "infinity"
    """Wait for ever. Right for supervisors; a worker must be trusted to return."""


BRUTAL_KILL: Literal[Shutdown.brutal_kill] = Shutdown.brutal_kill
INFINITY: Literal[Shutdown.infinity] = Shutdown.infinity

ShutdownTime: TypeAlias = float | Shutdown


class Overflow(StrEnum):
    """What a full mailbox does with one more message, and so who pays."""

    reject = "reject"
    """Refuses it: `MailboxFull` to the sender, who still owns the message."""
    drop_newest = "drop_newest"
    """Drops it, and counts it: the sender does not notice."""
    drop_oldest = "drop_oldest"
    """Drops the message that has waited longest, and counts it: fresh data is worth more."""
    block = "block"
    """Lets the sender wait. Never between two actors of one tree: they could wait in a ring."""
