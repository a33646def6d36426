"""The words between a tree and its actors: what is sent, and what is raised to leave a loop.

Pure messages: none of these does anything. `ShutDown` and `Crash` are put into a mailbox and
handled by `SupervisedActor`; the exceptions end a start, a message or a turn of the loop.
Any thread may make them. Nothing here knows a slot, a mailbox or a runtime.
"""

from __future__ import annotations

from supervisors.exit import Exit


class ShutDown:
    """A supervisor's word to one incarnation: stop now, before your backlog."""

    def __init__(self, number: int, exit: Exit | None = None) -> None:
        self.number = number
        self.exit = exit or Exit.shutdown()


class Crash:
    """A message that makes an actor raise *error*: what `on_receive` raised, or a test's wish."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Ignore(Exception):
    """Raise it in ``on_start``: the child chooses not to run (OTP's ``ignore``). No failure."""


class Revoked(Exception):
    """This incarnation is no longer the one in its slot. Its supervisor has booked its end."""


class Left(BaseException):
    """The incarnation was revoked: leave the loop, post nothing."""


class Stopped(BaseException):
    """The actor has ended by a message that was told: leave the loop, as Pykka's own would."""


class Vanished(BaseException):
    """Testing: the thread goes, and nobody is told (`supervisors.testing.end_thread`)."""


class Yielded(BaseException):
    """Nothing to do, or the turn is over: give the shared thread back."""
