"""`otel-clinical quarantine`: what the drift processor could not use, and another try for what it set aside."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._explanation import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.drift.runtime.kept import Refused, SetAside

_STATE = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), required=True, help="State directory of the processor."
)
_SHOWN = 20


@click.group("quarantine")
def command() -> None:
    """List what the drift processor could not use, and retry what it set aside."""


@command.command("list")
@_STATE
@click.option("--reason", help="Only what was refused for this reason.")
@click.option("--limit", type=click.IntRange(min=1), default=_SHOWN, show_default=True, help="Newest to show.")
@click.option("--json", "as_json", is_flag=True, help="All of it, one JSON object a line.")
def list_(state: Path, reason: str | None, limit: int, *, as_json: bool) -> None:
    """List refused requests and records, newest first, and the requests that were set aside.

    Of what was refused nothing is kept but the rule it broke, its size and its SHA-256, by which it can be found at
    its sender. A request set aside was acknowledged, and its numbers are kept.
    """
    from otel_clinical.drift.runtime.kept import refused, set_aside

    with _explained():
        found = [one for one in refused(state) if reason in {None, one.reason}]
        aside = set_aside(state)
    if as_json:
        for kind, rows in (("set_aside", aside), ("refused", found)):
            for one in rows:
                click.echo(json.dumps({"kind": kind} | asdict(one), sort_keys=True))
        return
    _show(found, aside, limit)


@command.command("retry")
@_STATE
def retry(state: Path) -> None:
    """Let the next start of the processor apply what was set aside; it must be stopped."""
    from otel_clinical.drift.runtime.kept import retry as again

    with _explained():
        count = again(state)
    click.echo(f"{count} requests will be applied at the next start" if count else "nothing was set aside")


def _show(found: list[Refused], aside: list[SetAside], limit: int) -> None:
    for one in aside:
        click.echo(
            f"set aside  {moment(one.received)}  {one.signal}  request {one.number}  {one.error}  {one.size:,} bytes"
        )
    if aside:
        click.echo("after a mend: stop the processor, `otel-clinical quarantine retry`, start it")
    for two in found[:limit]:
        click.echo(
            f"refused    {moment(two.received)}  {two.signal}  {two.reason}  {two.size:,} bytes  {two.digest[:16]}"
        )
        click.echo(f"           {two.detail}")
    reasons = Counter(one.reason for one in found)
    words = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items())) or "nothing"
    click.echo(f"kept in all: refused {words}; set aside {len(aside):,}")


@contextmanager
def _explained() -> Iterator[None]:
    from otel_clinical.drift.runtime import StateDirectoryError

    try:
        yield
    except StateDirectoryError as error:
        raise CliError(str(error)) from error
