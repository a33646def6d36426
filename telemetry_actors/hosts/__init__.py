"""Kits for the hosts that services run in: each starts and stops the gateway where its host does.

Each kit is a module, imported by itself; none imports the server that it is for.
"""

from __future__ import annotations

__all__: list[str] = []
