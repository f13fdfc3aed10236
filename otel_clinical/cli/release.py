"""`otel-clinical release`: the ledger of versions, and which of them may be gone back to."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli.orders import give
from otel_clinical.cli.rollback import activate

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="State directory of the controller.",
)
_BY = click.option("--by", required=True, help="Who says so.")
_REASON = click.option("--reason", required=True, help="Why; no patient data.")
_SHOWN = ("status", "digest", "schema_hash", "baseline_hash", "artifact", "labels", "good_by", "smoke_problem")


@click.group("release")
def command() -> None:
    """Register versions, vouch for them, quarantine them, and see the ledger."""


command.add_command(activate)


@command.command("register")
@click.argument("model")
@click.argument("version")
@_STATE
@_BY
@click.option("--artifact", type=_FILE, help="File of the version; its hash is checked again before each golden set.")
@click.option("--digest", help="Hash of the version where it is no file, such as sha256:… of an image.")
@click.option("--inputs", type=_FILE, help="JSON that describes the inputs it takes.")
@click.option("--baseline", type=_FILE, help="Its frozen baseline.")
def register(
    *,
    model: str,
    version: str,
    state: Path,
    by: str,
    artifact: Path | None,
    digest: str | None,
    inputs: Path | None,
    baseline: Path | None,
) -> None:
    """Register VERSION of MODEL with the hashes of its artifact, its inputs and its baseline."""
    from otel_clinical.policy import BaselineError, load_baseline

    if (artifact is None) is (digest is None):
        raise CliError("give either --artifact FILE or --digest HASH")
    try:
        facts = {
            "digest": digest or _sha256(artifact.read_bytes() if artifact else b""),
            "artifact": str(artifact.resolve()) if artifact else "",
            "schema_hash": _json_hash(inputs) if inputs else "",
            "baseline_hash": load_baseline(baseline).hash if baseline else "",
        }
    except BaselineError as error:
        raise CliError(str(error)) from error
    give(state, "register", model, by=by, reason="registered", about=version, facts=facts)
    click.echo(f"{model} {version}: {facts['digest']}")


def _about_version(name: str, kind: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @click.argument("model")
    @click.argument("version")
    @_STATE
    @_BY
    @_REASON
    def made(*, model: str, version: str, state: Path, by: str, reason: str) -> None:
        give(state, kind, model, by=by, reason=reason, about=version)

    return made


command.add_command(_about_version("known-good", "known_good", "Vouch for VERSION: it may be gone back to."))
command.add_command(_about_version("quarantine", "quarantine", "Let VERSION never be activated or gone back to."))
command.add_command(_about_version("unquarantine", "unquarantine", "Lift the quarantine of VERSION; two people."))
command.add_command(_about_version("retire", "retire", "Take VERSION out of service for good."))


@command.command("list")
@_STATE
@click.option("--model", help="Only this model.")
@click.option("--json", "as_json", is_flag=True, help="Everything known, as JSON.")
def list_releases(*, state: Path, model: str | None, as_json: bool) -> None:
    """Show every version: status, since when, outcomes, who vouches for it, the last golden set."""
    found = _releases(state, model)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for release in found:
        click.echo(_line(release))
    if not found:
        click.echo("no version is known yet; `otel-clinical release register` adds one")


@command.command("diff")
@click.argument("model")
@click.argument("one")
@click.argument("other")
@_STATE
def diff(*, model: str, one: str, other: str, state: Path) -> None:
    """Show in which facts two versions of MODEL differ."""
    known = {release["version"]: release for release in _releases(state, model)}
    for version in (one, other):
        if version not in known:
            raise CliError(f"{state}: version {version} of {model} is not in the ledger")
    for name in _SHOWN:
        left, right = known[one][name], known[other][name]
        if left != right:
            click.echo(f"{name}: {left or '-'} -> {right or '-'}")


def _releases(state: Path, model: str | None) -> list[dict[str, Any]]:
    from otel_clinical.rollback import release_ledger

    try:
        return release_ledger(state, model)
    except FileNotFoundError as error:
        raise CliError(str(error)) from error


def _line(release: dict[str, Any]) -> str:
    status = "quarantined" if release["quarantined"] else release["status"]
    words = [f"{release['model']} {release['version']}: {status}"]
    words.append(f"{release['labels']:.0f} outcomes" if release["labels"] >= 11 else "fewer than 11 outcomes")  # noqa: PLR2004
    if release["good_by"]:
        words.append(f"known good since {_day(release['good_since'])} by {release['good_by']}")
    if release["smoke_at"]:
        words.append(f"golden set {_day(release['smoke_at'])}: {release['smoke_problem'] or 'passed'}")
    if release["waiting"]:
        words.append(f"waits for the controller: {', '.join(release['waiting'])}")
    return ", ".join(words)


def _day(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _json_hash(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise CliError(f"{path}: not JSON") from None
    return _sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
