"""`otel-clinical processor`: run the drift processor, look at one."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._explanation import lines, moment
from otel_clinical.cli._frame import DEBUG
from otel_clinical.cli._policy import read_policy
from otel_clinical.cli._processor_check import check
from otel_clinical.cli._processor_logs import Progress, set_up_log
from otel_clinical.cli._processor_options import explained, listening, settings_of
from otel_clinical.cli._processor_page import reaching, scraped
from otel_clinical.cli._processor_state import backup, corrections, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.drift.runtime import ProcessorService
    from otel_clinical.drift.runtime._supervisor import Supervisor
    from otel_clinical.drift.runtime.status import Status, StreamStatus

_FAILED = 1
_TURN_SECONDS = 1.0
_THRESHOLDS = 2_000, 20, 100
_M_ARENA_MAX, _HEAPS_VARIABLE = -8, "MALLOC_ARENA_MAX"  # of glibc's malloc.h, and its name in the environment
_PIPED_COLUMNS = 1000  # so that `status | grep payer=medicare_advantage` finds its row: rich would fold at 80
_FILE = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group("processor")
def command() -> None:
    """Run the drift processor, or look at one."""


command.add_command(backup)
command.add_command(restore)
command.add_command(corrections)


command.add_command(check)


@command.command("run")
@listening
@click.option(
    "--log", "log", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the log."
)
def run(*, policy_path: Path, log: str, **options: Any) -> int:
    """Receive telemetry, keep state, expose evidence, until SIGTERM.

    Prints one line of JSON when it accepts telemetry: {"event": "ready", "http": …, "grpc": …, "metrics": …}. On a
    terminal it also shows how fast events come in.
    """
    share_heap()
    with _unswept():
        from otel_clinical.drift.runtime import ProcessorService

        set_up_log(log)
        policy = read_policy(policy_path)
        with explained():
            settings = settings_of(**options)
            service = ProcessorService(policy, settings)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: service.request_stop())
        return _serve(service, settings.state)


def share_heap() -> None:
    """Let the threads share one heap: one of its own keeps all that a thread ever needed, a fifth of all memory.

    They take turns anyway. Another C library than glibc has no such setting; what the environment says of it holds.
    """
    if _HEAPS_VARIABLE not in os.environ:
        with suppress(AttributeError, OSError, TypeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


@contextmanager
def _unswept() -> Iterator[None]:
    """Collect no garbage until `_sweep`: a start makes none, and would look through all that it loads several times."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _sweep() -> None:
    """Collect garbage from now on, without looking again at what the start has made: that would stall everything.

    The old generation is looked through rarely: a page makes tens of thousands of rows that outlive the young ones, and
    none of them is in a cycle.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()


def _serve(service: ProcessorService, state: Path) -> int:
    """Run until asked to stop; return the exit code."""
    from otel_clinical.drift.runtime._supervisor import Supervisor

    supervisor, progress = Supervisor(os.environ), Progress(service)
    service.start()
    while not service.wait_started(_TURN_SECONDS):
        progress.tick()
    if service.wait_ready():
        _sweep()
        where = service.addresses
        supervisor.ready()
        _say("ready", http=str(where.http), grpc=str(where.grpc), metrics=str(where.metrics), state=str(state))
    _watch(service, supervisor, progress)
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


def _watch(service: ProcessorService, supervisor: Supervisor, progress: Progress) -> None:
    """Give signs of life, and show the progress, until a stop is asked for or the writer fails.

    It never waits for ever: a signal that comes just before a wait begins is only looked at when that ends.
    """
    pause = min(supervisor.interval or _TURN_SECONDS, _TURN_SECONDS)
    while not service.wait(pause):
        if supervisor.interval is not None:
            service.look()
            supervisor.alive()
        progress.tick()
    progress.end()


def _say(event: str, **details: object) -> None:
    """Print one line for whoever started this process."""
    click.echo(json.dumps({"event": event, "pid": os.getpid(), **details}))


@command.command("status")
@reaching
@click.option("--state", type=_DIRECTORY, help="State directory, whether the processor runs or not; needs --policy.")
@click.option("--policy", "policy_path", type=_FILE, help="Policy file, with --state.")
def status(*, state: Path | None, policy_path: Path | None, **page: Any) -> None:
    """Show what a processor knows, as a table; into a pipe or a file each row is one line, whatever its length."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _PIPED_COLUMNS)
    found = _status(state, policy_path, page)
    _print_streams(console, found.streams)
    console.print(f"events      {_pairs(found.events)}")
    console.print(f"refused     {_pairs(found.rejections)}")
    console.print(f"waiting     {_waiting(found.waiting)}")
    console.print(f"newest      {moment(found.event_time)}, slots closed up to {moment(found.watermark)}")
    console.print(f"journal     {found.pending} requests since the last checkpoint")
    console.print(
        f"late        {found.late_used:.0%} of the record of late events in use, {found.late_dropped:,} dropped"
    )


def _waiting(counts: dict[tuple[str, str], int]) -> str:
    """Say how many outcomes are not counted yet."""
    found = (f"{count:,}" if count else "fewer than 11" for count in counts.values())
    named = [f"{model} {version}: {words}" for (model, version), words in zip(counts, found, strict=True)]
    return f"outcomes until their inference is mature: {'; '.join(named)}" if named else "no outcome"


@command.command("explain")
@click.argument("segment")
@click.option("--policy", "policy_path", type=_FILE, required=True, help="Policy that the processor runs with.")
@reaching
@click.option("--state", type=_DIRECTORY, help="State directory, whether the processor runs or not.")
@click.option("--model", help="Only this model.")
@click.option("--version", help="Only this version.")
def explain(
    *,
    segment: str,
    policy_path: Path,
    state: Path | None,
    model: str | None,
    version: str | None,
    **page: Any,
) -> None:
    """Say why SEGMENT (as in payer=medicaid, or all) is where it is, and what each tier still asks for."""
    from otel_clinical.drift.runtime.explanation import explain as explain_segment
    from otel_clinical.drift.runtime.status import replay

    policy = read_policy(policy_path)
    with explained():
        if (page["url"] is None) == (state is None):
            raise CliError("say either --url http://HOST:PORT/metrics or --state DIR")
        found = replay(state, policy) if state is not None else scraped(**page)
        for one in explain_segment(found, policy, segment, model=model, version=version):
            click.echo("\n".join(lines(one)))


def _status(state: Path | None, policy_path: Path | None, page: dict[str, Any]) -> Status:
    from otel_clinical.drift.runtime.status import from_state, of_families

    with explained():
        if page["url"] is not None and state is None:
            return of_families(scraped(**page))
        if page["url"] is None and state is not None and policy_path is not None:
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
