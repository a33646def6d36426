"""Ctrl-C comes between two events, never in the middle of one."""

import signal
import threading

import pytest

from telemetry_actors.demo._interrupts import Interrupts


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_outside_a_held_block_it_comes_at_once():
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_inside_a_held_block_it_comes_at_its_end():
    done = []

    def emit():
        press_ctrl_c()
        done.append("the rest of the call")

    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.held():
        emit()

    assert done == ["the rest of the call"]


def test_it_comes_once():
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.held():
            press_ctrl_c()
        with interrupts.held():
            pass


def test_the_handler_before_is_put_back():
    before = signal.getsignal(signal.SIGINT)

    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not before

    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_it_does_nothing():
    before, seen = signal.getsignal(signal.SIGINT), []

    def other():
        with Interrupts() as interrupts, interrupts.held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()

    assert seen == [before]
