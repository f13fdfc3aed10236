"""Input features: what moves is proved, what only wobbles is not, and the same records give the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from otel_clinical.drift.explode import Batch
from otel_clinical.drift.kernel import CodecError, DriftDetected, FeatureMoved
from otel_clinical.policy import parse_policy, policy_problems
from otel_clinical.semconv.enums import InputAspect
from tests.drift.kernel._features import AGE, FEATURES, SHARES, baseline, kernel, policy, records
from tests.drift.kernel._world import START, make_baseline, run

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
END = START + 10 * 86_400.0
OLDER = (0.005, 0.01, 0.02, 0.04, 0.08, 0.13, 0.2, 0.25, 0.17, 0.085, 0.0, 0.01)
MISSING = (*(share * 0.8 for share in AGE), 0.0, 0.21)
PRIVATE = (0.15, 0.25, 0.56, 0.04, 0.0, 0.01)
UNREADABLE = (*(share * 0.8 for share in AGE), 0.2, 0.01)
SHAPE = (0.4, 0.28, 0.31, 0.0, 0.01)


def row(found, feature, segment="all", value="all"):
    (one,) = (r for r in found.features() if (r.feature, r.segment, r.value) == (feature, segment, value))
    return one


def watched(n=4000, seed=0, **moved):
    found = kernel()
    changes = run(found, records(n, seed=seed, **moved), to=END)
    return found, changes


@pytest.mark.parametrize("seed", range(5))
def test_inputs_like_the_baseline_prove_nothing(seed):
    found, changes = watched(6000, seed)
    assert changes == []
    assert max(max(r.evidence.values()) for r in found.features()) < 0.1
    assert all(r.tested == (r.feature != "confidence") for r in found.features())


@pytest.mark.parametrize(
    ("feature", "shares", "aspect"),
    [
        ("age", OLDER, InputAspect.DISTRIBUTION),
        ("age", MISSING, InputAspect.MISSING),
        ("age", UNREADABLE, InputAspect.UNREADABLE),
        ("payer", PRIVATE, InputAspect.DISTRIBUTION),
        ("code", SHAPE, InputAspect.DISTRIBUTION),
    ],
)
def test_what_moved_is_proved_and_nothing_else_is(feature, shares, aspect):
    found, changes = watched(**{feature: shares})
    one = row(found, feature)
    assert {a for a, value in one.evidence.items() if value >= 1.0} == {aspect}
    assert one.moved > 0.1
    assert one.proved is not None
    proved = {(c.row.feature, c.row.segment) for c in changes if isinstance(c, FeatureMoved)}
    assert (feature, "all") in proved
    assert {name for name, _ in proved} == {feature}
    assert max(row(found, other).moved for other in SHARES if other != feature) < 0.05


def test_a_numeric_feature_that_moves_is_seen_by_adwin_as_well():
    found = kernel()
    run(found, records(12_000))
    changes = run(found, records(12_000, first=12_000, age=OLDER), to=END)
    witnessed = [c for c in changes if isinstance(c, DriftDetected)]
    assert {c.row.signal for c in witnessed} == {"feature:age"}
    assert row(found, "age").shift > 0.5


def test_a_move_within_the_tolerance_is_never_proved():
    slightly = (0.33, 0.38, 0.24, 0.04, 0.0, 0.01)
    found, changes = watched(12_000, payer=slightly)
    assert changes == []
    assert max(row(found, "payer").evidence.values()) < 1.0


def test_evidence_falls_soon_after_the_inputs_are_themselves_again():
    found = kernel()
    run(found, records(6000, payer=PRIVATE))
    assert row(found, "payer").proved is not None
    run(found, records(6000, first=6000), to=END)
    assert max(row(found, "payer").evidence.values()) < 1.0
    assert row(found, "payer").proved is None


def test_without_a_reference_nothing_is_tested():
    found = kernel(make_baseline())
    assert run(found, records(4000, age=OLDER), to=END) == []
    assert not any(r.tested for r in found.features())
    assert max(max(r.evidence.values()) for r in found.features()) == 0.0


def test_a_segment_is_looked_at_when_it_has_enough_inferences():
    found, _ = watched(900, age=OLDER)
    assert row(found, "age").inferences >= 200
    assert row(found, "age", "payer", "medicaid").inferences < 250


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=NO_SHRINKING)
@given(
    seed=st.integers(0, 2**32 - 1),
    copies=st.floats(0.0, 0.5),
    size=st.integers(50, 1500),
    restarts=st.sets(st.integers(0, 8), max_size=3),
)
def test_any_order_duplicates_batches_and_restarts_give_the_same_bytes(seed, copies, size, restarts):
    every = records(1500, age=OLDER)
    straight = kernel()
    straight.apply(every)
    straight.advance(to=END)
    rng = np.random.default_rng(seed)
    order = np.argsort(every.rows["time"] + rng.uniform(0, 30e6, len(every)))
    order = np.sort(np.concatenate([order, rng.choice(order, int(copies * len(order)))])) if copies else order
    shuffled = Batch(every.rows[order], every.words)
    found, saved = kernel(), {}
    for number, start in enumerate(range(0, len(shuffled), size)):
        found.apply(shuffled.take(range(start, min(start + size, len(shuffled)))))
        found.advance()
        if number in restarts:
            saved |= found.dump_dirty()
            found = kernel()
            assert found.load({key: data for key, data in saved.items() if data}) == []
    found.advance(to=END)
    assert found.features() == straight.features()
    assert states(found, saved) == states(straight, {})


def states(found, saved):
    every = saved | found.dump_dirty()
    return {key: data for key, data in every.items() if "/features/" in key and data}


def test_other_bins_begin_anew_and_say_so():
    found, _ = watched()
    saved = found.dump_dirty()
    other = kernel(make_baseline(), FEATURES.replace("[10, 20,", "[11, 20,"))
    sentences = other.load(saved)
    assert len([s for s in sentences if "features" in s]) == len({key for key in saved if "/features/" in key})


def test_a_damaged_state_is_refused():
    found, _ = watched()
    saved = found.dump_dirty()
    key = next(key for key in saved if "/features/" in key)
    with pytest.raises(CodecError):
        kernel().load(saved | {key: saved[key][:-1] + bytes([saved[key][-1] ^ 1])})


def test_a_baseline_with_other_bins_is_a_problem_of_the_policy(tmp_path):
    baseline().save(tmp_path / "baseline.json")
    text = (tmp_path / "p.yaml").absolute()
    good = policy_text()
    text.write_text(good, encoding="utf-8")
    assert policy_problems(text) == ()
    text.write_text(good.replace("[10, 20,", "[11, 20,"), encoding="utf-8")
    (problem,) = policy_problems(text)
    assert "models.coding.features.age" in str(problem)
    assert "frozen with other bins" in str(problem)


def policy_text():
    from tests.drift.kernel import _world  # noqa: PLC0415 -- its text is private to the world

    return _world._TEXT.format(**_world._DEFAULTS) + FEATURES


def test_the_features_of_the_policy_are_those_of_the_wire():
    assert [f.name for f in policy().models["coding"].feature_set.features] == ["age", "code", "payer"]
    assert parse_policy(policy_text(), baselines=False).hash == policy().hash
