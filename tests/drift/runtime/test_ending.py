"""A signal ends a wait, whenever it comes."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.runtime._ending import Ending
from tests.drift.runtime._harness import Processor

if TYPE_CHECKING:
    from pathlib import Path


def test_a_handler_that_interrupts_a_wait_ends_it():
    """Hundreds of signals at any moment of a wait: the lock of an event would be held in some of them."""
    for _ in range(300):
        ending = Ending()
        before = signal.signal(signal.SIGUSR1, lambda *_, ending=ending: ending.ask())
        timer = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
        try:
            timer.start()
            deadline = time.monotonic() + 60
            while not ending.wait(0.001):
                assert time.monotonic() < deadline
        finally:
            timer.join()
            signal.signal(signal.SIGUSR1, before)
    assert ending.wait()
    assert ending.wait(0)


def test_a_wait_that_nobody_ends_is_over_in_its_time():
    assert Ending().wait(0.01) is False


@pytest.mark.parametrize("_again", range(3))
def test_a_stop_just_after_the_start_is_heard(tmp_path: Path, policy_path: Path, _again: int):
    """It came between the ready line and the wait for it, and a processor that waited for ever never looked."""
    processor = Processor(tmp_path, policy_path)
    try:
        assert processor.start().stop() == 0
        assert processor.lines()[-1]["saved"] is True
    finally:
        processor.close()
