"""Ways in for hosts that already say what happens, in words of their own.

Each bridge is a module with an optional dependency, and is connected by hand. It owns no event: it
hands it to the door. Nothing is connected by importing it.
"""

from __future__ import annotations

__all__: list[str] = []
