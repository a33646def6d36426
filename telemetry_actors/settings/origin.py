"""Where settings have come from: what the environment said, and what is odd about it.

Made by `settings/environment.py` while it reads, kept by `settings.py`, told by
`life/settings_said.py` on a thread that may write to a log. Pure. Never in it: the text of
anything but a switch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

ORIGIN: Final = "<origin>"
"""Key among the values of settings on their way into the model: no field has such a name."""


@dataclass(frozen=True)
class Origin:
    """Of one `TelemetrySettings`. It has no part in whether two of them are equal."""

    names: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Field (``gateway.linger_s``) → name in the environment, as it is written there; not for what
    was given in code, or by nobody."""
    switches: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Field → text, of those that turn things on and off."""
    suspects: tuple[str, ...] = field(default=(), compare=False)
    """Names that may be near misses (`settings/near_misses.py`): whoever has time may look."""
    odd: tuple[str, ...] = field(default=(), compare=False)
    """Sentences: one name says otherwise than another, or not what it seems to."""

    def without(self, fields: Collection[str]) -> Origin:
        """The same, when *fields* have been given in code after all."""
        return replace(
            self,
            names={n: text for n, text in self.names.items() if n.split(".")[0] not in fields},
            switches={name: text for name, text in self.switches.items() if name not in fields},
        )
