"""Playing an act and judging it."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from otel_clinical.simulate._acts import Act, playbill
from otel_clinical.simulate._expectations import Expectation
from otel_clinical.simulate._play import Progress, play, try_to_look, verdict
from otel_clinical.simulate._waiting import DeadlineError
from otel_clinical.simulate.truth import QUIET, TruthFile, write_truth

CHANGED = replace(QUIET, payer_drop={"medicaid": 0.2})


class Silent:
    """An audience that says nothing."""

    def __init__(self):
        self.calls = []

    def begin(self, _progress):
        self.calls.append("begin")

    def watch(self, _progress):
        self.calls.append("watch")

    def end(self, _progress):
        self.calls.append("end")


class Eyes:
    """An observer that sees prepared views, the last one for ever."""

    def __init__(self, *views):
        self._views = list(views)

    def look(self):
        view = self._views.pop(0) if len(self._views) > 1 else self._views[0]
        if isinstance(view, Exception):
            raise view
        return view


def act(**changes):
    base = Act(
        name="test",
        title="A test",
        injected="nothing",
        truth=CHANGED,
        must=(Expectation("heard", lambda story: "heard it" if story.last.heartbeat_at else None),),
        must_not=(Expectation("an alert", lambda story: "one fired" if story.last.alerts else None),),
        settle=0.0,
        deadline=0.0,
    )
    return replace(base, **changes)


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "world.json"
    write_truth(path, QUIET)
    return path


@pytest.fixture
def perform(world, monkeypatch):
    monkeypatch.setattr("otel_clinical.simulate._play._LOOK_EVERY", 0.0)
    monkeypatch.setattr("otel_clinical.simulate._play._READY_WITHIN", 0.0)

    def run(chosen, *views, audience=None, release=lambda _version: None):
        return play(chosen, Eyes(*views), world, release, audience or Silent())

    return run


def test_an_act_in_which_everything_expected_is_seen_is_ok(scene, perform):
    heard = replace(scene.view, heartbeat_at=1_001.0)
    result = verdict(perform(act(deadline=30.0), scene.view, heard))
    assert result.ok
    assert result.expected == ("must: heard", "must not: an alert")
    assert result.observed[0].startswith("heard it (")
    assert result.observed[1] == "no sign of an alert"


def test_what_was_not_seen_by_the_deadline_fails_the_act(scene, perform):
    result = verdict(perform(act(), scene.view))
    assert not result.ok
    assert result.observed[0] == "NOT SEEN within 0 s: heard"


def test_what_must_not_happen_fails_the_act_even_if_it_passes(scene, perform):
    view = replace(scene.view, heartbeat_at=1_001.0)
    broken = replace(view, alerts=(scene.alert("rollback"),))
    result = verdict(perform(act(deadline=30.0), scene.view, broken, view))
    assert not result.ok
    assert result.observed[-1] == "MUST NOT HAPPEN: one fired"


def test_expectations_are_looked_for_in_order(scene):
    """That version 7 serves means something only after the decision to return to it."""
    first = Expectation("decided", lambda story: "decided" if story.last.incidents else None)
    second = Expectation("serves", lambda _story: "serves")
    progress = Progress(act(must=(first, second)), scene.story)
    progress.note(replace(scene.view, at=1_001.0))
    assert progress.seen == []
    progress.note(replace(scene.view, at=1_002.0, incidents=({"id": "x"},)))
    assert [words for words, _ in progress.seen] == ["decided", "serves"]


def test_the_truth_is_changed_for_the_act_and_heals_after_it(scene, perform, world):
    truths = []

    def seen(_story):
        truths.append(TruthFile(world).current())
        return "seen"

    perform(act(must=(Expectation("the truth", seen),), deadline=30.0), scene.view)
    assert truths == [CHANGED]
    assert TruthFile(world).current() == QUIET


def test_a_release_is_made_once_and_after_the_truth_changed(scene, perform, world):
    released = []
    chosen = act(release="8", deadline=30.0, must=())
    perform(chosen, scene.view, release=lambda version: released.append((version, TruthFile(world).current())))
    assert released == [("8", CHANGED)]


def test_a_process_that_does_not_answer_for_a_while_spoils_nothing(scene, perform):
    heard = replace(scene.view, heartbeat_at=1_001.0)
    progress = perform(act(deadline=30.0), scene.view, httpx.ConnectError("down"), heard)
    assert progress.ok


def test_a_stage_that_is_never_ready_is_an_error_and_not_a_verdict(scene, perform):
    with pytest.raises(DeadlineError, match="for the sun before act 'test', in vain"):
        perform(act(ready=lambda _view: False, waits_for="the sun"), scene.view)


def test_a_look_at_a_process_that_restarts_is_none(scene):
    assert try_to_look(Eyes(httpx.ReadError("gone"))) is None
    assert try_to_look(Eyes(scene.view)) is scene.view


def test_the_audience_sees_beginning_views_and_end(scene, perform):
    audience = Silent()
    perform(act(deadline=30.0), scene.view, replace(scene.view, heartbeat_at=1_001.0), audience=audience)
    assert audience.calls[0] == "begin"
    assert set(audience.calls[1:-1]) == {"watch"}
    assert audience.calls[-1] == "end"


def test_the_playbill_holds_the_five_acts_and_fast_only_shortens_the_watching():
    slow, fast = playbill(fast=False), playbill(fast=True)
    assert [one.name for one in slow] == ["calm", "flu surge", "payer rule", "EHR module", "bad release"]
    for one, other in zip(slow, fast, strict=True):
        assert other.settle < one.settle
        assert (other.truth, other.deadline) == (one.truth, one.deadline)
        assert [expectation.words for expectation in (*other.must, *other.must_not)] == [
            expectation.words for expectation in (*one.must, *one.must_not)
        ]


def test_a_verdict_is_one_row_of_plain_data(scene, perform):
    row = verdict(perform(act(), scene.view)).as_dict()
    assert list(row) == ["act", "expected", "observed", "ok", "seconds"]
    assert row["act"] == "test"
    assert row["ok"] is False
