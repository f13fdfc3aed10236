"""`otel-clinical processor check`: what a start would trip over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from otel_clinical.cli._policy import read_policy
from otel_clinical.cli._processor_options import explained, listening, settings_of

if TYPE_CHECKING:
    from pathlib import Path


@click.command("check")
@listening
def check(*, policy_path: Path, **options: Any) -> int:
    """Look at policy, baselines, state, addresses and disk as a start does, without serving; exit 1 on any problem.

    Takes the options of `run`. Nothing is changed, and a processor may run on the state.
    """
    from otel_clinical.drift.runtime.preflight import preflight

    policy = read_policy(policy_path)
    click.echo(f"ok       policy {policy_path}: models: {', '.join(policy.models)}")
    with explained():
        settings = settings_of(**options)
    sound = True
    for finding in preflight(policy, settings):
        first, *more = finding.words.splitlines()
        click.echo(f"{'ok      ' if finding.sound else 'PROBLEM '} {finding.what}: {first}")
        for line in more:
            click.echo(f"         {line}")
        sound = sound and finding.sound
    return 0 if sound else 1
