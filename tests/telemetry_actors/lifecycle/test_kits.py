"""Which kits are in use."""

from telemetry_actors.lifecycle import kits


def test_a_kit_that_has_noted_itself_is_installed(monkeypatch):
    monkeypatch.setattr(kits, "_INSTALLED", set())
    assert not kits.is_installed("celery")
    for _ in range(2):
        kits.note_kit("celery")
    assert kits.is_installed("celery")
    assert not kits.is_installed("rq")
