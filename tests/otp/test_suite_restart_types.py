"""OTP's supervisor_SUITE: permanent, transient and temporary children, and how they end."""

import pytest

from tests.otp.tree import spec


@pytest.fixture
def sup(tree):
    """A supervisor without children."""
    return tree()


def after(sup, restart, *ends):
    """Have a child of that restart type end, as often as told; what is left then, and counts."""
    for how in ends:
        if sup.which() == []:
            sup.ref.start_child(spec("child1", restart=restart))
        elif sup.which() == ["child1 stopped"]:
            sup.ref.restart_child("child1")
        before = sup.life("child1")
        sup.end("child1", how)
        assert before not in sup.lives()
    return sup.which(), sup.counts()


RESTARTED = ["child1 running"], [1, 1, 0, 1]
KEPT = ["child1 stopped"], [1, 0, 0, 1]
GONE = [], [0, 0, 0, 0]


def test_permanent_normal(sup):
    """A permanent child is restarted after a normal end."""
    assert after(sup, "permanent", "normal") == RESTARTED


def test_transient_normal(sup):
    """A transient child is not restarted after a normal end; its spec is kept."""
    assert after(sup, "transient", "normal") == KEPT


def test_temporary_normal(sup):
    """A temporary child is not restarted after a normal end; its spec is gone."""
    assert after(sup, "temporary", "normal") == GONE


def test_permanent_shutdown(sup):
    """A permanent child is restarted after shutdown and after {shutdown,_}."""
    assert after(sup, "permanent", "shutdown") == RESTARTED
    assert after(sup, "permanent", "{shutdown,_}") == RESTARTED


def test_transient_shutdown(sup):
    """A transient child is restarted after neither."""
    assert after(sup, "transient", "shutdown") == KEPT
    assert after(sup, "transient", "{shutdown,_}") == KEPT


def test_temporary_shutdown(sup):
    """A temporary child is gone after either."""
    assert after(sup, "temporary", "shutdown") == GONE
    assert after(sup, "temporary", "{shutdown,_}") == GONE


def test_permanent_abnormal(sup):
    """A permanent child is restarted after a crash."""
    assert after(sup, "permanent", "abnormal") == RESTARTED


def test_transient_abnormal(sup):
    """A transient child is restarted after a crash."""
    assert after(sup, "transient", "abnormal") == RESTARTED


def test_temporary_abnormal(sup):
    """A temporary child is gone after a crash."""
    assert after(sup, "temporary", "abnormal") == GONE


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_temporary_bystander(tree, strategy):
    """A temporary child stopped by a sibling's restart is not restarted, and costs no budget."""
    children = spec("child1"), spec("child2", restart="temporary")
    sup = tree(*children, strategy=strategy, period_s=300)

    sup.end("child1", "normal")

    assert sup.is_running()
    assert sup.which() == ["child1 running"]
