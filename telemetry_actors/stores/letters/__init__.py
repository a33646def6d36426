"""Dead letters on disk: a directory with one file for each dropped event (g18).

books -> LetterWriter (a thread of its own) -> LetterDirectory -> telemetry-actors dead-letters
"""

from telemetry_actors.stores.letters.directory import BadLetter, LetterDirectory
from telemetry_actors.stores.letters.form import StoredLetter

__all__ = ["BadLetter", "LetterDirectory", "StoredLetter"]
