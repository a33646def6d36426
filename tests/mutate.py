"""Takes one mechanism out at a time, and sees that the test named for it notices.

`tests/mutations.toml` lists the mutations: a line, what takes its place, and the test that
must fail then. Each is applied to a copy of the tree in a temporary folder, never in
place; only that test runs there. A mutant that survives means that the test proves
nothing; one that no longer applies, that nobody knows. Both end with exit code 1.

``make mutants`` runs them all, ``make mutants ARGS="--only g14"`` those of one promise,
``--changed`` those whose file or test differs from the branch that this one comes from (CI).
``--sample N`` tries others, drawn at random (`tests/mutants.py`), and names those that survive.
Most of the time a mutant waits for what never comes, so several are tried at once.
"""

from __future__ import annotations

import argparse
import ast
import io
import math
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.mutants import Mutant, drawn

ROOT = Path(__file__).parents[1]
LIST = ROOT / "tests" / "mutations.toml"
_LIMIT_S = 60.0
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "docs")
_SOME_DAY = 1_600_000_000  # a time stamp of no file's, for the files that are changed


class Stale(Exception):
    """The line is not there, or not once: the mutation no longer applies."""


class Mutation(NamedTuple):
    """One line, and what takes its place."""

    promise: str
    """``g14``, or the part of the books that it takes out: ``join``, ``in_flight`` …"""
    what: str
    file: str
    before: str
    """The line, without indentation and comment; found exactly once."""
    after: str
    test: str
    """Node id of the test that must fail."""
    inside: str = ""
    """Function or class to look in, where the line occurs more than once."""

    @property
    def tests(self) -> tuple[str, ...]:
        """The one that must fail."""
        return (self.test,)

    def applied(self, source: str) -> str:
        """See `mutated`."""
        return mutated(source, self)


def read(path: Path = LIST) -> list[Mutation]:
    """All mutations, in the order of the file."""
    return [Mutation(**entry) for entry in tomllib.loads(path.read_text())["mutation"]]


def mutated(source: str, mutation: Mutation) -> str:
    """*source* with the line exchanged.

    Raises:
        Stale: the line is not there exactly once.
    """
    lines = source.splitlines(keepends=True)
    bare = _without_comments(source)
    found = [n for n in _within(source, mutation.inside) if bare[n] == mutation.before]
    if len(found) != 1:
        where = f" in {mutation.inside}" if mutation.inside else ""
        raise Stale(f"{mutation.file}: {len(found)} times{where}: {mutation.before}")
    old = lines[found[0]]
    lines[found[0]] = old[: len(old) - len(old.lstrip())] + mutation.after + "\n"
    return "".join(lines)


def _without_comments(source: str) -> list[str]:
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return [line.strip() for line in lines]


def _within(source: str, name: str) -> range:
    """Indices of the lines of the function or class *name*; of all lines for ``""``."""
    node: ast.AST = ast.parse(source)
    for part in name.split(".") if name else ():
        inner = [n for n in ast.iter_child_nodes(node) if getattr(n, "name", None) == part]
        if len(inner) != 1:
            raise Stale(f"there is no {name}, or more than one")
        node = inner[0]
    if isinstance(node, ast.Module):
        return range(len(source.splitlines()))
    return range(node.lineno - 1, node.end_lineno)  # type: ignore[attr-defined]


class Trial(NamedTuple):
    """How a mutation fared."""

    mutation: Mutation | Mutant
    verdict: str
    """``killed`` is good; ``SURVIVED``, ``STALE`` and ``BROKEN`` (pytest itself failed) are not.
    ``left out``: the time for all of them was over. ``late``: nobody knows."""
    words: str
    took_s: float


class Copy:
    """A copy of the tree in which mutants live, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        shutil.copytree(ROOT, folder, ignore=_LEFT_OUT)
        self._stamp = _SOME_DAY

    def run(self, *tests: str) -> tuple[int | None, str]:
        """Exit code (None: it took too long) and output of pytest with *tests*."""
        options = ["-x", "-q", "--tb=native", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *options, *tests]
        environment = {**os.environ, "PYTHONPATH": str(self.root)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start processes: see the Makefile
        limit_s = _LIMIT_S + 10 * len(tests)
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as running:
            try:
                output, _ = running.communicate(timeout=limit_s)
            except subprocess.TimeoutExpired:
                return None, f"it took more than {limit_s:g} s"
            finally:  # what it has started, too: it holds the pipe
                with suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
            return running.returncode, output

    def try_(self, mutation: Mutation | Mutant) -> Trial:
        """Run its tests with *mutation* in place, and put the file back."""
        began_s = time.perf_counter()
        verdict, words = self._verdict(mutation)
        return Trial(mutation, verdict, words, time.perf_counter() - began_s)

    def _verdict(self, mutation: Mutation | Mutant) -> tuple[str, str]:
        path = self.root / mutation.file
        source = path.read_text()
        try:
            self._write(path, mutation.applied(source))
        except Stale as error:
            return "STALE", str(error)
        try:
            code, output = self.run(*mutation.tests)
        finally:
            self._write(path, source)
        if code is None and isinstance(mutation, Mutant):
            return "late", output  # its tests may be slow, too
        if code == 0:
            return (
                "SURVIVED",
                f"{mutation.file}: {mutation.after}\n{' '.join(mutation.tests)} passes",
            )
        return ("killed", "") if code in (1, None) else ("BROKEN", output[-2000:])

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        self._stamp += 10  # byte code is looked up by time and size: each version has its own
        os.utime(path, (self._stamp, self._stamp))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the mutations that are asked for; 0 if all were killed, or none applies."""
    arguments = _arguments(argv)
    if arguments.sample:
        return _sample(arguments)
    chosen = [m for m in read() if arguments.only in ("", m.promise)]
    if not chosen:
        _say(f"no mutation of {arguments.only!r}")
        return 2
    if arguments.changed is not None:
        files = changed_files(arguments.changed)
        chosen = [m for m in chosen if {m.file, m.test.partition("::")[0]} & files]
        _say(f"{len(files)} files differ; {len(chosen)} mutations are about them")
    return _run(chosen, arguments, trusting=arguments.changed is not None) if chosen else 0


def _sample(arguments: argparse.Namespace) -> int:
    """No survivor of a sample is an error: somebody has to look."""
    seed = arguments.seed if arguments.seed is not None else random.randrange(1_000_000)
    _say(f"sample of {arguments.sample}, seed {seed}")
    listed = {(m.file, m.before) for m in read()}
    _run(drawn(arguments.sample, seed, listed), arguments, trusting=True)
    return 0


def _run(
    chosen: Sequence[Mutation | Mutant], arguments: argparse.Namespace, *, trusting: bool
) -> int:
    """Try them all. *trusting*: that the tests pass as they are, which others see to."""
    until_s = time.perf_counter() + arguments.within
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Copy(Path(folder) / str(n)) for n in range(min(arguments.jobs, len(chosen)))]
        tests = list(dict.fromkeys(test for m in chosen for test in m.tests))
        _say(f"{len(chosen)} mutations, {len(tests)} tests")
        code, output = (0, "") if trusting else copies[0].run(*tests)
        if code != 0:
            _say(output)
            return 1
        verdicts = Counter(_told(_trials(copies, chosen, until_s), len(chosen)))
    _say(", ".join(f"{n} {verdict}" for verdict, n in verdicts.items()))
    return int(not set(verdicts) <= {"killed", "left out"})


def changed_files(ref: str) -> set[str]:
    """Files that differ from *ref*; from where this branch left main, or HEAD~1, for ``""``.

    None, and that is said, where there is no git or no such history.
    """
    try:
        ref = ref or _base()
        return set(_git("diff", "--name-only", "--no-renames", ref, "--").splitlines())
    except (OSError, subprocess.CalledProcessError):
        _say("no git, or no history to compare with: all mutations are left out")
        return set()


def _base() -> str:
    """On main itself: the commit before."""
    with suppress(subprocess.CalledProcessError):
        base = _git("merge-base", "HEAD", "origin/main")
        if base != _git("rev-parse", "HEAD"):
            return base
    return "HEAD~1"


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _trials(
    copies: Sequence[Copy], chosen: Sequence[Mutation | Mutant], until_s: float
) -> Iterator[Trial]:
    free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(mutation: Mutation | Mutant) -> Trial:
        if time.perf_counter() > until_s:
            return Trial(mutation, "left out", "", 0.0)
        copy = free.get()
        try:
            return copy.try_(mutation)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        yield from pool.map(one, chosen)


def _told(trials: Iterable[Trial], of: int) -> Iterator[str]:
    for number, (mutation, verdict, words, took_s) in enumerate(trials, start=1):
        _say(f"{number:>4}/{of} {mutation.promise:<10}{verdict:<9}{took_s:5.1f} s  {mutation.what}")
        if words:
            _say(words)
        yield verdict


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("--only", default="", metavar="gNN", help="those of one promise")
    parser.add_argument("--changed", nargs="?", const="", metavar="REF", help="since REF")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="random mutants")
    parser.add_argument("--seed", type=int, metavar="S", help="of the sample")
    parser.add_argument(
        "--within", type=float, default=math.inf, metavar="S", help="begin none later"
    )
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="at once")
    return parser.parse_args(argv)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
