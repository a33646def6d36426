"""What is lost in a host whose kit is not used, by test and row; each says so in a line of its own.

A row in `FAILS` is expected to fail, and turns red when it doesn't: then its line goes. One in
`SOMETIMES` is a race, so that both ends are allowed; when it is mended, its line goes, too.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.hosts.books import UnbalancedError

__all__ = ["FAILS", "SOMETIMES", "rows"]

H4 = "without the kit: the server raises SIGTERM again at its end, and no exit hook runs"
H6 = "without the kit: its processes leave by os._exit"
UWSGI = "a uWSGI worker (not ours) sometimes ends without its exit hooks"

FAILS: dict[tuple[str, str], str] = {}
SOMETIMES: dict[tuple[str, str], str] = {}


def _fail(into: dict[tuple[str, str], str], reason: str, names: Iterable[str], *tests: str) -> None:
    into.update({(test, name): reason for test in tests for name in names})


_RAISED_AGAIN = ("gunicorn uvicorn", "uvicorn one", "uvicorn two", "uvicorn reload")
_SERVERS = ("the last answer", "in flight", "dead receiver")

_fail(FAILS, H4, _RAISED_AGAIN, *_SERVERS)
_fail(SOMETIMES, H6, ("uwsgi master", "uwsgi master, started"), *_SERVERS)
_fail(
    SOMETIMES,
    UWSGI,
    (
        *("uwsgi lazy", "uwsgi lazy, graceful", "uwsgi lazy, threads"),
        *("uwsgi master, fork hooks", "uwsgi master, started, fork hooks"),
    ),
    *_SERVERS,
)

_fail(FAILS, H6, ("prefork", "prefork recycled", "prefork cold"), "celery", "celery, dead receiver")
_fail(FAILS, H6, ("prefork", "prefork recycled"), "celery in flight")
_fail(FAILS, H6, ("fork", "spawn"), "rq", "rq, TERM")


def rows(test: str, names: Iterable[str], *, in_ci: Iterable[str]) -> list:
    """Parameters of a test: slow if not *in_ci*, and expected to fail if it does today."""
    return [pytest.param(name, marks=_marks((test, name), name in in_ci)) for name in names]


def _marks(row: tuple[str, str], in_ci: bool) -> list[pytest.MarkDecorator]:
    marks = [] if in_ci else [pytest.mark.slow]
    reason = FAILS.get(row) or SOMETIMES.get(row)
    if reason:
        # By its books, and by nothing else: a server that doesn't start is no finding.
        marks.append(pytest.mark.xfail(strict=row in FAILS, raises=UnbalancedError, reason=reason))
    return marks
