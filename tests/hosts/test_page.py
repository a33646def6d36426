"""docs/hosts.md: what it shows runs as it is shown, in the real host, and loses nothing."""

import sys
import urllib.request
from contextlib import suppress

import pytest

from tests.docs.pages import DOCS, blocks
from tests.hosts.books import arrivals
from tests.hosts.processes import Host, until
from tests.servers.redis import free_port

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="/proc"),
]
PAGE = [block.text for block in blocks(DOCS / "hosts.md") if block.language == "python"]
END_S = 30.0
URLS = """
from django.http import HttpResponse
from django.urls import path
from telemetry_actors import emit

def create(request, app_id):
    return HttpResponse(emit("app_created", {"tenant_id": "acme"}, {"app_id": app_id}))

urlpatterns = [path("apps/<app_id>", create)]
"""
SETTINGS = """
ALLOWED_HOSTS, ROOT_URLCONF, SECRET_KEY, MIDDLEWARE = ["*"], "service.urls", "none", []
INSTALLED_APPS, DEBUG, USE_TZ = ["service.apps.ServiceConfig"], True, True
"""


def shown(says):
    (text,) = [text for text in PAGE if says in text]
    return text


def host(command, folder, mark, settings):
    environment = {**settings, "DJANGO_SETTINGS_MODULE": "settings"}
    made = Host(command, folder, mark, environment)
    made._environment["PYTHONPATH"] += f":{folder}"
    return made


def asked(port, count, mark):
    """Ids that the service has accepted; the first one waits until it serves."""
    accepted = []

    def ask(method="POST"):
        app_id = f"{mark}-{len(accepted)}"
        url = f"http://127.0.0.1:{port}/apps/{app_id}"
        request = urllib.request.Request(url, method=method)
        with suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:
            if b"accepted" in answer.read():
                accepted.append(app_id)
                return True
        return False

    until(ask, within_s=60)
    for _ in range(count - 1):
        assert ask()
    return accepted


def came(tap, mark):
    return sorted(app_id for app_id in arrivals(tap, "acme").app_ids if mark in app_id)


# One worker: a signal that meets one that still boots is gunicorn's own 30 s (`web.py`).


def test_the_flask_service_of_the_page_loses_nothing(tmp_path, mark, settings, shared_tap):
    (tmp_path / "service.py").write_text(shown("app = Flask(__name__)"))
    port = free_port()
    command = f"gunicorn -w 1 --preload -b 127.0.0.1:{port} --no-control-socket service:app"
    with host(command, tmp_path, mark, settings) as server:
        accepted = asked(port, 20, mark)
        server.signal("TERM")
        server.wait(END_S)
        assert server.left() == []
    assert came(shared_tap, mark) == sorted(accepted)


@pytest.mark.parametrize("server", ["gunicorn", "runserver"])
def test_the_django_application_of_the_page_loses_nothing(
    server, tmp_path, mark, settings, shared_tap
):
    package = tmp_path / "service"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "apps.py").write_text(shown("AppConfig"))
    (package / "urls.py").write_text(URLS)
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "wsgi.py").write_text(
        "from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()\n"
    )
    port = free_port()
    command = {
        "gunicorn": f"gunicorn -w 1 --preload -b 127.0.0.1:{port} --no-control-socket wsgi:app",
        "runserver": f"python -m django runserver --noreload 127.0.0.1:{port}",
    }[server]
    with host(command, tmp_path, mark, settings) as running:
        accepted = asked(port, 20, mark)
        running.signal("TERM" if server == "gunicorn" else "INT")
        running.wait(END_S)
        assert running.left() == []
    assert came(shared_tap, mark) == sorted(accepted)


def test_g23_a_pool_that_is_terminated_loses_nothing_with_the_initializer(
    tmp_path, mark, settings, shared_tap
):
    text = shown("initializer=stop_on_sigterm")
    ids = [f"{mark}-{n}" for n in range(3)]
    assert '["a1", "a2", "a3"]' in text
    (tmp_path / "pool.py").write_text(text.replace('["a1", "a2", "a3"]', repr(ids)))
    with host(f"python {tmp_path}/pool.py", tmp_path, mark, settings) as running:
        running.wait(END_S)
        assert (running.code, running.errors()) == (0, "")
        assert running.left() == []
    assert came(shared_tap, mark) == ids
