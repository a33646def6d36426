"""Questions that are asked while their actor ends: each has its answer, or an error.

Stock Pykka strands 62 of 300 (supervision.md A2, row 10): the message lands in an inbox that
nobody will look into again, and the future is never set.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from random import Random

import pykka
import pytest

from supervisors import ChildSpec, Runtime, SupervisedActor, Supervisor, SupervisorSpec
from supervisors.core.spec import ExtraArgs
from supervisors.core.words import BRUTAL_KILL, Strategy
from supervisors.run._letters import Letters
from supervisors.run.words import ShutDown
from supervisors.system.clock import SystemClock, new_token
from supervisors.testing import crash, end_thread
from tests.chaos.storm import poll

WAYS = ["terminate", "stop", "crash", "thread gone", "exit", "whole tree"]


AT_ONCE = 50
"""Questions under way at one time; more only make the race longer."""


class Echo(SupervisedActor):
    def __init__(self, told):
        super().__init__()
        self._told = told

    def on_receive(self, message):
        if message == "go":
            self.stop()
        elif message == "told":
            self._told.append(1)
        return message


class DeadLetters(Letters):
    """Counts those that were told; a question has its answer besides."""

    told = 0

    def keep(self, letter):
        self.told += letter.message == "told"


class Asker:
    """A thread that asks and tells one address without a pause, until some time after its end."""

    def __init__(self):
        self.futures = []
        self.told = 0
        self._clock = SystemClock()
        self._ref = None
        self._turn = threading.Semaphore(0)
        self._resting = threading.Semaphore(0)
        self._enough = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self, ref):
        self._ref, self._enough = ref, False
        self._turn.release()

    def rest(self):
        """Return once nothing is asked any more."""
        self._enough = True
        assert self._resting.acquire(timeout=10), "a question never came back"

    def pause(self, seconds):
        """Let it ask for a while."""
        self._clock.wait(new_token(), seconds)

    def close(self):
        self._ref = None
        self._turn.release()
        self._thread.join(10)

    def _run(self):
        while self._turn.acquire() and self._ref is not None:
            late = 0
            while not self._enough and late < 10:
                self.futures.append(self._ref.ask("well?", block=False))
                self.told += 1
                self._ref.tell("told")
                late += not self._ref.is_alive()
                if len(self.futures) > AT_ONCE and not self.futures[-AT_ONCE].done:
                    self._clock.wait(new_token(), 0.0002)
            self._resting.release()


def start_tree(told, letters, **options):
    template = ChildSpec("echo", Echo, args=(told,), restart="temporary", **options)
    runtime = Runtime(sweep_interval_s=0.002)
    runtime.dead_letters = letters
    return Supervisor.start(
        SupervisorSpec((template,), Strategy.simple_one_for_one), runtime=runtime
    )


def end(tree, name, way):
    """End the child of that name for good."""
    ref = tree.child(name)
    if way == "whole tree":
        tree.stop(10)
        return
    if way == "stop":
        ref.stop(block=False)
    elif way == "crash":
        crash(ref, ValueError("x"))
    elif way == "thread gone":
        end_thread(ref)
    elif way == "exit":
        ref.tell("go")
    else:
        tree.terminate_child(name)
    assert poll(lambda: not ref.is_alive(), every_s=0.0005)


def race(races, seed=0):
    """How many races there were by the way it ended, and how many answers of each kind."""
    rng, asker, handled, letters = Random(seed), Asker(), [], DeadLetters()
    done, answers = Counter(), Counter()
    tree = None
    for number in range(races):
        way = WAYS[-1] if rng.random() < 0.1 else rng.choice(WAYS[:-1])
        if tree is None or not tree.is_alive():
            kill, on = rng.choice([BRUTAL_KILL, 5.0]), rng.choice(["own", "shared"])
            tree = start_tree(handled, letters, dispatcher=on, shutdown_s=kill)
        tree.start_child(ExtraArgs(label=f"e{number}"))
        asker.begin(tree.child(f"e{number}"))
        if rng.random() < 0.5:
            asker.pause(rng.random() / 2000)
        end(tree, f"e{number}", way)
        asker.rest()
        answers.update(answer_of(future) for future in asker.futures)
        asker.futures.clear()
        done[way] += 1
    tree.stop(10)
    asker.close()
    lost = asker.told - len(handled) - letters.told
    return done, answers, lost


def answer_of(future):
    try:
        return str(future.get(timeout=5))
    except pykka.ActorDeadError:
        return "has ended"
    except pykka.Timeout:
        return "STRANDED"


@pytest.fixture(autouse=True)
def _many_switches():
    """Threads change places a hundred times as often, so that they meet in narrow places."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.timeout(60)
def test_no_question_is_stranded_in_a_thousand_stop_races(capsys):
    done, answers, lost = race(1000)

    with capsys.disabled():
        sys.stdout.write(f"\n  {dict(done)}: {dict(answers)} ")
    assert answers["STRANDED"] == lost == 0
    assert min(answers["well?"], answers["has ended"]) > 100
    assert len(done) == len(WAYS)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_question_is_stranded_in_ten_thousand_stop_races():
    for seed in range(1, 11):
        _, answers, lost = race(1000, seed)
        assert answers["STRANDED"] == lost == 0


class Stopper(threading.Thread):
    """Stops one address again and again, without waiting for the answers."""

    def __init__(self, ref):
        super().__init__(daemon=True)
        self.answers = []
        self._ref = ref
        self._enough = False

    def run(self):
        while not self._enough:
            self.answers.append(self._ref.stop(block=False))
            if len(self.answers) > AT_ONCE:
                self.answers[-AT_ONCE].get(timeout=5)

    def rest(self):
        self._enough = True
        self.join(10)
        return [answer.get(timeout=5) for answer in self.answers]


def words_to_stop(ref):
    return [word for word in ref._slot.mailbox.steering() if isinstance(word.message, ShutDown)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("dispatcher", ["own", "shared"])
def test_whoever_stops_a_child_that_stays_stopped_is_answered(dispatcher):
    """Its lane is read no more, and its address goes on; two who stop it, and its supervisor."""
    rng = Random(7)
    child = ChildSpec("echo", Echo, args=([],), restart="transient", dispatcher=dispatcher)
    spec = SupervisorSpec(children=[child], intensity=10_000)
    with Supervisor.start(spec, runtime=Runtime(sweep_interval_s=0.002)) as tree:
        ref = tree.child("echo")
        for _ in range(150):
            stoppers = [Stopper(ref), Stopper(ref)]
            for stopper in stoppers:
                stopper.start()
            way = rng.choice(["terminate", "exit", "crash"])
            if way == "crash":
                crash(ref, ValueError("x"))
            elif way == "exit":
                ref.tell("go")
            tree.terminate_child("echo")
            assert all(all(stopper.rest()) for stopper in stoppers)
            assert poll(lambda: not words_to_stop(ref), 5.0)  # who has ended takes them out, last
            ref._slot.mailbox.drain()
            tree.restart_child("echo")
