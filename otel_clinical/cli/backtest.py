"""`otel-clinical backtest`: replay past encounters and see which tiers would have fired."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._history import history_errors, read_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from otel_clinical.backtest import Backtest, Measured

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("backtest")
@click.argument("history", type=_FILE)
@click.option("--mapping", "mapping_file", type=_FILE, required=True, help="Which column is what.")
@click.option("--policy", "policy_file", type=_FILE, required=True, help="Policy with the model of the mapping.")
@click.option("--baseline", type=_FILE, help="Baseline; by default the policy's, else the mapping's rows are frozen.")
@click.option(
    "--inject",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="Known fault, may be repeated: SEGMENT=VALUE:drop=PERCENT:from-row=N[:to-row=N], "
    "such as payer=MC:drop=20%:from-row=20000 (a fifth of the right answers becomes wrong), or all:drop=…",
)
@click.option(
    "--measure",
    "measured",
    multiple=True,
    metavar="FAULTS",
    help="Faults of several sizes, may be repeated: SEGMENT=VALUE:drop=10%,15%,20%,30%:from-row=N. Each is replayed on "
    "its own, and the labels until each tier stand beside those of rolling windows and ADWIN.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(  # noqa: PLR0917  -- click passes the options by name
    history: Path,
    mapping_file: Path,
    policy_file: Path,
    baseline: Path | None,
    faults: tuple[str, ...],
    measured: tuple[str, ...],
    out: Path,
    quiet: bool,  # noqa: FBT001  -- click's own flag
) -> None:
    """Replay HISTORY (CSV, JSON Lines, also .gz) through the event shape, kernel and tiers of production.

    Writes OUT/report.html and OUT/backtest.json.
    """
    from otel_clinical.backtest import (
        Job,
        choose_baseline,
        mapped_policy,
        measure,
        parse_faults,
        parse_injection,
        read_history,
        run_backtest,
    )
    from otel_clinical.backtest._report import write_report

    policy, mapping = read_documents(policy_file, mapping_file)
    with _mistakes("--inject"):
        injections = [parse_injection(fault) for fault in faults]
    with _mistakes("--measure"):
        sizes = [fault for given in measured for fault in parse_faults(given)]
    with history_errors():
        policy = mapped_policy(policy, mapping)
        model = policy.models[mapping.model]
        read = read_history(history, mapping, model)
        path = baseline or model.baseline.file
        used = choose_baseline(read, mapping, model, path, required=baseline is not None)
        with _mistakes("--inject"), _progress("replaying", len(read.encounters), quiet=quiet) as progress:
            test = run_backtest(read, mapping, policy, used, injections=injections, progress=progress)
        found: list[Measured] = []
        if sizes:
            with _mistakes("--measure"), _progress("measuring", len(sizes), quiet=quiet) as progress:
                found = measure(Job(read, mapping, policy, used), sizes, progress=progress)
    page, data = write_report(test, out, found)
    _summary(test)
    _delays(found)
    click.echo(f"{page}\n{data}")


@contextmanager
def _mistakes(option: str) -> Iterator[None]:
    """Turn a fault that cannot be understood into a sentence that names its option."""
    from otel_clinical.backtest import InjectionError

    try:
        yield
    except InjectionError as error:
        raise CliError(f"{option}: {error}") from error


@contextmanager
def _progress(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _summary(test: Backtest) -> None:
    tally = test.history.tally
    click.echo(f"{tally.used} of {tally.rows} rows replayed; baseline from {test.used.source}")
    for fire in test.fires:
        click.echo(f"tier {fire.tier}  {fire.segment:<24} row {fire.row:>7}  {fire.reason}")
    if not test.fires_of(3):
        click.echo("no tier 3")
    for fault in test.faults:
        click.echo(f"fault {fault.injection}: first outcome touched at row {fault.first_row}")
        for delay in fault.delays:
            words = f"{delay.labels} labels, {delay.rows} rows, {delay.days:.0f} days"
            click.echo(f"  tier {delay.tier} after {words} (including label maturity)")
        others = ", ".join(fault.others) or "none"
        click.echo(f"  tier 3 for other values of {fault.injection.segment}: {others}")


def _delays(found: Sequence[Measured]) -> None:
    """Print one line per measured fault: labels until each alarm."""
    for one in found:
        figures = ", ".join(f"{name} {figure}" for name, figure in one.figures.items())
        click.echo(f"labels to the alarm, {one.injection}: {figures}")
