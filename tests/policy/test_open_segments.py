"""Open segments: the frozen baseline says which values are watched, whatever the order, and never more than `top`."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.kernel import Kernel
from otel_clinical.policy import BaselineBuilder, PolicyErrors, load_policy, parse_policy
from tests.drift.kernel import _world

SIZES = {"cardiology": 60, "nephrology": 40, "oncology": 40, "pathology": 11, "rare": 10, "Dr Jane Roe": 50, "": 5}
OPEN = "    open_segments: {specialty: {top: %d}}\n    standardise_by:"


def policy_text(top=3):
    return _world._TEXT.format(**_world._DEFAULTS).replace("    standardise_by:", OPEN % top)


def frozen(order, top=3):
    model = parse_policy(policy_text(top), baselines=False).models["coding"]
    builder = BaselineBuilder.for_model("coding", model)
    for value in order:
        builder.add({"specialty": value, "department": "oncology", "payer": "self"}, 1.0)
    for payer in _world.PAYERS:
        for department in _world.DEPARTMENTS:
            builder.add({"payer": payer, "department": department}, 1.0)
    return builder.build()


HISTORY = [value for value, n in SIZES.items() for _ in range(n)]


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 10))
def test_the_most_frequent_values_are_kept_in_any_order_and_the_rest_is_other(random, top):
    order = list(HISTORY)
    random.shuffle(order)
    baseline = frozen(order, top)
    expected = ["cardiology", "nephrology", "oncology", "pathology"][:top]
    assert baseline.values("specialty") == tuple(sorted(["_OTHER", *expected]))
    assert baseline.n("specialty", "_OTHER") == len(HISTORY) - sum(SIZES[value] for value in expected) + 12
    assert baseline.hash == frozen(HISTORY, top).hash


@pytest.fixture
def written(tmp_path):
    def write(top=3):
        frozen(HISTORY, top).save(tmp_path / "baseline.json")
        (tmp_path / "policy.yaml").write_text(policy_text(top))
        return tmp_path / "policy.yaml"

    return write


def test_a_policy_declares_what_its_baseline_kept(written):
    model = load_policy(written()).models["coding"]
    assert {name.value: values for name, values in model.segments.items()}["specialty"] == (
        "cardiology",
        "nephrology",
        "oncology",
    )
    assert load_policy(written(), baselines=False).hash == load_policy(written()).hash


def test_a_baseline_of_before_is_refused_in_words(written):
    path = written()
    _world.make_baseline().save(path.parent / "baseline.json")
    with pytest.raises(PolicyErrors, match="specialty: the baseline holds no value of at least 11 outcomes"):
        load_policy(path)


def test_words_that_no_declared_value_could_be_are_never_declared(written):
    path = written()
    file = path.parent / "baseline.json"
    file.write_text(file.read_text().replace("nephrology", "Jane Roe 1950"))
    values = {v for found in load_policy(path).models["coding"].segments.values() for v in found}
    assert not any(" " in value for value in values)


def test_a_column_of_identifiers_is_no_segment():
    numbers = random.Random(1).sample(range(10**9), 20_001)
    with pytest.raises(ValueError, match="is it an identifier"):
        frozen([f"MRN-{number}" for number in numbers])


def test_the_processor_watches_the_kept_values_and_takes_the_rest_together(written):
    policy = load_policy(written(2))
    kernel = Kernel(policy, {"coding": frozen(HISTORY, 2)})
    kernel.apply(_world.World(1).records(5))
    assert {row.value for row in kernel.evidence() if row.segment == "specialty"} == {"cardiology", "nephrology"}
    assert kernel.index.models["coding"].segments["specialty"] == {"cardiology", "nephrology"}
