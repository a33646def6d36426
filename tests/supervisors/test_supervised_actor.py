"""However an actor ends, its supervisor notices, its address stays, its backlog waits."""

import threading
import time

import pykka
import pytest

from supervisors import (
    ChildSpec,
    Exit,
    ExitKind,
    Restart,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.errors import ChildStartError, HandlerExit
from supervisors.testing import crash, end_thread, settle
from tests.supervisors.live import WITHIN_S, Wait, child, stopping, tree_of


class Collector(SupervisedActor):
    """Collects what it is told; fails on demand."""

    lives = 0

    def __init__(self, got):
        super().__init__()
        self._got = got

    def on_start(self):
        type(self).lives += 1

    def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, Exit):
            self.exit(message)
        self._got.append(message)
        return len(self._got)


@pytest.fixture(params=["own", "shared"])
def dispatcher(request):
    return request.param


@pytest.fixture
def tree():
    """Start a supervisor; stop it when the test ends."""
    started = []

    def start(*children, **options):
        options = {"intensity": 100, **options}
        started.append(Supervisor.start(SupervisorSpec(children=children, **options)))
        return started[-1]

    yield start
    for supervisor in started:
        assert supervisor.stop(2.0)


@pytest.fixture
def got():
    return []


def a_child(got, dispatcher="own", **options):
    return ChildSpec("c", Collector, args=(got,), dispatcher=dispatcher, **options)


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), KeyboardInterrupt()])
def test_a_crash_costs_the_message_in_hand_and_not_the_backlog(tree, got, dispatcher, error):
    """``BaseException`` is a crash like any other, and stops nobody else's actors (A2.6)."""
    bystander = pykka.ThreadingActor.start()
    ref = tree(a_child(got, dispatcher)).child("c")
    for message in (1, error, 2, 3):
        ref.tell(message)
    settle(ref)

    assert got == [1, 2, 3]
    assert bystander.is_alive()
    bystander.stop()


def test_a_thread_that_is_gone_is_noticed_by_the_sweep(tree, got, dispatcher):
    ref = tree(a_child(got, dispatcher)).child("c")
    end_thread(ref)
    ref.tell("after")
    settle(ref, within_s=5)

    assert got == ["after"]
    assert ref._slot.last_exit.kind is ExitKind.lost


def test_others_on_a_shared_thread_survive_the_end_of_the_thread(tree, got):
    children = [ChildSpec(name, Collector, args=(got,), dispatcher="shared") for name in ("a", "b")]
    supervisor = tree(*children)
    end_thread(supervisor.child("a"))
    supervisor.child("b").tell("still here")
    settle(supervisor.child("b"), within_s=5)

    assert got == ["still here"]
    assert supervisor.child("b")._slot.restarts == 0


@pytest.mark.parametrize("ask_errors", ["reply", "reply_and_crash"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt("no")])
def test_who_asks_for_the_end_of_the_process_gets_an_error_of_ours(
    tree, got, dispatcher, error, ask_errors
):
    """By a name that can be caught; the actor's fate is that of any question that raises."""
    supervisor = tree(a_child(got, dispatcher, ask_errors=ask_errors))
    ref = supervisor.child("c")
    with pytest.raises(HandlerExit, match=r"Collector \(root/c\) did not answer") as caught:
        ref.ask(error, timeout=WITHIN_S)

    assert caught.value.cause is caught.value.__cause__ is error
    assert ref.ask("next", timeout=WITHIN_S) == 1
    assert supervisor.which_child("c").starts == (1 if ask_errors == "reply" else 2)


def test_an_error_of_ours_that_an_actor_passes_on_is_what_it_crashed_of(tree, got, dispatcher):
    """It has asked another one, and was answered so."""
    ref = tree(a_child(got, dispatcher)).child("c")
    passed_on = HandlerExit("other", SystemExit(1))
    with pytest.raises(HandlerExit):
        ref.ask(SystemExit(2), timeout=WITHIN_S)  # and lives
    ref.tell(passed_on)
    settle(ref)

    assert ref._slot.last_exit.error is passed_on


def test_in_its_init_it_may_make_a_proxy_of_itself(tree, dispatcher):
    """As Pykka's documentation shows it, and so in each life."""

    class Talking(SupervisedActor):
        def __init__(self):
            super().__init__()
            self._in_future = self.actor_ref.proxy()
            self.words = []

        def start_talking(self):
            self._in_future.say("hello")

        def say(self, word):
            self.words.append(word)

    ref = tree(ChildSpec("c", Talking, dispatcher=dispatcher)).child("c")
    for _life in range(2):
        proxy = ref.proxy()
        proxy.start_talking().get(timeout=WITHIN_S)
        settle(ref)
        assert proxy.words.get(timeout=WITHIN_S) == ["hello"]
        crash(ref, ValueError("x"))


def test_an_actor_is_shown_as_its_address_is(tree, got):
    """In Pykka's own lines in the log, too."""
    ref = tree(a_child(got)).child("c")

    assert str(ref._slot.current.actor) == str(ref) == "Collector (root/c)"


def test_an_asker_gets_the_error_and_the_actor_lives(tree, got, dispatcher):
    """Pykka's rule for questions stays (A2.2)."""
    ref = tree(a_child(got, dispatcher)).child("c")

    with pytest.raises(ValueError, match="asked for"):
        ref.ask(ValueError("asked for"), timeout=2)
    assert ref.ask("next", timeout=2) == 1
    assert ref._slot.restarts == 0


def test_stop_overtakes_a_backlog(got):
    supervisor = tree_of(child("c", got))
    ref, busy = supervisor.child("c"), Wait()
    for message in (busy, *range(1000)):
        ref.tell(message)
    assert busy.came.wait(WITHIN_S)
    with stopping(supervisor):
        poll(lambda: ref._slot.mailbox.system)  # the word has come: behind a thousand others
        busy.go()

    assert got == [busy]


def test_a_normal_end_follows_the_restart_type(tree, got):
    transient = tree(a_child(got, restart=Restart.transient))
    transient.child("c").ask(Exit.normal(), timeout=2)
    poll(lambda: transient.which_children()[0].state == "stopped")

    permanent = tree(a_child(got, restart=Restart.permanent))
    permanent.child("c").ask(Exit.normal(), timeout=2)
    assert permanent.child("c").ask("again", timeout=2)


def test_an_address_that_has_ended_counts_and_never_raises(tree, got):
    supervisor = Supervisor.start(SupervisorSpec(children=(a_child(got),)))
    ref = supervisor.child("c")
    supervisor.stop(2.0)

    ref.tell("too late")

    assert not ref.is_alive()
    assert [x.message for x in supervisor.runtime.dead_letters.list()] == ["too late"]
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("too late", timeout=1)


def test_a_child_that_cannot_start_rolls_the_tree_back():
    class Broken(SupervisedActor):
        def on_start(self):
            raise SystemExit("no")

    with pytest.raises(ChildStartError):
        Supervisor.start(
            SupervisorSpec(children=(ChildSpec("ok", SupervisedActor), ChildSpec("broken", Broken)))
        )


def test_a_parked_tree_probes_its_way_back(tree, got):
    supervisor = tree(
        a_child(got), intensity=0, on_intensity="park", probe_min_s=0.05, probe_max_s=0.1
    )
    ref = supervisor.child("c")
    crash(ref, ValueError("over budget"))
    poll(lambda: any(e.kind == "unparked" for e in supervisor.runtime.journal.ring))

    ref.tell("back")
    settle(ref, within_s=5)
    assert got == ["back"]


def test_an_escalation_keeps_the_mailboxes_below(tree, got):
    """A supervisor that gives up is replaced by its parent; its children's slots stay (g17)."""
    inner = SupervisorSpec(children=(a_child(got),), intensity=0)
    supervisor = tree(ChildSpec("inner", inner, type="supervisor"))
    ref = supervisor.runtime.slots["root", "inner", "c"].ref
    for message in (ValueError("over budget"), 1, 2):
        ref.tell(message)
    poll(lambda: got == [1, 2])

    assert supervisor.runtime.slots["root", "inner"].restarts == 1


def test_nobody_is_registered_with_pykka(tree, got):
    """A host that calls ``ActorRegistry.stop_all()`` at its end does not stop our tree."""
    ref = tree(a_child(got)).child("c")
    pykka.ActorRegistry.stop_all()

    assert ref.ask("alive", timeout=2) == 1


def test_a_supervised_class_used_alone_is_a_plain_pykka_actor(got):
    ref = Collector.start(got)

    assert ref.ask("hello", timeout=2) == 1
    ref.stop()


def poll(condition, within_s=5.0):
    """Wait for what another thread does; the condition is looked at again after each breath."""
    until_s = time.perf_counter() + within_s
    breath = threading.Event()
    while not condition():
        assert time.perf_counter() < until_s, "it never came"
        breath.wait(0.005)
