"""Celery's kit without a worker: what its signals do (tests/hosts has real ones)."""

import signal
import subprocess
import sys

import pytest
from celery import signals

from telemetry_actors.hosts import celery as kit
from telemetry_actors.lifecycle import kits

SIGNALS = (
    signals.worker_init,
    signals.worker_process_init,
    signals.worker_process_shutdown,
    signals.task_postrun,
)


@pytest.fixture
def installed(monkeypatch):
    """As in a process of its own."""
    monkeypatch.setattr(kits, "_INSTALLED", set())
    monkeypatch.setattr(kit._Kit, "in_a_child", False)
    before = [list(one.receivers or []) for one in SIGNALS]
    yield kit.install
    for one, receivers in zip(SIGNALS, before, strict=True):
        one.receivers = receivers
        one.sender_receivers_cache.clear()


def test_installed_twice_it_is_connected_once_and_noted(installed):
    before = [len(one.receivers or []) for one in SIGNALS]
    for _ in range(2):
        installed(flush_each_task_s=1.0)
    assert [len(one.receivers) - n for one, n in zip(SIGNALS, before, strict=True)] == [1] * 4
    assert kits.is_installed("celery")


def test_without_the_option_no_task_waits(installed):
    before = len(signals.task_postrun.receivers or [])
    installed()
    assert len(signals.task_postrun.receivers or []) == before


def test_in_a_child_it_hears_of_the_end_last(installed, monkeypatch):
    said = []
    monkeypatch.setattr(kit, "end_process", lambda: said.append("kit"))
    installed()

    def users(**_said):
        said.append("user")

    signals.worker_process_shutdown.connect(users, weak=False)
    signals.worker_process_init.send(sender="host")
    signals.worker_process_shutdown.send(sender="host", pid=1, exitcode=0)
    assert said == ["user", "kit"]


def test_a_second_signal_does_not_cut_the_end_short(installed, monkeypatch):
    """And afterwards everything is as it was."""
    seen = []
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(kit, "end_process", lambda: seen.append(signal.getsignal(signal.SIGTERM)))
    kit._child_ends()
    assert seen == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGTERM) is before


class Gateway:
    def __init__(self):
        self.flushed = []

    def flush(self, timeout_s, *, own=False):
        self.flushed.append((timeout_s, own))
        return True


def test_a_task_waits_for_its_own_in_a_child_alone(installed, monkeypatch):
    gateway = Gateway()
    monkeypatch.setattr(kit, "running", lambda: [gateway])
    installed(flush_each_task_s=2.0)
    signals.task_postrun.send(sender=None)
    assert gateway.flushed == []

    signals.worker_process_init.send(sender="host")
    signals.task_postrun.send(sender=None)
    [(timeout_s, own)] = gateway.flushed
    assert own
    assert 0 < timeout_s <= 2.0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("module", ["celery", "uwsgi", "gunicorn"])
def test_importing_a_kit_imports_no_host(module):
    """And importing the package imports no kit."""
    program = (
        "import sys, telemetry_actors\n"
        "assert not [n for n in sys.modules if n.startswith('telemetry_actors.hosts')]\n"
        f"import telemetry_actors.hosts.{module}\n"
        "assert not {'celery', 'rq', 'uwsgi', 'gunicorn', 'uvicorn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
