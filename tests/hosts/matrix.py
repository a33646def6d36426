"""The servers that are tried, each as one would start it.

A row is a server with its options and an application; what is done to it is in `test_servers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.hosts.web import WebServer

__all__ = ["ROWS", "Row"]

_APPS = "tests.hosts.apps"


class Row(NamedTuple):
    """A server, and how it behaves by itself."""

    name: str
    command: str
    workers: int = 2
    """Processes that serve requests."""
    at_once: int = 2
    """Requests that they serve at the same time, in all."""
    stop: str = "TERM"
    """The signal of its graceful stop."""
    waits: bool = True
    """For requests that are being served, before it ends at that signal."""
    codes: tuple[int, ...] = (0,)
    """With which it ends."""
    says: str = r"$^"
    """What its lines on stderr look like."""

    def starts(self, folder: Path, mark: str, environment: Mapping[str, str]) -> WebServer:
        """To be entered."""
        return WebServer(self.command, folder, mark, environment, workers=self.workers)


_GRACEFUL = "unix_signal:15 gracefully_kill_them_all"
_GUNICORN_SAYS = r"\[.+\] \[\d+\] \[INFO\] |\[.+\] \[\d+\] \[WARNING\] Worker"


def _gunicorn(name: str, options: str, app: str = "wsgi", at_once: int = 2) -> Row:
    return Row(
        f"gunicorn {name}",
        f"gunicorn -b 127.0.0.1:{{port}} --no-control-socket -w 2 {options} {_APPS}.{app}:app",
        at_once=at_once,
        says=_GUNICORN_SAYS,
    )


def _uvicorn(name: str, options: str, app: str, workers: int, codes: tuple[int, ...]) -> Row:
    return Row(
        f"uvicorn {name}",
        f"uvicorn --port {{port}} {options} {_APPS}.{app}:app",
        workers=workers,
        at_once=10,
        codes=codes,
        says=r"INFO: ",
    )


def _uwsgi(name: str, options: str, app: str = "wsgi", *, graceful: bool = False) -> Row:
    stop = "--die-on-term" if not graceful else f"--hook-master-start '{_GRACEFUL}'"
    return Row(
        f"uwsgi {name}",
        "uwsgi --http-socket 127.0.0.1:{port} --master --processes 2 --enable-threads --need-app"
        f" {stop} --disable-logging {options} --module {_APPS}.{app}:app",
        waits=graceful,
        says=r"(?!.*(Traceback|Error|Exception|telemetry_actors))",  # it tells its life
    )


ROWS = (
    _gunicorn("sync", ""),
    _gunicorn("gthread", "-k gthread --threads 4", at_once=4),
    _gunicorn("gevent", "-k gevent", at_once=10),
    _gunicorn("sync, QUIT", "")._replace(stop="QUIT", waits=False),
    _gunicorn("sync, INT", "")._replace(stop="INT", waits=False),
    _gunicorn("gthread, QUIT", "-k gthread --threads 4")._replace(stop="QUIT", waits=False),
    _gunicorn("gevent, INT", "-k gevent")._replace(stop="INT", waits=False),
    _gunicorn("sync recycled", "--max-requests 7"),
    _gunicorn("gthread recycled", "-k gthread --threads 4 --max-requests 7", at_once=4),
    _gunicorn("gevent recycled", "-k gevent --max-requests 7", at_once=10),
    _gunicorn("sync preload, started", "--preload", "wsgi_started"),
    _gunicorn("gthread preload, started", "--preload -k gthread --threads 4", "wsgi_started"),
    _gunicorn("gevent preload, started", "--preload -k gevent", "wsgi_started", 10)._replace(
        says=f"{_GUNICORN_SAYS}|.*[Mm]onkey|.*patch_all"  # it patches what the application imported
    ),
    _gunicorn("sync preload", "--preload"),
    _gunicorn("gthread preload", "--preload -k gthread --threads 4"),
    _gunicorn("gevent preload", "--preload -k gevent", at_once=10),
    _gunicorn("sync preload, made", "--preload", "wsgi_made"),
    _gunicorn("gevent preload, made", "--preload -k gevent", "wsgi_made", 10),
    _gunicorn("sync, on SIGTERM", "", "wsgi_sigterm"),
    _gunicorn("django", "", "django_site"),
    _gunicorn("uvicorn", "-k uvicorn_worker.UvicornWorker", "asgi", 10),
    _gunicorn("uvicorn, lifespan", "-k uvicorn_worker.UvicornWorker", "asgi_lifespan", 10),
    _uvicorn("one", "", "asgi", 1, (0, -15)),
    _uvicorn("two", "--workers 2", "asgi", 2, (0,)),
    _uvicorn("reload", "--reload --reload-dir tests/hosts/apps", "asgi", 1, (0,)),
    _uvicorn("one, lifespan", "", "asgi_lifespan", 1, (0, -15)),
    _uvicorn("two, lifespan", "--workers 2", "asgi_lifespan", 2, (0,)),
    _uvicorn("one, on SIGTERM", "", "asgi_sigterm", 1, (0, -15)),
    _uvicorn("two, on SIGTERM", "--workers 2", "asgi_sigterm", 2, (0,)),
    Row(
        "hypercorn one",
        f"hypercorn -b 127.0.0.1:{{port}} {_APPS}.asgi:app",
        workers=1,
        at_once=10,
        says=r"\[.+\] \[\d+\] \[INFO\] ",
    ),
    Row(
        "hypercorn asgi",
        f"hypercorn -b 127.0.0.1:{{port}} -w 2 {_APPS}.asgi:app",
        at_once=10,
        says=r"\[.+\] \[\d+\] \[INFO\] ",
    ),
    Row(
        "hypercorn wsgi",
        f"hypercorn -b 127.0.0.1:{{port}} -w 2 wsgi:{_APPS}.wsgi:app",
        at_once=4,
        says=r"\[.+\] \[\d+\] \[INFO\] ",
    ),
    Row(
        "granian asgi",
        f"granian --port {{port}} --workers 2 --interface asgi {_APPS}.asgi:app",
        at_once=10,
        says=r"\[INFO\] ",
    ),
    Row(
        "granian wsgi",
        f"granian --port {{port}} --workers 2 --interface wsgi {_APPS}.wsgi:app",
        says=r"\[INFO\] ",
    ),
    _uwsgi("lazy", "--lazy-apps"),
    _uwsgi("lazy, graceful", "--lazy-apps", graceful=True),
    _uwsgi("lazy, threads", "--lazy-apps --threads 4")._replace(at_once=8),
    _uwsgi("master", ""),
    _uwsgi("master, fork hooks", "--py-call-uwsgi-fork-hooks"),
    _uwsgi("master, started", "", "wsgi_started"),
    _uwsgi("master, started, fork hooks", "--py-call-uwsgi-fork-hooks", "wsgi_started"),
    Row(
        "flask",
        f"flask --app {_APPS}.wsgi run --port {{port}}",
        workers=1,
        at_once=10,
        stop="INT",
        waits=False,
        says=r"(\x1b\[\d+m)*(WARNING: This is a dev|Press CTRL|127.0.0.1 - - | \* Running on)",
    ),
)
