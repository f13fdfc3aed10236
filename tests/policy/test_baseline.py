"""The frozen baseline answers what was expected, and refuses to be something it cannot be."""

import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.policy import (
    BaselineBuilder,
    BaselineError,
    PolicyErrors,
    load_baseline,
    load_policy,
    parse_baseline,
    parse_policy,
)

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
GOOD = (HERE / "good.yaml").read_text(encoding="utf-8")
SEGMENTS = {
    "department": ("cardiology", "surgery"),
    "payer": ("medicaid", "medicare"),
    "source_system": ("ehr-a", "ehr-b"),
}


def builder(model="coding", *, payers=("medicaid", "medicare"), standardise_by="department", metric="accuracy"):
    made = BaselineBuilder(model, segments=SEGMENTS, standardise_by=standardise_by, metric=metric)
    for i in range(400):
        segments = {
            "department": ("cardiology", "surgery")[i % 4 == 0],
            "payer": payers[i % len(payers)],
            "source_system": ("ehr-a", "ehr-b")[i // 2 % 2],
        }
        made.add(segments, float(i % 10 != 0), confidence=0.5 + (i % 5) / 10, quality=0.9, at=1000.0 + i)
    return made


def test_cells_add_up_per_value_and_stratum():
    baseline = builder().build()
    assert baseline.n() == 400
    assert baseline.n("payer", "medicaid") == 200
    assert baseline.ratio() == pytest.approx(0.9)
    assert baseline.weights() == {"cardiology": 0.75, "surgery": 0.25}
    assert (baseline.since, baseline.until) == (1000.0, 1399.0)


def test_a_rich_cell_speaks_for_itself_and_a_thin_one_leans_on_its_margins():
    made = BaselineBuilder("m", segments={"payer": ("a", "b")}, standardise_by="payer")
    for _ in range(10_000):
        made.add({"payer": "a"}, 1.0)
    made.add({"payer": "b"}, 0.0)
    baseline = made.build()
    assert baseline.expected("payer", "a", "a") == pytest.approx(1.0, abs=1e-3)
    assert baseline.expected("payer", "b", "b") > 0.8
    assert baseline.expected("payer", "never-seen", "a") == pytest.approx(baseline.expected(stratum="a"), rel=0.01)


def test_the_lower_bound_is_below_the_ratio_and_tightens_with_labels():
    baseline = builder().build()
    assert baseline.lower() < baseline.ratio()
    assert baseline.lower("payer", "medicaid") < baseline.lower()
    assert baseline.lower("payer", "never-seen") < baseline.lower("payer", "medicaid")


def test_undeclared_values_become_other():
    made = BaselineBuilder("m", segments={"payer": ("a",)})
    made.add({"payer": "zzz"}, 1.0)
    made.add({}, 0.0)
    assert made.build().n("payer", "_OTHER") == 2


def test_saving_and_loading_keeps_everything(tmp_path):
    baseline = builder().build(created_at=5.0)
    baseline.save(tmp_path / "b.json")
    loaded = load_baseline(tmp_path / "b.json")
    assert loaded.hash == baseline.hash
    assert loaded.as_dict() == baseline.as_dict()
    assert loaded.expected("payer", "medicaid", "surgery") == pytest.approx(
        baseline.expected("payer", "medicaid", "surgery")
    )


def test_the_shipped_baseline_is_what_its_script_makes():
    script = runpy.run_path(str(EXAMPLES / "make_baseline.py"))
    committed = (EXAMPLES / "baseline.json").read_text(encoding="utf-8")
    assert script["reference"]().dumps() == committed


@given(st.lists(st.tuples(st.sampled_from("abz"), st.floats(0, 1)), min_size=1, max_size=60), st.randoms())
def test_the_order_of_outcomes_does_not_matter_and_every_answer_is_a_ratio(outcomes, random):
    def made(items):
        result = BaselineBuilder("m", segments={"payer": ("a", "b")}, standardise_by="payer")
        for value, score in items:
            result.add({"payer": value}, round(score, 3))
        return result.build()

    shuffled = list(outcomes)
    random.shuffle(shuffled)
    one, two = made(outcomes), made(shuffled)
    assert one.hash == two.hash
    assert sum(one.weights().values()) == pytest.approx(1)
    for value in "abz":
        for stratum in "abz":
            assert 0 <= one.expected("payer", value, stratum) <= 1
        assert 0 <= one.lower("payer", value) <= one.ratio("payer", value) <= 1


@pytest.mark.parametrize(
    ("score", "confidence"), [(1.5, None), (-0.1, None), (float("nan"), None), (1.0, float("inf"))]
)
def test_numbers_outside_the_unit_are_refused(score, confidence):
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        BaselineBuilder("m", segments={}).add({}, score, confidence=confidence)


def test_an_empty_baseline_is_refused():
    with pytest.raises(ValueError, match="at least one outcome"):
        BaselineBuilder("m", segments={}).build()


CELL = {"segment": "all", "value": "all", "stratum": "all", "n": 10, "sum": 9.0}
FILE = {"schema": 1, "model": "m", "version": None, "metric": "accuracy", "cells": [CELL]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema is 2, expected 1"),
        ({"model": ""}, "model is '', expected text"),
        ({"version": 7}, "version is 7, expected text or null"),
        ({"cells": []}, "cells is empty, expected a list of {segment, value, stratum, n, sum}"),
        ({"cells": [{**CELL, "n": -1}]}, "cells[0].n is -1, expected a whole number from 0"),
        ({"cells": [{**CELL, "n": True}]}, "cells[0].n is True, expected a whole number from 0"),
        ({"cells": [{**CELL, "sum": 11}]}, "cells[0].sum is 11, expected 0 to n = 10: scores lie in 0 to 1"),
        ({"cells": [{**CELL, "stratum": None}]}, "cells[0].stratum is None, expected text"),
        ({"cells": [CELL, CELL]}, "cells[1] repeats segment=all value=all stratum=all"),
        (
            {"cells": [{**CELL, "segment": "payer"}]},
            'cells hold no outcomes of the aggregate, segment "all" value "all"',
        ),
        ({"cells": ["x"]}, "cells[0].value is no object {segment, value, stratum, n, sum}"),
        ({"confidence": {"mean": 2, "sd": 0.1}}, "confidence has mean 2 and sd 0.1, expected 0 to 1 and sd from 0"),
        ({"confidence": 0.5}, "confidence is 0.5, expected {mean, sd} or null"),
        ({"from": "yesterday"}, "from is 'yesterday', expected a number"),
        (
            {"reference": {"confidence": {"edges": [0, 1], "counts": [1, 2]}}},
            "reference.confidence needs one edge more than counts",
        ),
        ({"reference": {"confidence": 3}}, "reference.confidence is no histogram of {edges, counts, sums}"),
    ],
)
def test_a_baseline_that_cannot_be_true_is_refused(change, message):
    with pytest.raises(BaselineError) as caught:
        parse_baseline(json.dumps({**FILE, **change}))
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": NaN}', "[" * 100_000])
def test_text_that_is_no_baseline_is_refused(text):
    with pytest.raises(BaselineError):
        parse_baseline(text)


def against(tmp_path, baseline, text=GOOD):
    baseline.save(tmp_path / "baseline.json")
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    try:
        load_policy(tmp_path / "policy.yaml")
    except PolicyErrors as errors:
        return [(p.line, p.key.removeprefix("models.coding."), p.problem) for p in errors.problems]
    return []


def test_a_fitting_baseline_passes(tmp_path):
    assert against(tmp_path, builder().build()) == []


def test_a_missing_baseline_is_named_as_the_author_wrote_it():
    with pytest.raises(PolicyErrors) as caught:
        parse_policy(GOOD, "nowhere/p.yaml")
    assert str(caught.value) == (
        'nowhere/p.yaml:23: models.coding.baseline.file: "baseline.json": no such file or directory; '
        "allowed: a file that `otel-clinical baseline freeze` or BaselineBuilder made, as in docs/policy.md"
    )


def test_several_outcomes_of_one_encounter_are_one():
    made = builder()
    for encounter in ("a", "a", "b", None, None, "a"):
        made.add({"payer": "medicaid"}, 1.0, confidence=0.9, encounter=encounter)
    made.add({"payer": "medicaid"}, 1.0, encounter="c", counts=False)
    made.add({"payer": "medicaid"}, 1.0, encounter="c")
    assert made.build().n() == 400 + 5


def test_the_baseline_of_another_model_or_metric_is_refused(tmp_path):
    assert against(tmp_path, builder("triage").build()) == [(23, "baseline.file", 'is the baseline of model "triage"')]
    assert against(tmp_path, builder(metric="ppv").build()) == [(23, "baseline.file", 'measures "ppv"')]


@pytest.mark.parametrize(
    ("metric", "fits"),
    [
        ("name: accuracy, drop: skill, chance: 50%", True),
        ("name: accuracy, drop: skill, chance: 85%", False),
        ("name: accuracy, drop: skill, better: lower, chance: 60%", True),
        ("name: accuracy, drop: skill, better: lower, chance: 15%", False),
    ],
)
def test_a_baseline_must_be_better_than_guessing_wherever_skill_can_be_lost(tmp_path, metric, fits):
    found = against(tmp_path, builder().build(), GOOD.replace("name: accuracy, drop: relative", metric))
    problems = [problem for _, key, problem in found if key == "metric.chance"]
    assert not problems if fits else "it has no skill there to lose" in problems[0]


def test_a_pinned_hash_must_match(tmp_path):
    baseline = builder().build()
    pinned = GOOD.replace("{file: baseline.json}", f'{{file: baseline.json, hash: "{baseline.hash}"}}')
    assert against(tmp_path, baseline, pinned) == []
    [(line, key, problem)] = against(tmp_path, baseline, pinned.replace(baseline.hash[-4:], "0000"))
    assert (line, key) == (23, "baseline.hash")
    assert "the policy pins" in problem


def test_declared_values_must_be_covered(tmp_path):
    assert against(tmp_path, builder(payers=("medicaid",)).build()) == [
        (20, "segments.payer", "the baseline holds no outcome of medicare")
    ]


def test_strata_must_be_those_of_standardise_by(tmp_path):
    assert against(tmp_path, builder(standardise_by=None).build()) == [
        (23, "baseline.file", "has no strata, but standardise_by is department")
    ]
    [(_, _, problem)] = against(tmp_path, builder(standardise_by="payer").build())
    assert problem == "has strata medicaid, medicare that department does not declare"
    plain = GOOD.replace("    standardise_by: department\n", "")
    [(_, _, problem)] = against(tmp_path, builder().build(), plain)
    assert problem == "is split into strata, but standardise_by is not set"
