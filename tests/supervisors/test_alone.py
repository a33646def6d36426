"""A `SupervisedActor` without a supervisor is a plain `pykka.ThreadingActor`: it does as that does.

Each case is played by both, and what can be seen is compared. The ends of whole programs are
played in processes of their own.
"""

from __future__ import annotations

import subprocess
import sys
import threading

import pykka
import pytest

from supervisors import Exit, SupervisedActor

BOTH = [pykka.ThreadingActor, SupervisedActor]
WITHIN_S = 5.0


def program(base, body):
    """What a program prints that uses *base*, and how it ends."""
    source = f"""
import pykka, supervisors, threading
class Printer({base}):
    def on_receive(self, message):
        if message == "stop":
            self.stop()
        print(message, flush=True)
{body}
"""
    found = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    return found.stdout, found.returncode


@pytest.mark.parametrize("base", ["pykka.ThreadingActor", "supervisors.SupervisedActor"])
def test_what_was_told_is_handled_before_the_program_ends(base):
    body = "ref = Printer.start()\nfor n in (*range(2000), 'stop'): ref.tell(n)\n"
    lines = [str(n) for n in range(2000)]

    assert program(base, body) == ("\n".join([*lines, "stop", ""]), 0)


@pytest.mark.parametrize("base", BOTH)
def test_its_init_takes_arguments_that_nobody_wants(base):
    assert base(1, two=2).actor_ref.actor_class is base
    assert base.use_daemon_thread is False


@pytest.mark.parametrize("base", BOTH)
def test_it_is_in_the_registry_while_it_lives(base):
    ref = base.start()
    assert ref in pykka.ActorRegistry.get_all()
    assert ref.stop(timeout=WITHIN_S)

    assert ref not in pykka.ActorRegistry.get_all()


@pytest.mark.parametrize("base", BOTH)
def test_it_is_shown_by_its_urn(base):
    actor = base()

    assert str(actor) == str(actor.actor_ref) == f"{base.__name__} ({actor.actor_urn})"


@pytest.mark.parametrize("base", ["pykka.ThreadingActor", "supervisors.SupervisedActor"])
def test_a_base_exception_stops_the_actors_of_the_process(base):
    """That is Pykka's rule, and nobody supervises here. In a process of its own."""
    body = """
class Leaving(Printer):
    def on_receive(self, message):
        raise SystemExit(3)
other = Printer.start()
Leaving.start().tell("go")
print(other.actor_stopped.wait(20))
"""
    assert program(base, body) == ("True\n", 0)


def test_an_exit_ends_it_and_leaves_nothing_registered():
    class Leaving(SupervisedActor):
        def on_receive(self, message):
            self.exit(Exit.shutdown("done"))
            return "bye"

    ref = Leaving.start()

    assert ref.ask("go", timeout=WITHIN_S) == "bye"
    assert not pykka.ActorRegistry.get_all()
    assert ref.actor_stopped.wait(WITHIN_S)


def test_one_that_ignores_ends_quietly(caplog):
    ended = threading.Event()

    class Ignoring(SupervisedActor):
        def on_start(self):
            try:
                self.ignore()
            finally:
                ended.set()

    ref = Ignoring.start()

    assert ended.wait(WITHIN_S)
    assert ref.actor_stopped.wait(WITHIN_S)
    assert not pykka.ActorRegistry.get_all()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
