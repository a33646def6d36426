"""Jobs of an rq worker that end in other ways than `work`."""

import time

from tests.hosts.apps.work import begin, hold, work

__all__ = ["early", "early_and_hold", "fail"]


def early(app_id: str) -> None:
    """Emit, and then stand there until somebody ends it."""
    work(app_id)
    begin(app_id)
    time.sleep(60)


def early_and_hold(app_id: str) -> str:
    """Emit, and then stand there until the test says so."""
    answer = work(app_id)
    hold(f"{app_id}")
    return answer


def fail(app_id: str) -> None:
    """Emit, and raise."""
    work(app_id)
    raise LookupError(app_id)
