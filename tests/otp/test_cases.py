"""The table of OTP's cases and the tests agree."""

from pathlib import Path

from tests.otp.cases import CASES, NOT_PORTED, page, ports

DOCS = Path(__file__).parents[2] / "docs" / "otp-cases.md"


def test_every_case_is_ported_or_it_is_said_why_not():
    """92 of 93, each under its own name, and no test that claims to be a case and isn't."""
    assert len(CASES) == len(set(CASES)) == 93
    assert set(ports()) == set(CASES) - set(NOT_PORTED)
    assert len(ports()) == 92


def test_every_port_says_what_it_claims():
    """By a docstring; the page has nothing else to go by."""
    assert [name for name, port in ports().items() if not port.claim.endswith(".")] == []


def test_the_page_is_what_the_tests_say():
    """Else: python -m tests.otp.cases > docs/otp-cases.md."""
    assert DOCS.read_text() == page()
