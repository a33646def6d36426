"""Taking over what ended processes left: each folder for itself, each fault said once."""

import errno
import fcntl
import os
import struct
from pathlib import Path
from zlib import crc32

import msgpack
import pytest

from supervisors.testing import FakeClock
from telemetry_actors.books.ends import Ending
from telemetry_actors.stores.journal import _home, _live
from telemetry_actors.stores.journal._adopter import LOOK_AGAIN_S
from telemetry_actors.stores.journal._memory_folder import files_called, is_memory, new_file
from telemetry_actors.stores.journal._record import framed
from telemetry_actors.stores.journal.folder import Folder
from tests.telemetry_actors.stores.journal.rig import Rig, ids_of, left_by_a_crash


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "journal"


def two_left(directory):
    """Of two processes; the folder of the older one."""
    folder = left_by_a_crash(directory, ["a", "b"])
    os.utime(folder, (1, 1))
    other = Rig(directory)
    other.put("c", "d")
    other.crash()
    return folder


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


# -- what can't be had, or not yet ----------------------------------------------------------------


def test_a_lock_that_is_held_a_moment_longer_is_tried_again(directory):
    """A child of the killed process has inherited it."""
    folder = left_by_a_crash(directory, ["a"])
    held = os.open(folder / "lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    clock = FakeClock()
    rig = Rig(directory, clock)
    assert rig.adopt() == []
    os.close(held)
    clock.advance(LOOK_AGAIN_S)
    rig.journal.tick()

    assert ids_of(rig.adopt()) == ["a"]
    assert rig.status.adoptable == 0


def test_a_process_that_is_killed_while_we_live_is_taken_over(directory):
    clock = FakeClock()
    rig = Rig(directory, clock)
    assert rig.adopt() == []
    other = Rig(directory)
    other.put("a")
    other.crash()
    clock.advance(LOOK_AGAIN_S)
    rig.journal.tick()

    assert ids_of(rig.adopt()) == ["a"]


@pytest.mark.parametrize("name", ["lock", "0000000001.seg", "0000000001.ack", "live"])
@pytest.mark.parametrize("what", ["pipe", "link", "directory"])
@pytest.mark.timeout(20)
def test_g28_a_file_that_is_none_hangs_nobody_and_hinders_no_other_folder(directory, name, what):
    folder = two_left(directory)
    path = folder / name
    path.unlink(missing_ok=True)
    if what == "pipe":
        os.mkfifo(path)
    elif what == "link":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    rig = Rig(directory)
    found = ids_of(rig.adopt())

    assert {"c", "d"} <= set(found)
    assert set(found) <= {"a", "b", "c", "d"}
    if name == "live":
        assert set(found) == {"a", "b", "c", "d"}  # it costs the number, not the events
        assert rig.status.lost_unknown == 1
    else:
        assert any(folder.name in problem for problem in rig.journal.problems())


# -- another version ------------------------------------------------------------------------------


def of_the_next_version(number, body):
    """A record whose head is as ours, with the next mark."""
    head = struct.pack("<4sIII", b"TAj2", number, len(body), crc32(body))
    return head + struct.pack("<I", crc32(head)) + body


ENVELOPE_2 = msgpack.packb([2, "app_created", "t", "e", 1, {}, b"\x80", None, None, "more"])


@pytest.mark.parametrize("data", [of_the_next_version(0, b"x" * 40), framed(0, ENVELOPE_2)])
def test_what_a_later_version_has_written_stays_where_it_is_unharmed(directory, data, caplog):
    folder = two_left(directory)
    (folder / "0000000001.seg").write_bytes(data)
    before = files_of(folder)
    rig = Rig(directory)

    assert ids_of(rig.adopt()) == ["c", "d"]
    assert (rig.status.lost_on_crash, rig.status.damaged) == (0, 0)
    [problem] = rig.journal.problems()
    assert "a later version has written it" in problem
    assert (rig.status.refused_folders, rig.status.foreign_files) == (1, 0)
    assert caplog.text.count("later version") == 1
    rig.journal.close()
    assert files_of(folder) == before
    assert Folder.take(folder) is not None  # for whoever can read it


# -- age ------------------------------------------------------------------------------------------


def test_what_was_emitted_under_a_wrong_wall_clock_is_not_too_old(directory):
    """A month behind then, and right now: it is as old as it has been here."""
    clock = FakeClock()
    old = Rig(directory, clock)
    old.put("a")
    old.crash()
    later = FakeClock()
    later.advance(30 * 86_400)
    rig = Rig(directory, later)
    rig.journal.tick()
    rig.journal.tick()
    later.advance(2.0)
    rig.journal.tick()
    assert rig.status.evicted == 0
    assert ids_of(rig.adopt()) == ["a"]


def test_what_has_been_here_for_too_long_is_given_up(directory):
    left_by_a_crash(directory, ["a"])
    clock = FakeClock()
    rig = Rig(directory, clock)
    rig.journal.tick()
    clock.advance(259_200 + 2.0)
    rig.journal.tick()

    assert rig.status.evicted == 1
    assert rig.dropped["journal_full"] == 1


# -- the count of what was accepted ---------------------------------------------------------------


def test_the_count_is_in_memory_and_what_a_kill_cost_is_known(directory, tmp_path):
    rig = Rig(directory)
    rig.put("a")
    rig.accept("lost", "lost too")
    rig.crash()
    (folder,) = directory.iterdir()
    [page] = files_called(tmp_path / "memory", folder.name)

    assert (folder / "live").stat().st_size < 16
    assert page.stat().st_size > 1000
    again = Rig(directory)
    assert ids_of(again.adopt()) == ["a"]
    assert (again.status.lost_on_crash, again.status.lost_unknown) == (2, 0)
    assert not page.exists()


def test_a_page_that_went_with_the_machine_costs_the_number_and_says_so(
    directory, tmp_path, caplog
):
    rig = Rig(directory)
    rig.put("a")
    rig.crash()
    for page in (tmp_path / "memory").iterdir():
        page.unlink()
    again = Rig(directory)

    assert ids_of(again.adopt()) == ["a"]
    assert again.status.lost_unknown == 1
    assert "is not known" in caplog.text


def test_a_process_that_ends_in_good_order_leaves_its_count_on_the_disk(directory, tmp_path):
    rig = Rig(directory)
    rig.put("a")
    rig.journal.close()

    assert list((tmp_path / "memory").iterdir()) == []
    again = Rig(directory)
    assert ids_of(again.adopt()) == ["a"]
    assert (again.status.lost_on_crash, again.status.lost_unknown) == (0, 0)


def test_without_a_memory_file_system_it_works_and_says_what_is_missing(directory, tmp_path):
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    rig = Rig(directory, memory_directory=nowhere)
    rig.put("a")

    assert rig.status.state == "on"
    assert any("will not be counted" in problem for problem in rig.journal.problems())
    assert not rig.status.page_healthy
    rig.crash()
    again = Rig(directory, memory_directory=nowhere)
    assert ids_of(again.adopt()) == ["a"]
    assert again.status.lost_unknown == 1


def test_a_folder_whose_page_could_not_be_made_is_not_taken_for_a_whole_one(directory, monkeypatch):
    """C3: it "worked again", and what a kill cost was never counted any more."""
    real = _live._replace

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_live, "_replace", full)
    clock = FakeClock()
    rig = Rig(directory, clock)
    assert rig.status.state == "out"
    assert list(directory.iterdir()) == []
    monkeypatch.setattr(_live, "_replace", real)
    clock.advance(2.0)
    rig.put("a")
    rig.accept(*(f"lost {n}" for n in range(7)))
    rig.crash()

    again = Rig(directory)
    assert ids_of(again.adopt()) == ["a"]
    assert again.status.lost_on_crash == 7


def test_where_there_are_no_locks_nothing_is_left_behind(directory, monkeypatch):
    def no_locks(fd, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    clock = FakeClock()
    rig = Rig(directory, clock)
    for _ in range(3):
        clock.advance(60.0)
        rig.journal.tick()

    assert rig.status.state == "out"
    assert list(directory.iterdir()) == []


def test_pages_of_killed_processes_that_nobody_asks_for_are_swept(tmp_path):
    place = tmp_path / "memory"
    held, kept = new_file(place, "1-held")
    gone, old = new_file(place, "2-gone")
    os.close(gone)
    for path in (kept, old):
        os.utime(path, (path.stat().st_mtime - 8 * 86_400,) * 2)
    young, path = new_file(place, "3-young")

    assert sorted(place.iterdir()) == [kept, path]
    os.close(held)
    os.close(young)


def test_a_folder_of_which_a_part_was_taken_over_is_not_let_go_of(directory, monkeypatch):
    """Its second file can't be read: whoever took the folder would send the first one again."""
    rig = Rig(directory, segment_bytes=1)
    rig.put("a")
    rig.put("b")
    rig.crash()
    (folder,) = directory.iterdir()
    (folder / "0000000002.ack").mkdir()
    again = Rig(directory)
    [item] = again.adopt()

    assert item[1].event_id == "a"
    assert Folder.take(folder) is None
    again.end([item])
    assert Folder.take(folder) is not None
    assert (folder / "0000000002.seg").exists()


def test_a_folder_is_held_until_the_last_outcome_in_it_is_noted(directory, monkeypatch):
    """A sink books it while the folder's last file is being read: the note is still owed then.

    Whoever took the folder before that would send the event again, and nobody removed it.
    """
    folder = left_by_a_crash(directory, ["a"])
    rig = Rig(directory)
    rig.journal.tick()
    (item,) = rig.replay()
    step = rig.journal._adopter.step

    def booked_meanwhile(*, ill):
        rig.books.end([Ending(item)])
        return step(ill=ill)

    with monkeypatch.context() as patch:
        patch.setattr(rig.journal._adopter, "step", booked_meanwhile)
        rig.journal.tick()
    assert Folder.take(folder) is None
    rig.journal.tick()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["0000000001.seg", "notes.txt"])
def test_a_file_that_is_none_of_ours_is_told_once(directory, name):
    """Its folder stays, and is not taken over anew at each look."""
    folder = left_by_a_crash(directory, ["a"])
    (folder / name).write_bytes(b"not ours")
    clock = FakeClock()
    rig = Rig(directory, clock)
    rig.end(rig.adopt())
    said = rig.journal.problems()
    for _ in range(3):
        clock.advance(LOOK_AGAIN_S)
        rig.adopt()
        rig.journal.tick()
    assert rig.journal.problems() == said


def test_a_journal_that_is_closed_during_a_write_that_hangs_closes_no_file_under_it(directory):
    """Its number may be that of a file of the host's by the time the write goes on."""
    rig = Rig(directory)
    rig.put("a")
    with rig.journal._at_work:
        rig.journal.close()
        os.fstat(rig.journal._home._writer._fd)  # it is open

    assert rig.status.state == "closed"
    assert rig.journal.append(rig.accept("b"))[0][0].place is None  # it has come back, and closes
    assert ids_of(Rig(directory).adopt()) == ["a"]


def test_a_memory_directory_that_is_a_disks_is_said(directory, tmp_path, monkeypatch, caplog):
    """It is used, since it was chosen; but `emit()` would stand still with the disk again."""
    monkeypatch.setattr(_home, "is_memory", lambda path: path != tmp_path / "memory")
    rig = Rig(directory)

    [problem] = rig.journal.problems()
    assert "emit() stands still" in problem
    assert not rig.status.page_healthy
    assert problem in caplog.text
    assert rig.status.state == "on"


def test_what_is_memory_is_asked_of_the_system():
    assert is_memory(None)
    assert not is_memory(Path("/proc"))
    if Path("/dev/shm").is_dir():
        assert is_memory(Path("/dev/shm/not-there-yet"))
