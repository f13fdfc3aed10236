"""`otel-clinical processor backup|restore|corrections`: copies of the state directory, and late events in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from otel_clinical.cli._errors import CliError

_FILE = click.Path(path_type=Path, dir_okay=False)
_STATE = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), required=True, help="State directory of the processor."
)


@click.command("backup")
@_STATE
@click.argument("file", type=_FILE)
def backup(state: Path, file: Path) -> None:
    """Copy the state into FILE, verified, while the processor runs or not."""
    from otel_clinical.drift.runtime import StateDirectoryError
    from otel_clinical.drift.runtime.backup import back_up

    try:
        found = back_up(state, file)
    except StateDirectoryError as error:
        raise CliError(str(error)) from error
    click.echo(
        f"{file}: {found.requests:,} requests, {found.events:,} events, {found.pending:,} requests to be applied"
    )


@click.command("restore")
@_STATE
@click.argument("file", type=_FILE)
def restore(state: Path, file: Path) -> None:
    """Put FILE, made by `backup`, into the place of the state; the processor must be stopped.

    The files that were there are moved into a folder beside, named in the last line.
    """
    from otel_clinical.drift.runtime import StateDirectoryError
    from otel_clinical.drift.runtime.backup import restore as put_back

    try:
        found, aside = put_back(state, file)
    except StateDirectoryError as error:
        raise CliError(str(error)) from error
    click.echo(f"{state}: {found.requests:,} requests, {found.events:,} events")
    click.echo("requests acknowledged after the backup are not in it and will not be sent again")
    if aside is not None:
        click.echo(f"what was there before is in {aside}")


@click.command("corrections")
@_STATE
@click.option("--out", type=_FILE, help="File to write, one event a line; standard output by default.")
@click.option("--forget", is_flag=True, help="Then remove from the record what was written; needs --out.")
def corrections(state: Path, out: Path | None, *, forget: bool) -> None:
    """Write the events that came too late for their slot as JSON lines, oldest first.

    They hold declared words, numbers and hashes of random ids, one event each: they are for those who operate the
    processor, and for nobody else.
    """
    from otel_clinical.drift.runtime import StateDirectoryError
    from otel_clinical.drift.runtime.kept import forget_late_records, late_records

    if forget and out is None:
        raise CliError("--forget needs --out: what is removed must be somewhere")
    try:
        found = late_records(state)
        lines = [json.dumps(content, sort_keys=True) + "\n" for _, content in found]
        if out is None:
            sys.stdout.writelines(lines)
            return
        out.write_text("".join(lines), encoding="utf-8")
        removed = forget_late_records(state, found[-1][0]) if forget and found else 0
    except (StateDirectoryError, OSError) as error:
        raise CliError(str(error)) from error
    click.echo(f"{out}: {len(lines):,} late events; {removed:,} removed from the record")
