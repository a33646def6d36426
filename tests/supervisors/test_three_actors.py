"""A program with three actors and stock logging: each event of their lives is in its log.

One crashes, one hangs, one waits for a database that isn't there yet. As Pykka logs (a traceback
at ERROR, to stderr where nobody has set up logging), with the facts of OTP's reports: who, why,
which restart, what follows.
"""

import re
import subprocess
import sys

import pytest

PROGRAM = """
import threading
from supervisors import Backoff, ChildSpec, SupervisedActor, Supervisor, SupervisorSpec

tries, up = iter([False, False, True]), threading.Event()

class Divider(SupervisedActor):
    def on_receive(self, number):
        return 12 / number

class Reader(SupervisedActor):
    def on_receive(self, path):
        if path == "/dev/never":
            threading.Event().wait()
        return path

class Database(SupervisedActor):
    connected = True

    def on_start(self):
        if not Database.connected and not next(tries):
            raise ConnectionError("no route to db:5432")
        if not Database.connected:
            up.set()

    def on_receive(self, question):
        raise EOFError("the server closed the connection")

children = [
    ChildSpec("divider", Divider),
    ChildSpec("reader", Reader, hang_after_s=0.05),
    ChildSpec("db", Database),
]
spec = SupervisorSpec(children, intensity=10, backoff=Backoff(min_s=0.01, jitter=0))
with Supervisor.start(spec) as tree:
    tree.child("divider").tell(0)
    assert tree.child("divider").ask(4, timeout=9) == 3
    tree.child("reader").tell("/dev/never")
    assert tree.child("reader").ask("/etc/hosts", timeout=9) == "/etc/hosts"
    Database.connected = False
    tree.child("db").tell("select")
    assert up.wait(9)
    tree.which_child("db")
"""
USED = r"\(%d of 10 restarts in 5 s are used\)"
IN = r"at <string>:\d+ in %s"
LINES = (
    (
        rf"child divider \(life 1\) crashed: ZeroDivisionError\('division by zero'\)"
        rf" {IN % 'Divider.on_receive'}; it is restarted in 0\.01 s {USED % 1}"
    ),
    (
        rf"child reader \(life 1\) hangs at \S+threading\.py:\d+ in [\w.]+;"
        rf" its thread is left behind; it is restarted in 0\.01 s {USED % 2}"
    ),
    (
        rf"child db \(life 1\) crashed: EOFError\('the server closed the connection'\)"
        rf" {IN % 'Database.on_receive'}; it is restarted in 0\.01 s {USED % 3}"
    ),
    (
        rf"child db \(life 2\) failed to start: ConnectionError\('no route to db:5432'\)"
        rf" {IN % 'Database.on_start'}; it is restarted in 0\.02 s {USED % 4}"
    ),
    (
        rf"child db \(life 3\) failed to start: ConnectionError\('no route to db:5432'\)"
        rf" {IN % 'Database.on_start'}; it is restarted in 0\.04 s {USED % 5}"
    ),
)
LAST_OF_TRACEBACKS = (
    "ZeroDivisionError: division by zero",
    "EOFError: the server closed the connection",
    "ConnectionError: no route to db:5432",
    "ConnectionError: no route to db:5432",
)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("set_up", "begins"),
    [("", ""), ("import logging; logging.basicConfig()", "ERROR:supervisors:")],
    ids=["none", "basicConfig"],
)
def test_each_event_of_their_lives_is_in_the_log_and_nothing_else(set_up, begins):
    done = subprocess.run(
        [sys.executable, "-c", f"{set_up}\n{PROGRAM}"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    lines = [line for line in done.stderr.splitlines() if not line.startswith(" ")]
    said = [line for line in lines if re.match(rf"{begins}(child|supervisor|the tree) ", line)]
    tails = [line for line in lines if line not in said and not line.startswith("Traceback ")]
    assert len(said) == len(LINES), done.stderr
    for line, pattern in zip(said, LINES, strict=True):
        assert re.fullmatch(begins + pattern, line), f"{line}\nis not\n{pattern}"
    assert tails == list(LAST_OF_TRACEBACKS)
    assert done.stderr.count("Traceback (most recent call last):") == 4
    assert "in on_start" in done.stderr and "in on_receive" in done.stderr


def test_a_program_that_waits_for_a_tree_ends_with_its_last_words():
    """Though they are told on a thread that ends with the program."""
    program = """
from supervisors import ChildSpec, SupervisedActor, Supervisor, SupervisorSpec

class Fragile(SupervisedActor):
    def on_receive(self, message):
        raise ValueError(message)

tree = Supervisor.start(SupervisorSpec([ChildSpec("a", Fragile)], intensity=0))
tree.child("a").tell("bad")
tree.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=9, check=False
    )

    assert re.search(
        r"^the tree has ended, since its supervisor gave up: last cause: a: ValueError\('bad'\) at"
        r" <string>:6 in Fragile\.on_receive$",
        done.stderr,
        re.MULTILINE,
    )
