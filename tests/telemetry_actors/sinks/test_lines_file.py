"""Lines go into the file whole or not at all, and a large file is put aside."""

import os
import threading

import pytest

from telemetry_actors.sinks import _lines_file
from telemetry_actors.sinks._lines_file import LinesFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lines.jsonl"


@pytest.fixture
def a_file(path):
    made = []

    def _a_file(max_bytes=1000, keep=2):
        made.append(LinesFile(path, max_bytes=max_bytes, keep=keep))
        return made[-1]

    yield _a_file
    for file in made:
        file.close()


def contents(path):
    """By file name, youngest first."""
    return {p.name: p.read_text() for p in sorted(path.parent.glob(f"{path.name}*"))}


def test_nothing_is_touched_before_the_first_line(a_file, path):
    file = a_file()
    assert contents(path) == {}
    file.append(b"a\n")
    file.append(b"b\nc\n")
    file.close()
    file.append(b"d\n")

    assert contents(path) == {"lines.jsonl": "a\nb\nc\nd\n"}


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (0, {"": "5555\n"}),
        (1, {"": "5555\n", ".1": "3333\n4444\n"}),
        (2, {"": "5555\n", ".1": "3333\n4444\n", ".2": "1111\n2222\n"}),
        (9, {"": "5555\n", ".1": "3333\n4444\n", ".2": "1111\n2222\n"}),
    ],
)
def test_a_file_that_would_get_too_large_is_put_aside(a_file, path, keep, kept):
    file = a_file(max_bytes=10, keep=keep)
    for n in range(1, 6):
        file.append(b"%d\n" % (1111 * n))

    assert contents(path) == {f"lines.jsonl{suffix}": text for suffix, text in kept.items()}


def test_a_line_that_is_larger_than_a_file_has_one_of_its_own(a_file, path):
    file = a_file(max_bytes=10)
    for line in (b"a\n", b"x" * 50 + b"\n", b"b\n"):
        file.append(line)

    assert [len(text) for text in contents(path).values()] == [2, 51, 2]


def test_what_was_there_before_is_kept_and_a_torn_line_is_ended(a_file, path):
    path.write_text("whole\ntorn")
    a_file().append(b"next\n")

    assert path.read_text() == "whole\ntorn\nnext\n"


def test_a_file_that_others_move_away_or_delete_is_made_anew(a_file, path):
    file = a_file()
    file.append(b"a\n")
    path.rename(path.with_name("moved"))
    file.append(b"b\n")
    path.unlink()
    file.append(b"c\n")

    assert path.read_text() == "c\n"
    assert path.with_name("moved").read_text() == "a\n"


def test_what_a_full_disk_took_in_part_is_cut_off_again(a_file, path, monkeypatch):
    """The next append goes on as if nothing had been."""

    def full_after_three_bytes(fd, data):
        if len(data) <= 3:
            raise OSError(28, "No space left on device")
        return real(fd, data[:3])

    real = os.write
    file = a_file()
    file.append(b"first\n")
    with monkeypatch.context() as patch:
        patch.setattr(_lines_file.os, "write", full_after_three_bytes)
        with pytest.raises(OSError, match="No space"):
            file.append(b"second\n")
    assert path.read_text() == "first\n"
    file.append(b"third\n")

    assert path.read_text() == "first\nthird\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")  # noqa: PTH110
def test_a_full_device_says_so():
    file = LinesFile(_lines_file.Path("/dev/full"), max_bytes=100, keep=1)
    with pytest.raises(OSError, match="No space"):
        file.append(b"x\n")


def test_an_obstacle_that_goes_away_is_forgotten(tmp_path):
    path = tmp_path / "later" / "lines.jsonl"
    file = LinesFile(path, max_bytes=100, keep=1)
    with pytest.raises(FileNotFoundError):
        file.append(b"x\n")
    path.mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        file.append(b"x\n")
    path.rmdir()
    file.append(b"x\n")
    file.close()

    assert path.read_text() == "x\n"


def test_threads_do_not_mix_their_lines(a_file, path):
    file = a_file(max_bytes=2000, keep=1000)

    def write(who):
        for _ in range(200):
            file.append(b"%d" % who * 50 + b"\n")

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = "".join(contents(path).values()).splitlines()
    assert sorted(lines) == sorted(str(who) * 50 for who in range(4) for _ in range(200))


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_the_child_of_a_fork_does_not_wait_for_its_parents_lock(a_file, path):
    file = a_file()
    file.append(b"parent\n")
    with file._lock.here():
        child = os.fork()
        if child == 0:
            try:
                file.append(b"child\n")
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    assert path.read_text() == "parent\nchild\n"
