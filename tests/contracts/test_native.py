"""Nobody takes a thread, a lock or a queue past `supervisors/system/native.py` (ADR-0018).

Where gevent has patched they would be of the host's hub.
"""

import ast
from pathlib import Path

import pytest

import supervisors
import telemetry_actors

ROOT = Path(supervisors.__file__).parent.parent
BANNED = {
    "_thread": {"RLock", "allocate_lock", "get_ident", "start_new_thread"},
    "queue": {"LifoQueue", "PriorityQueue", "Queue", "SimpleQueue"},
    "threading": {
        "Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore",
        "Thread", "Timer", "get_ident", "local",
    },
    "time": {"sleep"},
}  # fmt: skip
MAY = {
    "supervisors/system/native.py": "finds out what is native",
    "supervisors/run/ref.py": "an event that is Pykka's; nobody waits for it",
    "supervisors/thread.py": "makes the threads",
    "telemetry_actors/cli/_resend.py": "a program of its own",
    "telemetry_actors/base/inside.py": "tells greenlets apart",
}
FILES = [
    path
    for package in (supervisors, telemetry_actors)
    for path in sorted(Path(package.__file__).parent.rglob("*.py"))
    if "demo" not in path.parts  # a program of its own
]


def banned_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in BANNED:
            yield from ({alias.name for alias in node.names} & BANNED[node.module])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from {node.attr} & BANNED.get(node.value.id, set())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_threads_locks_and_queues_are_native(path):
    found = set(banned_names(ast.parse(path.read_text())))
    if path.relative_to(ROOT).as_posix() in MAY:
        assert found, "it needs no exception any more"
    else:
        assert not found
