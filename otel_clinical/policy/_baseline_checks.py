"""Hold a policy against the baseline files that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.policy._baseline import PREVIOUS_VERSION
from otel_clinical.policy._baseline_file import load_baseline
from otel_clinical.policy._baseline_hours import ENOUGH as HOUR_ENOUGH
from otel_clinical.policy._baseline_hours import SAME_HOUR
from otel_clinical.policy._lenient import Unusable
from otel_clinical.policy._open import open_values
from otel_clinical.policy._problems import BaselineError, dotted
from otel_clinical.semconv import AGGREGATE, OTHER
from otel_clinical.semconv.small_cells import SMALL_CELL, enough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from otel_clinical.policy._baseline import Baseline
    from otel_clinical.policy._schema import ModelPolicy, Policy
    from otel_clinical.policy._source import Source

_SHOWN = 5
Finding = tuple[tuple[str | int, ...], str, str]


def check_baselines(policy: Policy, source: Source, folder: Path) -> None:
    """Add to `source` what is wrong between `policy`, which may have holes, and its baseline files."""
    try:
        models = list(policy.models.items())
    except Unusable:
        return
    for name, model in models:
        baseline = _read(name, model, source, folder)
        if baseline is None:
            continue
        for rule in _RULES:
            try:
                for path, problem, allowed in rule(name, model, baseline):
                    source.report(("models", name, *path), problem, allowed)
            except Unusable:
                continue


def baseline_problems(name: str, model: ModelPolicy, baseline: Baseline) -> list[str]:
    """Return what keeps `baseline` from serving a model, one sentence each."""
    return [f"{dotted(path)}: {problem}" for rule in _RULES for path, problem, _allowed in rule(name, model, baseline)]


def _read(name: str, model: ModelPolicy, source: Source, folder: Path) -> Baseline | None:
    try:
        file = folder / model.baseline.file
        return load_baseline(file)
    except Unusable:
        return None
    except BaselineError as error:
        # The path as the author wrote it: an absolute one would differ from machine to machine.
        reason = str(error).removeprefix(f"{file}: ")
        problem = f'"{model.baseline.file}": {reason}'
        hint = "a file that `otel-clinical baseline freeze` or BaselineBuilder made, as in docs/policy.md"
        source.report(("models", name, "baseline", "file"), problem, hint)
        return None


def _same_model(name: str, _model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    if baseline.model != name:
        yield ("baseline", "file"), f'is the baseline of model "{baseline.model}"', f"a baseline of {name}"


def _same_metric(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    wanted = model.metric.name
    if baseline.metric != wanted:
        yield ("baseline", "file"), f'measures "{baseline.metric}"', f"a baseline of {wanted}"


def _same_hash(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    pinned = model.baseline.hash
    if pinned is not None and pinned != baseline.hash:
        problem = f"the file has {baseline.hash[:19]}…, the policy pins {pinned[:19]}…"
        yield ("baseline", "hash"), problem, f"{baseline.hash}, once the change is reviewed"


def _same_kind(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    wanted = model.baseline.kind
    if baseline.kind != wanted:
        hint = f"a file of otel-clinical baseline freeze --state … --kind {wanted}, or kind: {baseline.kind}"
        yield ("baseline", "kind"), f'the file is a baseline of kind "{baseline.kind}"', hint
    if baseline.kind == wanted == PREVIOUS_VERSION and baseline.version not in model.versions:
        problem = f'is of version "{baseline.version}", which the policy does not declare'
        yield ("baseline", "file"), problem, f"a baseline of one of {', '.join(model.versions)}"


def _covers_segments(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    for segment, values in model.segments.items():
        try:
            missing = [value for value in values if not baseline.n(segment.value, value)]
        except Unusable:
            continue
        if missing:
            yield (
                ("segments", segment.value),
                f"the baseline holds no outcome of {', '.join(missing)}",
                (
                    "values that the baseline has seen; leave the others out (they become _OTHER), or make a baseline "
                    "with outcomes of them: otel-clinical baseline freeze HISTORY.csv --mapping … --policy … --out …"
                ),
            )


def _covers_open(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    for segment, open_segment in model.open_segments.items():
        if not open_values(baseline, segment.value, open_segment.top):
            yield (
                ("open_segments", segment.value),
                f"the baseline holds no value of at least {SMALL_CELL} outcomes",
                "a baseline frozen with this segment in the policy, or no such segment",
            )


def _covers_pairs(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    for index, name in enumerate(model.pair_names):
        if not any(enough(baseline.n(name, value)) for value in baseline.values(name)):
            yield (
                ("pairs", index),
                f"the baseline holds no {name} of at least {SMALL_CELL} outcomes",
                "a baseline frozen with this pair in the policy, or no such pair",
            )


def _above_chance(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    scale = model.metric.scale
    if scale.kind != "skill":
        return
    names = [AGGREGATE, *(name.value for name in model.segments), *model.pair_names]
    places = [(name, value) for name in names for value in baseline.values(name) if value != OTHER]
    guessing = [
        value if name == AGGREGATE else f"{name}={value}"
        for name, value in places
        if min(baseline.expected(name, value, stratum) for stratum in baseline.strata) <= scale.chance
    ]
    if guessing:
        shown = ", ".join(guessing[:_SHOWN]) + (" …" if len(guessing) > _SHOWN else "")
        yield (
            ("metric", "chance"),
            f"the baseline is not better than that in {shown}: it has no skill there to lose",
            "the metric of guessing, a baseline above it everywhere, or another kind of drop",
        )


def _covers_strata(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    stratified = baseline.strata != (AGGREGATE,)
    if model.standardise_by is None and stratified:
        problem = "is split into strata, but standardise_by is not set"
        yield ("baseline", "file"), problem, "a baseline without strata"
    if model.standardise_by is not None and not stratified:
        problem = f"has no strata, but standardise_by is {model.standardise_by.value}"
        yield ("baseline", "file"), problem, f"a baseline with strata by {model.standardise_by.value}"
    if model.standardise_by is not None and stratified:
        known = {*model.segments.get(model.standardise_by, ()), OTHER}
        foreign = sorted(set(baseline.strata) - known)
        if foreign:
            problem = f"has strata {', '.join(foreign)} that {model.standardise_by.value} does not declare"
            yield ("baseline", "file"), problem, ", ".join(sorted(known))


def _same_bins(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    for feature in model.feature_set.features:
        frozen = baseline.features.get(feature.name)
        if frozen is not None and not frozen.fits(feature):
            problem = f'"{model.baseline.file}" was frozen with other bins of it'
            yield ("features", feature.name), problem, "a baseline frozen with these bins, or the bins of before"


def _holds_hours(_name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Finding]:
    known = baseline.features.values()
    if model.input_drift.reference == SAME_HOUR and known and not any(frozen.hours for frozen in known):
        yield (
            ("input_drift", "reference"),
            f'is {SAME_HOUR}, and "{model.baseline.file}" holds no hour of the week with {HOUR_ENOUGH} values',
            "a baseline frozen from a history under this policy, with the time of each row; or reference: band",
        )


_RULES: tuple[Callable[[str, ModelPolicy, Baseline], Iterator[Finding]], ...] = (
    _same_model,
    _same_metric,
    _same_hash,
    _same_kind,
    _covers_segments,
    _covers_open,
    _covers_pairs,
    _above_chance,
    _covers_strata,
    _same_bins,
    _holds_hours,
)
