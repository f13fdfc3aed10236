"""A night that tests look at, shared by those that change nothing, and one of its own for those that do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.rollback._prometheus import FakePrometheus
from tests.rollback_page._browser import Browser, axe_source, chromium
from tests.rollback_page._scene import Scene, play

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    server = FakePrometheus()
    yield server
    server.close()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The night for tests that only look."""
    yield from _played(tmp_path_factory)


@pytest.fixture
def own_night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A night for one test that changes something."""
    yield from _played(tmp_path_factory)


def _played(folders: pytest.TempPathFactory) -> Iterator[Scene]:
    prometheus = FakePrometheus()
    scene = play(folders.mktemp("night"), prometheus)
    yield scene
    scene.controller.process.stop()
    prometheus.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = chromium()
    if path is None or not axe_source().is_file():
        problem = "there is no Chromium or no axe-core here; make both ready with: scripts/browser"
        # Whoever works on something else may go without; what decides about a release may not.
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    browser = Browser(path, tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()
