"""The journal: accepted events on disk, until they have their outcome (ADR-0012).

stores/journal/journal.py     the whole: append, spill and read back, failures, status
    _caps.py        bytes and age: who goes first
_index.py       what is held, in memory
stores/journal/segment.py     one file and the fate of its events
_record.py      how an event stands in a file
stores/letters/writer.py      appending and syncing
_acks.py        which events are done
_reader.py      reading back
stores/journal/folder.py      whose is it: one folder per process, locked
_adopter.py, _adoption.py    taking over what a dead process left
_live.py        counts that outlive ``kill -9``
"""

from telemetry_actors.stores.journal.journal import Journal

__all__ = ["Journal"]
