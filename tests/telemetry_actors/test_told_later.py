"""What `emit()` may not say itself is said once, by somebody else, whatever the process is like."""

import os
import subprocess
import sys

import pytest

from supervisors.system.process import this_process
from telemetry_actors import Admission, _process, emit
from telemetry_actors.base.told_later import tell_later
from tests.forks import as_in_a_child

UNUSABLE = (
    "telemetry_actors: every event is refused (gateway_off), since a setting can't be used:"
    " TELEMETRY_ACTORS__GATEWAY__LINGER_S = 'soon': must be a number"
)
EMIT = """
from telemetry_actors import emit
for _ in range(3):
    assert str(emit("app_created", {"tenant_id": "t"}, {})) == "gateway_off"
"""


@pytest.fixture(autouse=True)
def _nothing_told_before():
    yield
    own = this_process().own
    for key in [key for key in own if isinstance(key, tuple) and "told later" in key]:
        del own[key]


def lines(program, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "TELEMETRY_ACTORS__GATEWAY__LINGER_S": "soon"}
        | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stderr.splitlines()


def test_an_unusable_setting_is_said_to_who_does_nothing_but_emit():
    assert lines(EMIT) == [UNUSABLE]


def test_also_where_no_thread_can_be_had():
    """The end of the process says it."""
    no_thread = """
import _thread
def none(*_): raise RuntimeError("can't start new thread")
_thread.start_new_thread = none
"""
    assert lines(no_thread + EMIT) == [UNUSABLE]


@pytest.mark.timeout(40)
@pytest.mark.parametrize("first", ["import gevent.monkey; gevent.monkey.patch_all()\n", ""])
def test_also_under_gevent(first):
    pytest.importorskip("gevent")
    last = "import gevent.monkey; gevent.monkey.patch_all(); gevent.sleep(0)\n"
    assert lines(first + EMIT + last + EMIT) == [UNUSABLE]


FORK = """
import os, sys
child = os.fork()
if child:
    os.waitpid(child, 0)
"""


@pytest.mark.timeout(40)
def test_a_child_that_does_not_emit_says_nothing():
    assert lines(EMIT + FORK) == [UNUSABLE]


@pytest.mark.timeout(40)
def test_a_child_that_emits_says_it_once_more():
    emits = "else:\n    emit('app_created', {}, {})\n"
    assert lines(EMIT + FORK + emits) == [UNUSABLE] * 2


@pytest.mark.timeout(40)
def test_what_is_off_by_mistake_is_said_too_and_what_is_off_by_will_is_not():
    environment = {"TELEMETRY_ACTORS__GATEWAY__LINGER_S": ""}
    (line,) = lines(EMIT, **environment, ENTERPRISE_TELEMETRY_GATEWAY_ENABLED="on")

    assert "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED is 'on', which is off" in line
    assert lines(EMIT, **environment, ENTERPRISE_TELEMETRY_GATEWAY_ENABLED="false") == []


def test_g02_what_is_to_be_said_costs_the_caller_one_thread_once(monkeypatch, caplog):
    """No line on the thread that emits; one thread, however many events there are."""
    begun = []
    monkeypatch.setattr(_process, "_PROCESS", {})
    monkeypatch.setattr("_thread.start_new_thread", lambda *call: begun.append(call))
    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "soon")

    assert {emit("app_created", {}, {}) for _ in range(100)} == {Admission.GATEWAY_OFF}
    assert caplog.records == []
    ((run, arguments),) = begun
    run(*arguments)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert emit("app_created", {}, {}) is Admission.GATEWAY_OFF
    assert len(begun) == 1


def test_a_thread_that_can_not_be_had_is_asked_for_ever_more_seldom(monkeypatch):
    asked, said = [], []

    def none(*_):
        asked.append(1)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", none)
    for _ in range(1000):
        tell_later("it", lambda: said.append(1))
    assert (len(asked), said) == (10, [])
    monkeypatch.setattr("_thread.start_new_thread", lambda run, arguments: run(*arguments))
    for _ in range(100):
        tell_later("it", lambda: said.append(1))
    assert said == [1]


def test_in_a_child_it_is_told_anew(monkeypatch):
    said = []
    monkeypatch.setattr("_thread.start_new_thread", lambda run, arguments: run(*arguments))
    tell_later("it", lambda: said.append("parent"))
    with as_in_a_child():
        tell_later("it", lambda: said.append("child"))
        tell_later("it", lambda: said.append("child"))
    assert said == ["parent", "child"]
