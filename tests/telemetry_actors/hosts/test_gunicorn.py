"""gunicorn's hooks, as it calls them. `tests/hosts/test_gunicorn_kit.py` has the server."""

from gunicorn.config import Config

from telemetry_actors.hosts import gunicorn as kit


def test_gunicorn_takes_its_hooks():
    config = Config()
    config.set("post_worker_init", kit.post_worker_init)
    config.set("worker_exit", kit.worker_exit)
    assert config.worker_exit is kit.worker_exit


def test_a_worker_begins_and_ends(monkeypatch):
    done = []
    monkeypatch.setattr(kit, "begin_worker", lambda: done.append("begins"))
    monkeypatch.setattr(kit, "end_process", lambda: done.append("ends"))
    monkeypatch.setattr(kit, "note_kit", lambda _name: None)
    kit.post_worker_init(None)
    kit.worker_exit(None, None)
    assert done == ["begins", "ends"]
