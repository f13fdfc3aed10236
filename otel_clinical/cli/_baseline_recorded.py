"""`otel-clinical baseline freeze --state`: a baseline from what a processor recorded."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_clinical.drift.runtime.recorded import Record, Recorded
    from otel_clinical.policy import ModelPolicy, Policy

_YEAR_WEEKS, _SEASON_WEEKS = 52, 13


@dataclass(frozen=True)
class Asked:
    """What the command line says; None where it says nothing."""

    state: Path
    policy: Path
    model: str | None
    version: str | None
    since: dt.datetime | None
    until: dt.datetime | None
    kind: str


def freeze_from_state(asked: Asked) -> tuple[Recorded, ModelPolicy]:
    """Return the baseline, and the policy of its model."""
    from otel_clinical.drift.runtime import StateDirectoryError
    from otel_clinical.drift.runtime.recorded import RecordedError, freeze_recorded, read_record

    policy = _policy(asked.policy)
    name = _only("--model", asked.model, tuple(policy.models))
    model = policy.models[name]
    try:
        record = read_record(asked.state, name, model)
        version = _version(asked, record)
        first, last = _period(asked, record, version, model)
        found = freeze_recorded(record, name, model, version, first=first, last=last, kind=asked.kind)
    except (RecordedError, StateDirectoryError) as error:
        raise CliError(str(error)) from None
    if record.others:
        weeks = f"{record.others} weeks were recorded under other segments, pairs, strata or features"
        click.echo(f"note: {weeks}, and are not in it", err=True)
    return found, model


def told(found: Recorded) -> Iterator[str]:
    """Yield what was counted, in lines."""
    days = f"{_day(found.first)} to {_day(found.last - 1)}"
    yield f"{found.outcomes} of {found.inferences} inferences of {days} have an outcome ({found.coverage:.1%})"


def doubts(found: Recorded, model: ModelPolicy) -> Iterator[str]:
    """Yield what speaks against using it."""
    if found.coverage < model.labels.minimum_coverage:
        yield (
            f"only {found.coverage:.0%} of the inferences have an outcome, and labels.minimum_coverage is "
            f"{model.labels.minimum_coverage:.0%}: who is labelled may be no fair sample"
        )


def _policy(file: Path) -> Policy:
    """Return the policy; a baseline that does not fit it yet is what this command is for."""
    from otel_clinical.policy import PolicyErrors, load_policy

    try:
        return load_policy(file)
    except PolicyErrors:
        pass
    try:
        return load_policy(file, baselines=False)
    except PolicyErrors as errors:
        raise CliError("\n".join(map(str, errors.problems))) from None


def _version(asked: Asked, record: Record) -> str:
    from otel_clinical.policy import PREVIOUS_VERSION

    serving = record.serving
    if asked.version is not None:
        return asked.version
    if asked.kind == PREVIOUS_VERSION:
        if len(serving) < 2:  # noqa: PLR2004  -- one that serves, and one before it
            raise CliError("no version served before the present one; name it with --version")
        return serving[1]
    return _only("--version", None, tuple(dict.fromkeys(version for version, _ in record.weeks)))


def _period(asked: Asked, record: Record, version: str, model: ModelPolicy) -> tuple[float, float]:
    """Return the first and last moment, Unix seconds: as asked for, or all weeks whose labels are mature."""
    from otel_clinical.drift.runtime.recorded import RecordedError, last_mature_week, start_of, week_of
    from otel_clinical.policy import SAME_SEASON

    mature = last_mature_week(record, model)
    weeks = sorted(week for of, week in record.weeks if of == version) or sorted(week for _, week in record.weeks)
    if not weeks:
        raise RecordedError("nothing is recorded yet under the segments and features of this policy")
    first, last = weeks[0], min(weeks[-1], mature)
    if asked.kind == SAME_SEASON:
        first = week_of(record.watermark) - _YEAR_WEEKS
        last = first + _SEASON_WEEKS - 1
    if asked.since is not None:
        first = week_of(asked.since.replace(tzinfo=dt.UTC).timestamp())
    if asked.until is not None:
        last = week_of(asked.until.replace(tzinfo=dt.UTC).timestamp())
    if last > mature:
        raise RecordedError(
            f"inferences up to {_day(start_of(last + 1) - 1)} are not all mature: the newest week that is ends on "
            f"{_day(start_of(mature + 1) - 1)}; give --until"
        )
    if last < first:
        raise RecordedError(
            f"no whole week from {_day(start_of(first))} on is mature; labels take {model.labels.maturity:.0f} s"
        )
    return start_of(first), start_of(last)


def _only(option: str, given: str | None, known: tuple[str, ...]) -> str:
    if given is None and len(known) == 1:
        return known[0]
    if given not in known:
        raise CliError(f"{option} is {given or 'not given'}; expected one of {', '.join(known) or 'none yet'}")
    return given


def _day(time: float) -> str:
    return dt.datetime.fromtimestamp(time, dt.UTC).date().isoformat()
