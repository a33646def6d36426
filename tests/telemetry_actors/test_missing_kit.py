"""Which host this is, by what it says of itself: and no false alarm."""

import os
import signal
from types import SimpleNamespace

import pytest

from telemetry_actors.lifecycle import kits
from telemetry_actors.lifecycle import missing_kit as _missing_kit
from telemetry_actors.lifecycle.missing_kit import advice


class Server:
    """uvicorn's, to which its handler of SIGTERM is bound."""

    def handle_exit(self, *_):
        pass


class RqWorker:
    def request_stop(self, *_):
        pass


def process(name, *, daemon=True):
    current = SimpleNamespace(name=name, daemon=daemon)
    return SimpleNamespace(current_process=lambda: current)


@pytest.fixture
def on_sigterm(monkeypatch):
    """What has SIGTERM."""
    monkeypatch.setattr(kits, "_INSTALLED", set())
    monkeypatch.delenv("RQ_JOB_ID", raising=False)

    def put(handler):
        monkeypatch.setattr(_missing_kit, "_on_sigterm", lambda: handler)

    put(signal.SIG_DFL)
    return put


UVICORN = {"uvicorn": 1, "uvicorn.server": SimpleNamespace(Server=Server)}
CELERY_CHILD = {"celery": 1, "billiard.process": process("ForkPoolWorker-1")}
POOL_CHILD = {"multiprocessing.process": process("SpawnPoolWorker-3")}
RQ = {"rq": 1, "rq.worker": 1}


def test_a_server_of_uvicorns_that_serves_in_this_process(on_sigterm):
    on_sigterm(Server().handle_exit)
    assert "telemetry_actors.hosts.asgi" in advice(UVICORN)
    assert advice(UVICORN | {"telemetry_actors.hosts.asgi": 1}) is None
    on_sigterm(signal.SIG_DFL)
    assert advice(UVICORN) is None  # imported only, or in a thread: Python's exit comes


@pytest.mark.parametrize("how", ["Fork", "Spawn"])
def test_a_prefork_child_of_celerys(how, on_sigterm):
    modules = {"celery": 1, "billiard.process": process(f"{how}PoolWorker-1")}
    assert "telemetry_actors.hosts.celery.install(app)" in advice(modules)
    kits.note_kit("celery")
    assert advice(modules) is None


def test_who_only_sends_tasks_is_no_child(on_sigterm):
    modules = {"celery": 1, "billiard.process": process("MainProcess", daemon=False)}
    assert advice(modules) is None
    assert advice({"celery": 1}) is None


def test_a_work_horse_of_rqs(on_sigterm, monkeypatch):
    monkeypatch.setattr(os, "getpgrp", os.getpid)
    assert advice(RQ) is None  # who enqueues
    monkeypatch.setenv("RQ_JOB_ID", "one")
    assert "telemetry_actors.hosts.rq.Worker" in advice(RQ)
    kits.note_kit("rq")
    assert advice(RQ) is None


def test_a_worker_of_rqs_and_what_a_job_has_started_are_no_work_horses(on_sigterm, monkeypatch):
    monkeypatch.setenv("RQ_JOB_ID", "one")
    monkeypatch.setattr(os, "getpgrp", os.getpid)
    on_sigterm(RqWorker().request_stop)
    assert advice(RQ) is None
    on_sigterm(signal.SIG_DFL)
    monkeypatch.setattr(os, "getpgrp", os.getppid)
    assert advice(RQ) is None


def test_uwsgi(on_sigterm):
    assert "telemetry_actors.hosts.uwsgi.install()" in advice({"uwsgi": 1})
    assert advice({"uwsgi": 1, "telemetry_actors.hosts.uwsgi": 1}) is None
    kits.note_kit("uwsgi")
    assert advice({"uwsgi": 1}) is None


def test_a_worker_of_a_pool_unless_sigterm_is_taken_care_of(on_sigterm):
    assert "stop_on_sigterm" in advice(POOL_CHILD)
    on_sigterm(lambda *_: None)
    assert advice(POOL_CHILD) is None


@pytest.mark.parametrize("name", ["ForkProcess-1", "MainProcess"])
def test_other_processes_of_multiprocessing_end_as_python_does(name, on_sigterm):
    assert advice({"multiprocessing.process": process(name)}) is None


def test_a_plain_script_and_gunicorn_hear_nothing(on_sigterm):
    assert advice({}) is None
    assert advice({"gunicorn": 1, "uvicorn": 1, "celery": 1, "rq": 1}) is None
