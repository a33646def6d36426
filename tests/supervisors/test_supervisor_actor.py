"""The supervisor as an actor: it carries out what the core decides, and leaves nobody behind."""

import threading

import pykka
import pytest

from supervisors import (
    BRUTAL_KILL,
    TICK,
    Backoff,
    ChildSpec,
    Exit,
    ExitKind,
    ExtraArgs,
    MailboxSpec,
    Overflow,
    Revoked,
    Runtime,
    SupervisedActor,
)
from supervisors.errors import (
    ChildStartError,
    MailboxFull,
    NotRunning,
    StartTimeout,
    TooManyAbandoned,
)
from supervisors.run.deterministic import DeterministicRuntime
from supervisors.testing import crash, end_thread, settle
from tests.supervisors.live import WITHIN_S, Ears, Obedient, Wait, child, inner, tree_of


@pytest.fixture
def got():
    return []


@pytest.fixture
def steps():
    """A runtime on the test's own thread."""
    return DeterministicRuntime()


@pytest.fixture
def stepped(steps):
    """Start trees in virtual time."""
    trees = []

    def start(*children, **flags):
        trees.append(tree_of(*children, runtime=steps, **flags))
        return trees[-1]

    yield start
    for tree in trees:
        assert tree.stop(3600.0)
    assert not steps._living


@pytest.fixture
def threaded():
    """Start trees with real threads."""
    trees = []

    def start(*children, runtime=None, **flags):
        trees.append(tree_of(*children, runtime=runtime, **flags))
        return trees[-1]

    yield start
    for tree in trees:
        assert tree.stop(WITHIN_S)


@pytest.fixture
def a_wait(threaded):
    """Something that takes until the test lets it go, or ends."""
    waits = []

    def make():
        waits.append(Wait())
        return waits[-1]

    yield make
    for wait in waits:
        wait.go()


@pytest.fixture
def stuck(a_wait):
    """Make an actor hang."""

    def hang(ref):
        wait = a_wait()
        ref.tell(wait)
        assert wait.came.wait(WITHIN_S)
        return wait

    return hang


# -- starting -------------------------------------------------------------------------------------


def test_a_start_that_takes_too_long_has_failed(threaded, a_wait, got):
    """Its thread is left behind, and should it come back it finds nobody to tell."""
    wait = a_wait()
    tree = threaded()
    slow = child("slow", got, starting=wait, start_timeout_s=0.02)

    with pytest.raises(ChildStartError) as caught:
        tree.start_child(slow)

    assert isinstance(caught.value.cause, StartTimeout)
    assert tree.which_children() == []
    assert tree.runtime.left_behind.now() == 1
    wait.go()
    _wait_until_none_is_stuck(tree.runtime)
    assert tree.which_children() == []


def _wait_until_none_is_stuck(runtime):
    for thread in list(runtime.left_behind.threads):
        thread.join(WITHIN_S)
    assert runtime.left_behind.now() == 0


def test_a_nested_supervisor_whose_child_hangs_in_its_start_is_too_late_as_well(threaded, a_wait):
    """Its own ``on_start`` is over at once; what counts is that its children are up."""
    wait = a_wait()
    tree = threaded()

    with pytest.raises(ChildStartError) as caught:
        tree.start_child(inner("inner", child("slow", starting=wait), start_timeout_s=0.02))

    assert isinstance(caught.value.cause, StartTimeout)
    assert tree.which_children() == []


def test_a_start_in_time_stops_the_clock(stepped, steps):
    """The time-out of a start says nothing about the life that follows."""
    tree = stepped(child(start_timeout_s=1.0), inner("inner", child("d"), start_timeout_s=1.0))

    steps.advance(10.0)

    assert [one.state for one in tree.which_children()] == ["running", "running"]


def test_a_child_may_choose_not_to_run(stepped):
    """``ignore`` in ``on_start`` is no failure and costs no budget."""
    tree = stepped(child("c", starting="ignore"), child("d"), intensity=0)
    ears = Ears(tree.runtime)

    assert [one.state for one in tree.which_children()] == ["running", "stopped"]
    tree.restart_child("c")
    assert ears.heard == ["ignored c"]


def test_a_record_of_a_start_says_how_it_went(stepped):
    """``up`` is told of those that are up, and of nobody else."""
    tree = stepped()
    ears = Ears(tree.runtime)

    tree.start_child(child("good"))
    with pytest.raises(ChildStartError):
        tree.start_child(child("bad", starting=ValueError("no")))

    assert ears.heard == ["up good", "failed bad"]


# -- brutal kill: abandon, and fence --------------------------------------------------------------


class Late(Obedient):
    """Comes back from a hang, and looks whether it is still wanted."""

    def on_receive(self, message):
        answer = super().on_receive(message)
        try:
            self.check_revoked()
        except Revoked:
            self._got.append("revoked")
            raise
        return answer


def test_a_killed_child_is_left_behind_and_what_it_still_does_reaches_nobody(threaded, stuck, got):
    """The next incarnation goes on with the backlog while the old one still hangs."""
    tree = threaded(ChildSpec("c", Late, args=(got,), shutdown_s=BRUTAL_KILL))
    ref = tree.child("c")
    wait = stuck(ref)
    ref.tell("behind it")

    tree.terminate_child("c")
    assert tree.runtime.left_behind.now() == tree.runtime.left_behind.in_all == 1
    assert tree.which_child("c").state == "stopped"
    life = tree.restart_child("c")
    settle(ref)
    assert got[1:] == ["behind it"]

    wait.go()
    _wait_until_none_is_stuck(tree.runtime)
    assert got[2:] == ["revoked"]
    assert tree.which_child("c") == life
    assert str(ref._slot.last_exit) == "killed"


class StopsItself(Obedient):
    """Ends after what it has been told to do."""

    def on_receive(self, message):
        answer = super().on_receive(message)
        if callable(message):
            self.stop()
        return answer


def test_a_killed_child_that_comes_back_and_stops_itself_stops_nobody_else(threaded, stuck):
    """The stop names its own life, and that is over."""
    tree = threaded(ChildSpec("c", StopsItself, shutdown_s=BRUTAL_KILL))
    ref = tree.child("c")
    wait = stuck(ref)
    tree.terminate_child("c")
    life = tree.restart_child("c")

    wait.go()
    _wait_until_none_is_stuck(tree.runtime)

    assert ref.ask("still the same?", timeout=WITHIN_S) == "still the same?"
    assert tree.which_child("c") == life


def test_a_child_that_is_killed_while_it_waits_leaves_no_thread(threaded):
    """It is woken, finds that it is no longer wanted, and goes; nothing is stuck."""
    names = [f"c{n}" for n in range(40)]
    children = [child(name, shutdown_s=BRUTAL_KILL) for name in names]
    tree = threaded(*children, strategy="one_for_all")
    before = threading.active_count()

    crash(tree.child("c0"), ValueError("all are killed and started again"))
    settle(tree.child("c0"), within_s=WITHIN_S)
    settle(tree.child("c39"), within_s=WITHIN_S)

    assert tree.runtime.left_behind.in_all == 0
    for name in names:
        tree.terminate_child(name)
    assert tree.runtime.left_behind.now() == 0
    _threads_are_at_most(before - len(names))


def _threads_are_at_most(count):
    breath = threading.Event()
    for _ in range(1000):
        if _of_the_tree() <= count:
            return
        breath.wait(0.005)
    assert _of_the_tree() <= count


def _of_the_tree():
    """Without the one that tells of crashes."""
    names = [thread.name for thread in threading.enumerate()]
    return len([name for name in names if name != "supervisors-reports"])


def test_too_many_abandoned_threads_and_nothing_is_started_any_more(threaded, stuck):
    """One more might be the next to hang. It goes on when enough of them have come back."""
    runtime = Runtime(max_abandoned=2)
    names = ["a", "b", "c"]
    tree = threaded(*(child(name, shutdown_s=BRUTAL_KILL) for name in names), runtime=runtime)
    waits = [stuck(tree.child(name)) for name in names[:2]]
    for name in names:
        tree.terminate_child(name)

    with pytest.raises(ChildStartError) as caught:
        tree.restart_child("c")
    assert isinstance(caught.value.cause, TooManyAbandoned)
    assert caught.value.cause.stuck == 2

    waits[0].go()
    runtime.left_behind.threads[0].join(WITHIN_S)
    assert tree.restart_child("c").state == "running"


def test_a_child_that_does_not_stop_in_time_is_killed(stepped, steps):
    """Not before its time, and not after."""
    tree = stepped(child("c", shutdown_s=3.0))
    steps.suspend(tree.child("c"))

    tree.terminate_child("c")

    assert steps.clock.now_s() == 3.0
    assert tree.child("c")._slot.last_exit.kind is ExitKind.killed


# -- nobody is left behind ------------------------------------------------------------------------


def kill_it(tree):
    tree.terminate_child("inner")


def lose_it(tree):
    end_thread(tree.runtime.slots["root", "inner"].ref)


def break_it(tree):
    crash(tree.runtime.slots["root", "inner"].ref, RuntimeError("a fault of the supervisor"))


FAMILY = ["inner", "inner/a", "inner/deep", "inner/deep/b"]


@pytest.mark.parametrize("how", [kill_it, lose_it, break_it])
def test_a_supervisor_that_ends_out_of_order_leaves_no_orphan(stepped, steps, how):
    """All below it are abandoned, whatever it ended of, before it is started again."""
    deep = inner("deep", child("b"))
    tree = stepped(inner("inner", child("a"), deep, shutdown_s=BRUTAL_KILL))
    slots = [tree.runtime.slots["root", *path.split("/")] for path in FAMILY]
    before = [slot.current for slot in slots]

    how(tree)
    steps.run_until_idle()
    if how is kill_it:
        tree.restart_child("inner")

    assert all(life.finished for life in before)
    assert [slot.last_exit.kind for slot in slots[1:]] == [ExitKind.killed] * 3
    assert all(slot.current.started and not slot.current.finished for slot in slots)
    assert not steps._living & set(before)
    assert [one.state for one in tree.supervisor("inner").which_children()] == ["running"] * 2


def test_what_an_earlier_life_of_a_supervisor_is_still_told_is_not_taken_for_news(stepped, steps):
    """Numbers of incarnations go on over lives, so a late end can't be the new child's."""
    tree = stepped(inner("inner", child("a"), shutdown_s=BRUTAL_KILL))
    lives = []
    for _ in range(3):
        lives.append(tree.supervisor("inner").which_child("a").life)
        lose_it(tree)
        steps.run_until_idle()

    assert len(set(lives)) == 3
    assert tree.supervisor("inner").which_child("a").state == "running"
    assert tree.supervisor("inner").which_child("a").starts == 1


def test_a_root_whose_thread_is_gone_leaves_nobody_either(stepped, steps, got):
    """There is nobody above it: the tree has ended, and says so to whoever asks."""
    tree = stepped(child("a", got), inner("inner", child("b")))
    ref = tree.child("a")
    end_thread(steps.slots["root",].ref)
    steps.run_until_idle()

    assert tree.exit == Exit.lost()
    assert not tree.is_alive()
    with pytest.raises(NotRunning):
        tree.which_children()
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("anybody there?")


def test_children_that_were_added_to_an_earlier_life_end_with_it(stepped, steps):
    """An address that nobody will fill again does not collect messages for ever."""
    tree = stepped(inner("inner", child("a")))
    added = tree.supervisor("inner").start_child(child("added")).ref
    kept = tree.supervisor("inner").child("a")

    break_it(tree)
    steps.run_until_idle()

    assert not added.is_alive()
    assert kept.is_alive()
    added.tell("too late")
    assert [letter.path for letter in steps.dead_letters.list()] == ["inner/added"]


def test_stopping_a_supervisor_by_its_address_stops_its_children_first(stepped, steps):
    """Pykka's ``stop()`` is a normal end: of a transient one, for good."""
    tree = stepped(inner("inner", child("a"), child("b"), restart="transient"))
    ears = Ears(steps)

    assert tree.runtime.slots["root", "inner"].ref.stop(timeout=WITHIN_S)
    steps.run_until_idle()

    assert ears.heard == [
        "down inner/b shutdown",
        "down inner/a shutdown",
        "finished inner",
        "down inner normal",
    ]


def test_what_is_no_business_of_a_supervisor_is_noted_and_passed_over(stepped, steps):
    """A stray message is neither an event nor the end of it."""
    tree = stepped(child())
    ears = Ears(steps)
    root = steps.slots["root",].ref

    root.tell("foo")
    assert root.ask({"a": "question"}) is None

    assert ears.heard == ["stray", "stray"]
    assert tree.which_child("c").state == "running"


# -- questions and crashes ------------------------------------------------------------------------


def test_a_child_may_be_made_to_crash_of_a_question_that_it_can_not_answer(stepped, steps, got):
    """``reply_and_crash``: the asker gets the error all the same, once, and nobody asks again."""
    tree = stepped(child("c", got, ask_errors="reply_and_crash", redeliver=3))
    error = ValueError("no answer to that")

    with pytest.raises(ValueError, match="no answer"):
        tree.child("c").ask(error)
    steps.run_until_idle()

    assert got == [error]
    assert tree.which_child("c").starts == 2
    assert [letter.message for letter in tree.child("c")._slot.quarantine.list()] == [error]


def test_who_asked_a_child_that_is_killed_over_it_is_not_left_waiting(threaded, a_wait):
    """The question in hand is answered by an error; those behind it by the next life."""
    tree = threaded(child(shutdown_s=BRUTAL_KILL))
    ref = tree.child("c")
    wait = a_wait()
    in_hand = ref.ask(wait, block=False)
    assert wait.came.wait(WITHIN_S)
    behind = ref.ask("behind", block=False)

    tree.terminate_child("c")
    with pytest.raises(pykka.ActorDeadError, match="did not survive"):
        in_hand.get(timeout=WITHIN_S)
    tree.restart_child("c")
    assert behind.get(timeout=WITHIN_S) == "behind"


def test_a_message_is_handed_out_again_as_often_as_allowed_and_then_put_aside(stepped, steps, got):
    """``redeliver=2``: three tries; then quarantine, and the backlog in its order."""
    tree = stepped(child("c", got, redeliver=2))
    ref, poison = tree.child("c"), ValueError("poison")
    for message in (1, poison, 2, 3):
        ref.tell(message)
    steps.run_until_idle()

    assert got == [1, poison, poison, poison, 2, 3]
    (letter,) = ref._slot.quarantine.list()
    assert letter.message is poison
    assert (letter.path, letter.incarnation) == ("c", 3)
    assert "poison" in letter.cause


def test_a_message_that_succeeds_when_it_is_handed_out_again_is_like_any_other(stepped, steps):
    """What crashed on it once says nothing about it."""
    tries = []

    def second_time_lucky():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")

    tree = stepped(child("c", redeliver=1))
    tree.child("c").tell(second_time_lucky)
    steps.run_until_idle()

    assert len(tries) == 2
    assert tree.child("c")._slot.quarantine.count == 0
    assert steps.slots["root", "c"].idle()


def test_stop_overtakes_a_message_that_would_be_handed_out_again(stepped, steps, got):
    """It is bounced like the rest of the backlog: counted, and never silent."""
    slow = Backoff(min_s=10.0, max_s=10.0, jitter=0.0)
    tree = stepped(child("c", got, redeliver=5), backoff=slow)
    poison = ValueError("poison")
    tree.child("c").tell(poison)
    steps.run_until_idle()
    assert got == [poison]

    tree.terminate_child("c")
    tree.delete_child("c")

    assert [letter.message for letter in steps.dead_letters.list()] == [poison]


# -- stop, and the life that it is meant for ------------------------------------------------------


def test_a_stop_is_for_the_life_that_is_there_and_for_no_later_one(stepped, steps, got):
    """A child that crashes before it has read its stop is restarted, and stays up."""
    tree = stepped(child("c", got, restart="transient"))
    ref = tree.child("c")
    with steps.suspended(ref):
        crash(ref, ValueError("before the stop"))
        stopping = ref.stop(block=False)
    steps.run_until_idle()

    assert tree.which_child("c").state == "running"
    assert tree.which_child("c").starts == 2
    assert stopping.get(timeout=0)


def test_a_stop_of_a_child_that_is_not_running_has_nothing_to_do(stepped):
    """It returns, and does not wait for a life that may never come."""
    tree = stepped(child())
    tree.terminate_child("c")

    assert tree.child("c").stop(timeout=1.0)
    assert tree.restart_child("c").state == "running"


class Restless(SupervisedActor):
    """Asks to be woken again at once, for ever."""

    def on_start(self):
        self.wake_in(0.0)

    def on_receive(self, message):
        assert message is TICK
        self.wake_in(0.0)


def test_stop_comes_before_a_timer_that_is_always_due(threaded):
    """An actor that is never idle hears its supervisor."""
    tree = threaded(ChildSpec("c", Restless, shutdown_s=WITHIN_S))

    tree.terminate_child("c")

    assert str(tree.child("c")._slot.last_exit) == "shutdown"


def test_an_actor_may_stop_itself(stepped, steps, got):
    """``self.stop()`` is a normal end of that life."""

    class Once(Obedient):
        def on_receive(self, message):
            super().on_receive(message)
            self.stop()

    tree = stepped(ChildSpec("c", Once, args=(got,)))
    for n in range(3):
        tree.child("c").tell(n)
    steps.run_until_idle()

    assert got == [0, 1, 2]
    assert tree.which_child("c").starts == 4


# -- overflow, at an address ----------------------------------------------------------------------


@pytest.fixture
def full(stepped, steps, got):
    """A child that is suspended, whose mailbox holds two messages and is full."""

    def start(overflow):
        mailbox = MailboxSpec(max_items=2, overflow=overflow)
        ref = stepped(child("c", got, mailbox=mailbox)).child("c")
        steps.suspend(ref)
        ref.tell(1)
        asked = ref.ask(2, block=False)
        return ref, asked

    return start


def test_reject_gives_the_message_back(full, steps, got):
    """The sender still owns it; a question is refused the same way."""
    ref, _ = full(Overflow.reject)

    with pytest.raises(MailboxFull) as caught:
        ref.tell(3)
    assert caught.value.message == 3
    with pytest.raises(MailboxFull):
        ref.ask("question", timeout=1.0)
    steps.resume(ref)
    steps.run_until_idle()
    assert got == [1, 2]
    assert ref._slot.mailbox.refused == 2


def test_drop_newest_drops_it_and_answers_who_asked(full, steps, got):
    """Silently for a tell, by an error for a question."""
    ref, _ = full(Overflow.drop_newest)
    ref.tell(3)
    with pytest.raises(MailboxFull):
        ref.ask("question", timeout=1.0)

    steps.resume(ref)
    steps.run_until_idle()
    assert got == [1, 2]
    assert ref._slot.mailbox.refused == 2


def test_drop_oldest_makes_room_and_answers_whose_question_goes(full, steps, got):
    """Fresh messages are worth more; who asked hears that nobody will answer."""
    ref, asked = full(Overflow.drop_oldest)
    ref.tell(3)
    ref.tell(4)

    steps.resume(ref)
    steps.run_until_idle()
    assert got == [3, 4]
    with pytest.raises(MailboxFull):
        asked.get(timeout=0)


def test_block_waits_for_room(threaded, stuck, got):
    """The sender goes on when the actor has taken a message."""
    tree = threaded(child("c", got, mailbox=MailboxSpec(max_items=1, overflow=Overflow.block)))
    ref = tree.child("c")
    wait = stuck(ref)
    ref.tell(1)
    sender = threading.Thread(target=ref.tell, args=(2,))
    sender.start()
    wait.go()
    sender.join(WITHIN_S)

    assert not sender.is_alive()
    settle(ref)
    assert got[1:3] == [1, 2]


def test_block_does_not_wait_for_an_address_that_ends(threaded, stuck):
    """What could not be delivered is a dead letter, and the sender goes on."""
    mailbox = MailboxSpec(max_items=1, overflow=Overflow.block)
    tree = threaded(child("c", mailbox=mailbox, shutdown_s=BRUTAL_KILL))
    ref = tree.child("c")
    stuck(ref)
    ref.tell(1)
    sender = threading.Thread(target=ref.tell, args=(2,))
    sender.start()
    tree.terminate_child("c")
    tree.delete_child("c")
    sender.join(WITHIN_S)

    assert not sender.is_alive()
    assert sorted(letter.message for letter in tree.runtime.dead_letters.list()) == [1, 2]


# -- dead letters ---------------------------------------------------------------------------------


def test_what_waits_when_an_address_ends_is_a_dead_letter_once(stepped, steps):
    """Tells are kept and counted, questions get an error as well, and nothing raises."""
    tree = stepped(child())
    ref = tree.child("c")
    with steps.suspended(ref):
        ref.tell("waiting")
        asked = ref.ask("a question", block=False)
        tree.terminate_child("c")
    tree.delete_child("c")
    ref.tell("too late")

    letters = steps.dead_letters
    assert [letter.message for letter in letters.list()] == ["waiting", "a question", "too late"]
    assert {(one.path, one.cause, one.incarnation) for one in letters.list()} == {("c", "ended", 0)}
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=0)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("too late, too", timeout=1.0)


def test_what_a_tree_says_to_itself_is_nobodys_dead_letter(stepped, steps):
    """A stop that comes too late is no message that was lost."""
    tree = stepped(child("a"), inner("inner", child("b"), shutdown_s=BRUTAL_KILL))
    refs = [steps.slots[path].ref for path in list(steps.slots)]
    kill_it(tree)
    tree.stop(WITHIN_S)
    tree.stop(WITHIN_S)
    for ref in refs:
        ref.stop(block=False)
    refs[1].tell("too late")

    assert [letter.message for letter in steps.dead_letters.list()] == ["too late"]


# -- dynamic children -----------------------------------------------------------------------------


def test_a_dynamic_child_has_an_address_of_its_own_that_ends_with_it(stepped, got):
    """Under simple_one_for_one a label may be used again, for another address."""
    tree = stepped(child("t", got), strategy="simple_one_for_one")
    first = tree.start_child(ExtraArgs(label="k")).ref
    tree.terminate_child("k")
    second = tree.start_child(ExtraArgs(label="k")).ref

    assert first is not second
    assert second.ask("hello") == "hello"
    assert not first.is_alive()


# -- counting -----------------------------------------------------------------------------------


def test_who_has_ended_when_the_answer_is_given_is_not_counted(stepped, steps):
    """Its end is still in the supervisor's mailbox, behind the question."""
    tree = stepped(child("a"), child("b"))
    with steps.suspended(steps.slots["root",].ref):
        counted, listed = (tree._request(op) for op in ("count_children", "which_children"))
        tree.child("a").tell(ValueError("x"))
        steps.run_until_idle()
    steps.run_until_idle()

    assert (counted.get(timeout=0).active, counted.get(timeout=0).specs) == (1, 2)
    assert [view.state for view in listed.get(timeout=0)] == ["running", "running"]


def test_it_is_the_moment_of_the_answer_and_not_that_of_the_question(stepped, steps):
    """The supervisor has taken the question, and is not free to answer it yet."""
    tree = stepped(child("a"), child("b"), child("c"))
    with steps.suspended(tree.child("c")):
        terminated = tree._request("terminate_child", "c")
        counted = tree._request("count_children")
        steps.run_until_idle()
        tree.child("a").tell(ValueError("x"))
        steps.run_until_idle()
    steps.run_until_idle()

    assert terminated.get(timeout=0) is None
    assert counted.get(timeout=0).active == 1


def test_children_of_a_template_are_counted_as_the_supervisor_knows_them(stepped, steps):
    """As in OTP, which keeps a number of them."""
    tree = stepped(child("t"), strategy="simple_one_for_one")
    for label in ("a", "b"):
        tree.start_child(ExtraArgs(label=label))
    with steps.suspended(steps.slots["root",].ref):
        counted = tree._request("count_children")
        tree.child("a").tell(ValueError("x"))
        steps.run_until_idle()
    steps.run_until_idle()

    assert counted.get(timeout=0).active == 2
