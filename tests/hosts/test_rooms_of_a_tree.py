"""A tree of supervisors where there is room for 0, 1, 2 ... n more threads, and at the very end.

No start and no stop waits for a thread that never comes. Real limits, in processes of their own.
"""

import sys

import pytest

from tests.hosts.rooms import lines_of, python

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS, /proc"),
]

WITHIN_S = 30
VERSIONS = ["3.11", "3.12", pytest.param("3.13", marks=pytest.mark.slow)]
NEEDED = 6
"""The watch, the control thread, a shared one, and three of their own."""
TREE = """
from supervisors import ChildSpec, Runtime, SupervisedActor, Supervisor, SupervisorSpec
from supervisors.errors import ChildStartError, ThreadRefused

class Echo(SupervisedActor):
    def on_receive(self, message):
        return message

def spec(**options):
    inner = SupervisorSpec((ChildSpec("deep", Echo), ChildSpec("shared too", Echo, dispatcher="s")))
    return SupervisorSpec((
        ChildSpec("first", Echo),
        ChildSpec("shared", Echo, dispatcher="s"),
        ChildSpec("inner", inner, type="supervisor"),
        ChildSpec("last", Echo),
    ), **options)

def asked(tree):
    refs = [tree.child("first"), tree.child("shared"), tree.supervisor("inner").child("deep")]
    return [ref.ask(n, timeout=20) for n, ref in enumerate(refs)] == [0, 1, 2]

def start_and_stop(runtime=None):
    began_s = time.monotonic()
    try:
        tree = Supervisor.start(spec(), runtime=runtime)
    except ChildStartError as error:
        cause = error
        while cause.__cause__ is not None and not isinstance(cause, ThreadRefused):
            cause = cause.__cause__
        how = type(cause).__name__
    else:
        how = "stopped" if asked(tree) and tree.stop(20) else "not stopped"
    return how, time.monotonic() - began_s
"""


@pytest.fixture(params=VERSIONS)
def interpreter(request, tmp_path):
    found, path = python(request.param, "supervisors", tmp_path)
    return {"interpreter": found, "PYTHONPATH": path}


def test_there_is_room_for_exactly_so_many(interpreter):
    """The way of these tests itself."""
    program = """
for n in range(4):
    leave_room(n)
    go, started = threading.Event(), []
    try:
        while len(started) < 10:
            thread = threading.Thread(target=go.wait)
            thread.start()
            started.append(thread)
    except RuntimeError:
        pass
    go.set()
    for thread in started:
        thread.join()
    leave_room(None)
    tell(asked=n, started=len(started))
"""
    told = lines_of(program, within_s=WITHIN_S, **interpreter)
    assert [(line["asked"], line["started"]) for line in told] == [(n, n) for n in range(4)]


def test_a_start_ends_with_an_error_and_leaves_nothing_however_many_threads_there_are(interpreter):
    program = f"""{TREE}
import pykka
for n in range({NEEDED + 2}):
    runtime = Runtime()
    leave_room(n)
    how, took_s = start_and_stop(runtime)
    left = others() + [str(ref) for ref in pykka.ActorRegistry.get_all()]
    leave_room(None)
    again, _ = start_and_stop(runtime)
    tell(n=n, how=how, took_s=took_s, left=left, again=again)
"""
    told = lines_of(program, within_s=WITHIN_S, **interpreter)
    how = ["ThreadRefused"] * NEEDED + ["stopped"] * 2
    assert [line["how"] for line in told] == how
    assert [line["left"] for line in told] == [[]] * len(how)
    assert {line["again"] for line in told} == {"stopped"}
    assert max(line["took_s"] for line in told) < 10


def test_a_tree_whose_threads_go_for_want_of_room_is_well_when_there_is_some(interpreter):
    """All of its actors' threads end; their restarts are refused, and tried again, and granted."""
    program = f"""{TREE}
from supervisors import Backoff
from supervisors.testing import end_thread
patient = dict(backoff=Backoff(min_s=0.01, max_s=0.05), probe_min_s=0.05, probe_max_s=0.1)
patient = spec(on_intensity="park", **patient)
tree = Supervisor.start(patient, runtime=Runtime(sweep_interval_s=0.02))
seen = []
tree.subscribe(lambda event: seen.append(event.kind))
leave_room(0)
threading.stack_size(8 * STACK)  # nor in what those who end have left
for name in ("first", "shared", "last"):
    end_thread(tree.child(name))
while "failed" not in seen:
    time.sleep(0.01)
began_s, cpu_s = time.monotonic(), time.process_time()
time.sleep(1)
busy = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
leave_room(None)
threading.stack_size(STACK)
tell(busy=busy, well=asked(tree), stopped=tree.stop(20))
"""
    [told] = lines_of(program, within_s=WITHIN_S, **interpreter)
    assert told["well"]
    assert told["stopped"]
    assert told["busy"] < 0.5  # nobody spins


def test_at_the_end_of_the_interpreter_a_start_comes_back_either_way(interpreter):
    """CPython 3.12 starts no thread there."""
    program = f"""{TREE}
import atexit
atexit.register(lambda: tell(how=start_and_stop()[0]))
"""
    [told] = lines_of(program, within_s=WITHIN_S, **interpreter)
    assert told["how"] in ("stopped", "ThreadRefused")


def test_a_thread_that_dies_before_it_begins_is_not_waited_for(interpreter):
    """A limit on memory within 24 KB of where it would do: `Thread.start` waits for ever."""
    program = f"""{TREE}
from supervisors import thread as _thread
_thread._BEGINS_WITHIN_S = 0.5
for kilobytes in range(4, 32, 4):
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    thread = _thread.TreeThread("one", lambda: None)
    resource.setrlimit(resource.RLIMIT_AS, (size() + STACK + (kilobytes << 10), hard))
    try:
        thread.start()
        how = "ran"
    except ThreadRefused:
        how = "refused"
    leave_room(None)
    tell(how=how)
"""
    told = [line["how"] for line in lines_of(program, within_s=WITHIN_S, **interpreter)]
    assert len(told) == 7
    assert "refused" in told
