"""g22, g23, g26 where there is room for 0, 1, 2 ... n more threads: nothing waits for ever.

What is accepted is delivered or counted: the books of each process are held against a third-party
receiver. Real limits, in processes of their own.
"""

import sys

import pytest

from tests.hosts.programs import PRELUDE, environment
from tests.hosts.rooms import lines_of, python
from tests.receivers.oteltap import OtelTap

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS, /proc, fork"),
]

MOST = 11
"""The gateway's own threads are fewer; with so many all is as ever."""
FORKS = 12
WITHIN_S = 180
BUSY_S = 10.0
"""What a busy machine may add to a time-out; what waits for ever takes longer."""
NEEDS = "telemetry_actors, telemetry_actors.life.building, telemetry_actors.tree.whole"
VERSIONS = [sys.version_info[:2]] + [(3, 12)] * (sys.version_info[:2] != (3, 12))
BOOKS = """
import warnings
from telemetry_actors import TelemetryGateway
import telemetry_actors.life.building, telemetry_actors.tree
telemetry_actors.life.building._import_what_it_sends_with()
warnings.simplefilter("ignore")  # 3.12: a fork, though there is one thread

def timed(act):
    began_s = time.monotonic()
    try:
        return act(), round(time.monotonic() - began_s, 2)
    except Exception as error:
        return type(error).__name__, round(time.monotonic() - began_s, 2)

def books(gateway):
    ledger = gateway.ledger()
    return dict(accepted=ledger.accepted, exported=ledger.exported, balanced=ledger.balanced(),
                dropped=sum(ledger.dropped.values()), in_flight=ledger.in_flight,
                why=dict(ledger.dropped))
"""


@pytest.fixture
def tap(tmp_path):
    with OtelTap(tmp_path) as running:
        yield running


@pytest.fixture(params=VERSIONS, ids=lambda version: ".".join(map(str, version)))
def told(request, tap, tmp_path):
    """What a program tells; its settings are those of the environment."""
    found, path = python(".".join(map(str, request.param)), NEEDS, tmp_path)
    settings = environment(tap.endpoint, {"gateway__linger_s": 0.01, "sink__linger_s": 0.01})
    settings["PYTHONPATH"] = path

    def tell(program):
        whole = f"{PRELUDE}{BOOKS}{program}"
        return lines_of(whole, within_s=WITHIN_S, interpreter=found, **settings)

    return tell


def assert_the_books_are_right(lines, tap):
    for line in lines:
        assert line["balanced"], line
        assert line["in_flight"] == 0, line
        assert line["accepted"] == line["exported"] + line["dropped"], line
    assert sum(line["exported"] for line in lines) == len(tap.received().logs)


def test_g22_start_emit_flush_and_stop_come_back_however_many_threads_there_are(told, tap):
    lines = told(f"""
for n in range({MOST} + 1):
    leave_room(n)
    gateway = TelemetryGateway()
    started, start_s = timed(gateway.start)
    for _ in range(20):
        gateway.emit("app_created", {{"tenant_id": "t"}}, {{"app_id": "a"}})
    flushed, flush_s = timed(lambda: gateway.flush(2))
    report, stop_s = timed(lambda: gateway.stop(3))
    until_s = time.monotonic() + 5
    while others() and time.monotonic() < until_s:
        time.sleep(0.01)  # one on its way out
    left = others()
    leave_room(None)
    tell(n=n, started=started is gateway, start_s=start_s, flushed=flushed, flush_s=flush_s,
         stop_s=stop_s, left=left, **books(gateway))
""")
    sys.stdout.write("\n".join(map(str, lines)))
    assert [line["n"] for line in lines] == list(range(MOST + 1))
    assert_the_books_are_right(lines, tap)
    assert [line for line in lines if line["left"]] == []
    assert max(line["start_s"] for line in lines) < 2 + BUSY_S
    assert max(line["flush_s"] for line in lines) < 2 + BUSY_S
    assert max(line["stop_s"] for line in lines) < 3 + BUSY_S
    assert not lines[0]["started"]
    for line in lines:
        if line["started"]:
            assert (line["flushed"], line["exported"]) == (True, 20), line
    assert lines[-1]["started"]


def test_g23_an_exit_comes_to_its_end_however_many_threads_there_are(told, tap):
    """Children that emit and leave; the last words of each come after ours."""
    lines = told(f"""
import atexit
for n in range({MOST} + 1):
    child = os.fork()
    if child == 0:
        leave_room(n)
        gateway, began_s = TelemetryGateway(), time.monotonic()
        atexit.register(lambda: tell(n=n, took_s=time.monotonic() - began_s, **books(gateway)))
        for _ in range(20):
            gateway.emit("app_created", {{"tenant_id": "t"}}, {{"app_id": "a"}})
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
""")
    sys.stdout.write("\n".join(map(str, lines)))
    assert [line["n"] for line in lines] == list(range(MOST + 1))
    assert_the_books_are_right(lines, tap)
    assert max(line["took_s"] for line in lines) < 5 + BUSY_S
    assert lines[0]["accepted"] == 0
    assert lines[-1]["exported"] == 20


@pytest.mark.parametrize("before", ["gateway = TelemetryGateway().start()", "gateway = None"])
def test_g23_a_forked_child_that_emits_and_leaves_at_any_moment_delivers_all(told, tap, before):
    """CPython 3.12 refuses the thread that builds its threads, at whatever moment it is at."""
    lines = told(f"""
{before}
for n in range({FORKS}):
    child = os.fork()
    if child == 0:
        gateway = gateway or TelemetryGateway()
        accepted = sum(bool(gateway.emit("app_created", {{"tenant_id": "t"}}, {{"app_id": "a"}}))
                       for _ in range(10))
        tell(accepted=accepted)
        time.sleep(n * 0.001)
        sys.exit(0)
    began_s = time.monotonic()
    code = os.waitpid(child, 0)[1]
    tell(code=code, took_s=time.monotonic() - began_s)
""")
    ends = [line for line in lines if "code" in line]
    assert [line["code"] for line in ends] == [0] * FORKS
    assert sum(line.get("accepted", 0) for line in lines) == 10 * FORKS
    assert len(tap.received().logs) == 10 * FORKS
    assert max(line["took_s"] for line in ends) < BUSY_S
