"""Until when a baseline is a fair reference."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from otel_clinical.policy._baseline import PREVIOUS_VERSION, SAME_SEASON, Baseline
from otel_clinical.policy._quantities import SECONDS
from otel_clinical.semconv import OTHER

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


def replaced_at(baseline: Baseline, served: Mapping[str, float]) -> float | None:
    """Return the Unix seconds from which a baseline of the version before is of one before that; None while it is not.

    It stays right while its version serves again, as after a rollback. What else served is not guessed at: where only
    one version has been seen, nobody knows which was before it.

    Args:
        baseline: Of any kind; all others never end in this way.
        served: Time of the newest inference of each version of the model, Unix seconds.
    """
    known = {version: time for version, time in served.items() if version != OTHER}
    newest = sorted(known, key=lambda version: (-known[version], version))
    if baseline.kind != PREVIOUS_VERSION or baseline.version is None or len(newest) < 2:  # noqa: PLR2004  -- now, before
        return None
    return None if baseline.version in newest[:2] else known[newest[1]]


def outdated(policy: Policy, baselines: Mapping[str, Baseline], now: float) -> Iterator[str]:
    """Yield a sentence for every model whose baseline has had its time at `now`, Unix seconds."""
    for name, baseline in baselines.items():
        end = baseline_end(policy.models[name].baseline, baseline)
        if end is not None and end <= now:
            day = dt.datetime.fromtimestamp(end, dt.UTC).date().isoformat()
            what = "its season has passed" if baseline.kind == SAME_SEASON else "it is too old"
            yield f"the baseline of {name} (kind {baseline.kind}) ended on {day}: {what}"
