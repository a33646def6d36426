"""g24: what a process had done before it forked x how it forks x what its child does first.

In each cell the ids of all processes, their books and what a third-party receiver got are
compared. uWSGI's own fork is in the test of that server.
"""

import json
import subprocess
import sys

import pytest

from tests.hosts.programs import environment

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="MADV_WIPEONFORK is Linux's"),
]

PROGRAM = """
import ctypes, importlib, json, os, sys, time
import telemetry_actors
from telemetry_actors import emit, get_gateway, new_event_id

STATE, WAY = sys.argv[1:]

def say(**facts):
    os.write(1, (json.dumps(facts) + "\\n").encode())

def emit_some(count):
    return sum(bool(emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})) for _ in range(count))

def facts(who, accepted):
    from telemetry_actors.sinks.resource import instance_id
    gateway = get_gateway()
    ledger = gateway.ledger()
    say(who=who, accepted=accepted, emitted=ledger.emitted, balanced=ledger.balanced(),
        id=new_event_id(), instance=instance_id(), process=gateway._life.door.process,
        pid=os.getpid())

def emit_first():
    facts("emits first", emit_some(5))

def look_first():
    gateway = get_gateway()
    before = gateway.ledger().emitted, gateway.flush(5), gateway.status().state
    assert before[:2] == (0, True), before
    facts("looks first", emit_some(5))

def leave():
    pass

def leave_hard():
    facts("leaves by os._exit", emit_some(5))
    assert get_gateway().flush(10)
    os._exit(0)

def prepare():
    if STATE == "made":
        get_gateway()
    if STATE in ("started", "in use"):
        get_gateway().start()
    accepted = emit_some(10) if STATE == "in use" else 0
    if WAY == "a fork in C" and STATE in ("started", "in use"):
        # The interpreter is not told, and its own lock is not made anew: a thread that waits for it
        # at that moment can leave any child hanging (ADR-0017). So nobody is at work then.
        assert get_gateway().flush(10)
        time.sleep(1)
    return accepted

def by_fork(fork, act):
    pid = fork()
    if pid == 0:
        act()
        sys.exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def by_module(name, act):
    module = importlib.import_module(name)
    make = getattr(module, "get_context", None)
    process = (make("fork") if make else module).Process(target=act)
    process.start()
    process.join(30)
    return process.exitcode

def fork_and(act):
    if WAY == "os.fork":
        return by_fork(os.fork, act)
    if WAY == "a fork in C":
        sys.setswitchinterval(1000)  # and nobody asks for it in the middle
        return by_fork(ctypes.PyDLL(None).fork, act)
    return by_module(WAY, act)

accepted = prepare()
for act in (emit_first, look_first, leave, leave_hard):
    assert fork_and(act) == 0, act
facts("parent", accepted + emit_some(5))
"""
STATES = ("imported", "made", "started", "in use")
WAYS = ("os.fork", "a fork in C", "multiprocessing", "billiard")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", STATES)
def test_g24_ids_books_and_receiver_of_parent_and_children(tap, state, way):
    before = len(tap.received().log_uids)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, state, way],
        env=environment(tap.endpoint, {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["who"] for one in told] == [
        "emits first",
        "looks first",
        "leaves by os._exit",
        "parent",
    ]
    assert all(one["balanced"] for one in told)
    assert [one["emitted"] for one in told] == [one["accepted"] for one in told]
    for name in ("instance", "process", "pid"):
        assert len({one[name] for one in told}) == 4, name
    assert len({one["id"][:23] for one in told}) == 4
    arrived = tap.received().log_uids[before:]
    assert len(set(arrived)) == len(arrived) == sum(one["accepted"] for one in told)
