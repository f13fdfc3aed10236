"""Detectors that the policy adds, ours and those of another distribution."""

from __future__ import annotations

import sys

import pytest

from otel_clinical.drift.detectors import DetectorError
from otel_clinical.drift.kernel import DriftDetected, Kernel
from otel_clinical.policy import PolicyErrors, parse_policy
from tests.drift.detectors.test_registry import SOURCE
from tests.drift.kernel import _features, _world
from tests.drift.kernel._world import START, World, batch, inference, make_baseline, outcome, run

END = START + 10 * 86_400.0


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution that adds `above`: it fires once it has seen `limit` values over a half."""
    (tmp_path / "third_party_detectors.py").write_text(SOURCE, encoding="utf-8")
    info = tmp_path / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n", encoding="utf-8")
    points = "[otel_clinical.detectors]\nabove = third_party_detectors:Above\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("third_party_detectors", None)


def kernel(declared):
    text = _world._TEXT.format(**_world._DEFAULTS) + f"\n    detectors: {declared}\n"
    return Kernel(parse_policy(text, baselines=False), {"coding": make_baseline()})


def rows(found, signal):
    return [row for row in found.drift() if row.signal == signal]


@pytest.mark.usefixtures("installed")
def test_a_detector_of_another_distribution_is_fed_and_shown_by_segment():
    found = kernel("[{name: above, signal: confidence, parameters: {limit: 50}}]")
    changes = run(found, World(1).records(400), to=END)
    shown = rows(found, "confidence:above")
    assert {(row.segment, row.value) for row in shown} >= {("all", "all"), ("payer", "medicaid")}
    assert {row.detector.value for row in shown} == {"_OTHER"}
    whole = next(row for row in shown if row.segment == "all")
    assert whole.detections > 0
    assert whole.detected is not None
    assert [c for c in changes if isinstance(c, DriftDetected) and c.row.signal == "confidence:above"]


@pytest.mark.usefixtures("installed")
def test_its_state_goes_on_and_other_parameters_begin_anew():
    declared = "[{name: above, signal: performance, parameters: {limit: 50}}]"
    found = kernel(declared)
    run(found, World(1).records(400), to=END)
    saved = found.dump_dirty()
    again = kernel(declared)
    assert again.load(saved) == []
    assert again.drift() == found.drift()
    other = kernel(declared.replace("50", "60"))
    assert all("chosen" in sentence for sentence in other.load(saved))
    assert rows(other, "performance:above") == [] or not rows(other, "performance:above")[0].detections
    without = kernel("[]")
    assert any("chosen" in sentence for sentence in without.load(saved))


def test_one_of_ours_may_be_added_to_another_signal():
    found = kernel("[{name: adwin, signal: performance, parameters: {mean: 0.9, sd: 0.3}}]")
    run(found, World(1).records(400), to=END)
    (whole,) = (row for row in rows(found, "performance:adwin") if row.segment == "all")
    assert whole.detector.value == "adwin"


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("[{name: above, signal: confidence}]", "detector 'above' is not installed"),
        ("[{name: adwin, signal: confidence, parameters: {limit: 3}}]", "does not accept the parameters"),
    ],
)
def test_one_that_cannot_be_made_stops_the_start_with_a_sentence(declared, said):
    with pytest.raises(DetectorError, match=said):
        kernel(declared)


@pytest.mark.usefixtures("installed")
def test_a_detector_of_another_distribution_watches_a_numeric_feature_bin_by_bin():
    text = _world._TEXT.format(**_world._DEFAULTS) + _features.FEATURES
    text += "\n    detectors: [{name: above, signal: feature:age, parameters: {limit: 50}}]\n"
    low, high = ((0.9, *[0.0] * 8, 0.0, 0.05, 0.05), (0.0, *[0.0] * 8, 0.9, 0.05, 0.05))
    for shares, fires in ((low, False), (high, True)):
        found = Kernel(parse_policy(text, baselines=False), {"coding": _features.baseline()})
        found.apply(_features.records(200, age=shares))
        found.advance(to=END)
        whole = next(row for row in rows(found, "feature:age:above") if row.segment == "all")
        assert (whole.detections > 0) is fires
        made = found._ledger.newest(("coding", "7"), 1)._chosen._made
        assert {one.detector.rejected for one in made.values()} == {0}


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        ("feature:payer", "payer is no numeric feature"),
        ("feature:height", "height is no numeric"),
        ("feature:payer=tricare", "tricare is no value and no mask of a feature payer"),
        ("feature:age=3", "3 is no value and no mask of a feature age"),
        ("feature:height=tall", "tall is no value and no mask of a feature height"),
        ("age", "wrong form"),
    ],
)
def test_only_what_is_declared_of_a_feature_can_be_watched(signal, said):
    text = _world._TEXT.format(**_world._DEFAULTS) + _features.FEATURES
    with pytest.raises(PolicyErrors, match=said):
        parse_policy(f"{text}\n    detectors: [{{name: adwin, signal: {signal}}}]\n", baselines=False)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("signal", ["feature:payer=private", "feature:code=A99.9"])
def test_a_detector_of_another_distribution_watches_one_value_or_mask_of_a_feature(signal):
    text = _world._TEXT.format(**_world._DEFAULTS) + _features.FEATURES
    text += f"\n    detectors: [{{name: above, signal: {signal}, parameters: {{limit: 50}}}}]\n"
    without, with_it = (0.9, 0.0, 0.0, 0.0, 0.05, 0.05), (0.1, 0.0, 0.8, 0.0, 0.05, 0.05)
    mask, other = (0.8, 0.1, 0.0, 0.05, 0.05), (0.0, 0.9, 0.0, 0.05, 0.05)
    for moved, fires in (({"payer": without, "code": other}, False), ({"payer": with_it, "code": mask}, True)):
        found = Kernel(parse_policy(text, baselines=False), {"coding": _features.baseline()})
        found.apply(_features.records(200, **moved))
        found.advance(to=END)
        whole = next(row for row in rows(found, f"{signal}:above") if row.segment == "all")
        assert (whole.detections > 0) is fires


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("score", "fires"), [(0.0, True), (1.0, False)])
def test_a_detector_of_another_distribution_watches_confidence_against_the_truth(score, fires):
    found = kernel("[{name: above, signal: calibration, parameters: {limit: 50}}]")
    told = [outcome(n, START + n + 5.0, inferred=START + n, score=score, confidence=0.9) for n in range(100)]
    told += [outcome(n, START + n + 5.0, inferred=START + n, score=score) for n in range(100, 200)]
    run(found, batch(told), to=END)
    whole = next(row for row in rows(found, "calibration:above") if row.segment == "all")
    assert (whole.detections > 0) is fires
    made = found._ledger.newest(("coding", "7"), 1)._chosen._made
    assert {(one.fed, one.detector.rejected) for key, one in made.items() if key[1] == ("all", "all")} == {(100, 0)}


@pytest.mark.usefixtures("installed")
def test_what_has_seen_ten_values_says_nothing_outside():
    """A detector that fires at the first error would tell of one patient."""
    for n, small in ((10, True), (11, False)):
        found = kernel("[{name: above, signal: performance, parameters: {limit: 1}}]")
        told = [outcome(k, START + k + 5.0, inferred=START + k, score=1.0, confidence=0.9) for k in range(n)]
        changes = run(found, batch([*told, *(inference(k, START + k, confidence=0.9) for k in range(n))]), to=END)
        watched = {"performance", "confidence", "performance:above"}
        shown = {row.signal: row.small for row in found.drift() if row.segment == "all" and row.signal in watched}
        assert shown == dict.fromkeys(watched, small)
        chosen = [c for c in changes if isinstance(c, DriftDetected) and c.row.signal == "performance:above"]
        assert bool(chosen) is not small
