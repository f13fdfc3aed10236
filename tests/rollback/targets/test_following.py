"""Places follow the pointer, and stand back from people."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import ReleasePointer, create_pointer, read_pointer, swap_pointer
from otel_clinical.rollback.following import Follower, FollowerCollector
from otel_clinical.rollback.targets import FlagdFile, Unreachable
from otel_clinical.semconv.enums import TargetState
from tests.rollback.targets._places import FlagdPlace

if TYPE_CHECKING:
    from pathlib import Path


class Scene:
    """A pointer that names 8 after 7, a flag that serves 8, and what follows the one with the other."""

    def __init__(self, folder: Path) -> None:
        self.pointer = folder / "pointer.json"
        create_pointer(self.pointer, ReleasePointer("coding", "8", previous_version="7"))
        self.flags = FlagdPlace(folder)
        self.notes: list[tuple[str, dict]] = []
        self.made = 0
        self.follower = Follower("coding", "flags", self.pointer, self.make, self.note, pull=0.5)

    def make(self):
        self.made += 1
        return self.flags.target

    def note(self, action: str, object_: str, data: dict) -> None:
        assert object_ == "coding"
        self.notes.append((action, data))

    def activate(self, version: str) -> None:
        found = read_pointer(self.pointer)
        swap_pointer(self.pointer, found.epoch, lambda now: now.activate(version, at=time.time(), by="controller"))

    def look(self) -> TargetState:
        self.follower.look()
        return self.follower.standing.state


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_place_that_serves_the_right_version_is_marked_and_left(scene: Scene) -> None:
    assert scene.look() is TargetState.IN_STEP
    assert scene.flags.target.read().marker == "otel-clinical/1/8"
    before = scene.flags.path.read_bytes()
    assert scene.look() is TargetState.IN_STEP
    assert scene.flags.path.read_bytes() == before


def test_follows_a_rollback(scene: Scene) -> None:
    scene.look()
    scene.activate("7")
    assert scene.look() is TargetState.IN_STEP
    assert scene.flags.target.read().version == "7"
    changed = [data for action, data in scene.notes if action == "target.changed"]
    assert changed == [{"target": "flags", "from": "8", "to": "7", "epoch": 2}]


def test_follows_though_it_missed_a_change_in_between(scene: Scene) -> None:
    scene.look()
    scene.activate("7")
    scene.activate("8")
    scene.activate("7")
    assert scene.look() is TargetState.IN_STEP
    assert scene.flags.target.read().version == "7"


def test_does_not_undo_what_a_person_chose_after_the_rollback(scene: Scene) -> None:
    scene.look()
    scene.activate("7")
    scene.look()
    scene.flags.move("8")
    assert scene.look() is TargetState.OVERRIDDEN
    assert scene.flags.target.read().version == "8"
    scene.activate("8")
    assert scene.look() is TargetState.IN_STEP


def test_a_place_that_is_away_is_caught_up_with_when_it_is_back(scene: Scene) -> None:
    scene.look()
    content = scene.flags.path.read_bytes()
    scene.flags.vanish()
    scene.activate("7")
    assert scene.look() is TargetState.UNREACHABLE
    assert scene.follower.standing.version == "8", "what it served when it was last seen"
    scene.flags.path.write_bytes(content)
    assert scene.look() is TargetState.IN_STEP
    assert scene.flags.target.read().version == "7"


def test_a_place_that_refuses_is_said_to(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.look()
    scene.flags.forbid(monkeypatch)
    scene.activate("7")
    assert scene.look() is TargetState.DENIED


def test_a_standing_is_noted_once(scene: Scene) -> None:
    scene.flags.move("9")
    for _ in range(3):
        scene.look()
    assert [action for action, _ in scene.notes] == ["target.overridden"]


def test_a_target_that_cannot_be_made_is_asked_for_again(scene: Scene) -> None:
    def make():
        scene.made += 1
        if scene.made < 3:
            raise Unreachable("there are no credentials")
        return scene.flags.target

    scene.follower._make = make
    assert [scene.look(), scene.look(), scene.look(), scene.look()] == [
        TargetState.UNREACHABLE,
        TargetState.UNREACHABLE,
        TargetState.IN_STEP,
        TargetState.IN_STEP,
    ]
    assert scene.made == 3


def test_its_thread_sees_a_change_of_the_pointer_and_survives_a_target_that_raises(scene: Scene) -> None:
    broken = threading.Event()

    class Moody(FlagdFile):
        def read(self):
            if broken.is_set():
                raise ZeroDivisionError
            return super().read()

    scene.flags.target = Moody(scene.flags.path, "coding")
    broken.set()
    scene.follower.start()
    try:
        _until(lambda: scene.follower.standing is not None)
        assert scene.follower.standing.because == "ZeroDivisionError"
        broken.clear()
        scene.activate("7")
        scene.flags.edit(metadata={})
        _until(lambda: scene.follower.standing.state is TargetState.IN_STEP)
    finally:
        scene.follower.stop(60)
    assert json.loads(scene.flags.path.read_text())["flags"]["coding"]["defaultVariant"] == "7"


def test_every_state_of_a_place_is_shown(scene: Scene) -> None:
    assert next(iter(FollowerCollector([scene.follower]).collect())).samples == []
    scene.look()
    samples = next(iter(FollowerCollector([scene.follower]).collect())).samples
    assert {sample.labels["clinical_ai_target_state"]: sample.value for sample in samples} == {
        state.value: int(state is TargetState.IN_STEP) for state in TargetState
    }


def _until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
