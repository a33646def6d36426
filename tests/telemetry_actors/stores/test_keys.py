"""g29: an id stays in its place, whatever it is; ids of the usual kind look as they are."""

import re
import string
from hashlib import sha256
from itertools import product
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry_actors.event.ids import bounded_id
from telemetry_actors.stores._keys import MAX_ID_BYTES, dedup_key, encoded_id, payload_key

PLAIN = string.ascii_letters + string.digits + "._-"
HOSTILE = "/\\:%~\0\n\r *?[]{}\u00e4\u20ac\U0001f600\ud800\udfff"
ANY_ID = st.text(st.characters()) | st.text(PLAIN + HOSTILE, max_size=70) | st.text(HOSTILE)
BYTES = [bytes([n]).decode("latin-1") for n in range(256)]


@given(st.text(PLAIN, max_size=MAX_ID_BYTES), st.text(PLAIN, max_size=MAX_ID_BYTES))
@example("", "")
@example(".", "..")
def test_g29_ids_of_the_usual_kind_give_exactly_the_key_that_mixed_fleets_share(tenant, event):
    assert dedup_key(tenant, event) == f"telemetry:dedup:{tenant}:{event}"
    if tenant not in (".", ".."):
        assert payload_key(tenant, event) == f"telemetry/{tenant}/{event}.json"


@pytest.mark.parametrize("char", BYTES, ids=[f"{n:02x}" for n in range(256)])
def test_g29_every_other_byte_is_percent_encoded(char):
    written = "".join(f"%{byte:02X}" for byte in char.encode())
    assert encoded_id(char) == (char if char in PLAIN else written)


def test_g29_bytes_are_those_of_utf_8_lone_surrogates_included():
    assert encoded_id("\u00e4\u20ac\U0001f600") == "%C3%A4%E2%82%AC%F0%9F%98%80"
    assert encoded_id("\ud800") == "%ED%A0%80"


@pytest.mark.parametrize("text", ["x" * 200, "x" * 198 + "\u00e4", "\u00e4" * 100])
def test_g29_an_id_of_200_bytes_is_written_out_and_one_of_more_becomes_its_digest(text):
    assert "~" not in encoded_id(text)
    for longer in (text + "x", "x" + text, text + "\u00e4"):
        assert encoded_id(longer) == "~" + sha256(longer.encode()).hexdigest()


@given(ANY_ID, ANY_ID)
def test_g29_a_key_has_its_two_places_and_no_more(tenant, event):
    assert re.fullmatch(r"telemetry:dedup:[\w.%~-]*:[\w.%~-]*", dedup_key(tenant, event), re.ASCII)
    assert re.fullmatch(
        r"telemetry/[\w.%~-]*/[\w.%~-]*\.json", payload_key(tenant, event), re.ASCII
    )


@given(ANY_ID, ANY_ID)
@example("..", "x")
@example(".", "..")
@example("..", "../../etc/passwd")
def test_g29_a_path_leads_nowhere_else(tenant, event):
    parts = PurePosixPath(payload_key(tenant, event)).parts
    assert parts[0] == "telemetry"
    assert not {".", ".."} & set(parts)
    assert len(parts) == (3 if tenant else 2)


@given(st.tuples(ANY_ID, ANY_ID), st.tuples(ANY_ID, ANY_ID))
def test_g29_two_events_never_share_a_key(one, other):
    for key in (dedup_key, payload_key):
        assert (key(*one) == key(*other)) is (one == other)


def test_g29_no_two_of_all_short_ids_are_written_alike():
    """All texts of up to three of what means something to anybody, and of all bytes up to one."""
    telling = "a.~%:/2E\0"
    texts = {"".join(p) for n in range(4) for p in product(telling, repeat=n)} | set(BYTES)
    tenants = ["", ".", "..", "a", ":", "/"]
    for key in (dedup_key, payload_key):
        keys = {key(tenant, text) for tenant in tenants for text in texts}
        keys |= {key(text, "a") for text in texts}
        assert len(keys) == len(
            {(t, x) for t in tenants for x in texts} | {(x, "a") for x in texts}
        )


def test_g29_a_long_id_and_its_digest_are_one_id_as_at_the_door():
    digest = bounded_id("x" * 201)
    assert encoded_id(digest) == encoded_id("x" * 201) == digest
    for other in (digest[:-1], digest + "0", digest.upper(), digest + "\n"):
        assert "~" not in encoded_id(other)
