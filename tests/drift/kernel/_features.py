"""A hospital whose inputs are watched: ages, payers and codes that may move."""

from __future__ import annotations

from typing import Any

import numpy as np

from otel_clinical.drift.kernel import Kernel
from otel_clinical.features import MISSING_PLACE
from otel_clinical.policy import Baseline, FeatureReference, Policy, parse_policy
from tests.drift.kernel import _world
from tests.drift.kernel._world import START, batch, inference, make_baseline

FEATURES = """
    features:
      age: {kind: numeric, edges: [10, 20, 30, 40, 50, 60, 70, 80, 90]}
      code: {kind: format, masks: ["A99.9", "99999"]}
      payer: {kind: categorical, values: [medicaid, medicare, private]}
    input_drift: {window: 10m, minimum_inferences: 200}
"""
AGE, CODE, PAYER = (
    (0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.15, 0.12, 0.08, 0.04),
    (0.7, 0.28, 0.01),
    (0.3, 0.4, 0.25, 0.04),
)
SHARES = {"age": (*AGE, 0.0, 0.01), "code": (*CODE, 0.0, 0.01), "payer": (*PAYER, 0.0, 0.01)}
"""Shares of the bins of each feature, then of unreadable and of missing values."""


def policy(extra: str = FEATURES) -> Policy:
    """Return the policy of the test hospital with features."""
    return parse_policy(_world._TEXT.format(**_world._DEFAULTS) + extra, baselines=False)


def baseline(shares: dict[str, tuple[float, ...]] | None = None, n: int = 20_000) -> Baseline:
    """Return the reference with `n` inferences of every segment value."""
    known = policy().models["coding"].feature_set.features
    keys = [("all", "all"), *(("department", d) for d in _world.DEPARTMENTS), *(("payer", p) for p in _world.PAYERS)]
    frozen = {
        feature.name: FeatureReference(
            feature.digest, {key: tuple(round(n * share) for share in (shares or SHARES)[feature.name]) for key in keys}
        )
        for feature in known
    }
    before = make_baseline()
    return Baseline(
        "coding", None, "accuracy", before.cells, confidence=before.confidence, quality=before.quality, features=frozen
    )


def kernel(known: Baseline | None = None, text: str = FEATURES) -> Kernel:
    """Return a kernel that watches the features."""
    return Kernel(policy(text), {"coding": known or baseline()})


def records(n: int, *, first: int = 0, seed: int = 0, gap: float = 2.0, **moved: tuple[float, ...]) -> Any:
    """Return `n` inferences whose features follow `SHARES`, or what `moved` says of one."""
    rng = np.random.default_rng([seed, first])
    columns = []
    for name in ("age", "code", "payer"):
        share = np.array(moved.get(name, SHARES[name]))
        bins = len(share) - 2
        places = np.array([*range(bins), MISSING_PLACE - 1, MISSING_PLACE])
        columns.append(rng.choice(places, n, p=share / share.sum()))
    names = list(_world.MIX)
    departments, payers = rng.choice(len(names), n, p=list(_world.MIX.values())), rng.integers(0, 4, n)
    return batch(
        inference(
            first + i,
            START + (first + i) * gap,
            features=(*(int(column[i]) for column in columns), *[255] * 13),
            department=names[departments[i]],
            payer=_world.PAYERS[payers[i]],
        )
        for i in range(n)
    )
