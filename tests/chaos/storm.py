"""Storms: a seed is a tree, the faults that befall it, and what is sent meanwhile.

`VirtualStorm` runs in the deterministic runtime, where the seed is the schedule, too;
`ThreadedStorm` on real threads, with actors that hang. `storm` runs either and says what
was wrong (`audit.py`); ``python -m tests.chaos.run`` replays one.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, ClassVar

from supervisors import ExtraArgs, Overflow, Ref, Runtime, Slot, Supervisor, SupervisorRef
from supervisors.errors import ChildStartError, SupervisorError
from supervisors.run._letters import Letters
from supervisors.run.deterministic import DeterministicRuntime
from supervisors.system.clock import SystemClock, new_token
from supervisors.testing import crash, end_thread
from tests.chaos.actors import Books
from tests.chaos.audit import Witness, audit
from tests.chaos.trees import a_tree, a_worker

__all__ = ["Storm", "ThreadedStorm", "VirtualStorm", "poll", "storm"]

ACTS = [
    *[""] * 30,
    *["forward"] * 4,
    *["raise"] * 4,
    *("SystemExit", "CancelledError", "vanish", "slow", "stop", "normal", "shutdown"),
]
START_FAULTS = ["init", "raise", "base", "ignore", "bad stop", ""]
ORDERS = ["terminate_child", "restart_child", "delete_child", "which_children", "count_children"]


def storm(seed: int, *, threads: bool = False) -> tuple[list[str], Counter[str]]:
    """Run the storm of *seed*: what was wrong, and what happened how often."""
    one = ThreadedStorm(seed) if threads else VirtualStorm(seed)
    return one.run(), one.tally()


def poll(
    condition: Callable[[], object], within_s: float = 10.0, *, every_s: float = 0.005
) -> bool:
    """Look again and again until *condition* holds; False if it never does."""
    clock = SystemClock()
    until_s = clock.now_s() + within_s
    while not condition():
        if clock.now_s() > until_s:
            return False
        clock.wait(new_token(), every_s)
    return True


class Storm:
    """A tree, its books, and a hand that shakes it."""

    threads: ClassVar[bool]
    steps: ClassVar[int]
    acts: ClassVar[list[str]] = ACTS
    start_faults: ClassVar[list[str]] = START_FAULTS

    def __init__(self, seed: int, runtime: Runtime, wait: Callable[[float], None]) -> None:
        self.rng = Random(seed)
        self.runtime = runtime
        runtime.dead_letters = Letters(100_000)  # the audit wants to see each
        self.books = Books(wait)
        self.witness = Witness(runtime)
        self.spec = a_tree(self.rng, self.books, threads=self.threads)
        self.root: SupervisorRef | None = None

    def run(self) -> list[str]:
        """Boot, shake, calm down (or not), stop. What was wrong."""
        try:
            self.root = Supervisor.start(self.spec, runtime=self.runtime)
        except ChildStartError:
            return self.at_the_end()
        self._find_refs()
        self.shake()
        wrongs = [] if self.rng.random() < 0.5 else self.calm()
        self.let_go()
        if not self.root.stop(self.stop_s):
            wrongs.append("the tree did not stop")
        return wrongs + self.at_the_end()

    stop_s: ClassVar[float]

    def shake(self) -> None:
        """Do something at random, again and again."""
        for _ in range(self.steps):
            self.rng.choice(self.deeds)(self)

    def calm(self) -> list[str]:
        """No faults any more: what is left comes back by itself, and empties its mailboxes."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Whoever hangs may go on."""
        raise NotImplementedError

    def at_the_end(self) -> list[str]:
        """The audit."""
        self.witness.look()
        return audit(self.books, self.witness, self.runtime, threads=self.threads)

    def tally(self) -> Counter[str]:
        """What happened how often."""
        found = Counter(event.kind for event in self.witness.events)
        found["told"] = len(self.books.told)
        found["asked"] = len(self.books.asked)
        found["handled"] = sum(map(len, self.books.handled.values()))
        found["culprits"] = len(self.books.lost_in_batch)
        found["culprits"] += sum(slot.quarantine.count for slot in self.witness.slots.values())
        found["dead letters"] = self.runtime.dead_letters.count
        found["refused"] = sum(slot.mailbox.refused for slot in self.witness.slots.values())
        found["abandoned"] = self.runtime.left_behind.in_all
        return found

    # -- shaking --------------------------------------------------------------------------------

    def slots(self, kind: str = "worker") -> list[Slot]:
        """The slots of this moment."""
        self.witness.look()
        return [slot for slot in list(self.runtime.slots.values()) if slot.spec.type == kind]

    def _find_refs(self) -> None:
        self.books.refs = {slot.name: slot.ref for slot in self.slots() if not _blocks(slot)}

    def some(self, kind: str = "worker") -> Ref | None:
        """An address."""
        slots = [slot for slot in self.slots(kind) if not _blocks(slot)]
        return self.rng.choice(slots).ref if slots else None

    def tell(self) -> None:
        """A message, by one of three senders."""
        ref = self.some()
        if ref is not None:
            act, to = self.rng.choice(self.acts), self.rng.choice([*self.books.refs, ""])
            self.books.tell(ref, self.rng.choice("ABC"), act, to)

    def ask(self) -> None:
        """A question."""
        ref = self.some()
        if ref is not None:
            act = self.rng.choice([*self.acts, "raise"]).replace("forward", "")
            self.books.ask(ref, "Q", act)

    def crash(self) -> None:
        """An actor crashes, or its thread goes."""
        ref = self.some()
        if ref is not None:
            fault = self.rng.choice([ValueError("x"), SystemExit(1), KeyboardInterrupt()])
            in_hand = ref._slot.mailbox.batching is not None and self.rng.random() < 0.5
            self.rng.choice([lambda: crash(ref, fault, in_hand=in_hand), lambda: end_thread(ref)])()

    def crash_a_supervisor(self) -> None:
        """So does a supervisor, more rarely, and a root most rarely: that is the end."""
        ref = self.some("supervisor")
        if ref is not None and self.rng.random() < (0.02 if ref._slot.name == "root" else 0.3):
            self.rng.choice([lambda: crash(ref, MemoryError()), lambda: end_thread(ref)])()

    def plan_starts(self) -> None:
        """The next starts of somebody go wrong."""
        ref = self.some()
        if ref is not None:
            fault = self.rng.choice(self.start_faults)
            self.books.starts[f"root/{ref._slot.name}"] = [fault] * self.rng.randint(1, 3)

    def order(self) -> None:
        """One order to a supervisor; nobody waits for the answer, but there must be one."""
        op = self.rng.choice(ORDERS)
        argument = f"c{self.rng.randint(0, 3)}" if op.endswith("child") else None
        slots = self.slots("supervisor")
        if slots:
            self._request(self.rng.choice(slots), op, argument)

    def add(self) -> None:
        """One more child."""
        slots = self.slots("supervisor")
        if not slots:
            return
        slot = self.rng.choice(slots)
        spec: Any = slot.spec.start
        name = self.rng.choice(["c1", "c3", "c4"])
        path = "/".join((*slot.path, name))
        new: Any = ExtraArgs(label=name)
        if spec.template is None:
            new = a_worker(self.rng, self.books, name, path, threads=self.threads)
        self._request(slot, "start_child", new)

    def _request(self, slot: Slot, op: Any, argument: object) -> None:
        assert self.root is not None
        supervisor = SupervisorRef(self.runtime, slot.path, self.root._parent)
        with suppress(SupervisorError):  # it has ended
            self.books.asked["orders", len(self.books.asked)] = supervisor._request(op, argument)

    def troubles(self) -> list[str]:
        """Who is still parked, or doesn't take its messages, though nothing is wrong any more."""
        wrongs = []
        for slot in self.slots():
            above = [self.runtime.slots.get(slot.path[:n]) for n in range(1, len(slot.path))]
            if not all(map(_is_up, above)):
                continue  # ended for good, or stopped by hand
            if slot.mailbox.parked:
                wrongs.append(f"{slot} is parked, and everything is well")
            elif _is_up(slot) and (slot.mailbox.user or slot.in_flight):
                wrongs.append(f"{slot} is up and does not take its messages")
        return wrongs

    deeds: ClassVar[list[Callable[[Any], None]]] = [
        *[tell] * 20,
        *[ask] * 4,
        *[crash] * 2,
        crash_a_supervisor,
        *[plan_starts] * 2,
        *[order] * 3,
        *[add] * 2,
    ]


def _blocks(slot: Slot) -> bool:
    """Its senders may have to wait: nothing for one who must go on."""
    return slot.mailbox.spec.overflow is Overflow.block


def _is_up(slot: Slot | None) -> bool:
    life = slot.current if slot is not None else None
    return life is not None and life.started and not life.finished


# -- one thread, virtual time -------------------------------------------------------------------


class VirtualStorm(Storm):
    """To the others an actor that is suspended is one that hangs."""

    runtime: DeterministicRuntime
    threads = False
    steps = 120
    stop_s = 1000.0

    def __init__(self, seed: int) -> None:
        super().__init__(seed, DeterministicRuntime(seed), lambda _seconds: None)

    def calm(self) -> list[str]:
        """Time enough for the longest of back-offs."""
        self.books.calm = True
        self.books.starts.clear()
        self.let_go()
        self.runtime.advance(10_000.0)
        return self.troubles()

    def let_go(self) -> None:
        """Resume all."""
        for slot in self.witness.slots.values():
            self.runtime.resume(slot.ref)

    def at_the_end(self) -> list[str]:
        """Nobody may be left alive."""
        living = [f"still alive: {life!r}" for life in self.runtime._living]
        return living + super().at_the_end()

    def step(self) -> None:
        """Some actors run."""
        for _ in range(self.rng.randint(1, 8)):
            self.runtime.step()

    def time_passes(self) -> None:
        """Timers ring."""
        self.runtime.advance(self.rng.choice([0.01, 0.1, 1.0, 6.0]))

    def suspend(self) -> None:
        """Somebody hangs."""
        ref = self.some()
        if ref is not None:
            self.runtime.suspend(ref)

    def resume(self) -> None:
        """Some come back."""
        for slot in self.slots():
            if self.rng.random() < 0.5:
                self.runtime.resume(slot.ref)

    deeds: ClassVar[list[Callable[[Any], None]]] = [
        *Storm.deeds,
        *[step] * 14,
        *[time_passes] * 3,
        *[suspend] * 2,
        *[resume] * 2,
    ]


# -- real threads -------------------------------------------------------------------------------


class Slippery(deque[Any]):
    """A user lane out of which a message comes slowly, now and then.

    Between taking it and having it in hand is an instant that faults hit once in some thousand
    storms (and did, in CI); so they do several times in each.
    """

    wait: Callable[[float], None]

    def popleft(self) -> Any:
        """The first one."""
        item = super().popleft()
        if hash(item) % 3 == 0:
            self.wait(0.002)
        return item


class ThreadedStorm(Storm):
    """With two more senders, and actors that block or spin past their deadline."""

    threads = True
    steps = 250
    stop_s = 20.0
    acts: ClassVar[list[str]] = [*ACTS, *ACTS, "hang", "spin"]
    start_faults: ClassVar[list[str]] = [*START_FAULTS, "hang"]

    def __init__(self, seed: int) -> None:
        clock = SystemClock()
        runtime = Runtime(sweep_interval_s=0.01)
        super().__init__(seed, runtime, lambda seconds: clock.wait(new_token(), seconds))
        self._senders = [
            threading.Thread(target=self._send, args=(f"T{n}", Random(f"{seed}/{n}")))
            for n in range(2)
        ]

    def run(self) -> list[str]:
        """With a hundred times as many switches, so that threads meet in narrow places."""
        interval, hook, died = sys.getswitchinterval(), threading.excepthook, list[str]()
        sys.setswitchinterval(5e-5)
        threading.excepthook = lambda died_of: died.append(f"a thread died of {died_of!r}")
        try:
            return super().run() + died
        finally:
            sys.setswitchinterval(interval)
            threading.excepthook = hook

    def _send(self, sender: str, rng: Random) -> None:
        for _ in range(150):
            slots = self.slots()
            if slots:
                to = rng.choice([*self.books.refs, ""])
                self.books.tell(rng.choice(slots).ref, sender, rng.choice(self.acts), to)
            if rng.random() < 0.3:
                self.books.wait(0.001)

    def shake(self) -> None:
        """The others send meanwhile, and faults find actors with a message just taken."""
        for slot in self.slots():
            slot.mailbox.user = Slippery(slot.mailbox.user)
            slot.mailbox.user.wait = self.books.wait
        for sender in self._senders:
            sender.start()
        super().shake()

    def calm(self) -> list[str]:
        """Wait until all is well."""
        self.books.calm = True
        self.books.starts.clear()
        self.let_go()
        return [] if poll(lambda: not self.troubles(), 20.0) else self.troubles()

    def let_go(self) -> None:
        """Wake those that block."""
        self.books.hang.set()

    def at_the_end(self) -> list[str]:
        """No thread may be left, when those that hung have had time to leave."""
        self.books.hang.set()
        for sender in self._senders:
            if sender.ident is not None:
                sender.join(10)
        senders = [sender.name for sender in self._senders if sender.is_alive()]
        if not poll(lambda: not self.runtime.left_behind.now()):
            senders.append(f"{self.runtime.left_behind.now()} abandoned ones")
        return [f"threads left: {senders}"] * bool(senders) + super().at_the_end()

    def pause(self) -> None:
        """The others get on."""
        self.books.wait(self.rng.choice([0.0, 0.001, 0.005]))

    deeds: ClassVar[list[Callable[[Any], None]]] = [*Storm.deeds, *[pause] * 10]
