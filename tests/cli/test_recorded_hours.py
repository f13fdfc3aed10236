"""`otel-clinical baseline freeze --state` knows the hours of the week where the policy had them recorded."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from otel_clinical.cli import main
from otel_clinical.drift.explode import Batch
from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime._entry import Entry, Signal
from otel_clinical.drift.runtime._pipeline import Pipeline, Work
from otel_clinical.drift.runtime.store import Store
from otel_clinical.policy import PolicyErrors, hour_of_week, load_baseline, load_policy, merged_hours
from tests.drift.kernel import _world
from tests.drift.kernel._features import FEATURES
from tests.drift.kernel._world import batch, make_baseline, outcome
from tests.drift.kernel.test_feature_hours import DAY, MONDAY, drawn, served

if TYPE_CHECKING:
    from pathlib import Path

WEEKS, GAP = 2, 80.0
TEXT = _world._TEXT.format(**(_world._DEFAULTS | {"slot": "20m", "maturity": "1d"}))
RECORDED = FEATURES.replace("window: 10m", "window: 1h, record_hours: true")
HOURLY = FEATURES.replace("window: 10m", "window: 1h, reference: same_hour_of_week")
PRIVATE = 2


def told() -> Batch:
    """Return two weeks of inferences, with an outcome of each twentieth."""
    inferences = served(WEEKS * 168, gap=GAP)
    times = ((round(n * GAP), MONDAY + n * GAP) for n in range(0, 15_000, 60))
    outcomes = batch([outcome(n, at + 60.0, inferred=at, score=1.0) for n, at in times])
    assert outcomes.words == inferences.words
    rows = np.concatenate((inferences.rows, outcomes.rows))
    return Batch(rows[np.argsort(rows["time"], kind="stable")], inferences.words)


def recorded(folder: Path, text: str, cuts: list[float]) -> set[str]:
    """Feed everything to processors that are restarted at `cuts`; return the keys of what they saved."""
    (folder / "policy.yaml").write_text(TEXT + text)
    make_baseline().save(folder / "baseline.json")
    policy = load_policy(folder / "policy.yaml")
    records = told()
    ends = [round(cut * len(records)) for cut in (*cuts, 1.0)]
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        with closing(
            Pipeline(Store(folder / "state"), lambda: Kernel(policy, {"coding": make_baseline()}))
        ) as pipeline:
            pipeline.restore()
            part = replace(records.take(range(begin, end)), received=int((MONDAY + 90 * DAY) * 1e6))
            work = Work(Entry(Signal.LOGS, MONDAY, part.to_bytes()), part)
            pipeline.apply(pipeline.commit([work]), [work])
            pipeline.checkpoint()
    with closing(Store(folder / "state")) as store:
        return {key for key in store.states() if key.startswith("reference_hours/")}


def freeze(folder: Path) -> int:
    options = {"--state": "state", "--policy": "policy.yaml", "--out": "new.json"}
    with pytest.raises(SystemExit) as stopped:
        main(["baseline", "freeze", *(word for name, file in options.items() for word in (name, str(folder / file)))])
    return int(stopped.value.code or 0)


def by_hand() -> dict[int, list[int]]:
    """Count the payers of the weeks that are mature, hour by hour: medicaid, medicare, private, other, nothing."""
    rng, found = np.random.default_rng([7, 0]), defaultdict(lambda: [0] * 6)
    for at in np.arange(MONDAY, MONDAY + WEEKS * 7 * DAY, GAP).tolist():
        payer = drawn(rng, at)[PRIVATE]
        if at < MONDAY + 7 * DAY:  # the labels of the second week are not all due
            found[hour_of_week(at)][payer] += 1
    return dict(found)


@pytest.mark.parametrize("cuts", [[], [0.21, 0.2113, 0.6]])
def test_hours_that_were_recorded_are_in_the_baseline_whatever_was_restarted(tmp_path: Path, cuts: list[float]) -> None:
    assert len(recorded(tmp_path, RECORDED, cuts)) == WEEKS * 168
    assert freeze(tmp_path) == 0
    frozen = load_baseline(tmp_path / "new.json")
    expected = merged_hours({hour: tuple(counts) for hour, counts in by_hand().items()}, 4)
    assert expected
    assert frozen.features["payer"].hours["all", "all"] == expected
    assert frozen.features["payer"].hours["payer", "medicaid"] == expected
    assert ("payer", "medicare") not in frozen.features["payer"].hours
    assert "no hour of the week" not in problems(tmp_path)


def problems(folder: Path) -> str:
    """Return what the policy that compares with the same hours of the week says against the new baseline."""
    path = folder / "hourly.yaml"
    path.write_text((TEXT + HOURLY).replace("baseline.json", "new.json"))
    with pytest.raises(PolicyErrors) as refused:  # not all segment values were seen: that is refused anyway
        load_policy(path)
    return str(refused.value)


def test_nothing_is_recorded_by_the_hour_where_nobody_asked_for_it(tmp_path: Path) -> None:
    """Negative control, and the price of it: nothing."""
    assert recorded(tmp_path, FEATURES, []) == set()
    assert freeze(tmp_path) == 0
    assert not load_baseline(tmp_path / "new.json").features["payer"].hours
    assert "no hour of the week" in problems(tmp_path)
