"""The directory: names that stay in it, bounds that hold, and files that are no letters."""

import os
import stat

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.books.dead_letters import DeadLetter
from telemetry_actors.books.ledger import Reason
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.ids import bounded_id
from telemetry_actors.stores.letters import BadLetter, LetterDirectory, StoredLetter
from telemetry_actors.stores.letters.directory import _OURS, _name_of

DAY_NS = 86_400 * 10**9
START_NS = 1_700_000_000 * 10**9


def stored(event_id="e", *, tenant_id="t", at_ns=START_NS, payload=b"\x80", process="ab" * 16):
    envelope = Envelope("app_created", tenant_id, event_id, 5, msgpack.packb({}), payload)
    return StoredLetter(DeadLetter(envelope, Reason.PARKED, "s", ""), at_ns, process, 1)


def ids(directory):
    return [found.letter.envelope.event_id for found in directory.letters()]


@pytest.fixture
def place(tmp_path):
    return tmp_path / "letters"


@pytest.fixture
def directory(place):
    found = LetterDirectory(place)
    found.prepare(START_NS)
    return found


def test_letters_come_back_in_the_order_of_time(directory):
    for n, event_id in [(3, "c"), (1, "a"), (2, "b")]:
        directory.write(stored(event_id, at_ns=START_NS + n), START_NS)

    assert ids(directory) == ["a", "b", "c"]


def test_files_are_the_owners_alone(directory, place):
    name = directory.write(stored(), START_NS)

    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "hostile", ["../../escape", "/etc/passwd", "..", "a\0b", "x" * 5000, "\n@\x1b[2J", "ü" * 100]
)
def test_g18_no_id_leads_out_of_the_directory(directory, place, tmp_path, hostile):
    name = directory.write(stored(hostile, tenant_id=hostile), START_NS)

    assert [path.name for path in tmp_path.iterdir()] == ["letters"]
    assert [path.name for path in place.iterdir()] == [name]
    assert ids(directory) == [bounded_id(hostile)]
    assert directory.remove(name)


@given(tenant=st.text(max_size=300), event=st.text(max_size=300))
def test_every_name_is_one_of_ours_and_fits(tenant, event):
    name = _name_of(stored(event, tenant_id=tenant), 10**9)

    assert _OURS.fullmatch(name)
    assert len(f"{name}.tmp".encode()) <= 255
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-%~@")


def test_what_is_no_letter_is_told_and_skipped(directory, place, tmp_path):
    good = directory.write(stored("good"), START_NS)
    torn = directory.write(stored("torn"), START_NS)
    (place / torn).write_bytes((place / torn).read_bytes()[:-3])
    link, pipe, folder, large = (good.replace("-000001@", f"-{n}@") for n in (91, 92, 93, 94))
    (tmp_path / "secret").write_text("x")
    (place / link).symlink_to(tmp_path / "secret")
    os.mkfifo(place / pipe)
    (place / folder).mkdir()
    with (place / large).open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    (place / f"{good}.tmp").write_bytes(b"begun")
    (place / "notes.txt").write_text("somebody else's")
    (place / "notes.letter").write_text("somebody else's")

    found = {f.name: f for f in directory.letters()}

    assert found[good].letter.envelope.event_id == "good"
    assert found[torn].reason.startswith("torn: ")
    bad = {name for name, f in found.items() if isinstance(f, BadLetter)}
    assert bad == {torn, link, pipe, folder, large, f"{good}.tmp"}


def test_one_that_is_gone_meanwhile_is_no_trouble(directory):
    first = directory.write(stored("a"), START_NS)
    second = directory.write(stored("b", at_ns=START_NS + 1), START_NS)
    reading = directory.letters()
    assert next(reading).name == first
    assert directory.remove(second)
    assert list(reading) == []
    assert not directory.remove(second)


def test_a_name_that_is_none_is_refused(directory):
    for name in ("", "..", "a/b"):
        with pytest.raises(EnvelopeError, match="not the name"):
            directory.remove(name)


def test_g18_it_keeps_as_many_as_it_may_and_the_oldest_go(place):
    directory = LetterDirectory(place, max_files=3)
    directory.prepare(START_NS)
    for n in range(8):
        directory.write(stored(str(n), at_ns=START_NS + n), START_NS)

    assert ids(directory) == ["5", "6", "7"]
    assert directory.evicted == 5


def test_it_keeps_as_many_bytes_as_it_may(place):
    directory = LetterDirectory(place, max_bytes=10_000)
    directory.prepare(START_NS)
    for n in range(8):
        directory.write(stored(str(n), at_ns=START_NS + n, payload=b"x" * 4000), START_NS)

    assert ids(directory) == ["6", "7"]
    assert sum(p.stat().st_size for p in place.iterdir()) <= 10_000


def test_what_is_too_old_goes_at_the_next_write_or_start(place):
    directory = LetterDirectory(place, max_age_s=86_400)
    directory.prepare(START_NS)
    directory.write(stored("old"), START_NS)
    directory.write(stored("exact", at_ns=START_NS + 10), START_NS)
    directory.write(stored("new", at_ns=START_NS + DAY_NS + 10), START_NS + DAY_NS + 10)
    assert ids(directory) == ["exact", "new"]

    LetterDirectory(place, max_age_s=86_400).prepare(START_NS + 2 * DAY_NS + 10)
    assert ids(directory) == ["new"]


def test_the_bounds_count_what_other_processes_write(place):
    mine, theirs = LetterDirectory(place, max_files=4), LetterDirectory(place, max_files=4)
    mine.prepare(START_NS)
    theirs.prepare(START_NS)
    for n in range(12):
        at_ns = START_NS + n
        mine.write(stored(f"m{n}", at_ns=at_ns), START_NS)
        theirs.write(stored(f"t{n}", at_ns=at_ns, process="cd" * 16), START_NS)

    assert len(ids(mine)) <= 4 + 2  # each looks again after every second letter of its own


def test_bounds_touch_letters_alone(place):
    place.mkdir()
    (place / "notes.letter").write_text("x" * 10_000)
    directory = LetterDirectory(place, max_files=1, max_bytes=2000)
    directory.prepare(START_NS)
    directory.write(stored("a"), START_NS)
    directory.write(stored("b", at_ns=START_NS + 1), START_NS)

    assert (place / "notes.letter").exists()
    assert ids(directory) == ["b"]


def test_files_that_nobody_will_finish_are_swept(place, directory):
    name = directory.write(stored(), START_NS)
    for suffix, age_s in (("1", 7200), ("2", 60)):
        begun = place / name.replace(".letter", f"{suffix}.letter.tmp")
        begun.write_bytes(b"x")
        os.utime(begun, ns=(START_NS - age_s * 10**9,) * 2)
    directory.prepare(START_NS)

    assert directory.unfinished() == [name.replace(".letter", "2.letter.tmp")]


def test_a_directory_that_was_taken_away_is_made_again(directory, place):
    directory.write(stored("a"), START_NS)
    (place / directory.names()[0]).unlink()
    place.rmdir()
    directory.write(stored("b"), START_NS)

    assert ids(directory) == ["b"]


def test_a_letter_that_is_written_over_keeps_its_place(directory):
    name = directory.write(stored("a"), START_NS)
    found = directory.read(name)
    directory.replace(found._replace(replays=1))

    assert directory.names() == [name]
    assert directory.read(name).replays == 1
    assert directory.read(name).id == name.partition("@")[0]
