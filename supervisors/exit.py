"""How an incarnation of a child ended: Erlang's exit reasons, as a value.

Whether a transient child is restarted, and whether a stop is reported as an
error, depends on nothing else than this. Threads know two ends that a BEAM
process doesn't, so there are two more kinds: ``lost`` and ``hung``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Exit", "ExitKind", "shown"]


class ExitKind(StrEnum):
    """The kinds of end. ``normal`` and ``shutdown`` are the two that are not a fault."""

    normal = "normal"
    """It was done: the actor stopped itself."""
    shutdown = "shutdown"
    """It was told to stop, or chose to end as if it had been."""
    crash = "crash"
    """It raised."""
    killed = "killed"
    """It was abandoned: brutal_kill, or its shutdown time ran out. Its thread may still run."""
    lost = "lost"
    """Its thread is gone without a word: killed from outside, or left behind by a fork."""
    hung = "hung"
    """It was found hanging and replaced. Its thread may still run."""


def shown(error: BaseException | str) -> str:
    """*error* for people. One that can't be shown is named: it must not be a second fault."""
    try:
        return repr(error)
    except Exception:  # noqa: BLE001 -- somebody else's __repr__
        return f"<{type(error).__name__}>"


_AS_PLANNED = (ExitKind.normal, ExitKind.shutdown)


@dataclass(frozen=True, slots=True)
class Exit:
    """How an incarnation ended. Two exits are equal if kind and detail are.

    Make one with the constructors below, not by hand.

    >>> Exit.shutdown("rolling upgrade").abnormal, Exit.crash(ValueError("x")).abnormal
    (False, True)
    """

    kind: ExitKind
    detail: str | None = None
    """What the actor said; OTP's ``{shutdown, Term}`` is a shutdown with a detail."""
    error: BaseException | str | None = field(default=None, compare=False)
    """What was raised, or why the supervisor gave up; for people, never for decisions."""

    @property
    def abnormal(self) -> bool:
        """OTP's rule: anything but normal, shutdown and {shutdown, _}."""
        return self.kind not in _AS_PLANNED

    @classmethod
    def normal(cls) -> Exit:
        """It was done."""
        return cls(ExitKind.normal)

    @classmethod
    def shutdown(
        cls, detail: str | None = None, *, error: BaseException | str | None = None
    ) -> Exit:
        """It was told to stop; *error* says why, where a supervisor gave up."""
        return cls(ExitKind.shutdown, detail, error)

    @classmethod
    def crash(cls, error: BaseException | str) -> Exit:
        """It raised *error*."""
        return cls(ExitKind.crash, error=error)

    @classmethod
    def killed(cls) -> Exit:
        """It was abandoned after its shutdown time, or at once for brutal_kill."""
        return cls(ExitKind.killed)

    @classmethod
    def lost(cls) -> Exit:
        """Its thread is gone."""
        return cls(ExitKind.lost)

    @classmethod
    def hung(cls) -> Exit:
        """It hung and was replaced."""
        return cls(ExitKind.hung)

    def __str__(self) -> str:
        extra = [str(self.detail)] if self.detail is not None else []
        if self.error is not None:
            extra.append(shown(self.error))
        return f"{self.kind}({', '.join(extra)})" if extra else str(self.kind)
