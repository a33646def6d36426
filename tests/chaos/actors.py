"""The actors of a storm: they do what a message says, and the books know what became of it.

`Books` has a line for every message that was told or asked. At the end each must be in
exactly one place (supervision.md E13): handled, quarantined, a dead letter, refused or
dropped by its mailbox's policy. (Nothing is still queued: the tree has ended.)
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import pykka

from supervisors import Exit, InFlight, Ref, SupervisedActor
from supervisors.errors import MailboxFull
from supervisors.run.words import Vanished

__all__ = ["BatchActor", "Books", "Message", "PlainActor"]


class Message(NamedTuple):
    """What a sender says; unique by sender and number."""

    sender: str
    number: int
    act: str = ""
    """What the actor does with it, see `PlainActor`."""
    to: str = ""
    """Whom it tells, for ``forward``."""

    @property
    def key(self) -> tuple[str, int]:
        """Names it."""
        return self.sender, self.number


class Books:
    """What has been told, and what has become of it. Safe with threads."""

    def __init__(self, wait: Callable[[float], None]) -> None:
        self.wait = wait
        """How an actor is slow."""
        self.told: dict[tuple[str, int], str] = {}
        self.asked: dict[tuple[str, int], pykka.Future[Any]] = {}
        self.whom: dict[tuple[str, int], str] = {}
        """To whom a question went, and what it was."""
        self.handled: dict[tuple[str, str], list[int]] = defaultdict(list)
        """Numbers by sender and receiver, in the order in which they were handled."""
        self.lost_in_batch: list[tuple[str, int]] = []
        """Culprits of batches: their actor books them."""
        self.refused: list[tuple[str, int]] = []
        self.starts: dict[str, list[str]] = defaultdict(list)
        """What the next starts of a path do."""
        self.hang = threading.Event()
        """Set at the end: whoever hangs may go."""
        self.calm = False
        """No faults any more."""
        self.refs: dict[str, Ref] = {}
        """Where forwards go; never an address that has ended."""
        self.wrongs: list[str] = []
        self._numbers: dict[str, count[int]] = defaultdict(lambda: count(1))

    # -- senders --------------------------------------------------------------------------------

    def tell(self, ref: Ref, sender: str, act: str = "", to: str = "") -> None:
        """One message of *sender*."""
        message = Message(sender, next(self._numbers[sender]), act, to)
        self.told[message.key] = str(ref)
        try:
            ref.tell(message)
        except MailboxFull as full:
            self.refused.append(full.message.key)  # type: ignore[attr-defined]

    def ask(self, ref: Ref, sender: str, act: str = "") -> None:
        """One question of *sender*; nobody waits for the answer."""
        message = Message(sender, next(self._numbers[sender]), act)
        self.whom[message.key] = f"{ref}: {act or 'nothing'}"
        with suppress(MailboxFull):  # whoever asks owns it again
            self.asked[message.key] = ref.ask(message, block=False)

    # -- actors ---------------------------------------------------------------------------------

    def did(self, actor: SupervisedActor, message: Message) -> None:
        """*actor* is through with *message*."""
        if message.key not in self.asked:
            self.handled[message.sender, str(actor.actor_ref)].append(message.number)

    def look(self, actor: SupervisedActor) -> None:
        """Only the present incarnation of a slot may be at work, unless it was given up."""
        life = actor._incarnation
        assert life is not None
        if life.slot.current is not life and not life.revoked:
            self.wrongs.append(f"two live incarnations in {life.slot}")


class PlainActor(SupervisedActor):
    """Takes messages one by one."""

    def __init__(self, books: Books, path: str) -> None:
        super().__init__()
        self.books, self.path = books, path
        self._plan = books.starts[path].pop(0) if books.starts[path] and not books.calm else ""
        if self._plan == "init":
            raise OSError("no disk")

    def on_start(self) -> None:
        """As planned for this start."""
        if self._plan == "raise":
            raise OSError("no disk")
        if self._plan == "base":
            raise SystemExit(3)
        if self._plan == "ignore":
            self.ignore()
        if self._plan == "hang":
            self.books.hang.wait(30)

    def on_stop(self) -> None:
        """Now and then a fault in it."""
        if self._plan == "bad stop" and not self.books.calm:
            raise OSError("can't close")

    def on_receive(self, message: Any) -> Any:
        """Do what it says; what is raised on the way leaves it unhandled."""
        self.books.look(self)
        self._do(message)
        with self.slot.fence:
            self.check_revoked()  # a zombie's work is nobody's
            self.books.did(self, message)
        return message.number

    def _do(self, message: Message) -> None:
        if message.act == "forward":
            target = self.books.refs.get(message.to)
            if target is not None and target.is_alive():
                self.books.tell(target, f"{self.path}#{self._number}")
        elif message.act and not self.books.calm:
            self._DEEDS[message.act](self)

    @property
    def _number(self) -> int:
        assert self._incarnation is not None
        return self._incarnation.number

    def _raise(self) -> None:
        raise ValueError("chaos")

    def _system_exit(self) -> None:
        raise SystemExit(1)

    def _cancelled(self) -> None:
        raise asyncio.CancelledError

    def _vanish(self) -> None:
        raise Vanished

    def _slow(self) -> None:
        self.books.wait(0.003)

    def _hang(self) -> None:
        self.books.hang.wait(30)

    def _spin(self) -> None:
        until_s = self.slot.clock.now_s() + 0.3
        while self.slot.clock.now_s() < until_s:
            pass

    _DEEDS: dict[str, Callable[[PlainActor], None]] = {
        "raise": _raise,
        "SystemExit": _system_exit,
        "CancelledError": _cancelled,
        "vanish": _vanish,
        "slow": _slow,
        "hang": _hang,
        "spin": _spin,
        "stop": lambda self: self.stop(),
        "normal": lambda self: self.exit(Exit.normal()),
        "shutdown": lambda self: self.exit(Exit.shutdown("x")),
    }


class BatchActor(PlainActor):
    """Takes batches; a crash in the middle costs the message in hand."""

    def on_receive(self, message: Any) -> Any:
        """A batch, or a question."""
        if not isinstance(message, InFlight):
            return super().on_receive(message)
        self.books.look(self)
        culprit = message.culprit()
        if culprit is not None:
            message.results.append("lost")
            self.books.lost_in_batch.append(culprit.key)
        for item in message.items():
            self._do(item)
            with self.slot.fence:
                self.check_revoked()
                message.results.append("did")
                self.books.did(self, item)
        with self.slot.fence:
            if self.slot.in_flight is message:
                self.slot.in_flight = None
        return None
