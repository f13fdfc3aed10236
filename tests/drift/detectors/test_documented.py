"""Every detector of ours is a detector of River in a file of its own, with parameters, example and source."""

from __future__ import annotations

import doctest
import importlib
import inspect

import numpy as np
import pytest
from river import base

from otel_clinical.drift.detectors import DETECTORS, BiasDetector, GuardedDetector
from otel_clinical.drift.explode._batch import MICRO
from otel_clinical.drift.kernel._bias import BiasDesign, BiasTest
from tests.drift.kernel._world import make_baseline, make_policy


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_says_what_it_takes_what_it_does_and_where_it_comes_from(name):
    kind = DETECTORS[name]
    text = inspect.getdoc(kind) or ""
    assert issubclass(kind, base.DriftDetector)
    for part in ("Args:", "Example:", "References:"):
        assert f"\n{part}\n" in text, part
    arguments = text.split("Args:\n")[1].split("\n\n")[0]
    assert all(f"    {parameter}: " in arguments for parameter in inspect.signature(kind).parameters)
    assert doctest.DocTestFinder().find(kind)[0].examples


def test_no_two_detectors_share_a_file():
    files = [inspect.getfile(kind) for kind in DETECTORS.values()]
    assert len(set(files)) == len(files)
    assert all(importlib.import_module(kind.__module__).__doc__ for kind in DETECTORS.values())


def test_the_bias_detector_is_the_test_of_the_kernel():
    model, baseline = make_policy().models["coding"], make_baseline()
    design = BiasDesign.of(model, baseline, 1e5)
    ratio = baseline.ratio()
    detector = BiasDetector(model.calibration.tolerance, ratio * (1.0 - ratio), 1e5)
    rng = np.random.default_rng(1)
    confidences = rng.integers(0, MICRO, 300)
    scores = (rng.random(300) < 0.4).astype(np.int64) * MICRO
    test = BiasTest(design)
    test.feed(confidences, scores, 1)
    for confidence, score in zip(confidences.tolist(), scores.tolist(), strict=True):
        detector.update((confidence - score) / MICRO)
    assert detector.evidence == pytest.approx(test.evidence())
    assert BiasDetector.loads(detector.dumps()).evidence == detector.evidence


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), None, "0.1", 1.5, True])
def test_what_is_no_difference_is_counted_and_never_fed(broken):
    guarded = GuardedDetector("bias", {"tolerance": 0.05})
    before = guarded.inner.evidence
    guarded.update(broken)
    assert guarded.inner.evidence == before
    assert guarded.rejected + guarded.inner.rejected == 1


def test_senseless_parameters_are_refused():
    with pytest.raises(ValueError, match="expected 0 < tolerance < 1"):
        BiasDetector(tolerance=0.0)


def test_false_alarms_at_the_tolerance_stay_below_their_bound():
    rng, fired = np.random.default_rng(5), 0
    for _ in range(40):
        detector = BiasDetector(0.05, 0.2, threshold=2000)
        for difference in (0.75 - (rng.random(200) < 0.70)).tolist():
            detector.update(difference)
            fired += detector.drift_detected
            if detector.drift_detected:
                break
    assert fired <= 40 * 200 / 2000 + 3
