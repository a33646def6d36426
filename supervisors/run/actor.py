"""SupervisedActor: a Pykka actor whose end is always reported.

The border to Pykka, and the only place that bends it. What is overridden, why, and
nothing else:

- ``_create_actor_inbox``: the inbox is a view of the slot's mailbox;
- ``_start_actor_loop``: a dispatcher runs the actor, not a thread of Pykka's;
- ``_actor_loop_setup``: a failing ``on_start`` is kept, whatever it raises;
- ``_handle_receive``: a ``BaseException`` becomes an ordinary crash, so that Pykka
  never reaches ``ActorRegistry.stop_all()``, which would stop every actor of the host;
- ``_handle_failure``, ``_stop``: no registry, no log line of Pykka's.

Used outside a supervisor it is a plain `pykka.ThreadingActor`; `tests/supervisors/test_alone.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, overload

import pykka
from pykka._envelope import Envelope

from supervisors.errors import HandlerExit, NoSuchChild
from supervisors.exit import Exit
from supervisors.run.words import Crash, Ignore, Revoked, ShutDown, Vanished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisors.run._incarnation import Incarnation
    from supervisors.run.ref import Ref
    from supervisors.run.slot import Slot

A = TypeVar("A", bound="SupervisedActor")


class SupervisedActor(pykka.ThreadingActor):
    """Base class of a supervised child.

    Raise = crash; ``self.stop()`` = a normal end; ``self.exit(...)`` = an end by any
    reason. ``on_start``, ``on_receive``, ``on_stop`` and ``on_failure`` run on the thread
    that its dispatcher gives it. ``on_failure`` may be called for a ``BaseException`` too.
    """

    reports_own_start: ClassVar[bool] = False
    """True: the class posts its own `ChildUp` (a supervisor: when its children are up)."""

    _incarnation: Incarnation | None = None
    _exit: Exit | None = None
    _start_error: BaseException | None = None
    _vanished = False
    _is_fatal = False
    """What was raised last is a ``BaseException``, and a `HandlerExit` carries it past Pykka's."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Arguments are for subclasses, as in Pykka, and mean nothing here."""
        super().__init__()
        if self._incarnation is not None:
            self._actor_ref = ref = self._incarnation.slot.ref
            self.actor_urn = ref.actor_urn
            ref.bind(self)  # now: `__init__` may go on to make a proxy of itself

    def __str__(self) -> str:
        """As its address is shown; without a supervisor as Pykka does it."""
        return super().__str__() if self._incarnation is None else str(self._incarnation.slot.ref)

    @classmethod
    def incarnate(
        cls, incarnation: Incarnation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Self:
        """Make the actor of one incarnation. Runs ``__init__`` on the supervisor's thread.

        The incarnation is there before ``__init__`` runs, since Pykka asks for the
        inbox in it and copies it into its ref at once.
        """
        actor = cls.__new__(cls)
        actor._incarnation = incarnation
        incarnation.actor = actor
        actor.__init__(*args, **kwargs)  # type: ignore[misc]
        return actor

    @property
    def slot(self) -> Slot:
        """The lasting part of this child.

        Raises:
            RuntimeError: the actor was started without a supervisor.
        """
        if self._incarnation is None:
            raise RuntimeError(f"{type(self).__name__} was started without a supervisor")
        return self._incarnation.slot

    @overload
    def sibling(self, id_: str) -> Ref[Any]: ...

    @overload
    def sibling(self, id_: str, of: type[A]) -> Ref[A]: ...

    def sibling(self, id_: str, of: type[Any] | None = None) -> Ref[Any]:
        """The address of another child of the same supervisor; it stays the same over restarts.

        Addresses are there before the first child is made, so it may be one that is started
        later: what is told waits for it. Don't ask it while this one starts; it would wait for you.

        Args:
            id_: of the child; under simple_one_for_one its label.
            of: the class of its actors, or a base of it, so that type checkers know it, too.

        Raises:
            NoSuchChild: there is no sibling of that id; or it has been deleted.
            TypeError: its actors are not *of* that class.
            RuntimeError: the actor was started without a supervisor.
        """
        above = self.slot.branch.above
        if above is None:
            raise NoSuchChild("nobody", id_, [])  # the root
        return above.child(id_, of)

    def stop(self) -> None:
        """End normally once the present message is handled; the backlog is for the next life."""
        if self._incarnation is None:
            super().stop()
        else:
            own = ShutDown(self._incarnation.number, Exit.normal())
            self._incarnation.slot.mailbox.steer(Envelope(own))

    def exit(self, exit: Exit) -> None:
        """End by *exit* once the present message is handled. Only from the actor's own thread.

        Without a supervisor nobody asks how it ended.
        """
        self._exit = exit
        if self._incarnation is None:
            pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()

    @staticmethod
    def ignore() -> None:
        """In ``on_start``: choose not to run. The spec is kept (OTP's ``ignore``)."""
        raise Ignore

    @staticmethod
    def is_chargeable(message: Any) -> bool:
        """Whether *message* is one that a crash is charged to, and not a word of ours."""
        return not isinstance(message, Crash | ShutDown)

    def wake_in(self, seconds: float) -> None:
        """Ask for one `TICK` message in *seconds*; a later call replaces an earlier one."""
        self.slot.due_s = self.slot.clock.now_s() + seconds

    def check_revoked(self) -> None:
        """Leave if this incarnation has been given up: it hung, and another has its place.

        Call it after whatever may hang, before touching what belongs to the slot.

        Raises:
            Revoked: end here, quietly.
        """
        if self._incarnation is not None and self._incarnation.revoked:
            raise Revoked

    # -- overridden, see above ------------------------------------------------------------------

    def _create_actor_inbox(self) -> Any:  # type: ignore[override]
        if self._incarnation is None:
            return super()._create_actor_inbox()
        return self._incarnation

    def _start_actor_loop(self) -> None:
        if self._incarnation is None:
            super()._start_actor_loop()
            return
        raise RuntimeError("a supervised incarnation is run by its dispatcher")

    def _actor_loop_setup(self) -> None:
        if self._incarnation is None:
            super()._actor_loop_setup()
            return
        try:
            self.on_start()
        except BaseException as error:  # noqa: BLE001 -- whatever it is, it is reported
            self._start_error = error
            self.actor_stopped.set()

    def _handle_receive(self, message: Any) -> Any:
        if self._incarnation is None:
            return super()._handle_receive(message)
        try:
            if isinstance(message, ShutDown):
                return self._shut_down(message)
            if isinstance(message, Crash):
                raise message.error
            return super()._handle_receive(message)
        except Exception as error:
            self._is_fatal = False
            self._crash_after_reply(error)
            raise
        except Vanished:
            self._vanished = True
            self.actor_stopped.set()
            return None
        except BaseException as error:
            self._crash_after_reply(error)
            self._is_fatal = True
            raise HandlerExit(str(self), error) from error

    def _crash_after_reply(self, error: BaseException) -> None:
        """``ask_errors="reply_and_crash"``: the asker gets the error, and then we go, too."""
        life = self._incarnation
        if life is None or life.slot.spec.ask_errors == "reply":
            return
        if life.handling is not None and life.handling.reply_to is not None:
            self._exit = Exit.crash(error)
            self.actor_stopped.set()

    def _shut_down(self, message: ShutDown) -> None:
        if self._incarnation is None or message.number != self._incarnation.number:
            return  # meant for an earlier life
        self._exit = message.exit
        self._stop()

    def _answer_waiters(self, exit: Exit) -> None:
        """It has ended, or was given up: answer who still waits for it. Any thread."""

    def _stop(self) -> None:
        if self._incarnation is None:
            super()._stop()
            return
        self._exit = self._exit or Exit.normal()
        self.actor_stopped.set()
        try:
            self.on_stop()
        except BaseException as error:  # noqa: BLE001 -- whatever it is, it is reported
            self._exit = Exit.crash(error)

    def _handle_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        if self._incarnation is None and isinstance(exception_value, Ignore):
            self.exit(Exit.normal())
        elif self._incarnation is None:
            super()._handle_failure(exception_type, exception_value, traceback)
        else:
            carries = self._is_fatal and isinstance(exception_value, HandlerExit)
            self._exit = Exit.crash(exception_value.cause if carries else exception_value)
            self.actor_stopped.set()
