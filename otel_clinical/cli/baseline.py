"""`otel-clinical baseline`: look at the frozen reference performance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.policy import Baseline


@click.group("baseline")
def command() -> None:
    """Look at a frozen baseline."""


@command.command("show")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the content as JSON.")
def show(file: Path, as_json: bool) -> None:  # noqa: FBT001  -- click's own flag
    """Print what FILE expects per segment value, with its 99 % lower bound."""
    from otel_clinical.policy import BaselineError, load_baseline

    try:
        baseline = load_baseline(file)
    except BaselineError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(baseline.dumps(), nl=False)
        return
    click.echo("\n".join(_lines(baseline)))


def _lines(baseline: Baseline) -> Iterator[str]:
    from otel_clinical.policy import ALL

    version = f" version {baseline.version}" if baseline.version else ""
    yield f"model {baseline.model}{version}, {baseline.metric}, {baseline.n()} outcomes"
    yield f"hash {baseline.hash}"
    yield ""
    yield f"{'segment':<34} {'labels':>8} {'ratio':>8} {'lower 99 %':>11}"
    segments = sorted({name for name, _, _ in baseline.cells} - {ALL})
    for name in [ALL, *segments]:
        for value in baseline.values(name):
            label = ALL if name == ALL else f"{name}={value}"
            ratio, lower = baseline.ratio(name, value), baseline.lower(name, value)
            yield f"{label:<34} {baseline.n(name, value):>8} {ratio:>8.4f} {lower:>11.4f}"
    if baseline.strata != (ALL,):
        yield ""
        yield f"{'stratum':<34} {'share':>8} {'expected':>8}"
        for stratum, share in baseline.weights().items():
            yield f"{stratum:<34} {share:>8.3f} {baseline.expected(stratum=stratum):>8.4f}"
