"""`otel-clinical generate`: write what follows from the registry and the policy, or check that it was."""

from __future__ import annotations

import difflib
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA_FILE = "docs/policy.schema.json"

_out = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder to write into; the current one by default.",
)
_check = click.option(
    "--check", is_flag=True, help="Write nothing: print how files differ and exit with 1 if any does."
)
_policy = click.option("--policy", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Policy file.")


@click.group("generate")
def command() -> None:
    """Write files from the registry and the policy, or check that they are up to date."""


@command.command("semconv")
@_out
@_check
def semconv(out: Path, check: bool) -> None:  # noqa: FBT001  -- click's own flag
    """Write the Python constants and the telemetry reference from the registry."""
    from otel_clinical.generate._lint import lint
    from otel_clinical.generate._registry import RegistryError, load_registry
    from otel_clinical.generate.semconv import render

    try:
        registry = load_registry()
    except RegistryError as error:
        raise CliError(str(error)) from error
    problems = lint(registry)
    if problems:
        raise CliError("the registry has mistakes:\n" + "\n".join(problems))
    deliver(render(registry), out, check=check)


@command.command("rules")
@_policy
@_out
@_check
def rules(policy: Path, out: Path, check: bool) -> None:  # noqa: FBT001  -- click's own flag
    """Write Prometheus rules, their unit tests, the Alertmanager configuration and the words of notifications."""
    read = read_policy(policy)
    parts = (_renderer(name)(read) for name in ("rules", "alertmanager", "notifications", "promtool_tests"))
    deliver({path: content for files in parts for path, content in files.items()}, out, check=check)


@command.command("dashboards")
@_policy
@_out
@_check
def dashboards(policy: Path, out: Path, check: bool) -> None:  # noqa: FBT001  -- click's own flag
    """Write Grafana dashboards."""
    deliver(_renderer("dashboards")(read_policy(policy)), out, check=check)


@command.command("collector")
@_policy
@_out
@_check
def collector(policy: Path, out: Path, check: bool) -> None:  # noqa: FBT001  -- click's own flag
    """Write the Collector's agent and gateway configurations."""
    deliver(_renderer("collector")(read_policy(policy)), out, check=check)


@command.command("schema")
@_out
@_check
def schema(out: Path, check: bool) -> None:  # noqa: FBT001  -- click's own flag
    """Write the policy's JSON Schema, for editors that complete and check while one types."""
    from otel_clinical.policy import json_schema

    deliver({SCHEMA_FILE: json.dumps(json_schema(), indent=2) + "\n"}, out, check=check)


@command.command("settings")
@_out
@_check
def settings(out: Path, check: bool) -> None:  # noqa: FBT001  -- click's own flag
    """Write the reference of all settings and their environment variables."""
    from otel_clinical.generate.settings import render

    deliver(render(), out, check=check)


def _renderer(name: str) -> Callable[[Any], Mapping[str, str]]:
    module = importlib.import_module(f"otel_clinical.generate.{name}")
    render: Callable[[Any], Mapping[str, str]] = module.render
    return render


def deliver(files: Mapping[str, str], out: Path, *, check: bool) -> None:
    """Write files, or compare them with what is there.

    Args:
        files: Content by path relative to ``out``.
        out: Folder to write into.
        check: Write nothing; print a unified diff of every difference.

    Raises:
        Exit: ``check`` found a difference; the exit code is 1.
    """
    changed = {path: content for path, content in files.items() if _current(out / path) != content}
    for path, content in changed.items():
        if check:
            click.echo(_diff(path, _current(out / path), content), nl=False)
        else:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_text(content, encoding="utf-8")
            click.echo(f"wrote {out / path}")
    if check and changed:
        click.echo(f"{len(changed)} of {len(files)} files differ: run the same command without --check", err=True)
        raise click.exceptions.Exit(1)
    if not changed:
        click.echo(f"{len(files)} files are up to date")


def _current(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _diff(path: str, current: str | None, wanted: str) -> str:
    before = [] if current is None else current.splitlines(keepends=True)
    source = "/dev/null" if current is None else path
    return "".join(difflib.unified_diff(before, wanted.splitlines(keepends=True), source, f"{path} (generated)"))
