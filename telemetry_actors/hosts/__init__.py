"""Kits for hosts whose processes end in ways of their own: a few lines to paste, one module a host.

Each is imported by itself, and nothing is connected by importing it.
"""

from __future__ import annotations

__all__: list[str] = []
