"""`otel-clinical demo`: watch a bad release being rolled back, with real processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from rich.console import Console

    from otel_clinical.simulate.demo import Outcome


@click.command("demo")
@click.option("--fast", is_flag=True, help="Watch each act for a shorter time: about two minutes in all.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the verdicts here.")
@click.option("--keep", is_flag=True, help="Keep state, logs and generated configuration.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides what nature draws.")
def command(*, fast: bool, json_file: Path | None, keep: bool, seed: int) -> int:
    """Play five acts in a simulated 12-hospital system, with real processes on free ports.

    Everything shown comes from the telemetry: Prometheus, Alertmanager, the rollback controller and the release
    pointer. Exits with 0 only if every act was as it should be.
    """
    from rich.console import Console

    from otel_clinical.simulate.demo import run_demo
    from otel_clinical.simulate.stack import BinaryNotFoundError, ProcessError

    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise CliError(f"--json {json_file}: the folder does not exist; create it first")
    console = Console()
    try:
        outcome = run_demo(console, fast=fast, keep=keep, seed=seed)
    except (BinaryNotFoundError, ProcessError) as error:
        raise CliError(str(error)) from None
    _tell(console, outcome, keep=keep)
    if json_file is not None:
        outcome.write(json_file)
    return 0 if outcome.ok else 1


def _tell(console: Console, outcome: Outcome, *, keep: bool) -> None:
    """Print what is left to look at."""
    if outcome.switch_seconds is not None:
        console.print(f"From the first bad inference to the previous version: {outcome.switch_seconds:.1f} s")
    if outcome.report is not None:
        console.print(f"Incident report: {outcome.report}", soft_wrap=True)
    if keep or not outcome.ok:
        console.print(f"State, logs and configuration: {outcome.folder}", soft_wrap=True)
