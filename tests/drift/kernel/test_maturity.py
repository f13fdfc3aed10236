"""A feed in which the failures arrive first cannot fake a drop: every cohort enters complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.kernel import TierChange
from tests.drift.kernel._world import DEPARTMENTS, START, batch, inference, make_kernel, make_policy, outcome, run

if TYPE_CHECKING:
    from otel_clinical.drift.explode import Batch

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


def _streams(delays: list[float], maturity: str = "1h") -> dict[str, bytes]:
    """Return the state of every stream after labels that took `delays`; each third answer is wrong."""
    rows: list[tuple[float, Any]] = []
    for number, delay in enumerate(delays):
        at = START + number * 60.0
        rows.append((at, inference(number, at)))
        rows.append((at + delay, outcome(number, at + delay, inferred=at, score=float(number % 3 > 0))))
    kernel = make_kernel(make_policy(maturity=maturity))
    run(kernel, batch(row for _, row in sorted(rows, key=lambda one: one[0])), size=7, to=START + 86_400.0)
    return {key: data for key, data in kernel.dump_dirty().items() if key.startswith("stream/")}


@settings(max_examples=25, deadline=None)
@given(
    early=st.floats(0.0, 3600.0),
    late=st.floats(0.0, 3600.0),
    spread=st.lists(st.floats(0.0, 1.0), min_size=40, max_size=40),
)
def test_within_the_maturity_it_leaves_no_trace_when_a_label_came(
    early: float, late: float, spread: list[float]
) -> None:
    delays = [share * (late if number % 3 else early) for number, share in enumerate(spread)]
    assert _streams(delays) == _streams([1800.0] * len(delays))


def test_without_maturity_it_leaves_one() -> None:
    delays = [3600.0 if number % 3 else 60.0 for number in range(40)]
    assert _streams(delays, "0s") != _streams([1800.0] * len(delays), "0s")


def test_labels_that_outlast_the_maturity_show_in_coverage_and_delay() -> None:
    """What maturity cannot undo, it shows: of the successes that take five hours none is there yet."""
    kernel = make_kernel()
    rows: list[tuple[float, Any]] = []
    for number in range(300):
        at = START + number * 60.0
        known = at + (18_000.0 if number % 3 else 60.0)
        rows.append((at, inference(number, at)))
        rows.append((known, outcome(number, known, inferred=at, score=float(number % 3 > 0))))
    rows.sort(key=lambda one: one[0])
    shift = START + 300 * 60.0
    run(kernel, batch(row for at, row in rows if at < shift), to=shift)
    (row,) = kernel.coverage()
    assert row.coverage == pytest.approx(1 / 3, abs=0.02)
    assert row.age_late is not None
    assert row.age_late < 90.0
    run(kernel, batch(row for at, row in rows if at >= shift), to=shift + 20_000.0)
    (later,) = kernel.coverage()
    assert later.coverage == 1.0
    assert later.age_late is not None
    assert later.age_late > 3600.0
