"""`otel-clinical rollback drill`: practise a rollback on the running system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._policy import read_policy

if TYPE_CHECKING:
    from otel_clinical.rollback.drill import Drill

FAILED = 1


@click.command("drill")
@click.argument("model")
@click.option("--policy", "policy_path", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--alertmanager", required=True, help="URL of the Alertmanager that the controller hears.")
@click.option("--controller", required=True, help="URL of the controller.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="A token that the controller accepts.",
)
@click.option(
    "--state",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="State directory of the controller: the drill goes into its audit, and counts.",
)
@click.option("--by", required=True, help="Who practises.")
@click.option("--and-by", help="The second person of a live drill.")
@click.option("--live", is_flag=True, help="Switch the release pointer itself, wait for every instance, switch back.")
@click.option("--prometheus", help="URL of Prometheus, for a live drill.")
@click.option("--patience", type=float, default=30.0, show_default=True, help="Seconds that each stage may take.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report (.md, .json).")
def drill(
    *,
    model: str,
    policy_path: Path,
    alertmanager: str,
    controller: str,
    token_file: Path,
    state: Path | None,
    by: str,
    and_by: str | None,
    live: bool,
    prometheus: str | None,
    patience: float,
    out: Path | None,
) -> None:
    """Practise a rollback of MODEL on the running system: a synthetic alert, a switch, a report.

    Without --live nothing that serves is touched, and nobody is called.
    """
    from otel_clinical.access import AccessError, TokenFile
    from otel_clinical.rollback import read_terms
    from otel_clinical.rollback.drill import DrillFailedError, Scene
    from otel_clinical.rollback.drill import drill as practise

    if patience <= 0:
        raise CliError(f"--patience {patience:g}: expected seconds above 0")
    terms = read_terms(read_policy(policy_path))
    if model not in terms:
        raise CliError(f"{policy_path} declares no model {model}; declared: {', '.join(sorted(terms))}")
    try:
        scene = Scene(alertmanager, controller, TokenFile(token_file).first(), prometheus, patience)
        done = practise(terms[model], scene, by=(by, and_by) if and_by else (by,), live=live)
    except (AccessError, DrillFailedError) as error:
        raise CliError(str(error)) from error
    for stage in done.stages:
        click.echo(f"  ok {stage.seconds:6.2f} s  {stage.name}: {stage.detail}")
    if state is not None:
        _note(state, done)
    if out is not None:
        _report(out, done)
    if not done.passed:
        click.echo(f"{done.id} failed: {done.failure}", err=True)
        click.get_current_context().exit(FAILED)
    counted = "" if state is not None else " (not in the audit: give --state)"
    click.echo(f"{done.id} passed in {done.seconds:.1f} s{counted}")


def _note(state: Path, done: Drill) -> None:
    from otel_clinical.rollback.practice import note_drill
    from otel_clinical.rollback.store import Store

    store = Store(state)
    try:
        note_drill(store, done)
    finally:
        store.close()


def _report(out: Path, done: Drill) -> None:
    from dataclasses import asdict

    from otel_clinical.report.drill import drill_markdown

    out.mkdir(parents=True, exist_ok=True)
    text = drill_markdown(
        key=done.id,
        model=done.model,
        live=done.live,
        by=done.by,
        versions=(done.version, done.previous),
        started=done.started,
        stages=[(stage.name, stage.seconds, stage.detail) for stage in done.stages],
        failure=done.failure,
    )
    (out / f"{done.id}.md").write_text(text, encoding="utf-8")
    (out / f"{done.id}.json").write_text(json.dumps(asdict(done), indent=1) + "\n", encoding="utf-8")
    click.echo(f"{out / done.id}.md, .json")
