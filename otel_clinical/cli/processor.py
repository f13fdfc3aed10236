"""`otel-clinical processor`: run the drift processor, look at one."""

from __future__ import annotations

import json
import os
import signal
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._explanation import lines, moment
from otel_clinical.cli._frame import DEBUG
from otel_clinical.cli._policy import read_policy
from otel_clinical.cli._processor_state import backup, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.drift.runtime import ProcessorService
    from otel_clinical.drift.runtime.status import Status, StreamStatus

_FAILED = 1
_FILE = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group("processor")
def command() -> None:
    """Run the drift processor, or look at one."""


command.add_command(backup)
command.add_command(restore)


@command.command("run")
@click.option("--policy", "policy_path", type=_FILE, required=True, help="Policy file.")
@click.option("--state", type=_DIRECTORY, required=True, help="State directory, on a local disk; one per processor.")
@click.option("--http", default="127.0.0.1:4318", show_default=True, help="OTLP/HTTP address; port 0: any free one.")
@click.option("--grpc", default="127.0.0.1:4317", show_default=True, help="OTLP/gRPC address.")
@click.option("--metrics", default="127.0.0.1:9465", show_default=True, help="Address of /metrics for Prometheus.")
@click.option("--token-file", type=_FILE, help="Bearer tokens to ask for: one, or two while rotating.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM) for all three addresses; needs --tls-key.")
@click.option("--tls-key", type=_FILE, help="Its private key (PEM).")
@click.option("--insecure", is_flag=True, help="Listen where other machines can reach it without asking for a token.")
@click.option(
    "--checkpoint-every",
    type=click.FloatRange(min=0.01),
    default=2.0,
    show_default=True,
    help="Seconds after which what changed is saved and the journal is trimmed.",
)
def run(
    *,
    policy_path: Path,
    state: Path,
    http: str,
    grpc: str,
    metrics: str,
    token_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure: bool,
    checkpoint_every: float,
) -> int:
    """Receive telemetry, keep state, expose evidence, until SIGTERM.

    Prints one line of JSON when it accepts telemetry: {"event": "ready", "http": …, "grpc": …, "metrics": …}.
    """
    from otel_clinical.access import Address, Certificate
    from otel_clinical.drift.runtime import ProcessorService, ProcessorSettings
    from otel_clinical.drift.runtime.writer import WriterSettings

    if (tls_cert is None) is not (tls_key is None):
        raise CliError("--tls-cert and --tls-key go together: give both, or neither")
    policy = read_policy(policy_path)
    with _explained():
        settings = ProcessorSettings(
            state=state,
            http=Address.parse(http),
            grpc=Address.parse(grpc),
            metrics=Address.parse(metrics),
            token_file=token_file,
            certificate=Certificate(tls_cert, tls_key) if tls_cert and tls_key else None,
            insecure=insecure,
            writer=WriterSettings(checkpoint_seconds=checkpoint_every),
        )
        service = ProcessorService(policy, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: service.request_stop())
    return _serve(service, state)


def _serve(service: ProcessorService, state: Path) -> int:
    """Run until asked to stop; return the exit code."""
    from otel_clinical.drift.runtime._supervisor import Supervisor

    supervisor = Supervisor(os.environ)
    service.start()
    if service.wait_ready():
        where = service.addresses
        supervisor.ready()
        _say("ready", http=str(where.http), grpc=str(where.grpc), metrics=str(where.metrics), state=str(state))
    while not service.wait(supervisor.interval):
        service.look()
        supervisor.alive()
    supervisor.stopping()
    saved = service.stop()
    error = service.error
    if error is not None:
        _say("failed", error=type(error).__name__, state=str(state))
        if os.environ.get(DEBUG):
            traceback.print_exception(error)
        return _FAILED
    _say("stopped", saved=saved)
    return 0


def _say(event: str, **details: object) -> None:
    """Print one line for whoever started this process."""
    click.echo(json.dumps({"event": event, "pid": os.getpid(), **details}))


@command.command("status")
@click.option("--url", help="Metrics address of a running processor, as in http://127.0.0.1:9465/metrics.")
@click.option("--token-file", type=_FILE, help="File whose first line is the token to show.")
@click.option("--state", type=_DIRECTORY, help="State directory, whether the processor runs or not; needs --policy.")
@click.option("--policy", "policy_path", type=_FILE, help="Policy file, with --state.")
def status(url: str | None, token_file: Path | None, state: Path | None, policy_path: Path | None) -> None:
    """Show what a processor knows, as a table."""
    from rich.console import Console

    console = Console()
    found = _status(url, token_file, state, policy_path)
    _print_streams(console, found.streams)
    console.print(f"events      {_pairs(found.events)}")
    console.print(f"refused     {_pairs(found.rejections)}")
    console.print(f"waiting     {_waiting(found.waiting)}")
    console.print(f"newest      {moment(found.event_time)}, slots closed up to {moment(found.watermark)}")
    console.print(f"journal     {found.pending} requests since the last checkpoint")


def _waiting(counts: dict[tuple[str, str], int]) -> str:
    """Say how many outcomes are not counted yet."""
    found = (f"{count:,}" if count else "fewer than 11" for count in counts.values())
    named = [f"{model} {version}: {words}" for (model, version), words in zip(counts, found, strict=True)]
    return f"outcomes until their inference is mature: {'; '.join(named)}" if named else "no outcome"


@command.command("explain")
@click.argument("segment")
@click.option("--policy", "policy_path", type=_FILE, required=True, help="Policy that the processor runs with.")
@click.option("--url", help="Metrics address of a running processor, as in http://127.0.0.1:9465/metrics.")
@click.option("--token-file", type=_FILE, help="File whose first line is the token to show.")
@click.option("--state", type=_DIRECTORY, help="State directory, whether the processor runs or not.")
@click.option("--model", help="Only this model.")
@click.option("--version", help="Only this version.")
def explain(
    *,
    segment: str,
    policy_path: Path,
    url: str | None,
    token_file: Path | None,
    state: Path | None,
    model: str | None,
    version: str | None,
) -> None:
    """Say why SEGMENT (as in payer=medicaid, or all) is where it is, and what each tier still asks for."""
    from otel_clinical.drift.runtime.explanation import explain as explained
    from otel_clinical.drift.runtime.status import replay, scrape

    policy = read_policy(policy_path)
    with _explained():
        if (url is None) == (state is None):
            raise CliError("say either --url http://HOST:PORT/metrics or --state DIR")
        found = replay(state, policy) if state is not None else scrape(url or "", _token(token_file))
        for one in explained(found, policy, segment, model=model, version=version):
            click.echo("\n".join(lines(one)))


def _token(file: Path | None) -> str | None:
    from otel_clinical.access import TokenFile

    return TokenFile(file).first() if file else None


def _status(url: str | None, token_file: Path | None, state: Path | None, policy_path: Path | None) -> Status:
    from otel_clinical.drift.runtime.status import from_state, from_url

    with _explained():
        if url is not None and state is None:
            return from_url(url, _token(token_file))
        if url is None and state is not None and policy_path is not None:
            return from_state(state, read_policy(policy_path))
    raise CliError("say --url http://HOST:PORT/metrics, or --state DIR and --policy FILE")


def _print_streams(console: object, streams: tuple[StreamStatus, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "version", box=None)
    table.add_column("segment", overflow="fold")
    for heading in ("baseline", "recent", "drop", "labels"):
        table.add_column(heading, justify="right")
    table.add_column("proved", overflow="fold")
    for line in streams:
        table.add_row(
            line.model,
            line.version,
            line.segment,
            f"{line.baseline:.1%}",
            "-" if line.performance is None else f"{line.performance:.1%}",
            f"{line.drop:.1%}" if line.samples else "-",
            str(line.samples) if line.samples else "-",
            ", ".join(line.proved) or "nothing",
        )
    if isinstance(console, Console):
        console.print(table if streams else "no outcome has been received yet")
        if streams:
            console.print(
                "labels: mature outcomes since the estimated change; - while there is no change, or no mature outcome"
            )


def _pairs(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what a person can do something about into one sentence."""
    from otel_clinical.access import AccessError
    from otel_clinical.drift.runtime import ListenError, StateDirectoryError
    from otel_clinical.drift.runtime.status import StatusError
    from otel_clinical.policy import BaselineError

    try:
        yield
    except (AccessError, ListenError, StateDirectoryError, StatusError, BaselineError) as error:
        raise CliError(str(error)) from error
