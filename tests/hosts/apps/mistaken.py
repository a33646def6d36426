"""WSGI: a request runs the program that the environment names."""

import os

from tests.hosts.apps.work import who

_PROGRAM = "import time\nfrom telemetry_actors import *\n" + os.environ.get("HOSTS_PROGRAM", "")


def app(environ, start_response):
    if environ["PATH_INFO"].startswith("/who"):
        said = who()
    else:
        exec(_PROGRAM, {})
        said = f"done {os.getpid()}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [said.encode()]
