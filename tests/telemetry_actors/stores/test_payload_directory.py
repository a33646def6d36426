"""Objects as files: whole or not at all, in their place and nowhere else (g11, g29)."""

import os
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telemetry_actors.stores._keys import payload_key
from telemetry_actors.stores.payload_directory import DirectoryPayloadStore, private_directory

MOST = 1_000_000
KEY = "telemetry/t1/e1.json"
HOSTILE = st.text(st.characters()) | st.text("./\\~%:\0a\n", max_size=40)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "below" / "root"


@pytest.fixture
def store(root):
    return DirectoryPayloadStore(root)


def everything(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir())


def test_what_is_put_is_got_until_it_is_deleted(store, root):
    assert store.put(KEY, b"text")
    assert store.get(KEY, MOST) == b"text"
    store.delete(KEY)

    assert everything(root) == []
    with pytest.raises(FileNotFoundError):
        store.get(KEY, MOST)


def test_deleting_what_is_not_there_is_nothing(store):
    store.delete(KEY)
    assert store.sweep(2**62) == 0


def test_an_object_is_not_overwritten(store):
    assert store.put(KEY, b"first")
    assert store.put(KEY, b"second") is False

    assert store.get(KEY, MOST) == b"first"


def test_of_many_that_write_one_name_at_once_one_succeeds(store, root):
    results, start = [], threading.Barrier(8)

    def write(n):
        start.wait()
        results.append((store.put(KEY, b"%d" % n * 50_000), b"%d" % n * 50_000))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (written,) = [data for well, data in results if well]
    assert store.get(KEY, MOST) == written
    assert everything(root) == [KEY]


def test_an_object_that_is_larger_than_allowed_is_not_read(store):
    store.put(KEY, b"x" * 11)

    assert store.get(KEY, 11) == b"x" * 11
    with pytest.raises(ValueError, match="11 bytes"):
        store.get(KEY, 10)


def test_a_write_that_fails_leaves_nothing(store, root, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        store.put(KEY, b"text")

    assert everything(root) == []


def test_where_the_disk_has_no_links_it_is_renamed(store, monkeypatch):
    def none(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)

    assert store.put(KEY, b"text")
    assert store.get(KEY, MOST) == b"text"


def test_a_name_that_is_too_long_for_the_disk_is_no_fault_of_the_disk(store):
    assert store.put(payload_key("t", "/" * 200), b"text") is False


def test_files_and_folders_are_for_this_user_alone(store, root):
    store.put(KEY, b"text")
    modes = [p.stat().st_mode & 0o777 for p in [root, *root.rglob("*")]]

    assert sorted(modes) == [0o600, 0o700, 0o700, 0o700]


def test_only_what_is_old_and_ours_is_swept(store, root):
    for tenant in ("old", "young", ""):
        store.put(payload_key(tenant, "e"), b"text")
    folder = root / "telemetry" / "old"
    (folder / ".writing-1-2").write_text("half")
    (folder / "note.txt").write_text("somebody's")
    for file in [*folder.iterdir(), root / "telemetry" / "e.json"]:
        os.utime(file, ns=(1000, 1000))

    assert store.sweep(1000) == 0
    assert store.sweep(1001) == 3
    assert everything(root) == ["telemetry/old/note.txt", "telemetry/young/e.json"]


def test_a_folder_that_is_empty_after_the_sweep_goes(store, root):
    store.put(KEY, b"text")

    assert store.sweep(2**62) == 1
    assert list((root / "telemetry").iterdir()) == []
    assert store.put(KEY, b"again")


# -- g29 ------------------------------------------------------------------------------------------


@given(tenant=HOSTILE, event=HOSTILE)
@example(tenant="..", event="../../../etc/passwd")
@example(tenant="", event="")
@example(tenant=".", event="/etc/passwd")
@example(tenant="a\0b", event="~root")
@settings(max_examples=60)
def test_g29_a_file_is_never_outside_the_root(tmp_path_factory, tenant, event):
    outside = tmp_path_factory.mktemp("outside")
    root = outside / "root"
    store = DirectoryPayloadStore(root)
    key = payload_key(tenant, event)
    if store.put(key, b"text"):
        assert store.get(key, MOST) == b"text"
        assert len(everything(root)) == 1

    assert [p.name for p in outside.iterdir()] == ["root"]
    assert [p.name for p in root.iterdir()] == ["telemetry"]


@pytest.mark.parametrize("key", ["telemetry/../../x.json", "..", ".", "", "/", "a/\0", "a/./b"])
def test_g29_a_name_with_a_way_up_in_it_is_refused(store, root, key):
    for act in (lambda: store.put(key, b""), lambda: store.get(key, 1), lambda: store.delete(key)):
        with pytest.raises(ValueError, match="not the name of an object"):
            act()


def test_g29_no_link_is_followed_neither_a_folder_nor_a_file(store, root, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "e1.json").write_text("theirs")
    os.utime(victim / "e1.json", (1, 1))
    (root / "telemetry").mkdir(parents=True)
    (root / "telemetry" / "t1").symlink_to(victim)
    (root / "telemetry" / "t2").mkdir()
    (root / "telemetry" / "t2" / "e1.json").symlink_to(victim / "e1.json")

    for act in (
        lambda: store.put("telemetry/t1/e2.json", b"ours"),
        lambda: store.get("telemetry/t1/e1.json", MOST),
        lambda: store.delete("telemetry/t1/e1.json"),
        lambda: store.get("telemetry/t2/e1.json", MOST),
    ):
        with pytest.raises(OSError):  # noqa: PT011 -- which one depends on the system
            act()
    assert store.put("telemetry/t2/e1.json", b"ours") is False
    assert store.sweep(2**62) == 0
    assert everything(victim) == ["e1.json"]
    assert (victim / "e1.json").read_text() == "theirs"


def test_g29_the_default_folder_is_refused_if_it_is_not_this_users_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = private_directory()
    store = DirectoryPayloadStore(root, private=True)
    assert root.parent == tmp_path
    assert store.put(KEY, b"text")

    root.chmod(0o755)
    with pytest.raises(PermissionError):
        store.get(KEY, MOST)

    root.rename(tmp_path / "elsewhere")
    root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):  # noqa: PT011 -- which one depends on the system
        store.put("telemetry/t1/e2.json", b"text")
