"""The Celery application with the kit, and a task that emits before it takes its time."""

import os
import time

from telemetry_actors.hosts import celery as kit
from tests.hosts.apps.tasks import app
from tests.hosts.apps.work import begin, work

__all__ = ["app"]

kit.install(app, flush_each_task_s=float(os.environ.get("HOSTS_FLUSH_S", "0")))
app.conf.worker_soft_shutdown_timeout = float(os.environ.get("HOSTS_SOFT_S", "0"))


@app.task(name="early")
def early(app_id: str) -> str:
    """Emit, and then stand there until somebody ends it."""
    answer = work(app_id)
    begin(app_id)
    time.sleep(60)
    return answer
