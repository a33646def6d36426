"""Flask under uWSGI with the kit, and with events while it is imported if the test wants some."""

import os

from telemetry_actors.hosts import uwsgi as kit
from tests.hosts.apps.work import work
from tests.hosts.apps.wsgi import app

__all__ = ["app"]

for number in range(int(os.environ.get("HOSTS_AT_IMPORT", "0"))):
    work(f"import-{os.getpid()}-{number}")
kit.install()
