"""The kit for rq without a Redis: when it ends the process (tests/hosts has real workers)."""

import pytest

from telemetry_actors.hosts import rq as kit


class Base:
    """As rq's workers are, for the mixin."""

    def __init__(self, is_horse, fails=False):
        self.is_horse = is_horse
        self._fails = fails

    def perform_job(self, job, queue, execution):
        if self._fails:
            raise LookupError
        return True


class Worker(kit.DeliversAfterJob, Base):
    pass


@pytest.fixture
def ends(monkeypatch):
    said = []
    monkeypatch.setattr(kit, "end_process", lambda: said.append(1))
    monkeypatch.setattr(kit, "note_kit", lambda _name: None)
    return said


def test_a_work_horse_ends_after_its_job(ends):
    assert Worker(is_horse=True).perform_job(None, None, None) is True
    assert ends == [1]


def test_also_where_rq_itself_fails(ends):
    with pytest.raises(LookupError):
        Worker(is_horse=True, fails=True).perform_job(None, None, None)
    assert ends == [1]


def test_a_worker_that_does_its_jobs_itself_goes_on(ends):
    Worker(is_horse=False).perform_job(None, None, None)
    assert ends == []


@pytest.mark.parametrize("name", ["Worker", "SimpleWorker", "SpawnWorker"])
def test_each_class_is_rqs_own_with_the_mixin_in_front(name):
    import rq.worker

    made = getattr(kit, name)
    assert issubclass(made, getattr(rq.worker, name))
    assert made.perform_job is kit.DeliversAfterJob.perform_job
