"""A feed in which the failures arrive first cannot fake a drop: every cohort enters complete."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from otel_clinical.drift.kernel import Batch, TierChange
from tests.drift.kernel._world import DEPARTMENTS, START, batch, inference, make_kernel, make_policy, outcome, run

N, GAP = 2000, 10.0


def _failures_first(*, wrong: float) -> Batch:
    """Return a healthy model whose failures are known after a minute, and whose successes after 55 minutes."""
    rng = np.random.default_rng(11)
    rows: list[tuple[float, Any]] = []
    for number in range(N):
        at = START + number * GAP
        right = rng.random() >= wrong
        known = at + (3300.0 if right else 60.0)
        about = {"inferred": at, "department": "cardiology"}
        rows.append((at, inference(number, at, **about)))
        rows.append((known, outcome(number, known, score=float(right), **about)))
    return batch(row for _, row in sorted(rows, key=lambda one: one[0]))


@pytest.mark.parametrize(
    ("maturity", "wrong", "raised"),
    [
        ("1h", 1.0 - DEPARTMENTS["cardiology"], False),
        ("0s", 1.0 - DEPARTMENTS["cardiology"], True),  # the same feed without maturity does fake one
        ("1h", 0.35, True),  # a real drop is seen all the same
    ],
)
def test_failures_that_arrive_first_fake_no_drop(maturity: str, wrong: float, *, raised: bool) -> None:
    kernel = make_kernel(make_policy(maturity=maturity))
    found = run(kernel, _failures_first(wrong=wrong), to=START + N * GAP + 7200.0)
    evidence = max(value for row in kernel.evidence() for value in row.evidence.values())
    changed = any(isinstance(one, TierChange) for one in found)
    assert (changed or evidence >= 1.0) is raised
