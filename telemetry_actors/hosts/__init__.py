"""Kits for the hosts that services run in: each starts and stops the gateway where its host does.

Each is a module, imported by itself, and nothing is connected by importing it. None imports the
server that it is for, but rq's, whose worker classes it derives from.
"""

from __future__ import annotations

__all__: list[str] = []
