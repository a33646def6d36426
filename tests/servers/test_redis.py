"""The server that the tests use is found, on the machine or in a wheel."""

from pathlib import Path

from tests.servers.redis import Redis, free_port, redis_server, wheels_server


def test_the_server_is_the_machines_or_that_of_a_wheel(tmp_path, monkeypatch):
    """Both branches: a PATH with one, and a PATH without."""
    (tmp_path / "with").mkdir()
    (tmp_path / "with" / "redis-server").symlink_to(wheels_server())
    monkeypatch.setenv("PATH", str(tmp_path / "with"))
    assert Path(redis_server()).parent == tmp_path / "with"
    with Redis(tmp_path) as running:
        assert running.do("PING")

    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server() == wheels_server()
    with Redis(tmp_path, port=free_port()) as running:
        assert running.do("PING")
