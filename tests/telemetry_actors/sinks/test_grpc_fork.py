"""The gate between forks and calls, without gRPC and without a fork: threads and events."""

import threading

from telemetry_actors.sinks import _grpc_fork
from telemetry_actors.sinks._grpc_fork import ForkGate, fork_gate
from tests.forks import as_in_a_child

WITHIN_S = 5.0


class Call:
    """A call that lasts until it is cancelled."""

    def __init__(self, gate):
        self._gate = gate
        self._cancelled = threading.Event()
        self.began = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def cancel(self):
        self._cancelled.set()

    @property
    def was_cancelled(self):
        return self._cancelled.is_set()

    def _run(self):
        with self._gate.call(self):
            self.began.set()
            assert self._cancelled.wait(WITHIN_S)


def test_a_call_on_its_way_is_cancelled_and_a_fork_finds_none():
    gate = ForkGate()
    call = Call(gate)
    assert call.began.wait(WITHIN_S)

    gate.before()

    assert call.was_cancelled
    assert gate._inside == []
    gate.after()
    call.thread.join()


def test_calls_wait_while_a_fork_is_on_its_way():
    gate = ForkGate()
    gate.before()
    call = Call(gate)
    assert not call.began.is_set()

    gate.after()

    assert call.began.wait(WITHIN_S)
    call.cancel()
    call.thread.join()


def test_two_forks_at_once_are_both_waited_for():
    gate = ForkGate()
    gate.before()
    gate.before()
    gate.after()
    call = Call(gate)
    assert not call.began.is_set()
    gate.after()
    assert call.began.wait(WITHIN_S)
    call.cancel()
    call.thread.join()


def test_core_gets_a_moment_to_clear_up(monkeypatch):
    """A fake clock says that it has been long enough."""
    now_s = [100.0]
    monkeypatch.setattr(_grpc_fork, "_now_s", lambda: now_s[0])
    gate, waited = ForkGate(), []
    real = gate._changed.wait_for
    monkeypatch.setattr(gate._changed, "wait_for", lambda *a: waited.append(a[1]) or real(*a))

    gate.stirred()
    gate.before()
    gate.after()
    now_s[0] += 1.0
    gate.before()

    assert [round(s, 3) for s in waited] == [0.05, 0.05, 0.05]


def test_each_process_has_its_own():
    """So that a child never waits for a lock that nobody is there to release."""
    mine = fork_gate()
    with as_in_a_child():
        assert fork_gate() is not mine
    assert fork_gate() is mine
