"""The writer: nobody waits for the disk, and what is not written is counted and said once."""

import errno
import threading

import msgpack
import pytest

from supervisors import SystemClock
from telemetry_actors.books.dead_letters import DeadLetter
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.settings import DeadLetterSettings
from telemetry_actors.stores.letters import LetterDirectory
from telemetry_actors.stores.letters.writer import LetterWriter, letters_of

PAYLOAD = msgpack.packb({"name": "Ada Lovelace"})


def a_letter(event_id="e", error="ValueError: 'Ada Lovelace'"):
    envelope = Envelope("app_created", "t", event_id, 5, b"\x80", PAYLOAD)
    return DeadLetter(envelope, Reason.HANDLER_CRASH, "handlers/app_created", error)


class Disk(LetterDirectory):
    """Says no, or nothing at all, as it is told."""

    problem = None

    def __init__(self, path):
        super().__init__(path)
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def write(self, stored, now_ns):
        self.entered.set()
        assert self.open.wait(20)
        if self.problem is not None:
            raise self.problem
        return super().write(stored, now_ns)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "letters")


@pytest.fixture
def writer(disk):
    made = a_writer(disk)
    yield made
    disk.open.set()
    made.close(5)


def a_writer(disk, queue_bytes=10**6):
    return LetterWriter(disk, queue_bytes=queue_bytes, clock=SystemClock(), process="ab" * 16)


def test_all_is_written_before_a_close_returns(writer, disk):
    writer.offer([a_letter(str(n)) for n in range(50)])
    state = writer.close(10)

    assert (state.written, state.unwritten, state.waiting, state.problem) == (50, 0, 0, "")
    assert [f.letter.envelope.event_id for f in disk.letters()] == [str(n) for n in range(50)]


def test_g18_the_text_of_an_error_is_kept_without_the_payloads_values(writer, disk):
    writer.offer([a_letter()])
    writer.close(10)
    (found,) = disk.letters()

    assert found.letter.error == "ValueError: '[value]'"


def test_g18_whoever_hands_a_letter_over_does_not_wait_for_the_disk(writer, disk):
    disk.open.clear()
    writer.offer([a_letter("a")])
    assert disk.entered.wait(5)
    writer.offer([a_letter("b")])  # returns, though the disk hangs

    assert writer.state().waiting == 2
    disk.open.set()
    assert writer.close(10).written == 2


def test_g18_what_finds_no_room_in_the_queue_is_counted(disk):
    one = a_letter().size_bytes
    writer = a_writer(disk, queue_bytes=2 * one)
    disk.open.clear()
    writer.offer([a_letter(str(n)) for n in range(5)])
    assert (writer.state().waiting, writer.state().unwritten) == (2, 3)

    disk.open.set()
    state = writer.close(10)
    assert (state.written, state.unwritten) == (2, 3)


def test_the_queue_has_room_again_once_it_is_written(disk):
    writer = a_writer(disk, queue_bytes=a_letter().size_bytes)
    disk.open.clear()
    writer.offer([a_letter("a")])
    disk.problem = OSError(errno.ENOSPC, "No space left on device")
    disk.open.set()
    while writer.state().waiting:
        pass
    disk.problem = None
    writer.offer([a_letter("b")])

    state = writer.close(10)
    assert (state.written, state.unwritten) == (1, 1)


def test_a_disk_that_hangs_does_not_hold_up_a_close(writer, disk):
    disk.open.clear()
    writer.offer([a_letter("a"), a_letter("b")])
    assert disk.entered.wait(5)

    state = writer.close(0.01)

    assert (state.written, state.unwritten, state.waiting) == (0, 2, 0)


def test_after_a_close_letters_are_counted(writer):
    writer.close(1)
    writer.offer([a_letter()])

    assert writer.state().unwritten == 1


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device: free some"),
        (OSError(errno.EROFS, "Read-only file system"), "Read-only file system: nothing can be"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_g18_a_disk_that_says_no_is_told_once_counted_and_survived(
    writer, disk, caplog, problem, words
):
    caplog.set_level("INFO")
    disk.problem = problem
    writer.offer([a_letter("a"), a_letter("b")])
    while writer.state().waiting or not writer.state().problem:
        pass
    assert writer.state().unwritten == 2
    assert writer.state().problem.startswith(words)

    disk.problem = None
    writer.offer([a_letter("c")])
    state = writer.close(10)

    assert (state.written, state.problem) == (1, "")
    assert [r.levelname for r in caplog.records] == ["WARNING", "WARNING"]
    assert words in caplog.messages[0]
    assert "again" in caplog.messages[1]


def test_what_is_wrong_is_said_at_the_start(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    writer = a_writer(LetterDirectory(tmp_path / "file"))
    writer.prepare()
    state = writer.close(10)

    assert state.problem.startswith("File exists: a file stands where a directory is wanted")
    assert "can't be written to" in caplog.text


def test_without_a_directory_there_is_no_writer():
    assert letters_of(DeadLetterSettings(), SystemClock(), "p") is None


def test_where_no_thread_can_be_started_letters_wait_for_one_and_are_counted(writer, monkeypatch):
    def no_more(*_args):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", no_more)
        writer.offer([a_letter()])
        state = writer.state()
        assert (state.written, state.unwritten, state.waiting) == (0, 0, 1)
    state = writer.close(10)
    assert (state.written, state.unwritten, state.waiting) == (1, 0, 0)


def test_where_there_is_none_to_the_end_letters_are_counted(writer, monkeypatch):
    def no_more(*_args):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr("_thread.start_new_thread", no_more)
    writer.offer([a_letter()])
    state = writer.close(10)
    assert (state.written, state.unwritten, state.waiting) == (0, 1, 0)
