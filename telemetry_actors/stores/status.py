"""What `TelemetryGateway.status()` shows of the stores: payloads, journal, dead letters."""

from __future__ import annotations

from telemetry_actors.base.status import StatusModel


class PayloadStoreStatus(StatusModel):
    """What became of payloads of over 1 MiB."""

    healthy: bool
    """It has worked since it last failed."""
    objects: int
    """Written or being written, and not deleted yet."""
    in_flight_bytes: int
    """Packed bytes of the payloads that are being written."""
    in_flight: int = 0
    """How many these are."""
    breaker: str = "closed"
    """``closed``: payloads are written. ``open``: not for a while. ``half_open``: one is."""
    written: int
    read: int
    deleted: int
    failed: int
    """Writes and reads that failed or took too long."""
    delete_failed: int
    """Objects that are left for a later sweep."""
    swept: int
    """Objects that nobody waited for, deleted at the start."""
    inline: int
    """Large payloads that were not written: too many under way, the store is down, its id has
    an object already, or JSON can't carry them."""
    last_failure: str = ""


class LetterFilesStatus(StatusModel):
    """The directory of dead letters, as far as this process has written to it."""

    directory: str
    written: int
    unwritten: int
    """No room in the queue, a disk that said no, or a stop that came first."""
    waiting: int
    evicted: int
    """Taken away again for want of room, or for their age."""
    waiting_bytes: int = 0
    """Of those that wait."""
    errors: int = 0
    """Times that the disk said no."""
    letters: int = 0
    """In the directory, those of other processes too, as of this one's last look."""
    directory_bytes: int = 0
    """Of these."""
    problem: str = ""
    """Why the last one could not be written; empty when all is well."""


class JournalStatus(StatusModel):
    """What the journal holds. Counts are of events, and of this process."""

    directory: str
    state: str
    """``on``, ``out`` (the disk fails; it is tried again) or ``closed``."""
    durable: int
    """Events that were put in, synced as set."""
    held: int
    """Events in it without an outcome, another process's too: they would survive us."""
    spilled: int
    """Of these, those that have left memory for want of room, and will be read back."""
    replays: int
    """Of these, those of an earlier process that are still to be read."""
    journal_bytes: int
    segments: int
    oldest_age_s: float
    """Seconds since its oldest event was emitted."""
    evicted: int
    """Events that its caps cost their place; those in memory went on all the same."""
    recovered: int
    """Events of earlier processes that were taken in."""
    lost_on_crash: int
    """Events that earlier processes accepted, and that are nowhere."""
    lost_unknown: int
    """Earlier processes of which nobody knows how many events they lost: the memory that had their
    count is gone, as after a restart of the machine."""
    adoptable: int
    """Folders of earlier processes that are still to be read."""
    damaged: int
    """Events that were in it and could not be read."""
    errors: int
    """Times that the disk said no."""
    refused_folders: int = 0
    """Folders of ended processes that can't be read or removed, or are a later version's."""
    foreign_files: int = 0
    """Files in adopted folders that are none of ours."""
    page_healthy: bool = True
    """What a ``kill -9`` costs will be counted, and counting waits for no disk."""
    problem: str
    """Why it is out."""
