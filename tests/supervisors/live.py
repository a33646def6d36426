"""Trees for tests of the runtime: actors that do as they are told, and ears for what happens.

`tree_of` starts one on a runtime of choice; `Ears` wait for a record of it, so that no test
has to look again and again.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from supervisors import (
    ChildSpec,
    Exit,
    LifecycleEvent,
    Runtime,
    SupervisedActor,
    Supervisor,
    SupervisorRef,
    SupervisorSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WITHIN_S", "Ears", "Obedient", "Wait", "child", "inner", "stopping", "tree_of"]

WITHIN_S = 5.0
"""More than enough; whatever takes longer hangs."""


class Wait:
    """A message that keeps its actor busy until the test says ``go``."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self._go = threading.Event()

    def __call__(self) -> str:
        self.came.set()
        assert self._go.wait(WITHIN_S)
        return "waited"

    def go(self) -> None:
        """Let it go on."""
        self._go.set()


class Obedient(SupervisedActor):
    """Notes what it gets; raises errors, ends by exits, calls what can be called."""

    def __init__(self, got: list[Any] | None = None, *, starting: Any = None) -> None:
        super().__init__()
        self._got = [] if got is None else got
        self._starting = starting

    def on_start(self) -> None:
        if isinstance(self._starting, BaseException):
            raise self._starting
        if self._starting == "ignore":
            self.ignore()
        if callable(self._starting):
            self._starting()

    def on_receive(self, message: Any) -> Any:
        self._got.append(message)
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, Exit):
            self.exit(message)
        return message() if callable(message) else message


def child(id_: str = "c", got: list[Any] | None = None, **options: Any) -> ChildSpec:
    """An `Obedient` child."""
    kwargs = {"starting": options.pop("starting", None)}
    return ChildSpec(id_, Obedient, args=(got,), kwargs=kwargs, **options)


def inner(id_: str, *children: ChildSpec, **options: Any) -> ChildSpec:
    """A supervisor below another, with much patience."""
    flags = {"intensity": 100, **options.pop("flags", {})}
    return ChildSpec(id_, SupervisorSpec(children, **flags), type="supervisor", **options)


def tree_of(*children: ChildSpec, runtime: Runtime | None = None, **flags: Any) -> SupervisorRef:
    """Start a tree that has much patience."""
    flags = {"intensity": 100, **flags}
    return Supervisor.start(SupervisorSpec(children, **flags), runtime=runtime)


@contextmanager
def stopping(tree: SupervisorRef) -> Iterator[None]:
    """Stop *tree* from another thread meanwhile; at the end it has stopped in time."""
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(tree.stop, WITHIN_S)
        yield
        assert stopped.result(2 * WITHIN_S)


class Ears:
    """Hear what happens to a tree, in words such as ``down c crash``."""

    def __init__(self, runtime: Runtime) -> None:
        self.heard: list[str] = []
        self._news = threading.Condition()
        self._read = 0
        runtime.journal.subscribe(self._hear)

    def _hear(self, event: LifecycleEvent) -> None:
        why = event.detail.partition("(")[0] if event.kind == "down" else ""
        with self._news:
            self.heard.append(" ".join(word for word in (event.kind, event.path, why) if word))
            self._news.notify_all()

    def wait_for(self, words: str) -> None:
        """Return when *words* were heard, after whatever was waited for before."""
        with self._news:
            found = self._news.wait_for(lambda: words in self.heard[self._read :], WITHIN_S)
            assert found, f"{words!r} was never heard, but {self.heard[self._read :]}"
            self._read += self.heard[self._read :].index(words) + 1
