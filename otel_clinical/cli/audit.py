"""`otel-clinical audit`: verify and export the controller's hash-chained audit."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from otel_clinical.rollback import Checkpoint

_FILE = click.Path(path_type=Path, dir_okay=False)
_STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="State directory of the controller.",
)


@click.group("audit")
def command() -> None:
    """Verify and export the rollback audit."""


@command.command("verify")
@_STATE
@click.option("--against", type=_FILE, help="Checkpoint kept elsewhere, which the chain must contain.")
def verify(state: Path, against: Path | None) -> int:
    """Check every event of the chain; exit 1 and name the first that is wrong."""
    from otel_clinical.rollback import DATABASE, AuditBrokenError, verify_file

    kept = _read_checkpoint(against) if against else None
    try:
        head = verify_file(state / DATABASE, kept)
    except AuditBrokenError as error:
        click.echo(f"BROKEN: {error}", err=True)
        return 1
    except FileNotFoundError as error:
        raise CliError(str(error)) from error
    click.echo(f"ok: {head.seq} events, head {head.hash}")
    return 0


@command.command("export")
@_STATE
@click.option("--out", type=_FILE, help="File to write, one event a line; standard output by default.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only events after this sequence number.")
def export(state: Path, out: Path | None, after: int) -> None:
    """Write the events as JSON lines."""
    from otel_clinical.rollback import DATABASE, export_file

    try:
        lines = export_file(state / DATABASE, after)
        if out is None:
            sys.stdout.writelines(f"{line}\n" for line in lines)
            return
        with out.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except FileNotFoundError as error:
        raise CliError(str(error)) from error


@command.command("checkpoint")
@_STATE
@click.option("--out", type=_FILE, required=True, help="File to write; keep it on another machine.")
def checkpoint(state: Path, out: Path) -> None:
    """Verify the chain and write its head, to compare with later."""
    from otel_clinical.rollback import DATABASE, AuditBrokenError, verify_file

    try:
        head = verify_file(state / DATABASE)
    except (AuditBrokenError, FileNotFoundError) as error:
        raise CliError(str(error)) from error
    out.write_text(json.dumps(asdict(head)) + "\n", encoding="utf-8")
    click.echo(f"{out}: event {head.seq}")


def _read_checkpoint(path: Path) -> Checkpoint:
    from otel_clinical.rollback import Checkpoint

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Checkpoint(int(found["seq"]), str(found["hash"]))
    except (ValueError, KeyError, TypeError):
        raise CliError(f"{path}: not a checkpoint; expected what `otel-clinical audit checkpoint` writes") from None
