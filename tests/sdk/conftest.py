"""What the tests of the set-up share: a ledger to read, and a receiver that speaks OTLP/HTTP."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from tests._receivers import HttpReceiver


class Ledger:
    """Remember what was counted."""

    def __init__(self):
        self.reasons = Counter()
        self.failures = Counter()

    def withheld(self, reason):
        self.reasons[reason.value] += 1

    def failed(self, component, error):
        self.failures[component.value, type(error).__name__] += 1


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def receiver():
    found = HttpReceiver()
    yield found
    found.close()


@pytest.fixture
def eventually():
    """Return a function that waits until a condition holds."""

    def wait(condition, seconds=10.0):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "the condition never held"
            threading.Event().wait(0.01)
        return found

    return wait
