"""g23: programs that end without a word to us, in every way that programs end.

What a program says it has accepted is compared with what a third-party receiver got. With peers
that are dead or hang the exit is short here; five seconds are `make soak`.
"""

import re
import subprocess
import sys

import pytest

from tests.hosts.programs import PRELUDE, environment, run
from tests.receivers.faulty import FaultyReceiver, answer, hang, in_turn, slowly

pytestmark = pytest.mark.timeout(60)

GRACE_S = 0.2
"""What an exit may take beyond its time-out (g23)."""
INTERPRETER_S = 1.0
"""For the interpreter's own end, and the tree's start if that was still to come, on a busy box."""


MADE = """
from telemetry_actors import TelemetryGateway
def made_some(count):
    made = TelemetryGateway().start()
    say(sum(bool(made.emit("app_created", {"tenant_id": "t"}, {})) for _ in range(count)))
"""
THREADS = """
def work():
    for _ in range(10):
        emit_some(10)
        time.sleep(0.02)
for _ in range(20):
    threading.Thread(target=work).start()
"""
DAEMONS = """
def work():
    while True:
        emit("app_created", {"tenant_id": "t"}, None)
        time.sleep(0.001)
for _ in range(20):
    threading.Thread(target=work, daemon=True).start()
emit_some(100)
"""
STOPPER = """
emit_some(100)
threading.Thread(target=lambda: get_gateway().stop(20), daemon=True).start()
"""
EXIT_IN_A_THREAD = """
thread = threading.Thread(target=lambda: (emit_some(100), sys.exit(4)))
thread.start()
thread.join()
"""
WAYS_TO_END = {
    "at once": ("emit_some(100)", 0),
    "later": ("emit_some(100); time.sleep(0.5); emit_some(100)", 0),
    "with an open gateway": ("get_gateway().start(); emit_some(100)", 0),
    "after a stop": ("emit_some(100); get_gateway().stop(5)", 0),
    "sys.exit(3)": ("emit_some(100); sys.exit(3)", 3),
    "an uncaught exception": ("emit_some(100); raise LookupError('mine')", 1),
    "KeyboardInterrupt": ("emit_some(100); raise KeyboardInterrupt", 1),
    "sys.exit in a thread": (EXIT_IN_A_THREAD, 0),
    "from an atexit callback": ("emit_some(1); atexit.register(emit_some, 100)", 0),
    "with threads at work": (THREADS, 0),
    "with daemons at work": (DAEMONS, 0),
    "during a stop of another thread": (STOPPER, 0),
    "with a gateway that nobody holds": (MADE + "made_some(100)", 0),
    "with several gateways": (MADE + "for n in (100, 50, 1): made_some(n)", 0),
    "with a gateway that was never started": (MADE + "made = TelemetryGateway(); say(0)", 0),
}


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_g23_what_was_accepted_arrives_however_a_program_ends(tap, arrived, way):
    program, code = WAYS_TO_END[way]
    ended = run(program, tap.endpoint)

    assert ended.code == code
    assert arrived() == ended.accepted
    assert "events were not delivered" not in ended.errors
    lines = [line for line in ended.errors.splitlines() if "telemetry_actors" in line]
    if way == "with daemons at work":  # theirs are no events, and go on when all is over
        lines = [line for line in lines if "events are refused (" not in line]
    assert lines == []


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_g23_workers_of_multiprocessing_deliver_their_own(tap, arrived, tmp_path, how):
    """Children of a fork begin anew; those end by ``os._exit``, after their finalisers."""
    program = tmp_path / "host.py"
    program.write_text(
        f"{PRELUDE}\n"
        "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({how!r})\n"
        "    emit_some(10)\n"
        "    workers = [multiprocessing.Process(target=emit_some, args=(50,)) for _ in range(3)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join()\n"
        "    assert [worker.exitcode for worker in workers] == [0, 0, 0]\n"
        "    emit_some(10)\n"
    )
    answer_ = subprocess.run(
        [sys.executable, str(program)],
        env=environment(tap.endpoint, {}),
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert sum(map(int, answer_.stdout.split())) == 170
    assert arrived() == 170
    assert "telemetry_actors" not in answer_.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
def test_g23_a_child_that_leaves_by_os_exit_loses_its_own_and_nothing_else(tap, arrived):
    program = """
get_gateway().start()
emit_some(100)
if os.fork() == 0:
    emit("app_created", {"tenant_id": "child"}, {})
    os._exit(0)
os.wait()
emit_some(100)
"""
    ended = run(program, tap.endpoint)
    assert (ended.code, ended.accepted) == (0, 200)
    assert arrived() in (200, 201)


@pytest.mark.timed
@pytest.mark.skipif(sys.platform != "linux", reason="fork")
def test_g23_a_forked_child_that_emits_delivers_at_its_end_and_one_that_does_not_is_quick(
    tap, arrived
):
    program = """
get_gateway().start()
emit_some(100)
for emits in (True, False):
    if os.fork() == 0:
        if emits:
            emit_some(10)
        sys.exit(0)
    began_s = time.monotonic()
    os.wait()
assert time.monotonic() - began_s < 0.5
"""
    ended = run(program, tap.endpoint)
    assert (ended.code, ended.accepted) == (0, 110)
    assert arrived() == 110


# -- where it can't be delivered ------------------------------------------------------------------


def lines_of_ours(errors):
    return [line for line in errors.splitlines() if "events were not delivered" in line]


@pytest.mark.timed
@pytest.mark.parametrize("kind", ["dead", "hanging"])
@pytest.mark.parametrize("timeout_s", [1.0, pytest.param(5.0, marks=pytest.mark.slow)])
def test_g23_an_exit_that_can_not_deliver_is_on_time_and_says_so_in_one_line(kind, timeout_s):
    program = "get_gateway().start(); time.sleep(0.3); emit_some(5000)"
    with FaultyReceiver(hang) as receiver:
        endpoint = receiver.endpoint if kind == "hanging" else "http://127.0.0.1:9"
        ended = run(program, endpoint, lifecycle__exit_timeout_s=timeout_s)
    sys.stdout.write(f"\nexit in {ended.took_s:.2f} s: {ended.errors}")
    assert ended.code == 0
    waited_s = float(re.search(r"waited ([\d.]+) s", ended.errors)[1])
    assert waited_s < timeout_s + GRACE_S + ended.still_s  # our part of it
    assert ended.took_s < timeout_s + GRACE_S + INTERPRETER_S + ended.still_s
    assert len(lines_of_ours(ended.errors)) == len(ended.errors.splitlines()) == 1
    assert "5000 events were not delivered" in ended.errors


@pytest.mark.timed
@pytest.mark.skipif(sys.version_info[:2] == (3, 12), reason="no thread starts at its exit")
def test_g23_several_gateways_share_one_budget():
    """Each of them needs a third of it: one after the other they would not all get out."""

    def slow(connection, ended):
        ended.wait(0.7)
        return answer(200)(connection, ended)

    program = f"{MADE}for _ in range(4): made_some(1)"
    settings = {"lifecycle__exit_timeout_s": 2, "sink__linger_s": 60}
    with FaultyReceiver(slow) as receiver:
        ended = run(program, receiver.endpoint, **settings)
        assert sum(request.path == "/v1/logs" for request in receiver.requests) == 4
    assert (ended.accepted, ended.errors) == (4, "")
    ended = run(program, "http://127.0.0.1:9", **settings)
    assert ended.took_s < 2 + GRACE_S + INTERPRETER_S + ended.still_s
    assert "4 events were not delivered" in ended.errors
    assert len(lines_of_ours(ended.errors)) == 1


def test_g23_where_the_host_logs_the_line_goes_to_its_log():
    program = "import logging; logging.basicConfig(format='HOST %(message)s'); emit_some(10)"
    ended = run(program, "http://127.0.0.1:9", lifecycle__exit_timeout_s=0.5)
    [line] = lines_of_ours(ended.errors)
    assert line.startswith("HOST 10 events")


@pytest.mark.timed
@pytest.mark.parametrize(
    "to", ["os.kill(os.getpid()", "signal.pthread_kill(threading.get_ident()"], ids=["any", "other"]
)
def test_g23_ctrl_c_during_the_exit_ends_the_wait_and_counts_the_rest(to):
    """Also where the system gives the signal to another thread, which wakes nobody."""
    program = f"""
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs us may have it ignored
get_gateway().start()
def soon():
    time.sleep(0.5)
    {to}, signal.SIGINT)
threading.Thread(target=soon, daemon=True).start()
emit_some(10)
"""
    ended = run(program, "http://127.0.0.1:9", lifecycle__exit_timeout_s=20)
    assert ended.took_s < 3
    assert "10 events were not delivered" in ended.errors
    assert "Traceback" not in ended.errors


def test_g23_after_the_exit_emit_says_stopping():
    """A callback that was registered before us comes after us."""
    program = """
atexit.register(lambda: say(int(emit("app_created", {}, {}) == "stopping")))
emit_some(1)
"""
    with FaultyReceiver(answer(200)) as receiver:
        ended = run(program, receiver.endpoint)
    assert (ended.code, ended.accepted) == (0, 2)


def test_g23_finalisers_come_after_us_and_close_no_connection_that_we_still_need():
    """urllib3 closes its pools in one. Whoever asks for warnings gets none at the end."""
    program = """
import weakref
class Pool: pass
pool = Pool()
emit_some(1)
get_gateway().flush(10)
emit_some(1)
weakref.finalize(pool, lambda: say(int(emit("app_created", {}, {}) == "stopping")))
"""
    with FaultyReceiver(answer(200)) as receiver:
        ended = run(program, receiver.endpoint, options=("-X", "dev", "-W", "error"))
    assert (ended.code, ended.accepted, ended.errors) == (0, 3, "")


@pytest.mark.timed
def test_g23_a_handler_of_the_hosts_that_leaves_in_the_middle_of_the_exit_leaves_the_line():
    """SIGTERM twice, and the second one finds us waiting for a receiver that is not there."""
    program = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
get_gateway().start()
def soon():
    for _ in range(2):
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=soon, daemon=True).start()
emit_some(500)
while True: time.sleep(10)
"""
    ended = run(program, "http://127.0.0.1:9", lifecycle__exit_timeout_s=20)
    assert (ended.code, ended.accepted) == (0, 500)
    assert ended.took_s < 5
    assert len(lines_of_ours(ended.errors)) == 1
    assert "500 events were not delivered" in ended.errors
    assert "Traceback" not in ended.errors


def test_g23_a_sigterm_in_the_middle_of_the_exit_does_not_cut_it_short():
    """A master may send it to a worker that is on its way out already."""
    program = """
get_gateway().start()
def soon():
    while threading.main_thread().is_alive(): time.sleep(0.01)
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGTERM)
emit_some(100)
threading.Thread(target=soon, daemon=True).start()
"""
    with FaultyReceiver(slowly(0.5, answer(200))) as receiver:
        ended = run(program, receiver.endpoint)
    assert (ended.code, ended.accepted, ended.errors) == (0, 100, "")


def test_g23_a_sigterm_while_the_exit_can_not_deliver_leaves_the_line():
    program = """
get_gateway().start()
def soon():
    while threading.main_thread().is_alive(): time.sleep(0.01)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGTERM)
emit_some(100)
threading.Thread(target=soon, daemon=True).start()
"""
    ended = run(program, "http://127.0.0.1:9", lifecycle__exit_timeout_s=2)
    assert ended.code == 0
    assert "100 events were not delivered" in ended.errors


def test_g23_a_stop_whose_report_nobody_reads_says_what_was_lost():
    """As at the end of a ``with`` block, where nobody has set up logging."""
    program = "with get_gateway(): emit_some(10)"
    ended = run(program, "http://127.0.0.1:9", lifecycle__stop_timeout_s=0.5)
    [line] = ended.errors.splitlines()
    assert "events were not delivered before the gateway was stopped" in line
    assert "10 events" in line


SLOWLY_BUILT = """
import importlib.abc, importlib.machinery
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "telemetry_actors.tree.whole":
            time.sleep(2)
sys.meta_path.insert(0, Slow())
"""


def test_g23_what_a_stop_said_the_exit_does_not_say_again():
    """Also where the stop still counts when its caller has come back, and the process ends."""
    program = "emit_some(20_000); get_gateway().stop(0.01)"
    with FaultyReceiver(hang) as receiver:
        ended = run(program, receiver.endpoint, gateway__linger_s=60, lifecycle__exit_timeout_s=1)

    assert ended.errors.count("were not delivered") == 1
    assert f"{ended.accepted} events were not delivered" in ended.errors


@pytest.mark.parametrize(
    "leave", ["signal.default_int_handler", "lambda *_: sys.exit(0)"], ids=["Ctrl-C", "sys.exit"]
)
def test_g23_an_exit_that_is_broken_off_while_the_tree_is_still_built_leaves_the_line(leave):
    """Nobody has counted yet what is held then."""
    program = f"""{SLOWLY_BUILT}
signal.signal(signal.SIGTERM, {leave})
def soon():
    while threading.main_thread().is_alive(): time.sleep(0.01)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=soon, daemon=True).start()
emit_some(7)
"""
    ended = run(program, "http://127.0.0.1:9")
    assert ended.accepted == 7
    assert len(lines_of_ours(ended.errors)) == 1
    assert "7 events were not delivered" in ended.errors


def test_g23_a_loss_of_the_size_of_an_earlier_fright_is_said_all_the_same():
    """The host took SIGTERM for something else, and what was not delivered then was later."""
    program = """
from telemetry_actors.lifecycle import stop_on_sigterm
signal.signal(signal.SIGTERM, lambda *_: None)
stop_on_sigterm(timeout_s=0.01)
emit_some(1)
os.kill(os.getpid(), signal.SIGTERM)
say(0)
sys.stdin.readline()
assert get_gateway().flush(20)
emit_some(1)
"""
    with FaultyReceiver(in_turn(slowly(0.5, answer(200)), hang)) as receiver:
        ended = run(
            program,
            receiver.endpoint,
            lifecycle__exit_timeout_s=1,
            sink__linger_s=0,
            metrics__interval_s=3600,
        )
    assert ended.accepted == 2
    assert "are not delivered yet" in ended.errors
    assert "1 events were not delivered" in ended.errors


def test_g24_a_fork_in_the_middle_of_anothers_hook_leaves_no_lock_behind(tap, arrived):
    program = """
busy = []
def before():
    if busy: return
    busy.append(1)
    child = os.fork()
    if child == 0: os._exit(0)
    os.waitpid(child, 0)
    busy.clear()
get_gateway().start().stop()
os.register_at_fork(before=before)
for _ in range(2):
    child = os.fork()
    if child == 0: os._exit(0)
    os.waitpid(child, 0)
get_gateway().start()
emit_some(3)
"""
    ended = run(program, tap.endpoint, options=("-W", "ignore"))
    assert (ended.code, ended.accepted, ended.errors) == (0, 3, "")
    assert arrived() == 3
