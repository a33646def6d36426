"""The command line: ``telemetry-actors``, for a terminal and for a script.

It owns what is typed and what is printed. It uses what any host could use, and the demo. It
imports nothing until it is called, so that a host that never types a command carries none of it.
"""

from telemetry_actors.cli.main import main

__all__ = ["main"]
