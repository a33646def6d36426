"""OTP's rules about one child: is it restarted, who else is, was its stop a clean one.

Part of the pure core, and the part to read beside ``docs/supervision.md``. Nothing
here has a state; `core` asks, and carries out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from supervisors.core.words import AutoShutdown, Restart, Shutdown, Strategy
from supervisors.exit import Exit, ExitKind

if TYPE_CHECKING:
    from supervisors.core._children import Child, Children
    from supervisors.core.spec import ChildSpec, SupervisorSpec


class Verdict(NamedTuple):
    """What follows from the end of a child."""

    restart: bool
    """Start it again; if not, it has ended for good."""
    report: bool
    """The end is worth a ``child_terminated`` report."""


def judge(restart: Restart, ended: Exit) -> Verdict:
    """Whether a child that ended by itself is restarted, and whether that is reported.

    >>> from supervisors.exit import Exit
    >>> judge(Restart.transient, Exit.normal()), judge(Restart.permanent, Exit.normal())
    (Verdict(restart=False, report=False), Verdict(restart=True, report=True))
    """
    if restart is Restart.permanent:
        return Verdict(restart=True, report=True)
    if not ended.abnormal:
        return Verdict(restart=False, report=False)
    return Verdict(restart=restart is Restart.transient, report=True)


def ends_supervisor(spec: SupervisorSpec, child: Child, children: Children) -> bool:
    """Whether auto_shutdown applies now that *child* has ended for good.

    Only for an end of its own: a child stopped by hand or by a sibling's
    restart never ends the supervisor.
    """
    if not child.spec.significant or spec.auto_shutdown is AutoShutdown.never:
        return False
    return spec.auto_shutdown is AutoShutdown.any_significant or not children.any_significant()


def group_of(strategy: Strategy, child: Child, children: Children) -> list[Child]:
    """Who is stopped and started when *child* is restarted, in start order, itself included."""
    if strategy is Strategy.one_for_all:
        return list(children)
    if strategy is Strategy.rest_for_one:
        return children.from_on(child)
    return [child]


def was_clean(spec: ChildSpec, ended: Exit) -> bool:
    """Whether a child that was being stopped ended as expected; if not, it is a shutdown_error.

    A permanent child is expected to end of ``shutdown`` (``killed`` for
    brutal_kill) and nothing else, even when it was quicker than the stop.
    """
    if spec.shutdown_s is Shutdown.brutal_kill:
        expected = ended.kind is ExitKind.killed
    else:
        expected = ended.kind is ExitKind.shutdown and ended.detail is None
    return expected or (spec.restart is not Restart.permanent and not ended.abnormal)
