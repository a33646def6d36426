"""``--import MODULE``: cases of one's own, registered where their module is imported.

In front of a command, on its own thread, before a gateway is made: a gateway knows the cases that
were registered before it. What a module prints goes to stderr, since stdout is the command's.
"""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from telemetry_actors.cli._books import print_error

_OURS: Final = str(Path(__file__).parents[1])
_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def import_modules(names: Iterable[str]) -> bool:
    """Import each of *names*, looked for in the current directory, too, as by ``python -m``.

    Returns:
        False: one of them can't be imported; it was said which, and why.
    """
    here = str(Path.cwd())
    if not sys.flags.safe_path and here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    return all(map(_import, names))


def _import(name: str) -> bool:
    try:
        if name.endswith(".py") or not _MODULE.fullmatch(name):
            print_error(f"--import {name}: must be a module such as shop.telemetry{_meant(name)}")
            return False
        with redirect_stdout(sys.stderr):
            importlib.import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- the module is anybody's
        print_error(f"--import {name}: {_cause(error)}")
        return False
    return True


def _meant(name: str) -> str:
    """Of a file's name: how its module is called."""
    path = Path(name)
    meant = ".".join(path.with_suffix("").parts)
    return f"; did you mean {meant}?" if path.suffix == ".py" and _MODULE.fullmatch(meant) else ""


def _cause(error: BaseException) -> str:
    """Type and words of it, and where in the module it was; on one line."""
    words = " ".join(str(error).split())
    cause = f"{type(error).__name__}: {words}" if words else type(error).__name__
    theirs = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_OURS, "<frozen importlib"))
        and Path(frame.filename).parent.name != "importlib"
    ]
    return f"{cause} ({theirs[-1].filename}:{theirs[-1].lineno})" if theirs else cause
