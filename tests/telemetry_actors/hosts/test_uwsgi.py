"""The kit for uWSGI outside of it: what it reads and hooks (tests/hosts has the server)."""

import os
import sys
from types import ModuleType

import pytest

from telemetry_actors.hosts import uwsgi as kit
from telemetry_actors.lifecycle import kits


def made(*, version=(2, 0, 30), opt=None, worker_id=1, masterpid=1):
    module = ModuleType("uwsgi")
    module.version_info = (*version, 0, b"")
    module.opt = opt or {}
    module.worker_id = lambda: worker_id
    module.masterpid = lambda: masterpid
    return module


@pytest.fixture
def inside(monkeypatch):
    """As in a process of uWSGI's; what has been done and said is in the list that it returns."""
    done = []
    monkeypatch.setattr(kits, "_INSTALLED", set())
    for name in ("begin_worker", "import_for_children", "end_process"):
        monkeypatch.setattr(kit, name, lambda name=name: done.append(name))
    monkeypatch.setattr(kit, "_deliver_before_the_fork", lambda: done.append("deliver"))
    monkeypatch.setattr(kit, "say_at_the_end", done.append)

    def put(module):
        monkeypatch.setitem(sys.modules, "uwsgi", module)
        return done

    return put


def test_elsewhere_it_does_nothing():
    assert kit.install() is False
    assert not kits.is_installed("uwsgi")


def test_in_the_master_what_was_emitted_is_delivered_before_the_fork(inside):
    done = inside(made(worker_id=0, masterpid=os.getpid()))
    assert kit.install() is True
    assert done == ["deliver", "import_for_children"]


def test_in_a_worker_it_begins_and_ends_with_it(inside):
    module = made()
    done = inside(module)
    module.atexit = lambda: done.append("user's")
    assert kit.install() is kit.install() is True
    module.atexit()
    module.post_fork_hook()
    assert done == ["begin_worker", "user's", "end_process", "begin_worker"]


def test_a_hook_of_the_users_that_fails_does_not_keep_ours_from_running(inside):
    module = made()
    done = inside(module)

    def fails():
        raise LookupError

    module.atexit = fails
    kit.install()
    with pytest.raises(LookupError):
        module.atexit()
    assert done == ["begin_worker", "end_process"]


@pytest.mark.parametrize(
    ("version", "opt", "warns"),
    [
        ((2, 0, 30), {}, False),
        ((2, 0, 24), {"disable-threads": True}, True),
        ((2, 0, 23), {}, True),
        ((2, 0, 23), {b"enable-threads": True}, False),
        ((2, 0, 23), {"threads": b"4"}, False),
    ],
)
def test_where_threads_are_off_it_says_so(version, opt, warns, inside):
    done = inside(made(version=version, opt=opt))
    kit.install()
    assert any("enable-threads" in said for said in done) is warns
