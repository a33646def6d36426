"""What no text of ours may hold is taken out, in whichever way it is written (g30)."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from telemetry_actors.errors import SettingsError
from telemetry_actors.redaction import redaction as _redaction
from telemetry_actors.redaction.redaction import (
    know_headers,
    know_secret,
    know_settings,
    know_url,
    place_of,
    without_secrets,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://u:p@h:6379/0 is down", "redis://***@h:6379/0 is down"),
        ("can't parse 'http://svc:Hun#t/er2@x:1'", "can't parse 'http://***@x:1'"),
        ("https://token@h", "https://***@h"),
        ("a redis://x:y@z, b amqp://v:w@u", "a redis://***@z, b amqp://***@u"),
        ("redis://h:6379/0 is down, ask ops@example.com", None),
        ("http://otel-collector:4318/v1/logs", None),
        ("nothing to hide", None),
        ("", None),
    ],
)
def test_the_login_of_any_url(text, shown):
    """Nobody need have said that it is one."""
    assert without_secrets(text) == (text if shown is None else shown)


LOGINS = ["svc:Hunter2#x", "svc:Hunter2/x", "svc:Hunter2@x", "svc:Hunter2?x", "svc:Hunter2%2Fx"]


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "grpc_proxy"])
def test_a_proxy_of_the_environment(monkeypatch, name, login):
    """Whole, encoded, in base64, and the pieces that a parser takes for host and port."""
    monkeypatch.setenv(name, f"http://{login}@proxy:3128")

    for text in (
        f"cannot connect to {login} now",
        "port could not be cast to integer value as 'Hunter2' (host='svc')",
        f"proxy-authorization: Basic {base64.b64encode(login.encode()).decode()}",
        quote(login, safe=""),
        quote_plus(login),
        json.dumps({"proxy": login}),
        repr(f"{login}\n".encode()),
    ):
        shown = without_secrets(text)
        assert "Hunter2" not in shown and "svc" not in shown
        assert base64.b64encode(login.encode()).decode()[:8] not in shown


def test_what_urllib3_and_requests_make_of_such_a_proxy(monkeypatch):
    """Their own errors, each with a piece of the login."""
    proxy = "http://svc:Hunter2#x@proxy:3128"
    monkeypatch.setenv("HTTP_PROXY", proxy)
    for provoke in (
        lambda: parse_url(proxy.replace("#", "/")),
        lambda: HTTPAdapter().proxy_manager_for("http://svc:Hunter2"),
    ):
        with pytest.raises((LocationParseError, ValueError)) as caught:
            provoke()
        assert "Hunter2" in str(caught.value)
        assert "Hunter2" not in words_of(caught.value)


def test_it_is_looked_up_when_the_text_comes(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://svc:first-one@p")
    assert "first-one" not in without_secrets("got first-one")
    monkeypatch.setenv("HTTP_PROXY", "http://svc:second-one@p")
    assert "second-one" not in without_secrets("got second-one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
    assert without_secrets("signed by wJalrXUtnFEMI/K7MDENG") == "signed by ***"


def test_a_url_that_we_were_given():
    """Also its options; of several, each."""
    know_url("redis://cache-user:secret/x@h/0?ssl_password=opt-secret&db=7")
    know_url("redis://:first@a:1;redis://:second@b:2")

    text = "cache-user secret secret/x opt-secret first second a:1 b:2 db=7"
    assert without_secrets(text) == "*** *** *** *** *** *** a:1 b:2 db=7"


@pytest.mark.parametrize(
    "url", ["redis://h:6379/0?mail=a@b", "redis://default@h", "redis://redis:pw@redis:6379"]
)
def test_what_is_no_secret_stays(url):
    """Name of a host, the user that Redis has anyway, a query with an ``@``."""
    know_url(url)

    assert without_secrets("default redis:6379 at h:6379/0") == "default redis:6379 at h:6379/0"


def test_a_short_secret_is_hidden_where_it_stands_by_itself():
    know_url("redis://:ab@h")
    know_secret("")

    assert without_secrets("tables of ab, 'ab' and xab") == "tables of ***, '***' and xab"


def test_values_of_headers():
    """Longer words of them alone, too, and the login of ``Basic``; ordinary words stay."""
    login = base64.b64encode(b"svc:Hunter2").decode()
    know_headers({"authorization": f"Basic {login}", "x-scope": "a", "x-key": "two-words abcdefgh"})

    shown = without_secrets(f"Basic a {login} Hunter2 svc abcdefgh two-words abcdefgh")
    assert shown == "Basic a *** *** *** *** ***"


def test_settings_before_anybody_has_checked_them():
    """Also those that turn out to be unusable."""
    know_settings(
        {
            "enterprise_otlp_headers": "x-key=percent%20encoded,no-equals-sign",
            "enterprise_otlp_api_key": "k3y-of-mine\n",
            "enterprise_otlp_endpoint": "u:Hunter2/x@h:4318",
            "celery": {"broker_url": "redis://u:brokers/x@h/0"},
            "otel_exporter_otlp": {"logs_headers": "a=of-the-logs"},
            "gateway": 7,
        }
    )
    know_settings("nonsense")

    text = (
        "percent encoded|percent%20encoded|no-equals-sign|k3y-of-mine|Hunter2|brokers|of-the-logs"
    )
    assert without_secrets(text) == "|".join(["***"] * 7)


def test_an_error_of_ours_is_without_them():
    know_secret("Hunter2")

    error = SettingsError("x.Hunter2", allowed="must not be Hunter2", value="'Hunter2'")

    assert "Hunter2" not in f"{error} {error.__dict__} {error.__reduce__()}"


def test_an_error_that_cannot_say_what_it_is():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no")

    assert words_of(Mute()) == "Mute: "


@given(st.text(min_size=4), st.text("abc/#@?:%", max_size=12))
def test_no_password_whatever_it_is_made_of(password, more):
    """Lone surrogates included: bytes of the environment that are no UTF-8."""
    password += more
    know_url(f"redis://svc:{password}@h/0")

    for text in (password, repr(password), json.dumps(password), f"<{password}>"):
        assert password not in without_secrets(text).replace("***", "")


def test_a_long_text_of_others_takes_no_time():
    """A receiver's answer may be made for it."""
    know_secret("Hunter2")
    text = "://" * 30_000 + "@"
    began = time.process_time()
    without_secrets(text)

    assert time.process_time() - began < 1.0


def test_as_many_as_a_process_can_have(monkeypatch):
    """The oldest go first; what threads make known at once is known."""
    monkeypatch.setattr(_redaction, "_MOST_KNOWN", 100)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(know_secret, [f"secret-number-{n}" for n in range(300)]))

    assert len(_redaction._known) <= 100
    know_secret("secret-of-mine")
    assert without_secrets("secret-of-mine") == "***"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://u:secret/x@h/0", "redis://h"),
        ("redis://u:1234/x@h:6379/0", "redis://h:6379"),
        ("http://svc:Hunter2#x@[::1]:3128", "http://[::1]:3128"),
        ("https://h:4318/v1/logs?key=a@b", "https://h:4318"),
        ("unix:///run/redis.sock", "unix://"),
        ("no url", ""),
    ],
)
def test_what_may_be_shown_of_a_url(url, place):
    assert place_of(url) == place
