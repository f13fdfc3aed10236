"""`otel-clinical audit`: verify and export the controller's hash-chained audit."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from otel_clinical.rollback import Checkpoint

_KEY = re.compile("[0-9a-f]{64}", re.IGNORECASE)
_FILE = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)
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
@click.option("--state", type=_DIRECTORY, help="State directory of the controller.")
@click.option("--export", "exported", type=_FILE, help="An export or an archive instead, checked by itself.")
@click.option("--report", "reported", type=_FILE, help="A signed report instead, with its FILE.sig beside it.")
@click.option("--against", type=_FILE, help="Checkpoint kept elsewhere, which the chain must contain.")
@click.option(
    "--key", help="Public key that must have signed it: its 64 hexadecimal digits, or the file audit-key.pub."
)
@click.option("--witness", help="SEQUENCE:DIGEST as Prometheus has kept it.")
def verify(
    *,
    state: Path | None,
    exported: Path | None,
    reported: Path | None,
    against: Path | None,
    key: str | None,
    witness: str | None,
) -> int:
    """Check every event of the chain and every checkpoint; exit 1 and name the first that is wrong."""
    from otel_clinical.rollback import DATABASE, AuditBrokenError, verify_file, verify_lines
    from otel_clinical.rollback.signatures import check_digest, verify_checkpoints

    if [state, exported, reported].count(None) != 2:  # noqa: PLR2004 -- one of the three
        raise CliError("name one of --state DIR, --export FILE and --report FILE")
    key = _public(key)
    try:
        if reported is not None:
            return _verified(reported, key)
        kept = _read_checkpoint(against, key) if against else None
        if exported is not None:
            with exported.open(encoding="utf-8") as lines:
                head, signed = verify_lines(lines, kept), 0
        else:
            database = cast("Path", state) / DATABASE
            head = verify_file(database, kept)
            signed = verify_checkpoints(database, key)
            if witness:
                check_digest(database, *_read_witness(witness))
    except AuditBrokenError as error:
        click.echo(f"BROKEN: {error}", err=True)
        return 1
    except FileNotFoundError as error:
        raise CliError(str(error)) from error
    click.echo(f"ok: {head.seq} events, head {head.hash}, {signed} signed checkpoints")
    return 0


def _public(key: str | None) -> str | None:
    """Return the digits of a public key, given as they are or as the file that holds them.

    Whoever mistypes a key must not read that a report is broken.
    """
    if key is None or _KEY.fullmatch(key):
        return key.lower() if key else key
    path = Path(key)
    try:
        text = path.read_text(encoding="ascii").strip() if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    if not _KEY.fullmatch(text):
        raise CliError(
            f"--key {key}: expected 64 hexadecimal digits or a file that holds them; the controller keeps its public "
            "key as audit-key.pub in its state directory"
        )
    return text


def _verified(report: Path, key: str | None) -> int:
    from otel_clinical.rollback.sealing import check_seal

    sealed = check_seal(report, key)
    when = datetime.fromtimestamp(sealed.time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    whose = "" if key else f" by key {sealed.key}; name it with --key to know whose that is"
    click.echo(f"ok: signed {when} at event {sealed.seq} of the audit{whose}")
    return 0


@command.command("replay")
@click.option("--export", "exported", type=_FILE, required=True, help="What `audit export` wrote.")
def replay(exported: Path) -> None:
    """Build the state of every model from an export alone, and write it as JSON."""
    from otel_clinical.rollback.replay import replay as built

    with exported.open(encoding="utf-8") as lines:
        try:
            models = built(lines)
        except (ValueError, KeyError) as error:
            raise CliError(f"{exported}: {error}") from error
    shown = {
        model: [{"kind": kind, "name": name, **view} for (kind, name), view in sorted(found.items())]
        for model, found in models.items()
    }
    click.echo(json.dumps(shown, indent=1))


@command.command("prune")
@_STATE
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day (UTC) that is kept.")
@click.option("--archive", type=_FILE, required=True, help="New file for the events that are removed.")
@click.option("--by", required=True, help="Who orders it.")
def prune(*, state: Path, before: datetime, archive: Path, by: str) -> None:
    """Move events past their retention (six years) into an archive; the chain stays verifiable."""
    from otel_clinical.rollback import DATABASE, AuditBrokenError
    from otel_clinical.rollback.retention import prune as moved

    try:
        done = moved(state / DATABASE, before.replace(tzinfo=UTC).timestamp(), archive, by=by, now=time.time())
    except FileExistsError:
        raise CliError(f"{archive}: exists; an archive is never written over") from None
    except (AuditBrokenError, FileNotFoundError, ValueError) as error:
        raise CliError(str(error)) from error
    click.echo(f"{archive}: {done.events} events up to {done.through}, {done.archive}")


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
    from otel_clinical.rollback.signatures import newest

    try:
        head = verify_file(state / DATABASE)
        signed = newest(state / DATABASE)
    except (AuditBrokenError, FileNotFoundError) as error:
        raise CliError(str(error)) from error
    # What is signed is a little older and worth more: nobody without the key can have made it.
    found = asdict(signed or head)
    out.write_text(json.dumps(found) + "\n", encoding="utf-8")
    click.echo(f"{out}: event {found['seq']}{', signed' if signed else ''}")


def _read_checkpoint(path: Path, key: str | None) -> Checkpoint:
    from otel_clinical.rollback import Checkpoint
    from otel_clinical.rollback.signing import SignedCheckpoint, check_signature

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kept = Checkpoint(int(found["seq"]), str(found["hash"]))
        signed = SignedCheckpoint.parse(found) if "signature" in found else None
    except (ValueError, KeyError, TypeError):
        raise CliError(f"{path}: not a checkpoint; expected what `otel-clinical audit checkpoint` writes") from None
    if signed is not None:
        check_signature(signed, key)
    elif key is not None:
        raise CliError(f"{path}: not signed, so --key proves nothing about it")
    return kept


def _read_witness(text: str) -> tuple[int, int]:
    sequence, _, digest = text.partition(":")
    if not sequence.isdigit() or not digest.isdigit():
        raise CliError(f"--witness {text}: expected SEQUENCE:DIGEST, two whole numbers")
    return int(sequence), int(digest)
