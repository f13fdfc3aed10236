"""`otel-clinical doctor`: examine a live set-up end to end, with a line of advice for each finding."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_clinical.doctor import Finding

WIDTH = 80
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("doctor")
@click.option("--endpoint", help="Base URL of the receiver, e.g. http://127.0.0.1:4318.")
@click.option("--protocol", type=click.Choice(["http/protobuf", "grpc"]), help="How the receiver is spoken to.")
@click.option("--token-file", type=_FILE, help="File with the bearer token for the receiver.")
@click.option("--ca-file", type=_FILE, help="Certificate authority of the receiver.")
@click.option("--policy", type=_FILE, help="Policy file.")
@click.option("--prometheus", metavar="URL", help="Prometheus to hold against the registry.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Seconds per answer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def command(
    *,
    endpoint: str | None,
    protocol: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    policy: Path | None,
    prometheus: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Examine a live set-up: receiver, Prometheus, redaction, policy, versions.

    What is not given is taken from OTEL_* and OTEL_CLINICAL_* variables, as the service itself does. Empty exports are
    sent to the receiver; nothing is changed anywhere.

    Exits with 0 when all is well, with 1 when there is a problem, with 2 when it could not run. Hints do not count.
    """
    from otel_clinical.doctor import OptionsError, examine, options_of

    try:
        options = options_of(
            endpoint=endpoint,
            protocol=protocol,
            token=_token(token_file),
            ca_file=ca_file,
            policy=policy,
            prometheus=prometheus,
            timeout=timeout,
        )
    except OptionsError as error:
        raise CliError(str(error)) from error
    findings = examine(options)
    problems = sum(finding.level == "problem" for finding in findings)
    if as_json:
        document = {"ok": not problems, "findings": [finding.as_dict() for finding in findings]}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(render(findings))
        click.echo(f"{problems} problem{'' if problems == 1 else 's'}")
    return 1 if problems else 0


def render(findings: Sequence[Finding]) -> str:
    """Return the findings as lines of at most 80 columns, each with its advice below it."""
    lines: list[str] = []
    for finding in findings:
        head = f"{finding.level:<8} {finding.check:<11} "
        lines += _wrap(finding.said, head)
        if finding.advice:
            lines += _wrap(finding.advice, " " * (len(head) - 3) + "-> ")
    return "\n".join(lines)


def _wrap(text: str, head: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        found = file.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise CliError(f"--token-file {file}: this is not text") from error
    if not found:
        raise CliError(f"--token-file {file}: the file is empty; write one token")
    return found[0]
