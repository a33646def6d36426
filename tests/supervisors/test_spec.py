"""Specifications check themselves: OTP's words, defaults and forbidden combinations."""

from dataclasses import FrozenInstanceError
from itertools import product

import pykka
import pytest

from supervisors import Supervisor
from supervisors.core.backoff import Backoff
from supervisors.core.spec import ChildSpec, ExtraArgs, MailboxSpec, SupervisorSpec
from supervisors.core.words import BRUTAL_KILL, INFINITY, AutoShutdown, Overflow, Restart, Strategy
from supervisors.errors import ChildStartError, SpecError, SupervisorError
from supervisors.run.deterministic import DeterministicRuntime
from tests.supervisors.steered import an_actor, child


def tree(*children, **fields):
    """A supervisor spec over *children*."""
    return SupervisorSpec(children, **fields)


def as_read_from_a_file(make, **fields):
    """Made from lists and strings, which type checkers would refuse."""
    return make(**fields)


def refused(make, *args, **fields):
    """The SpecError that making it raises."""
    with pytest.raises(SpecError) as caught:
        make(*args, **fields)
    return caught.value


def test_defaults_are_those_of_otp():
    """one_for_one, 1 restart in 5 s, never; permanent, worker, insignificant, 5 s."""
    spec = SupervisorSpec()
    assert (spec.strategy, spec.intensity, spec.period_s) == (Strategy.one_for_one, 1, 5.0)
    assert spec.auto_shutdown is AutoShutdown.never

    worker = child("a")
    assert (worker.restart, worker.type, worker.significant) == (Restart.permanent, "worker", False)
    assert worker.shutdown_s == 5.0
    assert worker.mailbox == MailboxSpec()


def test_a_supervisor_is_waited_for_as_long_as_it_takes():
    """Default shutdown of type supervisor is infinity, so that no subtree is left behind."""
    assert ChildSpec("sub", SupervisorSpec(), type="supervisor").shutdown_s is INFINITY


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.5, BRUTAL_KILL, INFINITY])
def test_shutdown_times_that_otp_knows(value):
    """0 is allowed: ask, and don't wait."""
    assert child("a", shutdown_s=value).shutdown_s == value


def test_enum_members_may_be_given_by_name():
    """A TOML file has strings; what is stored is the member."""
    spec = tree(child("a", restart="transient", shutdown_s="brutal_kill"), strategy="rest_for_one")

    assert spec.strategy is Strategy.rest_for_one
    assert spec.children[0].restart is Restart.transient
    assert spec.children[0].shutdown_s is BRUTAL_KILL
    assert as_read_from_a_file(MailboxSpec, overflow="block").overflow is Overflow.block


def test_specs_can_not_be_changed():
    """Neither the fields, nor the list or the mapping that they were made from."""
    kwargs = {"x": 1}
    children = [child("b")]
    spec = child("a", args=[1], kwargs=kwargs)
    parent = as_read_from_a_file(SupervisorSpec, children=children)
    kwargs["x"] = 2
    children.clear()

    assert spec.kwargs == {"x": 1}
    assert spec.args == (1,)
    assert len(parent.children) == 1
    with pytest.raises(TypeError):
        spec.kwargs["x"] = 3
    with pytest.raises(FrozenInstanceError):
        spec.id = "b"


def test_specs_are_values():
    """Equal if all is equal, and usable as keys even when their arguments aren't."""
    one, other = (
        child("a", args=([1],), kwargs={"x": {}}),
        child("a", args=([1],), kwargs={"x": {}}),
    )

    assert one == other
    assert len({tree(one), tree(other)}) == 1
    assert child("a", kwargs={"x": 1}) != child("a", kwargs={"x": 2})


@pytest.mark.parametrize(
    ("fields", "field", "allowed"),
    [
        ({"id": ""}, "ChildSpec.id", "a non-empty string"),
        ({"id": 7}, "ChildSpec.id", "a non-empty string"),
        ({"start": "not callable"}, "a.start", "an actor class"),
        ({"start": SupervisorSpec()}, "a.start", "an actor class"),
        ({"type": "supervisor"}, "a.start", "a SupervisorSpec"),
        ({"type": "manager"}, "a.type", "'worker' or 'supervisor'"),
        ({"args": "abc"}, "a.args", "a list or tuple"),
        ({"kwargs": [1]}, "a.kwargs", "a mapping"),
        ({"kwargs": {1: 2}}, "a.kwargs", "str keys"),
        ({"restart": "sometimes"}, "a.restart", "permanent, transient, temporary"),
        ({"restart": None}, "a.restart", "permanent, transient, temporary"),
        ({"shutdown_s": -1}, "a.shutdown_s", ">= 0, BRUTAL_KILL or INFINITY"),
        ({"shutdown_s": float("inf")}, "a.shutdown_s", "INFINITY"),
        ({"shutdown_s": True}, "a.shutdown_s", "INFINITY"),
        ({"shutdown_s": "forever"}, "a.shutdown_s", "INFINITY"),
        ({"significant": 1}, "a.significant", "True or False"),
        ({"mailbox": 10}, "a.mailbox", "a MailboxSpec"),
        ({"dispatcher": ""}, "a.dispatcher", "a non-empty string"),
        ({"start_timeout_s": 0}, "a.start_timeout_s", "a finite number > 0"),
        ({"hang_after_s": -1.0}, "a.hang_after_s", "a finite number > 0"),
        ({"redeliver": -1}, "a.redeliver", "a whole number >= 0"),
        ({"redeliver": 2**40 + 1}, "a.redeliver", "a whole number <= 1099511627776"),
        ({"redeliver": 10**500}, "a.redeliver", "a whole number <= 1099511627776"),
        ({"ask_errors": "ignore"}, "a.ask_errors", "'reply' or 'reply_and_crash'"),
    ],
)
def test_a_wrong_child_spec_is_refused(fields, field, allowed):
    """The error names field and value, and says what is allowed."""
    error = refused(ChildSpec, **{"id": "a", "start": an_actor} | fields)

    assert error.field == field
    assert allowed in error.allowed
    assert repr(error.value) in str(error)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"strategy": "one_for_two"}, "strategy"),
        ({"intensity": -1}, "intensity"),
        ({"intensity": 1.5}, "intensity"),
        ({"intensity": True}, "intensity"),
        ({"period_s": 0}, "period_s"),
        ({"period_s": INFINITY}, "period_s"),
        ({"period_s": float("nan")}, "period_s"),
        ({"auto_shutdown": "always"}, "auto_shutdown"),
        ({"children": child("a")}, "children"),
        ({"children": ["a"]}, "children"),
        ({"children": [child("a"), child("a")]}, "children"),
        ({"backoff": 1.0}, "backoff"),
        ({"count_progress": 1}, "count_progress"),
        ({"on_intensity": "explode"}, "on_intensity"),
        ({"probe_min_s": 0}, "probe_min_s"),
        ({"probe_min_s": 9.0, "probe_max_s": 8.0}, "probe_max_s"),
        ({"probe_max_s": float("nan")}, "probe_max_s"),
        ({"strategy": "simple_one_for_one"}, "children"),
        ({"strategy": "simple_one_for_one", "children": [child("a"), child("b")]}, "children"),
    ],
)
def test_a_wrong_supervisor_spec_is_refused(fields, field):
    """The error names the field."""
    assert refused(SupervisorSpec, **fields).field == field


@pytest.mark.parametrize(
    ("restart", "significant", "auto_shutdown", "strategy"),
    list(product(Restart, (True, False), AutoShutdown, Strategy)),
)
def test_every_combination_is_allowed_as_in_otp(restart, significant, auto_shutdown, strategy):
    """Forbidden: significant and permanent; significant and never; auto_shutdown and simple."""
    forbidden = (
        (significant and restart is Restart.permanent)
        or (significant and auto_shutdown is AutoShutdown.never)
        or (strategy is Strategy.simple_one_for_one and auto_shutdown is not AutoShutdown.never)
    )

    def make():
        one = child("a", restart=restart, significant=significant)
        return tree(one, strategy=strategy, auto_shutdown=auto_shutdown)

    if forbidden:
        assert "bad_combination" in str(refused(make))
    else:
        assert make().children[0].restart is restart


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"max_items": 0}, "max_items"),
        ({"max_items": 1.5}, "max_items"),
        ({"max_bytes": -1}, "max_bytes"),
        ({"batch_max_items": 0}, "batch_max_items"),
        ({"batch_max_items": 1, "batch_max_bytes": 0}, "batch_max_bytes"),
        ({"linger_s": -0.1, "batch_max_items": 1}, "linger_s"),
        ({"linger_s": 0.1}, "linger_s"),
        ({"batch_max_bytes": 10}, "batch_max_bytes"),
        ({"overflow": "explode"}, "overflow"),
    ],
)
def test_a_wrong_mailbox_spec_is_refused(fields, field):
    """Among them what shapes batches, where there are none."""
    assert refused(MailboxSpec, **fields).field == f"MailboxSpec.{field}"


def test_a_coalescing_mailbox_has_limits_and_a_linger():
    """What shapes a batch goes with batch_max_items."""
    spec = MailboxSpec(linger_s=0.1, batch_max_items=512, batch_max_bytes=1 << 20)

    assert (spec.linger_s, spec.batch_max_items, spec.batch_max_bytes) == (0.1, 512, 1 << 20)


def test_extra_args_are_checked_too():
    """A lone string is a mistake, not five arguments."""
    assert as_read_from_a_file(ExtraArgs, args=[1, 2]).args == (1, 2)
    assert refused(ExtraArgs, "hello").field == "ExtraArgs.args"
    assert refused(ExtraArgs, label="").field == "ExtraArgs.label"


def test_a_spec_error_is_a_value_error_and_ours():
    """Whoever catches either gets it."""
    error = refused(SupervisorSpec, intensity=-1)

    assert isinstance(error, ValueError)
    assert isinstance(error, SupervisorError)
    assert str(error) == "intensity = -1: must be a whole number >= 0"


def test_a_spec_error_says_where_the_boundary_belongs():
    """Greater than 0, or at least 0."""
    assert refused(SupervisorSpec, period_s=0).allowed == "a finite number > 0"
    assert refused(Backoff, min_s=-1).allowed == "a finite number >= 0"
    assert SupervisorSpec(probe_min_s=2.0, probe_max_s=2.0).probe_max_s == 2.0


def test_a_budget_that_no_child_can_exceed_is_worth_a_warning():
    """3 in 5 s, and back-offs of 2, 4 and 8 s: a child that never works would restart for ever."""
    slow = SupervisorSpec(intensity=3, backoff=Backoff(min_s=1.0, jitter=0.0))
    (warning,) = slow.warnings()

    assert "intensity 3 in period_s 5" in warning
    assert SupervisorSpec(intensity=3).warnings() == ()


def test_only_a_simple_supervisor_has_a_template():
    """The template is a spec to make children from, not a child."""
    one = child("a")

    assert tree(one, strategy="simple_one_for_one").template is one
    assert tree(one).template is None


def test_an_actor_of_pykkas_own_is_refused_with_what_to_do():
    """Nobody would hear of its end."""

    class Plain(pykka.ThreadingActor):
        pass

    error = refused(ChildSpec, "a", Plain)

    assert (error.field, error.value) == ("a.start", Plain)
    assert "a subclass of supervisors.SupervisedActor" in str(error)


@pytest.mark.parametrize("start", [dict, an_actor])
def test_what_is_no_actor_class_does_not_start_and_is_told_the_same(start):
    """It may be known only then: a spec takes what can be called."""
    runtime = DeterministicRuntime()
    with pytest.raises(ChildStartError) as caught:
        Supervisor.start(SupervisorSpec([ChildSpec("a", start)]), runtime=runtime)

    assert isinstance(caught.value.cause, SpecError)
    assert "a subclass of supervisors.SupervisedActor" in str(caught.value.cause)
