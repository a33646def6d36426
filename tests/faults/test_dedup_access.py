"""Who may come in to Redis: passwords, users, certificates; and nothing of it in a text (g30)."""

import logging
import ssl

import pytest
import trustme

from tests.faults.dedup import (
    PASSWORD,
    dedup_of,
    emit,
    gateway_with,
    known,
    known_after_flush,
    until,
)
from tests.servers.proxy import Proxy
from tests.servers.redis import Redis


def test_a_password_of_any_letters_is_understood(tmp_path):
    with Redis(tmp_path, password=PASSWORD) as redis, gateway_with(redis.url) as gateway:
        assert known_after_flush(gateway, redis, emit(gateway, 5))


def test_a_user_needs_four_commands_on_its_own_keys(redis):
    rules = ["+set", "+get", "+del", "+eval"]
    redis.do("ACL", "SETUSER", "tele", "on", f">{PASSWORD}", "~telemetry:dedup:*", *rules)
    with gateway_with(redis.url_for("tele", PASSWORD)) as gateway:
        assert known_after_flush(gateway, redis, emit(gateway, 5))
        assert dedup_of(gateway).failures == 0
        ids = emit(gateway, 1)
        assert gateway.flush(5)
        gateway._life.stores.dedup.release([("t", ids[0], serial) for serial in range(20)])
        until(lambda: not known(redis, ids))

    assert dedup_of(gateway).failures == 0


def test_a_user_that_may_not_release_is_said_and_claims_all_the_same(redis):
    rules = ["+set", "+get"]
    redis.do("ACL", "SETUSER", "tele", "on", f">{PASSWORD}", "~telemetry:dedup:*", *rules)
    with gateway_with(redis.url_for("tele", PASSWORD)) as gateway:
        ids = emit(gateway, 1)
        assert gateway.flush(5)
        gateway._life.stores.dedup.release([("t", ids[0], serial) for serial in range(20)])
        seen = until(lambda: (seen := dedup_of(gateway)).releases_lost and seen)
        assert known_after_flush(gateway, redis, emit(gateway, 5))

    assert (seen.releases_lost, seen.releases_waiting, seen.healthy) == (1, 0, True)
    assert "eval" in seen.last_failure.lower()


@pytest.mark.parametrize("user", ["", "tele"])
def test_g10_wrong_credentials_let_events_pass_and_are_in_no_text(redis, user, caplog):
    caplog.set_level(logging.DEBUG)
    redis.do("CONFIG", "SET", "requirepass", "right")
    redis._password = "right"
    with gateway_with(redis.url_for(user, PASSWORD)) as gateway:
        emit(gateway, 5)
        assert gateway.flush(5)
        seen = until(lambda: not (seen := dedup_of(gateway)).healthy and seen)
        texts = [
            caplog.text,
            gateway.status().model_dump_json(),
            repr(gateway._life.stores.dedup),
            repr(vars(gateway._life.stores.dedup)),
        ]
        ledger = gateway.ledger()

    assert ledger.exported == 5
    assert "username-password" in seen.last_failure or "WRONGPASS" in seen.last_failure
    for written in (PASSWORD, "p4ss", "w%3Ard"):
        assert written not in "".join(texts)


# -- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path):
    """A server's context, and the file of the authority that vouches for it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, tmp_path / "ca.pem"


def test_tls_with_a_private_authority(redis, tls):
    context, authority = tls
    with Proxy(redis.port, tls=context) as proxy:
        url = redis.url_for("", "", port=proxy.port).replace("redis:", "rediss:")
        with gateway_with(f"{url}?ssl_ca_certs={authority}", timeout_s=2.0) as gateway:
            assert known_after_flush(gateway, redis, emit(gateway, 50, repeats=5))
            assert dedup_of(gateway).failures == 0
            assert proxy.connections == 1


def test_g10_a_certificate_that_nobody_vouches_for_is_not_trusted_and_events_pass(redis, tls):
    with Proxy(redis.port, tls=tls[0]) as proxy:
        url = redis.url_for("", "", port=proxy.port).replace("redis:", "rediss:")
        with gateway_with(url, timeout_s=2.0) as gateway:
            emit(gateway, 5)
            assert gateway.flush(5)
            seen = dedup_of(gateway)

    assert "certificate" in seen.last_failure.lower()
    assert seen.unchecked == 5
