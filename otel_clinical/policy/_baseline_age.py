"""Until when a baseline is a fair reference."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from otel_clinical.policy._baseline import PREVIOUS_VERSION, SAME_SEASON, Baseline
from otel_clinical.policy._quantities import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_clinical.policy._schema import BaselineFile, Policy

_YEAR_WEEKS: Final = 52 * SECONDS["w"]
"""A season of last year, on the same days of the week."""


def baseline_end(said: BaselineFile, baseline: Baseline) -> float | None:
    """Return the Unix seconds from which a baseline no longer is what its kind says; None if there is no such time.

    A season of last year ends 52 weeks after its last inference; the version before the present one is too old after
    `maximum_age`, a year unless the policy says otherwise; an accepted period only where the policy says so.
    """
    if not baseline.until:
        return None
    ages = [] if said.maximum_age is None else [said.maximum_age]
    if baseline.kind == SAME_SEASON:
        ages.append(_YEAR_WEEKS)
    elif baseline.kind == PREVIOUS_VERSION and not ages:
        ages.append(SECONDS["y"])
    return baseline.until + min(ages) if ages else None


def outdated(policy: Policy, baselines: Mapping[str, Baseline], now: float) -> Iterator[str]:
    """Yield a sentence for every model whose baseline has had its time at `now`, Unix seconds."""
    for name, baseline in baselines.items():
        end = baseline_end(policy.models[name].baseline, baseline)
        if end is not None and end <= now:
            day = dt.datetime.fromtimestamp(end, dt.UTC).date().isoformat()
            what = "its season has passed" if baseline.kind == SAME_SEASON else "it is too old"
            yield f"the baseline of {name} (kind {baseline.kind}) ended on {day}: {what}"
