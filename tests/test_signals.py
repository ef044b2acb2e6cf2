"""Ending in order: the first signal, and the second."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from league.signals import at_once, entered_at_once, interrupts


def test_the_first_signal_is_an_event_and_the_second_does_not_wait() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interrupts() as stop:
        assert not stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_patient_ending_is_not_hurried() -> None:
    with interrupts(patient=True) as stop:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        assert stop.is_set()


def test_a_thread_beside_the_main_one_gets_no_signals() -> None:
    seen = []

    def ask() -> None:
        with interrupts() as stop:
            seen.append(stop.is_set())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert seen == [False]


def test_signals_that_come_while_it_waits_or_is_set_do_not_make_it_wait_for_ever() -> None:
    with interrupts(patient=True) as stop:
        storm = threading.Thread(target=lambda: [os.kill(os.getpid(), signal.SIGTERM) for _ in range(5000)])
        storm.start()
        while storm.is_alive():
            stop.wait(0.001)
        assert stop.wait()


def swallowed() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_interruption_that_is_swallowed_comes_at_the_end() -> None:
    before, reached = signal.getsignal(signal.SIGINT), []

    def block() -> None:
        with at_once():
            swallowed()
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert reached == ["the end"]
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_entered_while_it_was_interrupted_is_left_again() -> None:
    left = []

    @contextlib.contextmanager
    def block() -> Iterator[None]:
        swallowed()
        try:
            yield
        finally:
            left.append(True)

    with pytest.raises(KeyboardInterrupt), entered_at_once(block()):
        raise AssertionError("it was not entered")
    assert left == [True]


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with at_once():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
