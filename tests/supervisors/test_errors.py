"""Errors: one root, a code of its own for each, facts as attributes, words that help."""

import inspect

import pytest

from supervisors import errors
from supervisors.exit import Exit

CLASSES = [getattr(errors, name) for name in errors.__all__ if name != "Refusal"]


def test_all_have_one_root_and_codes_of_their_own():
    """The code is the anchor in docs/errors.md."""
    assert all(issubclass(cls, errors.SupervisorError) for cls in CLASSES)
    assert len({cls.code for cls in CLASSES}) == len(CLASSES)
    assert all(inspect.getdoc(cls) for cls in CLASSES)


@pytest.mark.parametrize("reason", errors.Refusal)
def test_every_refusal_says_what_to_do(reason):
    """The child's name, then the reason in a sentence."""
    error = errors.ChildError(reason, "a", incarnation=3)

    assert str(error).startswith("child 'a': ")
    assert (error.reason, error.child_id, error.incarnation) == (reason, "a", 3)


def test_a_start_error_is_a_refusal_with_a_cause():
    """Catching ChildError is enough; the cause may be an exception or words."""
    cause = OSError("no disk")
    error = errors.ChildStartError("a", cause)

    assert isinstance(error, errors.ChildError)
    assert error.reason is errors.Refusal.start_failed
    assert error.cause is error.__cause__ is cause
    assert str(error) == "child 'a' failed to start: OSError('no disk')"
    assert errors.ChildStartError("a", "no disk").__cause__ is None


def test_a_full_mailbox_gives_the_message_back():
    """The sender still owns it."""
    error = errors.MailboxFull("root/a", capacity="10 messages", message=b"x")

    assert (error.actor, error.capacity, error.message) == ("root/a", "10 messages", b"x")
    assert str(error) == "mailbox of root/a is full (10 messages)"


def test_a_start_timeout_is_a_timeout():
    """For whoever catches those."""
    error = errors.StartTimeout("a", 5.0)

    assert isinstance(error, TimeoutError)
    assert str(error) == "child 'a' had not started after 5 s"
    assert (error.child_id, error.timeout_s) == ("a", 5.0)


def test_the_restart_limit_names_the_budget_or_the_probation():
    """So that nobody raises a limit that was not the reason."""
    limit = errors.RestartLimitReached("a", intensity=3, period_s=5.0)
    probation = errors.RestartLimitReached("a", intensity=3, period_s=5.0, on_probation=True)

    assert str(limit) == "child 'a': more than 3 restarts in 5 s"
    assert str(probation) == "child 'a': failed on probation"
    assert (limit.child_id, limit.intensity, limit.period_s) == ("a", 3, 5.0)


def test_not_running_says_how_it_ended_if_that_is_known():
    """Normal ends are no mystery either."""
    assert str(errors.NotRunning("root")) == "root is not running"
    assert str(errors.NotRunning("root", Exit.normal())) == "root is not running: normal"
