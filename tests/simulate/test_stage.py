"""What a person sees of an act."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from otel_clinical.simulate._acts import Act
from otel_clinical.simulate._expectations import Expectation
from otel_clinical.simulate._play import Progress, Result
from otel_clinical.simulate._stage import Stage
from otel_clinical.simulate.truth import QUIET

MEDICAID = ("payer", "medicaid")
ACT = Act(
    name="test",
    title="A test",
    injected="a fault",
    truth=QUIET,
    must=(Expectation("the sun rises", lambda story: "it rose" if story.last.heartbeat_at else None),),
    must_not=(Expectation("rain", lambda story: "it rained" if "rain" in story.last.notified else None),),
    settle=0.0,
)


@pytest.fixture(params=[False, True], ids=["plain", "terminal"])
def stage(request):
    text = io.StringIO()
    console = Console(file=text, force_terminal=request.param, width=120, _environ={})
    return Stage(console), text


def show(stage, scene, *views):
    progress = Progress(ACT, scene.story)
    stage.begin(progress)
    for view in views:
        progress.note(view)
        stage.watch(progress)
    stage.end(progress)


def test_injection_expectations_and_what_was_seen_are_shown(stage, scene):
    shown, text = stage
    show(shown, scene, replace(scene.view, at=1_001.0, heartbeat_at=1_001.0))
    for words in ("A test", "a fault", "the sun rises", "rain", "it rose", "ok"):
        assert words in text.getvalue()


def test_a_failed_act_is_shown_as_failed(stage, scene):
    shown, text = stage
    show(shown, scene, replace(scene.view, at=1_001.0, notified=frozenset({"rain"})))
    assert "it rained" in text.getvalue()
    assert "FAILED" in text.getvalue()


def test_plain_lines_say_each_fact_once(scene):
    text = io.StringIO()
    view = replace(scene.view, at=1_001.0, heartbeat_at=1_001.0, alerts=(scene.alert("rollback", MEDICAID),))
    show(Stage(Console(file=text, width=120)), scene, view, view, view)
    assert text.getvalue().count("it rose") == 1
    assert text.getvalue().count("rollback tier (performance), payer medicaid") == 1


def test_of_the_mildest_tier_only_the_first_of_a_kind_is_a_line(scene):
    text = io.StringIO()
    alerts = tuple(scene.alert("engineering", ("site", f"h{n:02d}"), category="drift") for n in range(1, 13))
    show(Stage(Console(file=text, width=120)), scene, replace(scene.view, at=1_001.0, alerts=alerts))
    assert text.getvalue().count("engineering tier (drift)") == 1


def test_a_picture_shows_the_worst_places_with_their_tiers(scene):
    text = io.StringIO()
    standing = {
        **scene.standing(performance=0.86, baseline=0.90, drop=0.05, samples=900),
        **scene.standing(MEDICAID, performance=0.72, baseline=0.90, drop=0.2, samples=700, evidence={"rollback": 9.0}),
        **scene.standing(("payer", "medicare"), performance=0.90, baseline=0.90, drop=0.4, samples=12),
    }
    view = replace(scene.view, at=1_001.0, standing=standing)
    show(Stage(Console(file=text, force_terminal=True, width=120, _environ={})), scene, view)
    picture = text.getvalue()
    assert "20.0%" in picture
    assert "40.0%" not in picture, "a drop on twelve labels is noise"


def test_the_terminal_is_given_back_after_an_exception(scene):
    stage = Stage(Console(file=io.StringIO(), force_terminal=True, width=120, _environ={}))
    stage.begin(Progress(ACT, scene.story))
    stage.close()
    stage.close()
    assert stage._live is None


def test_the_verdicts_name_every_act(stage):
    shown, text = stage
    shown.verdicts(
        [Result("calm", ("a",), ("b",), ok=True, seconds=3.0), Result("flu", (), ("c",), ok=False, seconds=4.0)]
    )
    for words in ("calm", "flu", "ok", "FAILED"):
        assert words in text.getvalue()
