"""Room for exactly so many more threads, by an unprivileged and real limit; on any CPython.

A thread's stack is address space. Where stacks are made huge, and the address space of the process
is limited to what it has and n stacks more, the system itself refuses the thread after those.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pykka
import pytest

__all__ = ["ROOM", "lines_of", "python"]

_ROOT = Path(__file__).parents[2]
_ASK_WITHIN_S = 60
ROOM = """
import faulthandler, json, os, resource, signal, sys, threading, time
faulthandler.register(signal.SIGALRM, chain=True)
STACK = 512 << 20

def size():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()

def let_go_of_stacks():
    "The C library keeps the stack of the last thread that ended, until the next one does."
    threading.stack_size(64 << 10)
    def spare():
        with open("/proc/self/maps") as maps:
            ends = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
        big = [end - begin for begin, end in ends if end - begin > STACK // 2]
        return len(big) > len(os.listdir("/proc/self/task")) - 1
    while len(os.listdir("/proc/self/task")) > threading.active_count() or spare():
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    threading.stack_size(STACK)

def leave_room(threads):
    "For so many, and for half a stack of anything else. None: for all."
    soft, hard = resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    if threads is not None:
        let_go_of_stacks()
        resource.setrlimit(resource.RLIMIT_AS, (size() + threads * STACK + STACK // 2, hard))

def others():
    return [one.name for one in threading.enumerate() if one is not threading.main_thread()]

def tell(**facts):
    os.write(1, (json.dumps(facts) + "\\n").encode())  # in one piece, whoever else speaks

threading.stack_size(STACK)
"""


def lines_of(
    program: str, *, within_s: int, interpreter: str = sys.executable, **environment: str
) -> list[dict]:
    """What *program* tells. If it takes longer, where each of its threads stood."""
    watched = f"{ROOM}\nsignal.alarm({within_s})\n{program}"
    answer = subprocess.run(
        [interpreter, "-c", watched],
        # each arena of malloc would be room that a stack has not
        env={**os.environ, "MALLOC_ARENA_MAX": "1", **environment},
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=within_s + 10,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def python(version: str, needs: str, spare: Path) -> tuple[str, str]:
    """Another CPython that can import *needs*, and its PYTHONPATH; skips where there is none.

    A venv of the whole project is ``.venv-<version>``; for `supervisors` any interpreter will do,
    since Pykka is pure Python (*spare* is a directory for a link to it).
    """
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable, str(_ROOT)
    link = spare / "pykka"
    if not link.exists():
        link.symlink_to(Path(pykka.__file__).parent)
    path = os.pathsep.join([str(_ROOT), str(spare)])
    in_path = [shutil.which(f"python{version}")]
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))
    for one in filter(None, [_ROOT / f".venv-{version}/bin/python", *in_path, *of_pyenv]):
        if _version(str(one), needs, path) == version:
            return str(one), path
    pytest.skip(
        f"no Python {version} here that imports {needs} (make install VENV=.venv-{version})"
    )


def _version(interpreter: str, needs: str, path: str) -> str:
    asked = [interpreter, "-c", f"import sys, {needs}; print(*sys.version_info[:2], sep='.')"]
    try:
        said = subprocess.run(
            asked,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=_ASK_WITHIN_S,
            check=False,
        )
    except OSError:
        return ""
    return said.stdout.strip()
