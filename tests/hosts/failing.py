"""What fails today, by test and row, with the number that the finding has.

A row in `FAILS` is expected to fail, and turns red when it doesn't: then its line goes. One in
`SOMETIMES` is a race, so that both ends are allowed; when it is mended, its line goes, too.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

__all__ = ["FAILS", "SOMETIMES", "rows"]

H1 = "H1: siblings whose parent only imported the package draw the same ids"
H2 = "H2: a gateway made before the fork loses what the child accepts, and says nothing"
H3 = "H3: a gateway of the master's, in a worker that was forked without hooks"
H4 = "H4: the server raises SIGTERM again at its end, and no exit hook runs"
H5 = "H5: the server restores SIGTERM's handler away before its end"
H6 = "H6: its processes leave by os._exit"
H12 = "H12: urllib3's finaliser runs before our stop, and says what nobody means"
H13 = "H13: two budgets one after the other, the handler's and the exit's"
H16 = (
    "H16: when one worker has ended, the master sends the others SIGTERM, in the middle of our exit"
)
UWSGI = "a uWSGI worker (not ours) sometimes ends without its exit hooks"

FAILS: dict[tuple[str, str], str] = {}
SOMETIMES: dict[tuple[str, str], str] = {}


def _fail(into: dict[tuple[str, str], str], reason: str, names: Iterable[str], *tests: str) -> None:
    into.update({(test, name): reason for test in tests for name in names})


_PRELOADED = ("gunicorn sync preload", "gunicorn gthread preload", "gunicorn gevent preload")
_MADE = ("gunicorn sync preload, made", "gunicorn gevent preload, made")
_RAISED_AGAIN = ("gunicorn uvicorn", "uvicorn one", "uvicorn two", "uvicorn reload")
_SERVERS = ("the last answer", "in flight", "dead receiver")

_fail(FAILS, H1, (*_PRELOADED, "uwsgi master"), "the last answer")
_fail(SOMETIMES, H1, (*_PRELOADED, "uwsgi master"), "in flight")  # if both workers had some
_fail(FAILS, H2, _MADE, *_SERVERS)
_fail(FAILS, H3, ("uwsgi master, started",), "the last answer", "dead receiver")
_fail(FAILS, H4, _RAISED_AGAIN, *_SERVERS)
_fail(SOMETIMES, H5, ("uvicorn two, on SIGTERM",), "in flight")
_fail(FAILS, H12, ("gunicorn gevent preload, started",), "the last answer", "in flight")
_fail(SOMETIMES, H16, ("hypercorn asgi", "hypercorn wsgi"), *_SERVERS)
_fail(
    SOMETIMES,
    UWSGI,
    (
        *("uwsgi lazy", "uwsgi lazy, graceful", "uwsgi lazy, threads"),
        *("uwsgi master, fork hooks", "uwsgi master, started, fork hooks"),
    ),
    *_SERVERS,
)

_fail(FAILS, H1, ("executor fork", "pool fork"), "pools")
_fail(FAILS, H6, ("fork", "spawn"), "rq", "rq, TERM")


def rows(test: str, names: Iterable[str], *, in_ci: Iterable[str]) -> list:
    """Parameters of a test: slow if not *in_ci*, and expected to fail if it does today."""
    return [pytest.param(name, marks=_marks((test, name), name in in_ci)) for name in names]


def _marks(row: tuple[str, str], in_ci: bool) -> list[pytest.MarkDecorator]:
    marks = [] if in_ci else [pytest.mark.slow]
    if row in FAILS:
        marks.append(pytest.mark.xfail(strict=True, reason=FAILS[row]))
    elif row in SOMETIMES:
        marks.append(pytest.mark.xfail(strict=False, reason=SOMETIMES[row]))
    return marks
