"""``telemetry-actors`` on the command line.

Imports nothing until it is called: typer and rich are no weight for a host that never
types a command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line on *argv* (default: the process's own arguments).

    Raises:
        SystemExit: always, at the end; its code is documented in each command's ``--help``.
    """
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 -- closed: for nobody
    sys.stderr = sys.stderr or sys.stdout
    try:
        from telemetry_actors.cli._app import app
        from telemetry_actors.cli._usage import run

        code = run(app, sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # before anything was begun
        code = 130
    raise SystemExit(code)


if __name__ == "__main__":
    main()
