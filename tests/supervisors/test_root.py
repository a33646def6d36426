"""A tree from outside, with real threads: requests, refusals, and an end that lets all go."""

import threading
from typing import Any

import pytest

from supervisors import (
    INFINITY,
    Backoff,
    ChildInfo,
    ChildSpec,
    Exit,
    ExitKind,
    ExtraArgs,
    OneLife,
    Strategy,
    Supervisor,
    SupervisorSpec,
)
from supervisors.errors import (
    ChildError,
    ChildStartError,
    NotRunning,
    RestartLimitReached,
    SpecError,
    SupervisorError,
)
from supervisors.run.deterministic import DeterministicRuntime
from supervisors.testing import crash, end_thread, settle
from tests.supervisors.live import WITHIN_S, Ears, Obedient, Wait, child, inner, tree_of


@pytest.fixture
def tree():
    """Start trees with real threads; stop them when the test ends."""
    trees = []

    def start(*children, **flags):
        trees.append(tree_of(*children, **flags))
        return trees[-1]

    yield start
    for one in trees:
        assert one.stop(WITHIN_S)
        assert not one.is_alive()
        assert one.runtime.slots == {}


def reason(call, *args):
    """Why it says no."""
    with pytest.raises(ChildError) as caught:
        call(*args)
    return str(caught.value.reason)


# -- requests -------------------------------------------------------------------------------------


def test_the_whole_protocol(tree):
    """Start, look, terminate, restart, delete, with OTP's refusals."""
    one = tree(child("a"))
    started = one.start_child(child("b"))
    assert started == ChildInfo("b", one.child("b"), "running", "worker", 1, 1)
    assert [info.id for info in one.which_children()] == ["b", "a"]
    assert one.which_child("b") == started
    assert reason(one.start_child, child("b")) == "already_started"

    one.terminate_child("b")
    assert one.which_child("b").state == "stopped"
    assert reason(one.start_child, child("b")) == "already_present"
    again = one.restart_child("b")
    assert (again.incarnation, again.starts) == (2, 2)
    assert reason(one.restart_child, "b") == "running"
    assert reason(one.delete_child, "b") == "running"
    one.terminate_child("b")
    one.delete_child("b")

    counts = one.count_children()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (1, 1, 0, 1)
    for op in (one.terminate_child, one.restart_child, one.delete_child, one.which_child):
        assert reason(op, "b") == "not_found"
    assert one.get_child_spec("a") == child("a")


def test_one_life_can_be_meant_and_no_later_one(tree):
    """Who means the life that crashed does not stop the one that has come instead."""
    one = tree(child("c"))
    life = one.which_child("c").life
    assert life == OneLife("c", 1)
    crash(one.child("c"), ValueError("now"))
    settle(one.child("c"))

    one.terminate_child(life)
    assert one.which_child("c").state == "running"
    one.terminate_child(one.which_child("c").life)
    assert one.which_child("c").state == "stopped"


def test_dynamic_children_are_made_from_the_template(tree):
    """With arguments of their own, under a label of their own or a made-up one."""
    got = []
    one = tree(child("t"), strategy="simple_one_for_one")
    infos = [one.start_child(ExtraArgs()), one.start_child(ExtraArgs(label="mine"))]

    assert [info.id for info in infos] == ["t-1", "mine"]
    assert one.child("mine").ask("hello", timeout=WITHIN_S) == "hello"
    assert reason(one.restart_child, "t") == "simple_one_for_one"
    with pytest.raises(SpecError):
        one.start_child(child("x", got))


def test_a_child_that_is_a_supervisor_can_be_asked_itself(tree):
    """By an address of the same kind; a worker can't, nor can nobody."""
    one = tree(inner("in", child("a")), child("w"))
    below = one.supervisor("in")

    assert repr(below) == "<SupervisorRef root/in>"
    assert [info.id for info in below.which_children()] == ["a"]
    assert below.child("a").ask(1, timeout=WITHIN_S) == 1
    for nobody in ("w", "x"):
        with pytest.raises(KeyError):
            one.supervisor(nobody)
    with pytest.raises(KeyError):
        one.child("x")


def test_an_address_is_there_before_and_after_and_ends_with_the_spec(tree):
    one = tree(child("c"))
    ref = one.child("c")
    one.terminate_child("c")
    assert one.child("c") is ref
    assert ref.is_alive()

    one.delete_child("c")
    assert not ref.is_alive()
    with pytest.raises(KeyError):
        one.child("c")


def test_reload_changes_flags_at_once_and_children_at_their_next_start(tree):
    got = []
    one = tree(child("c"), intensity=0)
    one.reload(SupervisorSpec((child("c", got), child("new")), intensity=5))
    assert [info.state for info in one.which_children()] == ["stopped", "running"]
    one.child("c").ask("not noted", timeout=WITHIN_S)
    crash(one.child("c"), ValueError("with the old intensity that was the end"))
    one.child("c").ask("noted", timeout=WITHIN_S)

    assert got == ["noted"]
    with pytest.raises(SpecError):
        one.reload("faulty")
    with pytest.raises(SpecError):
        one.reload(SupervisorSpec((child("c"),), Strategy.simple_one_for_one))


def test_events_are_heard_until_one_has_heard_enough(tree):
    heard = []
    one = tree(child("c"))
    unsubscribe = one.subscribe(heard.append)
    one.terminate_child("c")
    unsubscribe()
    unsubscribe()
    one.restart_child("c")

    assert [(event.kind, event.path) for event in heard] == [("down", "c")]


def test_many_threads_may_ask_at_once(tree):
    """Everybody gets an answer of their own."""
    one = tree(child("c"))
    started = []

    def add(who):
        for n in range(20):
            started.append(one.start_child(child(f"{who}-{n}")).id)
            one.count_children()

    askers = [threading.Thread(target=add, args=(who,)) for who in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(WITHIN_S)

    assert len(set(started)) == 80
    assert one.count_children().active == 81


# -- starts that fail -----------------------------------------------------------------------------


def test_a_tree_that_does_not_come_up_is_rolled_back(tree):
    """The error names the child and has its cause; those before it are stopped again."""
    got = []

    class Noted(Obedient):
        def on_stop(self):
            got.append("stopped")

    before = ChildSpec("before", Noted)
    with pytest.raises(ChildStartError) as caught:
        tree(before, inner("in", child("bad", starting=ValueError("no"))))

    assert caught.value.child_id == "in"
    assert caught.value.cause.child_id == "bad"
    assert isinstance(caught.value.cause.cause, ValueError)
    assert got == ["stopped"]


def test_what_is_no_specification_never_starts_anything():
    nothing: Any = {"children": []}
    with pytest.raises(SpecError):
        Supervisor.start(nothing)


# -- the end --------------------------------------------------------------------------------------

REQUESTS = [
    lambda one: one.which_children(),
    lambda one: one.which_child("c"),
    lambda one: one.count_children(),
    lambda one: one.get_child_spec("c"),
    lambda one: one.start_child(child("new")),
    lambda one: one.terminate_child("c"),
    lambda one: one.restart_child("c"),
    lambda one: one.delete_child("c"),
    lambda one: one.reload(SupervisorSpec()),
]


def refuses_all(one):
    for request in REQUESTS:
        with pytest.raises(NotRunning):
            request(one)


def test_after_the_stop_all_requests_are_turned_away(tree):
    one = tree(child("c"))
    assert one.stop(WITHIN_S)

    assert one.exit == Exit.shutdown()
    refuses_all(one)
    assert one.stop(WITHIN_S)


@pytest.mark.parametrize("look", ["child", "supervisor"])
def test_an_address_of_a_tree_that_has_ended_is_refused_with_how_it_ended(look):
    tree = tree_of(child("c"), inner("inner"))
    inside = tree.supervisor("inner")
    assert tree.stop(WITHIN_S)

    for ref in (tree, inside):
        with pytest.raises(NotRunning, match=r"is not running: shutdown") as caught:
            getattr(ref, look)("c")
        assert caught.value.exit == Exit.shutdown()


@pytest.mark.parametrize("look", ["child", "supervisor"])
def test_one_that_is_not_there_is_refused_with_those_that_are(tree, look):
    up = tree(child("c"), inner("inner"))

    with pytest.raises(KeyError, match="no child 'a' of root; there are: c, inner"):
        getattr(up, look)("a")
    with pytest.raises(KeyError, match="no child 'a' of root/inner; there are: none"):
        getattr(up.supervisor("inner"), look)("a")


def test_a_tree_that_gives_up_says_so_and_turns_all_requests_away(tree):
    """Nobody has called ``stop``; nobody has to, for requests not to hang."""
    one = tree(child("c"), intensity=0)
    ears = Ears(one.runtime)
    ref = one.child("c")
    crash(ref, ValueError("one too many"))
    ears.wait_for("finished")

    refuses_all(one)
    assert one.exit.kind is ExitKind.shutdown
    assert isinstance(one.exit.error, RestartLimitReached)
    assert not one.is_alive()
    assert not ref.is_alive()


def test_a_nested_supervisor_that_is_stopped_turns_requests_away_until_it_runs_again(tree):
    """Its address is the same one then."""
    one = tree(inner("in", child("c")))
    below = one.supervisor("in")
    one.terminate_child("in")
    refuses_all(below)
    assert len(one.child("in")._slot.mailbox) == 0

    one.restart_child("in")
    assert below.which_child("c").state == "running"


def test_a_request_that_was_turned_away_is_not_carried_out_by_a_later_life(monkeypatch):
    """The supervisor ends just when the request is on its way to it."""
    steps = DeterministicRuntime()
    backoff = Backoff(min_s=10.0, max_s=10.0, jitter=0.0)
    one = tree_of(inner("in"), runtime=steps, backoff=backoff)
    below, ref = one.supervisor("in"), one.child("in")
    tell = ref.tell

    def too_late(message):
        end_thread(ref)
        steps.run_until_idle()
        tell(message)

    monkeypatch.setattr(ref, "tell", too_late)
    with pytest.raises(NotRunning):
        below.start_child(child("c"))
    monkeypatch.undo()
    steps.advance(10.0)

    assert below.which_children() == []
    assert one.stop(WITHIN_S)


def test_a_request_leaves_nothing_behind(tree):
    """However many there are: what is answered is forgotten."""
    one = tree(child("c"))
    for _ in range(10):
        one.count_children()
    with pytest.raises(ChildError):
        one.restart_child("c")

    assert one.runtime.slots["root",].current.actor._asked == {}


def test_requests_that_wait_when_the_end_comes_are_turned_away(tree):
    """Those in the supervisor's hands as well as those that it has not seen yet."""
    wait = Wait()
    one = tree(child("c", starting=None), intensity=0)
    answers = []

    class Slow(Obedient):
        def on_stop(self):
            wait()

    one.start_child(ChildSpec("slow", Slow, shutdown_s=INFINITY))
    crash(one.child("c"), ValueError("one too many"))
    assert wait.came.wait(WITHIN_S)  # it is stopping, and takes its time
    asked = [one._request("count_children") for _ in range(10)]
    wait.go()
    for answer in asked:
        with pytest.raises(NotRunning):
            answers.append(answer.get(timeout=WITHIN_S))

    assert answers == []


def test_requests_in_the_hands_of_a_supervisor_that_is_lost_are_answered(tree):
    """Its thread is gone while it waits for a child to start: the asker hears of it."""
    wait = Wait()
    one = tree(inner("in"))
    below = one.supervisor("in")
    starting = below._request("start_child", child("slow", starting=wait))
    assert wait.came.wait(WITHIN_S)
    behind = below._request("count_children")
    end_thread(one.child("in"))

    for answer in (starting, behind):
        with pytest.raises(NotRunning):
            answer.get(timeout=WITHIN_S)
    wait.go()
    settle(one.child("in"), within_s=WITHIN_S)  # in its next life
    assert below.count_children().specs == 0


def test_a_root_whose_thread_is_gone_turns_requests_away_and_leaves_no_child(tree):
    one = tree(child("c"), inner("in", child("d")))
    slots = list(one.runtime.slots.values())
    end_thread(one.runtime.slots["root",].ref)

    refused = None
    while refused is None:
        try:
            one.count_children()
        except NotRunning as error:
            refused = error
    assert one.exit == Exit.lost()
    assert all(slot.current.finished and slot.ended for slot in slots)


def test_nobody_who_asks_while_a_tree_ends_is_left_waiting(tree):
    """Each request is carried out or turned away, however the two race."""
    outcomes: list[Any] = []
    for _ in range(20):
        one = tree(child("c"), inner("in", child("d")), intensity=0)
        ready = threading.Barrier(4)

        def ask(target, ready=ready):
            ready.wait(WITHIN_S)
            try:
                while True:
                    target.count_children()
            except NotRunning:
                outcomes.append("turned away")
            except BaseException as error:  # noqa: BLE001 -- whatever else it is, it is wrong
                outcomes.append(error)

        targets = [one, one, one.supervisor("in")]
        askers = [threading.Thread(target=ask, args=(target,)) for target in targets]
        for asker in askers:
            asker.start()
        ready.wait(WITHIN_S)
        crash(one.child("c"), ValueError("one too many"))
        for asker in askers:
            asker.join(WITHIN_S)

    assert outcomes == ["turned away"] * 60


def test_two_may_stop_a_tree_at_once(tree):
    """Both are told when it has ended, and neither waits longer than that."""
    one = tree(child("c"))
    stopped = []
    stoppers = [threading.Thread(target=lambda: stopped.append(one.stop(60.0))) for _ in range(4)]
    for stopper in stoppers:
        stopper.start()
    for stopper in stoppers:
        stopper.join(WITHIN_S)

    assert stopped == [True] * 4


def test_a_stop_that_takes_too_long_says_so():
    """What hangs is left behind; its address has ended all the same, and so have all others.

    Threads that do not hang go, even if their turn to be stopped had not come.
    """
    wait = Wait()
    one = tree_of(child("idle"), child("c", shutdown_s=INFINITY))
    ref = one.child("c")
    ref.tell(wait)
    assert wait.came.wait(WITHIN_S)

    assert not one.stop(0.02)
    assert not ref.is_alive()
    wait.go()


def test_errors_of_requests_have_one_base(tree):
    one = tree(child("c"))

    with pytest.raises(SupervisorError):
        one.terminate_child("x")
    one.stop(WITHIN_S)
    with pytest.raises(NotRunning) as caught:
        one.terminate_child("x")
    assert caught.value.exit == Exit.shutdown()
    assert isinstance(caught.value, SupervisorError)
    assert repr(one) == "<SupervisorRef root>"


def test_who_starts_a_child_that_ends_at_once_has_its_address():
    """What is said of it may be read when the supervisor has long forgotten it."""
    steps = DeterministicRuntime()
    tree = tree_of(runtime=steps)
    brief = child(
        "c", restart="temporary", starting=lambda: steps.slots["root", "c"].ref.stop(block=False)
    )
    with steps.suspended(steps.slots["root",].ref):
        answer = tree._request("start_child", brief)
    steps.run_until_idle()
    tree._request = lambda *_: answer
    info = tree.start_child(brief)

    assert ("root", "c") not in steps.slots
    assert info.ref is not None
    assert not info.ref.is_alive()
    del tree._request
    tree.stop()
