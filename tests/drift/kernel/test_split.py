"""A processor of several models becomes several, each with a copy of the state and a policy of its own models."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from otel_clinical.drift.explode import Batch
from otel_clinical.drift.kernel import Kernel
from otel_clinical.policy import parse_policy
from tests.drift.kernel import _world
from tests.drift.kernel._world import START, World, make_baseline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_clinical.policy import Policy

MODELS = ("coding", "triage")
NUMBER, GAP = 160, 7.0
END = START + 2 * 86400.0


@cache
def policy_of(*models: str) -> Policy:
    """Return the test policy with some models, which differ in nothing but their name."""
    text = _world._TEXT.format(**(_world._DEFAULTS | {"maturity": "5m", "slot": "30s"}))
    head, _, body = text.partition("models:\n")
    blocks = "".join(
        body.replace("  coding:", f"  {name}:", 1).replace("pointer.json", f"{name}.json") for name in models
    )
    if len(models) == 1:  # the models of a policy share its budget of false alarms: half of them have half of it
        for whole, half in (("1 per 3mo", "1 per 6mo"), ("1 per 2y", "1 per 4y"), ("1 per 10y", "1 per 20y")):
            assert whole in blocks
            blocks = blocks.replace(whole, half)
    return parse_policy(f"{head}models:\n{blocks}", baselines=False)


def kernel_of(*models: str) -> Kernel:
    return Kernel(policy_of(*models), {name: replace(make_baseline(), model=name) for name in models})


def records(model: str) -> Batch:
    """Return what happens to a model, each in a way of its own; words in the numbering of the test world."""
    drop = 0.6 if model == "triage" else 0.0
    made = World(seed=len(model), gap=GAP, delay=30.0, drop=lambda n, _department, _payer: drop if n > 60 else 0.0)
    batch = made.records(NUMBER)
    batch.rows["event"] += np.uint64(1_000_000 * MODELS.index(model))
    batch.rows["inference"] += np.uint64(1_000_000 * MODELS.index(model))
    return Batch(batch.rows, tuple(model if word == "coding" else word for word in batch.words))


def feed(kernel: Kernel, models: Sequence[str], places: slice) -> None:
    """Feed a part of what happens to each model, in turns."""
    whole = {model: records(model) for model in models}
    for begin in range(places.start, places.stop, 20):
        for model in models:
            kernel.apply(whole[model].take(np.arange(begin, min(begin + 20, places.stop))))
            kernel.advance()


def saved(kernel: Kernel, before: dict[str, bytes] | None = None) -> dict[str, bytes]:
    found = {**(before or {}), **kernel.dump_dirty()}
    return {key: data for key, data in found.items() if data}


def of_model(states: dict[str, bytes], model: str) -> dict[str, bytes]:
    """Return the states of a model but those judged by a budget of false alarms that all models of a policy share."""
    shared = ("volume", "safety", "running", "known")
    return {
        key: data
        for key, data in states.items()
        if f"/{model}/" in f"{key}/" and not key.startswith(shared) and "/calibration/" not in key
    }


@pytest.mark.parametrize("middle", [40, 160, 280])
def test_each_part_goes_on_with_the_bytes_that_the_whole_would_have_had(middle: int):
    whole = kernel_of(*MODELS)
    feed(whole, MODELS, slice(0, middle))
    copied = saved(whole)
    feed(whole, MODELS, slice(middle, 2 * NUMBER))
    whole.advance(to=END)
    expected = saved(whole, copied)
    for model in MODELS:
        part = kernel_of(model)
        assert not [sentence for sentence in part.load(copied) if model in sentence]
        feed(part, [model], slice(middle, 2 * NUMBER))
        part.advance(to=END)
        found = of_model(saved(part, copied), model)
        assert found == of_model(expected, model)
        assert any(key.startswith("stream/") for key in found)
        rows = [row for row in whole.evidence() if row.model == model]
        assert part.evidence() == rows
    assert max(row.drop for row in whole.evidence() if row.model == "triage") > 0.3


def test_a_part_without_its_copy_is_noticed():
    """Negative control."""
    whole, part = kernel_of(*MODELS), kernel_of("triage")
    feed(whole, MODELS, slice(0, 2 * NUMBER))
    feed(part, ["triage"], slice(160, 2 * NUMBER))
    whole.advance(to=END)
    part.advance(to=END)
    assert of_model(saved(part), "triage") != of_model(saved(whole), "triage")
