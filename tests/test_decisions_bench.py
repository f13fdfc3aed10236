"""The delays benchmark: the rivals do what they are said to do, and the report says it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import _rivals
from benchmarks._decisions_report import markdown, write_report
from benchmarks._delays import KNOWN, ROLLBACK, Delay, designed, proof
from otel_clinical.policy import load_policy


def errors(before, after, *, seed=1, n=2000):
    rng = np.random.default_rng(seed)
    wrong = np.concatenate((np.full(n, before), np.full(n, after)))
    return (rng.random(2 * n) < wrong).astype(float)


def test_the_cusum_is_wrong_as_seldom_as_it_was_tuned_to_be():
    threshold = _rivals.cusum_threshold(0.1, 0.2, 500.0)
    rng = np.random.default_rng(2)
    lengths = [
        _rivals.cusum((rng.random(6000) < 0.1).astype(float), 0, ordinary=0.1, worse=0.2, threshold=threshold)
        for _ in range(400)
    ]
    assert np.mean(lengths) == pytest.approx(500, rel=0.15)


def test_a_rolling_window_fires_when_its_share_reaches_the_limit():
    stream = np.concatenate((np.zeros(300), np.ones(300)))
    assert _rivals.window(stream, 300, size=100, limit=0.5) == 50
    assert math.isinf(_rivals.window(np.zeros(600), 300, size=100, limit=0.5))


@pytest.mark.parametrize("method", [_rivals.adwin, _rivals.ddm])
def test_a_detector_fires_after_a_large_drop_and_not_without_one(method):
    assert method(errors(0.05, 0.5), 2000) < 500
    assert math.isinf(method(np.zeros(3000), 2000))


def test_the_proof_comes_after_a_large_drop_and_not_within_the_guard():
    model = (
        load_policy("examples/policy.yaml").models["coding"].model_copy(update={"standardise_by": None, "segments": {}})
    )
    design = designed(model, KNOWN)
    assert 0 < proof(design, ROLLBACK, errors(0.1, 0.37), 2000) < 300
    assert math.isinf(proof(design, ROLLBACK, errors(0.1, 0.12), 2000))


def test_the_report_names_every_method_and_says_never(tmp_path):
    found = [Delay("ours", 0.1, math.inf, math.inf, 1.0, 0.0), Delay("ours", 0.2, 100.0, 200.0, 0.0, 0.005)]
    assert "| ours | never (never) | 100 (200) | 0.5% |" in markdown(found)
    write_report(found, tmp_path / "new")
    assert (tmp_path / "new" / "decisions.png").stat().st_size > 1000
