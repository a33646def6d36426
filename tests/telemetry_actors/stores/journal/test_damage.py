"""Bytes that no one trusts (g28): damaged, cut off, forged, or none of ours."""

import itertools
import shutil
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry_actors.stores.journal._acks import acked, write_acks
from telemetry_actors.stores.journal._live import LivePage, PageGone, read_live
from telemetry_actors.stores.journal._record import (
    HEAD_BYTES,
    MARK,
    framed,
    scan,
)
from tests.telemetry_actors.stores.journal.rig import Rig, ids_of, left_by_a_crash

IDS = ["a", "b", "c", "d", "e"]
ENDED = ["b"]
LEFT = ["a", "c", "d", "e"]


def found_in(data):
    return list(scan(lambda offset, length: data[offset : offset + length], len(data)))


def sound(data):
    return [(found.number, found.body) for found in found_in(data) if found.body is not None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("journal")
    return left_by_a_crash(directory, IDS, ended=ENDED)


def adopted(folder, to, name, data):
    """What the next start finds with the file *name* changed to *data*."""
    shutil.copytree(folder.parent, to)
    (to / folder.name / name).write_bytes(data)
    rig = Rig(to)
    recovered = ids_of(rig.adopt())
    rig.journal.close()
    shutil.rmtree(to)
    return recovered, rig.status


STRIDES = pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
"""Every byte in soak, every third in CI."""


@pytest.mark.timeout(60)
@STRIDES
def test_g28_a_bit_flipped_at_any_byte_of_a_segment_costs_one_event_and_it_is_counted(
    folder, tmp_path, stride
):
    name = "0000000001.seg"
    data = (folder / name).read_bytes()
    for at in range(0, len(data), stride):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        recovered, status = adopted(folder, tmp_path / "copy", name, bytes(flipped))
        assert set(recovered) <= set(LEFT)
        assert len(recovered) >= len(LEFT) - 1
        assert recovered == sorted(recovered)
        assert status.recovered + status.lost_on_crash == len(LEFT)


@pytest.mark.timeout(60)
@STRIDES
def test_g28_a_segment_cut_off_at_any_byte_costs_what_is_cut_off_and_it_is_counted(
    folder, tmp_path, stride
):
    name = "0000000001.seg"
    data = (folder / name).read_bytes()
    ends = list(itertools.accumulate(len(data) // 5 for _ in IDS))
    for at in range(0, len(data), stride):
        recovered, status = adopted(folder, tmp_path / "copy", name, data[:at])
        whole = [i for i, end in zip(IDS, ends, strict=True) if end <= at]
        assert recovered == [i for i in whole if i not in ENDED]
        assert status.recovered + status.lost_on_crash == len(LEFT)


def test_g28_whatever_happens_to_the_acks_nothing_is_lost(folder, tmp_path):
    name = "0000000001.ack"
    data = (folder / name).read_bytes()
    assert len(data) == 8
    for at in range(8):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        assert adopted(folder, tmp_path / "copy", name, bytes(flipped))[0] == IDS
        assert adopted(folder, tmp_path / "copy", name, data[:at])[0] == IDS


def test_g28_whatever_happens_to_the_live_page_nothing_is_lost(folder, tmp_path):
    data = (folder / "live").read_bytes()
    for at in [*range(120), *range(120, len(data), 997)]:
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        recovered, status = adopted(folder, tmp_path / "copy", "live", bytes(flipped))
        assert recovered == LEFT
        assert status.lost_on_crash <= 2**41
    for at in range(0, len(data), 499):
        recovered, status = adopted(folder, tmp_path / "copy", "live", data[:at])
        assert (recovered, status.lost_on_crash) == (LEFT, 0)


# -- records --------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_what_was_framed_is_found(bodies):
    data = b"".join(framed(n, body) for n, body in enumerate(bodies))

    assert sound(data) == list(enumerate(bodies))


@given(st.binary(max_size=2_000))
def test_g28_bytes_that_are_none_of_ours_are_read_to_their_end(data):
    found = found_in(data)

    assert [f for f in found if f.body is not None] == []
    assert not data or found[-1].end == len(data)


@given(
    st.lists(st.binary(max_size=60), min_size=1, max_size=8),
    st.data(),
)
def test_g28_a_splice_costs_no_record_that_it_does_not_touch(bodies, data):
    whole = b"".join(framed(n, body) for n, body in enumerate(bodies))
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    junk = data.draw(st.binary(max_size=50) | st.just(MARK * 3) | st.just(framed(0, b"forged")))
    ends = list(itertools.accumulate(HEAD_BYTES + len(body) for body in bodies))
    begins = [0, *ends[:-1]]
    before = [n for n, stop in enumerate(ends) if stop <= start]
    found = {}
    for number, body in sound(whole[:start] + junk + whole[end:]):
        found.setdefault(number, body)  # as whoever adopts it does

    assert all(found.get(n) == bodies[n] for n in before)
    behind = [n for n, begin in enumerate(begins) if begin >= end and n not in before]
    swallowed = [n for n in behind if n not in found]
    # A sound head whose body was cut may swallow what follows it, up to its length.
    assert len(swallowed) <= 1 + 60 // HEAD_BYTES


def test_g28_a_forged_length_takes_no_memory():
    body = b"x" * 100
    data = bytearray(framed(0, body) * 20_000)
    tracemalloc.start()
    for _ in scan(lambda o, n: bytes(data[o : o + n]), len(data)):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2 * 1024 * 1024


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_g28_any_bytes_for_acks_and_page(data):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x")
        path.write_bytes(data)
        list(acked(path))
        path.with_name("live").write_bytes(data)
        with suppress(PageGone):
            read_live(path.parent, None)
        write_acks(path, [7])
        assert 7 in list(acked(path))


def test_a_page_says_what_was_counted(tmp_path):
    page = LivePage(tmp_path, ["a", "b"], tmp_path / "memory")
    rows = [page.row() for _ in range(513)]
    assert rows[512] is None
    rows[0][0] += 3
    rows[511][1] += 2
    page.base[0] = 10
    page.ended[1] = 1
    page.mark(4, 17, [5, 6])
    page.mark(5, 18, [7, 8])

    said = (["a", "b"], [13, 2], [7, 8], [0, 1], 5, 18)
    assert read_live(tmp_path, tmp_path / "memory") == said
    page.lay_down()
    assert list((tmp_path / "memory").iterdir()) == []
    assert read_live(tmp_path, None) == said
    assert read_live(tmp_path / "nothing", None) is None
