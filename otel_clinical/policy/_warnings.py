"""What is allowed in a policy, and yet seldom meant."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from otel_clinical.policy._names import TIERS
from otel_clinical.policy._problems import dotted
from otel_clinical.policy._quantities import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.policy._schema import ModelPolicy, Policy


def policy_warnings(policy: Policy) -> tuple[str, ...]:
    """Return one sentence per value of a sound policy that its author may want to look at again."""
    return tuple(
        warning
        for name, model in policy.models.items()
        for find in (_label_order, _known_good)
        for warning in find(name, model)
    )


def _known_good(name: str, model: ModelPolicy) -> Iterator[str]:
    if model.rollback.mode == "enforce" and "known_good" not in model.rollback.model_fields_set:
        key, rules = dotted(("models", name, "rollback", "known_good")), model.rollback.known_good
        yield (
            f"{key}: not written, so a version is gone back to after {rules.minimum_soak / SECONDS['d']:g} days and "
            f"{rules.minimum_labels} outcomes without trouble, or once a person vouches for it; without such a version "
            "the model goes to people. Register the versions (`otel-clinical release register`), look at "
            "`otel-clinical rollback readiness`, and write the values down"
        )


def _label_order(name: str, model: ModelPolicy) -> Iterator[str]:
    for milder, stronger in pairwise(tier for tier in TIERS if tier in model.tiers):
        more, fewer = model.tiers[milder].minimum_labels, model.tiers[stronger].minimum_labels
        if more > fewer:
            key = dotted(("models", name, "tiers", milder.value, "minimum_labels"))
            yield (
                f"{key}: {milder.value} waits for {more} labels and {stronger.value} for {fewer}, "
                f"so {stronger.value} can be reached first"
            )
