"""What the counting of `emit()` leans on: a step with no call in it can't be interrupted.

``cells[i] += 1`` and ``x += local`` are a load and a store; CPython with the GIL (3.11-3.13) lets
another thread, a signal handler or a finaliser in only at calls and backward jumps, and there is
neither between the two. So every thread may count without a lock
(`telemetry_actors/books/shards.py`, `supervisors/run/mailbox.py`). If a new Python changes that,
these tests fail before a count is lost.
"""

import dis
import mmap
import signal
import sys
import threading
import types

import pytest

from supervisors import Mailbox, MailboxSpec
from supervisors.run import mailbox as _mailbox
from supervisors.run import ref as _ref
from telemetry_actors.books import room as _room
from telemetry_actors.door import enqueuer as _enqueuer
from telemetry_actors.door import intake as _intake

THREADS, STEPS = 16, 40_000


class Counter:
    def __init__(self):
        self.cells = [0, 0]
        self.total = 0

    def step(self, i, n):
        self.cells[i] += 1
        self.total += n


@pytest.fixture
def _restless():
    """Threads are switched as often as Python can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work):
    together = threading.Barrier(THREADS)
    threads = [threading.Thread(target=lambda: work(together.wait(5))) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("_restless")
def test_steps_of_many_threads_on_one_cell_add_up():
    counter = Counter()

    def work(_):
        for _ in range(STEPS):
            counter.step(1, 3)

    in_threads(work)

    assert counter.cells == [0, THREADS * STEPS]
    assert counter.total == 3 * THREADS * STEPS


@pytest.mark.usefixtures("_restless")
def test_steps_on_a_page_of_mapped_memory_add_up():
    """The journal's live page: `emit()` counts there what was accepted."""
    counter = Counter()
    counter.cells = memoryview(mmap.mmap(-1, 4096)).cast("Q")

    def work(_):
        for _ in range(STEPS):
            counter.step(1, 3)

    in_threads(work)

    assert counter.cells[1] == THREADS * STEPS


@pytest.mark.usefixtures("_restless")
def test_bytes_of_a_mailbox_add_up_while_its_consumer_takes():
    mailbox = Mailbox(MailboxSpec(batch_max_items=64), size_of=int)
    taken = []

    def consume():
        while len(taken) < THREADS * 1_000:
            count = mailbox.poll(0.0, None)
            if type(count) is int:
                batch = []
                mailbox.take(count, batch, 0.0)
                taken.extend(batch)

    consumer = threading.Thread(target=consume)
    consumer.start()
    in_threads(lambda _: [mailbox.append(n % 7, n % 7) for n in range(1_000)])
    consumer.join()

    assert len(taken) == THREADS * 1_000
    assert mailbox.queued_bytes == 0


def test_a_storm_of_signals_in_the_middle_of_the_steps_loses_none():
    counter, inside = Counter(), []

    def handler(_signum, _frame):
        counter.step(1, 3)
        inside.append(1)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    steps = 0
    try:
        while len(inside) < 300 and steps < 3_000_000:
            counter.step(1, 3)
            steps += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert len(inside) > 10
    assert counter.cells[1] == steps + len(inside)
    assert counter.total == 3 * counter.cells[1]


def test_a_step_with_a_call_in_it_loses_what_comes_in_between():
    """Why: the old value is on the stack when the call lets others in."""
    counter = Counter()

    def interrupted():
        counter.total += 10  # as a signal handler might, or another thread
        return 1

    counter.total += interrupted()

    assert counter.total == 1


# -- by disassembly -------------------------------------------------------------------------------


HARMLESS = ("BINARY_OP", "COPY", "SWAP", "LOAD_CONST", "LOAD_DEREF", "JUMP_FORWARD", "TO_BOOL")
"""With ints, bools, lists and views of memory, which is all that is counted with."""


def steps_of(code):
    """Of each ``+=`` and ``-=`` on an attribute or a cell: the instructions from load to store."""
    instructions = [i for i in dis.get_instructions(code) if i.opname != "CACHE"]
    for at, instruction in enumerate(instructions):
        if instruction.opname != "BINARY_OP" or not instruction.argrepr.endswith("="):
            continue
        load = at
        while not (
            instructions[load].opname in ("LOAD_ATTR", "BINARY_SUBSCR")
            and instructions[load - 1].opname == "COPY"
        ):
            load -= 1
            if load == 0 or instructions[load].opname.startswith("STORE"):
                break  # a local variable: nobody else's
        else:
            store = next(i for i in range(at, len(instructions)) if stores(instructions[i]))
            yield [i.opname for i in instructions[load + 1 : store]]


def stores(instruction):
    return instruction.opname in ("STORE_ATTR", "STORE_SUBSCR")


def lets_nobody_in(opname):
    return opname in HARMLESS or (
        opname.startswith(("LOAD_FAST", "POP_JUMP")) and "BACKWARD" not in opname
    )


def functions_of(module):
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        inner = vars(value).items() if isinstance(value, type) else [(name, value)]
        yield from (f for _, f in inner if isinstance(f, types.FunctionType))


COUNTING = {
    function.__qualname__: function.__code__
    for module in (_enqueuer, _intake, _mailbox, _ref, _room)
    for function in functions_of(module)
    if list(steps_of(function.__code__))
}


@pytest.mark.parametrize("name", COUNTING)
def test_no_call_between_load_and_store_where_threads_count(name):
    for between in steps_of(COUNTING[name]):
        assert [opname for opname in between if not lets_nobody_in(opname)] == []


def test_the_places_where_threads_count_are_among_them():
    assert set(COUNTING) >= {
        "Intake.emit",
        "Enqueuer.enter",
        "Mailbox.append",
        "Mailbox.extend",
        "Mailbox._made_room",
        "Room.give_back",
        "Room.take",
    }


def test_the_look_at_the_instructions_sees_a_call():
    """The tool's own proof."""

    def bad(self, cells, f):
        self.total += f()
        cells[0] += 1
        cells[1] -= f.x

    found = [[o for o in between if not lets_nobody_in(o)] for between in steps_of(bad.__code__)]

    assert "CALL" in found[0]
    assert found[1:] == [[], ["LOAD_ATTR"]]
