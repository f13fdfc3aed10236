"""Views of a monitoring that nobody runs, and a look at which processes live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from otel_clinical.release import ReleasePointer
from otel_clinical.simulate._story import Story
from otel_clinical.simulate._view import EVERYWHERE, Alert, Standing, View

BEGAN = 1_000.0
POINTER = ReleasePointer(model="coding", version="7", activation=1, activated_at=BEGAN - 90 * 86_400)


class Scene:
    """Build the views of an act one after the other, a second apart."""

    def __init__(self):
        self.view = View(at=BEGAN, pointer=POINTER)
        self.story = Story(BEGAN, [self.view])

    def next(self, *, pointer=None, **changes):
        """Add a view; what is not given stays as it was. ``pointer`` changes fields of the release pointer."""
        pointer = replace(self.view.pointer, epoch=self.view.pointer.epoch + 1, **pointer) if pointer else None
        changes = {"pointer": pointer, **changes} if pointer else changes
        self.view = replace(self.view, at=self.view.at + 1, **changes)
        self.story.add(self.view)
        return self.story

    def alert(
        self, tier="", place=EVERYWHERE, *, category="performance", version="7", name="Some", since=None, **labels
    ):
        """Return a firing alert that began now."""
        labels = {"tier": tier, "category": category, **labels}
        return Alert(name, labels, self.view.at + 1 if since is None else since, place, version)

    def standing(self, place=EVERYWHERE, version="7", **values):
        """Return the standing of one place."""
        return {(version, place): Standing(**values)}

    def incident(self, decision, place=EVERYWHERE, state="safe_mode", key="INC-1", reason="because"):
        """Return an incident as the controller tells it."""
        segment = {"name": place[0], "value": place[1]}
        return {"id": key, "decision": decision, "state": state, "reason": reason, "key": {"segment": segment}}


@pytest.fixture
def scene():
    """Return an act about to begin: version 7 serves, nothing fires."""
    return Scene()


@pytest.fixture
def alive():
    """Return a function that tells whether a process runs; one that only waits to be reaped does not."""

    def check(pid):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state != "Z"

    return check
