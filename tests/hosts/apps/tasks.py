"""A Celery application: one event a task."""

import os

from celery import Celery

from tests.hosts.apps.work import MARK, hold, work

REDIS_URL = os.environ.get("HOSTS_REDIS", "memory://")

app = Celery("hosts", broker=REDIS_URL, backend=REDIS_URL, set_as_current=False)
app.conf.update(
    task_default_queue=MARK or "hosts",
    broker_connection_retry_on_startup=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=1,
)
app.task(work, name="work")
app.task(hold, name="hold")
