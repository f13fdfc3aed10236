"""A controller in front of a scripted Prometheus, with version 8 freshly activated after 7."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback import activate_version
from soak._nursery import CONTROLLER, Nursery
from tests.rollback._controller import Controller, terms_of
from tests.rollback._prometheus import FakePrometheus
from tests.rollback._running import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_clinical.rollback import Terms


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """What forks controllers."""
    with Nursery(*CONTROLLER) as nursery:
        yield nursery


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    server = FakePrometheus()
    yield server
    server.close()


@pytest.fixture
def terms(tmp_path: Path) -> Terms:
    """Terms of the reference model, version 7 long in service, version 8 activated a minute ago."""
    terms = terms_of(tmp_path)
    now = time.time()
    activate_version(terms, "7", by="tests", at=now - 86_400)
    activate_version(terms, "8", by="tests", at=now - 60)
    return terms


@pytest.fixture
def controller(terms: Terms, tmp_path: Path, prometheus: FakePrometheus) -> Iterator[Controller]:
    controller = Controller(tmp_path, prometheus.url)
    controller.start()
    yield controller
    controller.process.stop()


@pytest.fixture
def running(tmp_path: Path, prometheus: FakePrometheus) -> Iterator[Running]:
    """A controller with an announced rollback, which only goes on when the test lets it."""
    running = Running(tmp_path, prometheus)
    yield running
    running.service.close()
