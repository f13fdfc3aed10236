"""`otel-clinical baseline`: freeze the reference performance, look at it, compare two."""

from __future__ import annotations

import datetime as dt
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from otel_clinical.cli._baseline_recorded import Asked, doubts, freeze_from_state, told
from otel_clinical.cli._errors import CliError
from otel_clinical.cli._history import history_errors, read_documents
from otel_clinical.semconv import AGGREGATE
from otel_clinical.semconv.small_cells import count_text, enough

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from otel_clinical.backtest import Mapping
    from otel_clinical.policy import Baseline, LabelReference, Labels

_FILE = click.Path(dir_okay=False, path_type=Path)
_DATE = click.DateTime(["%Y-%m-%d"])
_KINDS = ("fixed", "previous_version", "same_season")
_MOST = 0.9  # of the outcomes should be known when an inference is mature
_FASTER = 1.5  # times the declared label rate: the alarms of a day grow with it


@click.group("baseline")
def command() -> None:
    """Freeze a baseline from a history, look at one, compare two, change one with the word of two people."""


@command.command("show")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the content as JSON.")
def show(file: Path, as_json: bool) -> None:  # noqa: FBT001  -- click's own flag
    """Print what FILE expects per segment value, with its 99 % lower bound.

    Values with fewer than eleven outcomes show none of their figures, in --json as well: there they are null.
    """
    baseline = _load(file)
    if as_json:
        click.echo(json.dumps(_without_small_cells(baseline), indent=2))
        return
    click.echo("\n".join(_lines(baseline)))


@command.command("freeze")
@click.argument("history", type=_FILE, required=False)
@click.option("--mapping", "mapping_file", type=_FILE, help="Which column of HISTORY is what.")
@click.option("--policy", "policy_file", type=_FILE, required=True, help="Policy with the model.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="State directory of a processor.")
@click.option("--model", help="With --state: which model; not needed if there is one.")
@click.option("--version", help="With --state: which version; not needed if there is one.")
@click.option("--since", type=_DATE, help="With --state: first day; whole weeks are counted, from Monday on.")
@click.option("--until", type=_DATE, help="With --state: last day; by default the last week whose labels are mature.")
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    default=_KINDS[0],
    help="With --state: an accepted period, the version that served before, or thirteen weeks from a year ago on.",
)
@click.option("--from-row", type=click.IntRange(min=1), help="First row; by default as the mapping says.")
@click.option("--to-row", type=click.IntRange(min=1), help="Last row; by default as the mapping says.")
@click.option("--out", type=_FILE, required=True, help="File to write.")
@click.option("--replace", is_flag=True, help="Replace the file at --out.")
def freeze(  # noqa: PLR0917  -- click passes the options by name
    history: Path | None,
    mapping_file: Path | None,
    policy_file: Path,
    state: Path | None,
    model: str | None,
    version: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    kind: str,
    from_row: int | None,
    to_row: int | None,
    out: Path,
    replace: bool,  # noqa: FBT001  -- click's own flag
) -> None:
    """Count the outcomes of a period into a baseline: from HISTORY (CSV, JSON Lines, also .gz) or from --state.

    Choose a period in which the model was accepted, with outcomes that it was not trained on. With --state these are
    whole weeks that a processor recorded; it may run meanwhile.
    """
    if out.exists() and not replace:
        raise CliError(f"{out} exists; look at it with `otel-clinical baseline show`, or give --replace")
    if state is not None and history is None:
        _freeze_recorded(Asked(state, policy_file, model, version, since, until, kind), out)
    elif history is not None and mapping_file is not None and state is None:
        _freeze_history(history, mapping_file, policy_file, (from_row, to_row), out)
    else:
        raise CliError("give either HISTORY with --mapping, or --state")


def _freeze_recorded(asked: Asked, out: Path) -> None:
    found, model = freeze_from_state(asked)
    found.baseline.save(out)
    click.echo("\n".join(_lines(found.baseline)))
    _warn((*doubts(found, model), *_against(found.baseline.labels, model.labels)))
    click.echo(f"\n{next(told(found))}; wrote {out}")
    _pin(found.baseline, out)


def _warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        click.echo(f"warning: {sentence}", err=True)


def _pin(frozen: Baseline, out: Path) -> None:
    from otel_clinical.policy import FIXED

    kind = "" if frozen.kind == FIXED else f", kind: {frozen.kind}"
    click.echo(f'pin it in the policy: baseline: {{file: {out.name}, hash: "{frozen.hash}"{kind}}}')


def _freeze_history(
    history: Path, mapping_file: Path, policy_file: Path, rows: tuple[int | None, int | None], out: Path
) -> None:
    from otel_clinical.backtest import freeze_baseline, mapped_policy, read_history

    from_row, to_row = rows
    policy, mapping = read_documents(policy_file, mapping_file)
    mapping = _with_rows(mapping, from_row, to_row)
    with history_errors():
        model = mapped_policy(policy, mapping).models[mapping.model]
        read = read_history(history, mapping, model)
        frozen = freeze_baseline(read.encounters, mapping, model)
    frozen.save(out)
    click.echo("\n".join(_lines(frozen)))
    _warn(_against(frozen.labels, model.labels))
    click.echo(
        f"\n{read.tally.used} of {read.tally.rows} rows read, {read.tally.unlabelled} without outcome; wrote {out}"
    )
    _pin(frozen, out)


def _against(found: LabelReference | None, declared: Labels) -> Iterator[str]:
    """Yield what the policy says otherwise about labels than the period did."""
    from otel_clinical.policy import duration_text

    if found is None or not enough(sum(found.counts)):
        return
    known = next((share for edge, share in found.curve() if edge >= declared.maturity), 1.0)
    if known < _MOST:
        yield (
            f"labels.maturity is {duration_text(declared.maturity)}, and fewer than nine in ten outcomes had come "
            "by then: what comes later can look like a drop"
        )
    if found.per_day > _FASTER * declared.per_day:
        yield (
            f"labels.per_day is {declared.per_day:g}, and {found.per_day:.0f} outcomes came a day: "
            "with too small a number there are more false alarms than the policy allows"
        )


def _with_rows(mapping: Mapping, first: int | None, last: int | None) -> Mapping:
    from otel_clinical.backtest import Rows

    given = mapping.baseline
    if first is None and last is None and given is not None:
        return mapping
    begin = given.from_row if first is None and given is not None else first
    end = given.to_row if last is None and given is not None else last
    if begin is None or end is None:
        raise CliError("which rows? Give --from-row and --to-row, or baseline: {from_row: …, to_row: …} in the mapping")
    if end < begin:
        raise CliError(f"rows {begin} to {end}: the last comes before the first")
    return mapping.model_copy(update={"baseline": Rows(from_row=begin, to_row=end)})


@command.command("propose")
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.option("--for", "target", type=_FILE, required=True, help="Baseline file that the policy names.")
@click.option("--by", required=True, help="Name of the person who proposes.")
@click.option("--reason", required=True, help="Why the reference changes.")
def propose(old: Path, new: Path, target: Path, by: str, reason: str) -> None:
    """Propose NEW in place of OLD; nothing changes until another person approves it."""
    _decided("propose", (old, new, target), by, reason)


@command.command("approve")
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.option("--for", "target", type=_FILE, required=True, help="Baseline file that the policy names.")
@click.option("--by", required=True, help="Name of the person who approves; not the one who proposed.")
@click.option("--reason", required=True, help="What was checked.")
def approve(old: Path, new: Path, target: Path, by: str, reason: str) -> None:
    """Approve a proposed NEW in place of OLD; the processor then accepts it at its next start."""
    _decided("approve", (old, new, target), by, reason)


def _decided(action: Literal["propose", "approve"], files: tuple[Path, Path, Path], by: str, reason: str) -> None:
    from otel_clinical.policy import BaselineDecision, BaselineError, decide, decisions_file

    before, after = _load(files[0]), _load(files[1])
    if before.model != after.model:
        raise CliError(f"{files[0]} is about model {before.model}, {files[1]} about {after.model}")
    decision = BaselineDecision(action, after.model, before.hash, after.hash, by, reason, round(time.time(), 3))
    try:
        decide(decisions_file(files[2]), decision)
    except BaselineError as error:
        raise CliError(str(error)) from None
    click.echo("\n".join(_changes(before, after)))
    click.echo(f"\n{action}: {by}; recorded in {decisions_file(files[2])}")


@command.command("diff")
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
def diff(old: Path, new: Path) -> None:
    """Print what a change from OLD to NEW does to each segment value; exit 1 when they differ."""
    before, after = _load(old), _load(new)
    if before.hash == after.hash:
        click.echo(f"same content: {before.hash}")
        return
    click.echo("\n".join(_changes(before, after)))
    raise SystemExit(1)


def _changes(before: Baseline, after: Baseline) -> Iterator[str]:
    for name in ("model", "version", "metric", "kind"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield f"{name} {was} -> {now}"
    yield f"hash {before.hash}"
    yield f"  -> {after.hash}"
    yield ""
    yield f"{'segment':<34} {'labels':>16} {'lower 99 %':>17} {'change':>8}"
    for name, value in sorted({*_margins(before), *_margins(after)}, key=lambda key: (key[0] != AGGREGATE, key)):
        label = AGGREGATE if name == AGGREGATE else f"{name}={value}"
        sizes = before.n(name, value), after.n(name, value)
        labels = " -> ".join(map(count_text, sizes))
        if not all(map(enough, sizes)):
            yield f"{label:<34} {labels:>16} {'too few to show':>17}"
            continue
        was, now = before.lower(name, value), after.lower(name, value)
        yield f"{label:<34} {labels:>16} {f'{was:.4f} -> {now:.4f}':>17} {now - was:>+8.4f}"
    yield ""
    yield "Evidence is tested against the lower bound: where it falls, the same drop now takes longer to prove."


def _without_small_cells(baseline: Baseline) -> dict[str, Any]:
    """Return the content of the file with the figures of small cells as null.

    Where one stratum of a value is small the next smallest goes as well: the value's total less the rest would tell.
    """
    content = baseline.as_dict()
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for cell in content["cells"]:
        groups.setdefault((cell["segment"], cell["value"]), []).append(cell)
    for cells in groups.values():
        ordered = sorted(cells, key=lambda cell: int(cell["n"]))
        small = sum(not enough(cell["n"]) for cell in ordered)
        hidden = ordered[: small + (small == 1)]
        for cell in hidden:
            cell["n"] = cell["sum"] = None
    for histogram in content["reference"].values():
        _hide_small_bins(histogram)
    for feature in content.get("features", {}).values():
        for cell in (*feature["cells"], *feature.get("hours", ())):
            cell["counts"] = _without_small_counts(cell["counts"])
    if baseline.labels is not None:
        _hide_small_delays(content["labels"])
    return content


def _hide_small_bins(histogram: dict[str, Any]) -> None:
    counts = histogram.get("counts", [])
    hidden = {place for place, count in enumerate(counts) if not enough(count)}
    for key in {"counts", "sums"} & set(histogram):
        histogram[key] = [None if place in hidden else number for place, number in enumerate(histogram[key])]


def _hide_small_delays(labels: dict[str, Any]) -> None:
    counts: list[int] = labels["counts"]
    labels["counts"] = _without_small_counts(counts)
    if not enough(sum(counts)):
        labels["per_day"] = None


def _without_small_counts(counts: list[int]) -> list[int | None]:
    """Hide the small bins, and where there is one only the next smallest as well: the sum is known."""
    ordered = sorted((count, place) for place, count in enumerate(counts) if count)
    small = sum(not enough(count) for count, _ in ordered)
    hidden = {place for _, place in ordered[: small + (small == 1)]}
    return [None if place in hidden else count for place, count in enumerate(counts)]


def _arrival(labels: LabelReference) -> str:
    """Return how the outcomes came in, in one line."""
    from otel_clinical.policy import duration_text

    if not enough(sum(labels.counts)):
        return "outcomes: too few to show when they came"
    half, most = (
        f"within {duration_text(edge)}" if edge else f"later than {duration_text(labels.edges[-1])}"
        for edge in map(labels.within, (0.5, 0.9))
    )
    return f"outcomes: {labels.per_day:.1f} a day; half of them {half}, nine in ten {most}"


def _day(time: float) -> str:
    return dt.datetime.fromtimestamp(time, dt.UTC).date().isoformat()


def _margins(baseline: Baseline) -> set[tuple[str, str]]:
    return {(name, value) for name, value, _ in baseline.cells}


def _load(file: Path) -> Baseline:
    from otel_clinical.policy import BaselineError, load_baseline

    try:
        return load_baseline(file)
    except BaselineError as error:
        raise click.ClickException(str(error)) from None


def _lines(baseline: Baseline) -> Iterator[str]:
    version = f" version {baseline.version}" if baseline.version else ""
    yield f"model {baseline.model}{version}, {baseline.metric}, {baseline.n()} outcomes"
    if baseline.until:
        yield f"{baseline.kind} baseline of inferences of {_day(baseline.since)} to {_day(baseline.until)}"
    yield f"hash {baseline.hash}"
    if baseline.labels is not None:
        yield _arrival(baseline.labels)
    yield ""
    yield f"{'segment':<34} {'labels':>8} {'ratio':>8} {'lower 99 %':>11}"
    segments = sorted({name for name, _, _ in baseline.cells} - {AGGREGATE})
    for name in [AGGREGATE, *segments]:
        for value in baseline.values(name):
            label = AGGREGATE if name == AGGREGATE else f"{name}={value}"
            size = baseline.n(name, value)
            if not enough(size):
                yield f"{label:<34} {count_text(size):>8} {'too few to show':>20}"
                continue
            ratio, lower = baseline.ratio(name, value), baseline.lower(name, value)
            yield f"{label:<34} {size:>8} {ratio:>8.4f} {lower:>11.4f}"
    if baseline.strata != (AGGREGATE,):
        yield ""
        yield f"{'stratum':<34} {'share':>8} {'expected':>8}"
        for stratum, share in baseline.weights().items():
            if not enough(baseline.cells[AGGREGATE, AGGREGATE, stratum].n):
                yield f"{stratum:<34} {'too few to show':>17}"
                continue
            yield f"{stratum:<34} {share:>8.3f} {baseline.expected(stratum=stratum):>8.4f}"
