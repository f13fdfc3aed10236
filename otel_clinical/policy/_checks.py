"""Rules between the parts of a policy: each is a small function that yields what it finds."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from otel_clinical._spelling import did_you_mean
from otel_clinical.policy._detectors import check_detectors
from otel_clinical.policy._features import check_features
from otel_clinical.policy._follow import check_followers, check_pointers
from otel_clinical.policy._lenient import Unusable
from otel_clinical.policy._names import TIERS
from otel_clinical.policy._problems import Path
from otel_clinical.policy._quantities import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from otel_clinical.policy._schema import ModelPolicy, Policy
    from otel_clinical.policy._source import Source
    from otel_clinical.semconv.enums import EscalationLevel, SegmentName

Finding = tuple[Path, str, str]
"""Path below the section, the problem, and what is allowed."""

_SMALLEST_DROP = 0.005
_MOST_SERIES = 1500


def check_policy(policy: Policy, source: Source) -> None:
    """Add to `source` every problem between values of `policy`, which may have holes."""
    for rule in (_drift_window, _distinct_targets, _retention, _resolved):
        _run(lambda rule=rule: rule(policy), (), source)  # type: ignore[misc]
    _run(lambda: _each_model(policy, source), (), source)


def _each_model(policy: Policy, source: Source) -> Iterator[Finding]:
    for name, model in policy.models.items():
        for rule in _MODEL_RULES:
            _run(lambda rule=rule, model=model: rule(model), ("models", name), source)  # type: ignore[misc]
    yield from ()


def _run(rule: Callable[[], Iterable[Finding]], at: Path, source: Source) -> None:
    try:
        for path, problem, allowed in rule():
            source.report((*at, *path), problem, allowed)
    except Unusable:
        # The value that the rule needs has been reported already.
        return


def _drift_window(policy: Policy) -> Iterator[Finding]:
    drift = policy.drift
    if drift.window < drift.slot:
        window, slot = duration_text(drift.window), duration_text(drift.slot)
        yield ("drift", "window"), f"{window} is shorter than the slot of {slot}", f"at least {slot}"


def _retention(policy: Policy) -> Iterator[Finding]:
    kept = policy.drift.retention
    for name, model in policy.models.items():
        maturity = model.labels.maturity
        if kept < maturity:
            yield (
                ("models", name, "labels", "maturity"),
                f"{duration_text(maturity)} is longer than drift.retention remembers: {duration_text(kept)}",
                f"at most {duration_text(kept)}, or a longer drift.retention",
            )


def _resolved(policy: Policy) -> Iterator[Finding]:
    kept = policy.drift.retention
    for name, model in policy.models.items():
        age = model.overrides.resolved_after
        # The default is a day whatever the retention; who writes an age down means it.
        if "resolved_after" in model.overrides.model_fields_set and kept < age:
            yield (
                ("models", name, "overrides", "resolved_after"),
                f"{duration_text(age)} is longer than drift.retention remembers: {duration_text(kept)}",
                f"at most {duration_text(kept)}, or a longer drift.retention",
            )


def _distinct_targets(policy: Policy) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for name, model in policy.models.items():
        path = str(model.rollback.target.path)
        if path in first:
            problem = f'"{path}" is already the release pointer of model {first[path]}'
            yield ("models", name, "rollback", "target", "path"), problem, "one file per model"
        first.setdefault(path, name)


def _versions(model: ModelPolicy) -> Iterator[Finding]:
    for index, word, earlier in _repeated(model.versions):
        yield ("versions", index), f'"{word}" is declared twice, first at [{earlier}]', "each version once"


def _segments(model: ModelPolicy) -> Iterator[Finding]:
    for name, values in model.segments.items():
        for index, word, earlier in _repeated(values, fold=True):
            yield (
                ("segments", name.value, index),
                f'"{word}" is declared twice, first at [{earlier}]',
                "each value once; values that differ only in case count as equal",
            )


def _repeated(words: Iterable[str], *, fold: bool = False) -> Iterator[tuple[int, str, int]]:
    seen: dict[str, int] = {}
    for index, word in enumerate(words):
        key = word.casefold() if fold else word
        if key in seen:
            yield index, word, seen[key]
        seen.setdefault(key, index)


def _series(model: ModelPolicy) -> Iterator[Finding]:
    known = model.segments
    streams = sum(len(values) + 1 for values in known.values())
    streams += sum(math.prod(len(known.get(name, ())) for name in pair) for pair in model.pairs)
    series = streams * len(model.versions)
    if series > _MOST_SERIES:
        yield (
            ("segments",),
            f"{series} streams (values x versions) of one model",
            f"at most {_MOST_SERIES}; declare the values that people act on, the rest becomes _OTHER",
        )


def _declared(model: ModelPolicy, path: Path, name: SegmentName) -> Iterator[Finding]:
    known = [segment.value for segment in model.segments]
    if name.value not in known:
        problem = f'"{name.value}" is not declared under segments{did_you_mean(name.value, known)}'
        yield path, problem, ", ".join(known) or "declare the segment first"


def _open(model: ModelPolicy) -> Iterator[Finding]:
    for name in model.open_segments:
        if name in model.segments:
            yield ("open_segments", name.value), "has declared values under segments as well", "one of the two"


def _pairs(model: ModelPolicy) -> Iterator[Finding]:
    seen: dict[frozenset[str], int] = {}
    for index, pair in enumerate(model.pairs):
        for place, name in enumerate(pair):
            yield from _declared(model, ("pairs", index, place), name)
        names = frozenset(name.value for name in pair)
        if len(names) < len(pair):
            yield ("pairs", index), f"pairs {pair[0].value} with itself", "two different segments"
        elif names in seen:
            yield ("pairs", index), f"is declared twice, first at [{seen[names]}]", "each pair once"
        seen.setdefault(names, index)


def _standardise(model: ModelPolicy) -> Iterator[Finding]:
    if model.standardise_by is not None:
        yield from _declared(model, ("standardise_by",), model.standardise_by)


def _source_of_quality(model: ModelPolicy) -> Iterator[Finding]:
    if "by" in model.input_quality.model_fields_set:
        yield from _declared(model, ("input_quality", "by"), model.input_quality.by)


def _metric(model: ModelPolicy) -> Iterator[Finding]:
    metric = model.metric
    if metric.of_reviews and "better" in metric.model_fields_set and metric.better != "lower":
        yield ("metric", "better"), f"{metric.name} is better when it is lower", "lower, or leave it out"
    if metric.drop == "skill" and metric.chance is None:
        problem = "skill needs the metric of guessing"
        yield ("metric", "drop"), problem, "metric.chance, such as 50% for a coin on two equal classes"
    if metric.drop != "skill" and metric.chance is not None:
        yield ("metric", "chance"), f"means nothing for drop: {metric.drop}", "drop: skill, or leave it out"
    aliases = {"recall": "sensitivity", "precision": "ppv", "true_positive_rate": "sensitivity"}
    if metric.name in aliases:
        known = aliases[metric.name]
        yield ("metric", "name"), f'"{metric.name}" would be the mean of every score', f"{known}, which counts classes"


def _tiers_complete(model: ModelPolicy) -> Iterator[Finding]:
    try:
        of_reviews = model.metric.of_reviews
    except Unusable:
        of_reviews = False
    needed = TIERS[:-1] if of_reviews else TIERS
    known = [tier.value for tier in needed]
    missing = [tier.value for tier in needed if tier not in model.tiers]
    if of_reviews and TIERS[-1] in model.tiers:
        problem = "overrides alone never switch a model back"
        yield ("tiers", TIERS[-1].value), problem, f"{' and '.join(known)} with metric {model.metric.name}"
    if missing:
        yield ("tiers",), f"{', '.join(missing)} missing", ", ".join(known)


def _tier_order(model: ModelPolicy) -> Iterator[Finding]:
    present = [tier for tier in TIERS if tier in model.tiers]
    for milder, stronger in pairwise(present):
        yield from _rising(model, milder, stronger, "drop")
        yield from _rising(model, milder, stronger, "guard")


def _rising(model: ModelPolicy, milder: EscalationLevel, stronger: EscalationLevel, what: str) -> Iterator[Finding]:
    try:
        low, high = getattr(model.tiers[milder], what), getattr(model.tiers[stronger], what)
        # Guards of neighbouring tiers may be equal; drops may not, or one tier could never fire alone.
        wrong = high <= low if what == "drop" else high < low
    except Unusable:
        return
    relation = "not above" if what == "drop" else "below"
    if wrong:
        yield (
            ("tiers", stronger.value, what),
            f"{_percent(high)} is {relation} the {_percent(low)} of {milder.value}",
            f"{what}s rise with the tiers, such as " + ("5% < 10% < 15%" if what == "drop" else "1% < 2.5% < 5%"),
        )


def _tier_guard(model: ModelPolicy) -> Iterator[Finding]:
    for level, tier in model.tiers.items():
        try:
            if tier.drop < _SMALLEST_DROP:
                problem = f"a drop of {_percent(tier.drop)} is finer than any label can show"
                yield ("tiers", level.value, "drop"), problem, "5% is written 5% or 0.05"
            if tier.guard >= tier.drop:
                problem = f"{_percent(tier.guard)} is not below the drop of {_percent(tier.drop)}"
                yield ("tiers", level.value, "guard"), problem, "a guard below the tier's own drop"
        except Unusable:
            continue


_LONGEST_VETO: Final = 300.0
"""Seconds; longer is a decision for people."""


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.4g}%"


def _limits(model: ModelPolicy) -> Iterator[Finding]:
    limits = model.rollback.limits
    if limits.per_day > limits.per_30_days:
        problem = f"{limits.per_day} a day, but only {limits.per_30_days} in 30 days"
        yield ("rollback", "limits", "per_day"), problem, "at most per_30_days"


def _enforce(model: ModelPolicy) -> Iterator[Finding]:
    rollback = model.rollback
    if rollback.mode != "enforce":
        return
    if "verify" not in rollback.model_fields_set:
        yield (
            ("rollback", "mode"),
            "enforce without rollback.verify: nobody has decided what proves recovery",
            "write rollback.verify, or mode observe or recommend",
        )
    if len(model.versions) < 2:  # noqa: PLR2004  -- one to leave and one to return to
        yield (
            ("rollback", "mode"),
            "enforce with one version: nothing to roll back to",
            "two versions or more",
        )


def _veto(model: ModelPolicy) -> Iterator[Finding]:
    rollback = model.rollback
    if not rollback.veto:
        return
    if rollback.veto > _LONGEST_VETO:
        yield ("rollback", "veto"), f"{rollback.veto:g} s keep a bad version serving", "at most 5m"
    if rollback.safety_class not in {"A", "B"}:
        yield (
            ("rollback", "veto"),
            "a time to veto delays every rollback, and the safety class does not allow that",
            "safety_class A or B, or no veto",
        )


_MODEL_RULES: tuple[Callable[[ModelPolicy], Iterator[Finding]], ...] = (
    _versions,
    _segments,
    _series,
    _open,
    _pairs,
    _standardise,
    _source_of_quality,
    _metric,
    _tiers_complete,
    _tier_order,
    _tier_guard,
    _limits,
    _enforce,
    lambda model: check_features(model.features),
    lambda model: check_detectors(model.detectors, model.features),
    lambda model: check_followers(model.rollback.follow, model.versions),
    lambda model: check_pointers(model.rollback.follow, model.rollback.target.path),
)
