"""Segments whose values nobody lists: the baseline decides which are watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.policy._names import is_segment_value
from otel_clinical.semconv import OTHER
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.policy._baseline import Baseline
    from otel_clinical.policy._schema import ModelPolicy, Policy


def open_values(baseline: Baseline, segment: str, top: int) -> tuple[str, ...]:
    """Return the values of a segment that are watched, sorted: the most frequent of the reference, at most `top`.

    A value needs a reference to be tested against, so the frozen baseline and nothing else decides: the choice depends
    on no order of arrival and no shard, and what is new later stays `_OTHER` until somebody freezes again. Values of
    fewer than eleven outcomes, and words that a declared value could not be, are never taken.
    """
    sizes = {value: baseline.n(segment, value) for value in baseline.values(segment)}
    known = [value for value, n in sizes.items() if n >= SMALL_CELL and value != OTHER and is_segment_value(value)]
    return tuple(sorted(sorted(known, key=lambda value: (-sizes[value], value))[:top]))


def with_open_values(policy: Policy, baselines: Mapping[str, Baseline]) -> Policy:
    """Return the policy with the values of open segments declared, as the baselines, by model name, say."""
    models = {name: _declared(model, baselines[name]) for name, model in policy.models.items()}
    found = policy.model_copy(update={"models": models})
    found._path, found._hash = policy.path, policy.hash  # noqa: SLF001  -- private attributes are set once
    return found


def _declared(model: ModelPolicy, baseline: Baseline) -> ModelPolicy:
    found = {name: open_values(baseline, name.value, one.top) for name, one in model.open_segments.items()}
    return model.model_copy(update={"segments": {**model.segments, **found}}) if found else model
