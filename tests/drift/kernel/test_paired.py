"""Two versions on the same cases: proof holds at every look, agrees with a model of few lines, and names the cause."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.kernel._attribution import Comparison
from otel_clinical.drift.kernel._paired import MARGIN, Paired
from otel_clinical.semconv.enums import AttributionCause
from tests.drift.kernel._world import START, batch, inference, make_kernel, make_policy, outcome

STAKES = (0.05, 0.1, 0.2, 0.4, 0.8)
POLICY = make_policy(maturity="0s", lateness="1h", standardise_by="null")
END = START + 60 * 86_400.0


def ever_proved(differences):
    """Return, for the four questions, whether any look of a whole history finds proof."""
    found = np.zeros(4, bool)
    for place, gains in enumerate((differences, -differences, MARGIN - differences, MARGIN + differences)):
        capital = np.mean([np.exp(np.cumsum(np.log1p(stake * gains))) for stake in STAKES], axis=0)
        found[place] = capital.max() >= 20.0
    return found


@pytest.mark.parametrize("likeness", [0.0, 0.8])
def test_of_versions_that_are_equal_few_are_ever_called_better(likeness):
    """1,000 histories of 1,500 cases, looked at after each; the versions agree on a part of them."""
    rng = np.random.default_rng(11)
    wrong = np.zeros(4)
    for _ in range(1000):
        one, other = (rng.random(1500) < 0.85 for _ in range(2))
        other = np.where(rng.random(1500) < likeness, one, other)
        wrong += ever_proved(one.astype(float) - other)
    assert max(wrong[:2]) / 1000 <= 0.05
    assert min(wrong[2:]) / 1000 >= 0.8  # and that neither is much better is nearly always proved


def test_a_version_that_is_worse_by_the_margin_is_rarely_called_as_good():
    rng = np.random.default_rng(12)
    runs = [ever_proved((rng.random(1500) < 0.90).astype(float) - (rng.random(1500) < 0.85)) for _ in range(500)]
    assert np.mean([run[2] for run in runs]) <= 0.05


def test_a_version_that_is_better_is_proved_so_fast():
    rng = np.random.default_rng(13)
    test = Paired()
    while test.cases < 1000 and not test.proved()[0]:
        test.feed(*(round(1e6 * (rng.random() < right)) for right in (0.9, 0.7)))
    assert 20 < test.cases < 300
    assert test.proved() == (True, False, False, True)


def scores(n, seed, *, seven, eight, shadow_from=0, payer=lambda _: "medicaid"):
    """Return inferences and outcomes of version 8, and from a case on those of version 7 in its shadow."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        at, luck = START + 60.0 * number, rng.random()  # hard cases are hard for both
        for offset, version, right in ((0, "8", eight(number)), (100_000, "7", seven(number))):
            if version == "7" and number < shadow_from:
                continue
            about = {"version": version, "activation": 2 if version == "8" else 1}
            about |= {"encounter": number + 1, "payer": payer(number)}
            place = number + offset
            rows.append(inference(place, at, **about))
            rows.append(
                outcome(
                    place,
                    at + 5.0,
                    inferred=at,
                    score=float((luck if rng.random() < 0.8 else rng.random()) < right),
                    **about,
                )
            )
    return batch(rows)


def verdict(records):
    kernel = make_kernel(POLICY)
    for start in range(0, len(records), 500):
        kernel.apply(records.take(range(start, min(start + 500, len(records)))))
        kernel.advance()
    kernel.advance(to=END)
    found = [row for row in kernel.attributions() if (row.version, row.segment) == ("8", "all")]
    return kernel, found[0]


def test_where_the_version_in_the_shadow_did_not_drop_the_version_is_the_cause():
    _, row = verdict(scores(1500, 1, seven=lambda _: 0.92, eight=lambda n: 0.92 if n < 700 else 0.55))
    assert row.cause is AttributionCause.VERSION
    assert "the previous version is better on the same 1500 cases" in row.reasons[0].words


def test_where_the_version_in_the_shadow_dropped_as_well_the_environment_is_the_cause():
    _, row = verdict(scores(2500, 2, seven=lambda _: 0.55, eight=lambda _: 0.55))
    assert row.cause is AttributionCause.ENVIRONMENT
    assert "no better on the same 2500 cases" in row.reasons[0].words


def test_few_common_cases_decide_nothing():
    records = scores(1200, 3, seven=lambda _: 0.92, eight=lambda _: 0.5, shadow_from=1195)
    kernel, row = verdict(records)
    assert kernel._ledger.pairing.comparison("coding", "8", 2) == Comparison(5, better=False, no_better=False)
    (pair,) = (row for row in kernel.pairings() if row.segment == "all")
    assert (pair.version, pair.beside, pair.cases, pair.better, pair.no_better) == ("7", "8", 5, False, False)
    assert "same" not in row.reasons[0].words


def half(number):
    return "medicaid" if number % 2 else "medicare"


def test_a_segment_is_compared_on_its_own_cases_and_its_drop_put_down_by_them():
    """Version 8 is worse for medicaid only; for medicare both became worse, so going back would not help there."""
    eight = lambda n: 0.92 if n < 600 else 0.45  # noqa: E731 -- a line of the story
    seven = lambda n: 0.92 if n < 600 or n % 2 else 0.45  # noqa: E731
    kernel, _ = verdict(scores(3000, 4, seven=seven, eight=eight, payer=half))
    found = {(row.segment, row.value): row for row in kernel.pairings()}
    assert {key: row.cases for key, row in found.items() if key[0] != "department"} == {
        ("all", "all"): 3000,
        ("payer", "medicaid"): 1500,
        ("payer", "medicare"): 1500,
    }
    better, no_better = found["payer", "medicaid"], found["payer", "medicare"]
    assert (better.better, better.no_better) == (True, False)
    assert (no_better.better, no_better.no_better) == (False, True)
    causes = {row.value: row for row in kernel.attributions() if row.version == "8"}
    assert causes["medicaid"].cause is AttributionCause.VERSION
    assert causes["medicare"].cause is AttributionCause.ENVIRONMENT
    assert "no better on the same 1500 cases" in causes["medicare"].reasons[0].words


def test_comparisons_of_segments_go_on_after_a_restart_and_batches_do_not_matter():
    records = scores(400, 5, seven=lambda _: 0.9, eight=lambda _: 0.6, payer=half)
    whole = make_kernel(POLICY)
    whole.apply(records)
    whole.advance(to=END)
    kernel, saved = make_kernel(POLICY), {}
    for start in range(0, len(records), 150):
        kernel.apply(records.take(range(start, min(start + 150, len(records)))))
        kernel.advance()
        saved = {key: data for key, data in (saved | kernel.dump_dirty()).items() if data}
        kernel = make_kernel(POLICY)
        assert kernel.load(saved) == []
    kernel.advance(to=END)
    assert kernel.pairings() == whole.pairings()
    saved |= kernel.dump_dirty()
    parts = {key: data for key, data in whole.dump_dirty().items() if key.startswith("paired")}
    assert len(parts) == 4  # the whole, two payers, one department
    assert {key: data for key, data in saved.items() if key.startswith("paired")} == parts


def by_hand(found):
    """Return (cases, four means of capital) of 7 against 8, of everything that was reported, in order of time."""
    first: dict[tuple[int, str], float] = {}
    met, gains = set(), []
    for _minute, case, version, right in found:
        if (case, version) in met:
            continue
        met.add((case, version))
        first[case, version] = float(right)
        other = "8" if version == "7" else "7"
        if (case, other) in met:
            gains.append(first[case, "7"] - first[case, "8"])
    gains = np.array(gains)
    capitals = [
        math.fsum(math.prod(1 + stake * gain for gain in one) for stake in STAKES) / len(STAKES)
        for one in (gains, -gains, MARGIN - gains, MARGIN + gains)
    ]
    return len(gains), capitals


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["7", "8"]), st.booleans()), max_size=40),
    st.lists(st.integers(0, 40), max_size=4),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_any_history_is_compared_as_a_model_of_a_few_lines_compares_it(reported, cuts, random, restart):
    found = [(minute, *one) for minute, one in enumerate(reported)]
    rows = [
        outcome(
            minute,
            START + 60.0 * minute,
            inferred=START + 60.0 * minute,
            score=float(right),
            version=version,
            encounter=case,
        )
        for minute, case, version, right in found
    ]
    random.shuffle(rows)
    kernel, saved = make_kernel(POLICY), {}
    for start, end in pairwise([0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]):
        kernel.apply(batch(rows[start:end]))
        kernel.advance()
        if restart:
            saved = {key: data for key, data in (saved | kernel.dump_dirty()).items() if data}
            kernel = make_kernel(POLICY)
            assert kernel.load(saved) == []
    kernel.advance(to=END)
    cases, capitals = by_hand(found)
    tests = list(kernel._ledger.pairing._tests.values())
    assert sum(test.cases for test in tests) == cases
    if cases:
        assert np.exp(np.logaddexp.reduce(tests[0].logs, axis=1)) / len(STAKES) == pytest.approx(capitals)


def test_a_score_waits_a_week_for_the_other_version_and_is_then_forgotten():
    kernel, saved, sizes = make_kernel(POLICY), {}, []
    for day in range(40):
        at = START + 86_400.0 * day
        rows = [
            outcome(1000 * day + n, at + n, inferred=at + n, score=1.0, encounter=1000 * day + n + 1) for n in range(20)
        ]
        kernel.apply(batch(rows))
        kernel.advance(to=at + 7200.0)
        saved = {key: data for key, data in (saved | kernel.dump_dirty()).items() if data}
        sizes.append(sum(key.startswith("unpaired/") for key in saved))
    assert max(sizes) == sizes[-1] <= 8
    assert len(kernel._ledger.pairing.waiting) <= 8 * 20


def compared(told):
    """Return the test of 7 against 8 after reports (minute, case, version, score), each applied in its own slot."""
    kernel = make_kernel(POLICY)
    for minute, case, version, score in told:
        at = START + 600.0 * minute
        begun = START + 600.0 * min(one[0] for one in told if one[1:3] == (case, version))
        about = {"version": version, "encounter": case, "inferred": begun, "score": score}
        kernel.apply(batch([outcome(100 * case + int(version), at, event=minute + 10_000, **about)]))
        kernel.advance()
    kernel.advance(to=START + 86_400.0)
    (test,) = kernel._ledger.pairing._tests.values()
    return test


def answered(eight, cases=range(1, 30)):
    """Return reports in which version 7 is right about every case, and version 8 as `eight` says."""
    return sorted([(2 * c, c, "7", 1.0) for c in cases] + [(2 * c + 1, c, "8", eight(c)) for c in cases])


def test_a_score_that_is_amended_after_it_was_bet_on_takes_its_capital_away_once():
    plain = answered(lambda _: 0.0)
    amended = [(100 + case, case, "8", 1.0) for case in range(1, 25)]
    as_fed, mended, again = compared(plain), compared(plain + amended), compared(plain + amended + amended[:5])
    as_known = compared(answered(lambda case: float(case < 25)))
    assert as_fed.proved()[0]
    assert not mended.proved()[0]
    assert as_fed.cases == mended.cases == 29
    assert (mended.logs <= np.minimum(as_fed.logs, as_known.logs) + 1e-9).all()
    assert mended.logs[0] == pytest.approx(as_known.logs[0])  # what only ever lost is exact
    assert np.array_equal(again.logs, mended.logs)


def test_an_amendment_in_favour_of_a_proof_adds_nothing_to_it():
    plain = answered(lambda _: 1.0)
    as_fed, mended = compared(plain), compared([*plain, *((100 + c, c, "8", 0.0) for c in range(1, 30))])
    assert np.array_equal(mended.logs[0], as_fed.logs[0])
    assert (mended.logs[1] < as_fed.logs[1]).all()
    assert not any(mended.proved()[:2])
