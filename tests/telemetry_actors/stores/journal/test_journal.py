"""Append, end, crash, adopt: without a tree, by the files alone."""

import os

import pytest

from supervisors.testing import FakeClock
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.ticket import Ticket
from tests.telemetry_actors.stores.journal.rig import CASES, Rig, ids_of, left_by_a_crash

FIVE = ["a", "b", "c", "d", "e"]


def test_what_has_no_outcome_is_found_by_the_next_one_in_order(tmp_path):
    left_by_a_crash(tmp_path, FIVE, ended=["b", "d"])
    rig = Rig(tmp_path)

    assert ids_of(rig.adopt()) == ["a", "c", "e"]
    assert rig.books.other_ways.sources == {"journal": [3, 0, 0]}
    assert (rig.status.recovered, rig.status.lost_on_crash) == (3, 0)


def test_what_was_accepted_and_never_put_in_is_lost_and_counted_by_case(tmp_path):
    first = Rig(tmp_path)
    first.put("a", "b")
    first.accept("c", case=1)
    first.accept("d", "e")
    first.crash()
    rig = Rig(tmp_path)

    assert ids_of(rig.adopt()) == ["a", "b"]
    assert rig.books.other_ways.sources == {"journal": [2, 0, 0], "lost_on_crash": [2, 1, 0]}
    assert rig.dropped == {"lost_on_crash": 3}
    assert rig.status.lost_on_crash == 3


def test_what_is_accepted_before_anything_is_put_in_is_lost_and_counted(tmp_path):
    first = Rig(tmp_path)
    first.accept("a", "b")
    first.crash()
    rig = Rig(tmp_path)

    assert rig.adopt() == []
    assert rig.status.lost_on_crash == 2


def test_a_thread_that_had_counted_before_the_journal_was_open_counts_in_it_from_then_on(tmp_path):
    first = Rig(tmp_path, opened=False)
    first.accept("a", "b")
    first.journal.open()
    first.accept("c")
    assert first.shards.snapshot().accepted == [3, 0, 0]
    first.crash()
    rig = Rig(tmp_path)

    assert rig.adopt() == []
    assert rig.status.lost_on_crash == 3


def test_what_ended_while_the_journal_was_out_is_not_lost(tmp_path):
    first = Rig(tmp_path)
    items = first.accept("a", "b", "c")
    first.end(items[:2])
    first.end(items[2:], "parked")
    first.crash()
    rig = Rig(tmp_path)

    assert rig.adopt() == []
    assert rig.status.lost_on_crash == 0


def test_a_kill_between_the_write_and_the_page_changes_no_count(tmp_path, monkeypatch):
    first = Rig(tmp_path)
    first.put("a")
    monkeypatch.setattr(first.journal._home, "mark", lambda: None)
    first.put("b", "c")
    first.crash()
    rig = Rig(tmp_path)

    assert ids_of(rig.adopt()) == ["a", "b", "c"]
    assert rig.status.lost_on_crash == 0


def test_a_kill_before_the_thread_has_counted_makes_no_negative_loss(tmp_path):
    first = Rig(tmp_path)
    items = first.accept("a")
    first.shards.mine().accepted[0] -= 1
    first.journal.append(items)
    first.crash()
    rig = Rig(tmp_path)

    assert ids_of(rig.adopt()) == ["a"]
    assert rig.status.lost_on_crash == 0


def test_lost_events_are_counted_by_one_heir_alone(tmp_path):
    left_by_a_crash(tmp_path, ["a"], lost=["b"])
    second = Rig(tmp_path)
    second.adopt()
    second.crash()
    third = Rig(tmp_path)

    assert ids_of(third.adopt()) == ["a"]
    assert (second.status.lost_on_crash, third.status.lost_on_crash) == (1, 0)


def test_an_heir_that_is_killed_leaves_what_it_had_not_ended(tmp_path):
    left_by_a_crash(tmp_path, FIVE)
    second = Rig(tmp_path)
    second.end(second.adopt()[:2])
    second.put("f")
    second.crash()
    third = Rig(tmp_path)

    assert sorted(ids_of(third.adopt())) == ["c", "d", "e", "f"]
    assert third.status.lost_on_crash == 0


def test_a_replayed_event_keeps_where_it_came_from_over_several_lives(tmp_path):
    left_by_a_crash(tmp_path, ["a"])
    origins = []
    for _ in range(3):
        rig = Rig(tmp_path)
        ((_, envelope),) = rig.adopt()
        origins.append(envelope.metadata["origin"])
        rig.crash()

    assert origins[0] == origins[1] == origins[2]
    assert origins[0][1] == 1


def test_a_segment_is_removed_when_all_its_events_are_done(tmp_path):
    rig = Rig(tmp_path, segment_bytes=100)
    batches = [rig.put(event_id) for event_id in FIVE]
    folder = next(tmp_path.iterdir())
    assert len(list(folder.glob("*.seg"))) == 5
    rig.end(batches[1])
    rig.end(batches[0])

    assert [p.name for p in sorted(folder.glob("*.seg"))] == [
        f"000000000{n}.seg" for n in (3, 4, 5)
    ]
    assert rig.status.segments == 3
    for batch in batches[2:]:
        rig.end(batch)
    rig.journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_is_in_is_not_put_in_again(tmp_path):
    rig = Rig(tmp_path)
    items = rig.accept("a", "b", "c")
    placed = rig.journal.append(items)

    assert rig.journal.append(items) == placed
    assert rig.journal.append(items[1:2]) == placed[1:2]
    assert rig.status.durable == 3


def test_what_leaves_memory_comes_back_as_it_was_and_in_order(tmp_path):
    rig = Rig(tmp_path, segment_bytes=300)
    kept = rig.put("a", payload=b"\x81\xa1k\x01")
    spilled = [
        rig.put(event_id, payload=b"\x81\xa1k" + bytes([n])) for n, event_id in enumerate("bcdefgh")
    ]
    for batch in spilled:
        rig.journal.spill(batch)
    assert rig.status.spilled == 7
    rig.put("z")
    back = rig.read_back()

    assert [(t.serial, t.place, e.event_id, e.payload) for t, e in back] == [
        (t.serial, t.place, e.event_id, e.payload) for batch in spilled for t, e in batch
    ]
    assert rig.status.spilled == 0
    rig.end(kept)
    rig.end(back)
    assert rig.status.held == 1


def test_two_lives_that_share_a_directory_leave_each_other_alone(tmp_path):
    one, other = Rig(tmp_path), Rig(tmp_path)
    one.put("a")
    other.put("b")

    assert one.adopt() == other.adopt() == []
    one.crash()
    third = Rig(tmp_path)
    assert ids_of(third.adopt()) == ["a"]


def test_a_new_folder_that_nobody_finished_is_tidied_up(tmp_path):
    (tmp_path / ".new-x").mkdir()
    rig = Rig(tmp_path)
    rig.adopt()

    assert [p.name for p in tmp_path.iterdir()] == [
        p.name for p in tmp_path.glob(f"{os.getpid()}-*")
    ]


# -- caps -----------------------------------------------------------------------------------------


def test_the_oldest_segment_goes_first_and_its_events_go_on(tmp_path):
    rig = Rig(tmp_path, segment_bytes=1_000, max_bytes=2_500)
    items = [item for n in range(40) for item in rig.put(f"{n}")]
    status = rig.status

    assert status.journal_bytes <= 2_500 + 1_000
    assert status.evicted == 40 - status.held > 0
    held = [rig.journal.holds(ticket.place) for ticket, _ in items]
    assert held == sorted(held)
    rig.end(items)
    rig.crash()
    heir = Rig(tmp_path)
    assert heir.adopt() == []
    assert heir.status.lost_on_crash == 0


def test_what_was_evicted_and_then_killed_is_lost_and_counted(tmp_path):
    rig = Rig(tmp_path, segment_bytes=1_000, max_bytes=2_500)
    for n in range(40):
        rig.put(f"{n}")
    evicted = rig.status.evicted
    rig.crash()
    heir = Rig(tmp_path)

    assert len(heir.adopt()) == 40 - evicted
    assert heir.status.lost_on_crash == evicted


def test_a_segment_that_is_too_old_goes_and_what_is_on_disk_alone_ends_counted(tmp_path):
    clock = FakeClock()
    rig = Rig(tmp_path, clock, max_age_s=60)
    in_memory, spilled = rig.put("a"), rig.put("b")
    rig.journal.spill(spilled)
    clock.advance(59)
    rig.journal.tick()
    assert rig.status.evicted == 0
    clock.advance(2)
    rig.journal.tick()

    assert rig.status.evicted == 2
    assert not rig.journal.holds(in_memory[0][0].place)
    assert rig.dropped == {"journal_full": 1}
    (letter,) = rig.books.dead_letters.list()
    assert letter.envelope.event_id == "b"
    assert rig.put("c")[0][0].place is not None


def test_what_was_too_old_and_then_killed_is_lost_and_counted(tmp_path):
    clock = FakeClock()
    rig = Rig(tmp_path, clock, max_age_s=60)
    rig.put("a")
    clock.advance(61)
    rig.journal.tick()
    rig.crash()
    heir = Rig(tmp_path)

    assert heir.adopt() == []
    assert heir.status.lost_on_crash == 1


def test_what_waits_on_disk_alone_is_never_given_up_for_something_newer(tmp_path):
    rig = Rig(tmp_path, segment_bytes=500, max_bytes=1_000)
    while True:
        (item,) = rig.put("x")
        if item[0].place is None:
            break
        rig.journal.spill([item])

    assert rig.status.evicted == 0
    rig.end(rig.read_back())
    assert rig.put("y")[0][0].place is not None


# -- what a disk does -----------------------------------------------------------------------------


@pytest.fixture
def broken_disk(monkeypatch):
    """`os.write` fails while the list isn't empty, after so many bytes."""
    left = []
    write = os.write

    def failing(fd, data):
        if not left:
            return write(fd, data)
        if left[0] <= 0:
            raise OSError(28, "No space left on device")
        n = write(fd, bytes(data)[: left[0]])
        left[0] -= n
        return n

    monkeypatch.setattr(os, "write", failing)
    return left


@pytest.mark.parametrize("room", [0, 7, 30, 250])
def test_a_full_disk_is_told_once_and_the_journal_comes_back_by_itself(
    tmp_path, broken_disk, caplog, room
):
    clock = FakeClock()
    rig = Rig(tmp_path, clock)
    rig.put("a")
    broken_disk.append(room)
    failed = [item for event_id in ("b", "c", "d", "e") for item in rig.put(event_id)]

    unplaced = [e.event_id for t, e in failed if t.place is None]
    assert unplaced[-1:] == ["e"]
    assert rig.status.state == "out"
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    broken_disk.clear()
    clock.advance(60)
    assert rig.put("f")[0][0].place is not None
    assert rig.status.state == "on"
    rig.crash()

    heir = Rig(tmp_path)
    recovered = ids_of(heir.adopt())
    assert recovered == [i for i in ["a", "b", "c", "d", "e", "f"] if i not in unplaced]
    assert heir.status.lost_on_crash == len(unplaced)


def test_of_a_batch_that_did_not_fit_nothing_is_in_the_journal(tmp_path, broken_disk):
    rig = Rig(tmp_path)
    rig.put("a")
    broken_disk.append(200)  # the first of two records, and a part of the second
    items = rig.put("b", "c", payload=b"\x81\xa1k\xa0")
    assert [ticket.place for ticket, _ in items] == [None, None]
    rig.end(items)
    broken_disk.clear()
    rig.crash()

    heir = Rig(tmp_path)
    assert ids_of(heir.adopt()) == ["a"]
    assert heir.status.lost_on_crash == 0


def test_a_directory_that_is_removed_is_noticed_and_made_again(tmp_path):
    import shutil

    clock = FakeClock()
    home = tmp_path / "journal"
    rig = Rig(home, clock)
    before = rig.put("a")
    shutil.rmtree(home)
    assert rig.put("b")[0][0].place is None
    assert rig.status.state == "out"
    clock.advance(60)
    (after,) = rig.put("c")

    assert after[0].place is not None
    assert rig.status.evicted == 1
    assert not rig.journal.holds(before[0][0].place)
    rig.end(before)
    rig.crash()
    heir = Rig(home)
    assert ids_of(heir.adopt()) == ["c"]
    assert heir.status.lost_on_crash == 1


def test_spilled_events_whose_file_is_gone_end_counted(tmp_path):
    rig = Rig(tmp_path)
    items = rig.put("a", "b")
    rig.journal.spill(items)
    next(tmp_path.rglob("*.seg")).unlink()

    assert rig.read_back() == []
    assert rig.dropped == {"journal_full": 2}
    assert rig.journal.backlog == 0


def test_what_can_not_be_read_just_now_is_read_later(tmp_path, monkeypatch):
    rig = Rig(tmp_path)
    items = rig.put("a", "b")
    rig.journal.spill(items)

    def too_many(*_arguments):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", too_many)
        assert rig.read_back() == []
    assert rig.status.errors == 1
    assert ids_of(rig.read_back()) == ["a", "b"]


def test_a_directory_that_can_not_be_made_is_told_and_tried_again(tmp_path, caplog):
    clock = FakeClock()
    (tmp_path / "file").write_text("not a directory")
    rig = Rig(tmp_path / "file", clock)
    assert rig.put("a")[0][0].place is None
    assert "the journal fails" in rig.journal.problems()[0]
    assert len(caplog.records) == 1
    (tmp_path / "file").unlink()
    clock.advance(60)

    assert rig.put("b")[0][0].place is not None
    assert rig.journal.problems() == []


def test_acks_that_can_not_be_written_send_twice_and_lose_nothing(tmp_path, broken_disk):
    rig = Rig(tmp_path)
    items = rig.put("a", "b")
    broken_disk.append(0)
    rig.end(items[:1])
    broken_disk.clear()
    rig.end(items[1:])
    assert rig.status.errors == 1
    rig.crash()

    assert ids_of(Rig(tmp_path).adopt()) == ["a"]


def test_what_is_foreign_is_told_and_left_alone(tmp_path):
    folder = left_by_a_crash(tmp_path, ["a"])
    (folder / "notes.txt").write_text("mine")
    (folder / "0000000009.seg").write_bytes(b"something else altogether")
    (tmp_path / "elsewhere").mkdir()
    rig = Rig(tmp_path)
    found = rig.adopt()
    assert ids_of(found) == ["a"]
    rig.end(found)

    assert len(rig.journal.problems()) == 2
    assert (rig.status.foreign_files, rig.status.page_healthy) == (2, True)
    assert sorted(p.name for p in folder.iterdir())[:2] == ["0000000009.seg", "lock"]
    assert (folder / "notes.txt").exists()
    assert rig.status.lost_on_crash == 0


def test_a_case_of_the_dead_process_that_this_one_does_not_know(tmp_path):
    first = Rig(tmp_path)
    items = first.accept("a")
    first.journal.append([(items[0][0], items[0][1]._replace(case="of yore"))])
    first.crash()
    rig = Rig(tmp_path)

    assert rig.adopt() == []
    assert rig.books.other_ways.sources["journal"] == [0, 0, 1]
    assert rig.dropped == {"no_handler": 1}
    assert len(CASES) == 3


# -- fsync ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fsync", "after_two", "after_the_interval"),
    [("never", 0, 0), ("interval", 0, 1), ("always", 2, 2)],
)
def test_it_is_synced_as_set(tmp_path, monkeypatch, fsync, after_two, after_the_interval):
    clock = FakeClock()
    rig = Rig(tmp_path, clock, fsync=fsync, fsync_interval_s=1)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    rig.put("a")
    rig.put("b")
    assert len(synced) == after_two
    clock.advance(1)
    rig.journal.tick()
    rig.journal.tick()

    assert len(synced) == after_the_interval


def test_one_that_hung_in_a_write_and_comes_back_leaves_nothing_behind(tmp_path, monkeypatch):
    rig = Rig(tmp_path)
    items = rig.accept("a")
    append = rig.journal._home.append

    def slow(bodies):
        found = append(bodies)
        assert rig.journal.append(items) == items  # its heir, in the meantime: without a place
        return found

    monkeypatch.setattr(rig.journal._home, "append", slow)
    assert rig.journal.append(items) == items
    assert rig.status.durable == 0
    monkeypatch.undo()
    rig.put("b")
    rig.crash()

    heir = Rig(tmp_path)
    assert ids_of(heir.adopt()) == ["b"]


def test_what_a_broker_has_is_neither_kept_nor_missed(tmp_path):
    """Its outcome must not stand for that of one of our own, which a crash has lost."""
    one = Rig(tmp_path)
    one.put("durable")
    lost = one.accept("lost")
    ticket = Ticket(next(one.serials), 0, 100, bridged=True)
    bridged = [(ticket, Envelope("app_created", "acme", "b", 1, b"\x80", b"\x80"))]
    there = one.journal.append([*bridged, *one.accept("more")])
    assert there[0] is bridged[0]
    assert one.journal.holds(there[1][0].place)
    one.end(bridged)
    one.crash()
    two = Rig(tmp_path)

    assert [envelope.event_id for _, envelope in two.adopt()] == ["durable", "more"]
    assert two.books.dropped[0] == {"lost_on_crash": len(lost)}
