"""The group of sub-commands, each imported when it is used, and what an error looks like to a person."""

from __future__ import annotations

import importlib
import os
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from otel_clinical._spelling import did_you_mean
from otel_clinical._version import __version__
from otel_clinical.cli._errors import CliError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

INTERRUPTED = 130
DEFECT = 70
DEBUG = "OTEL_CLINICAL_DEBUG"
_WIDEST = 120  # on a wide terminal help is not cut at 80 columns, in the middle of what a command does


@dataclass(frozen=True)
class SubCommand:
    """Name the extra that a sub-command needs and say in a few words what it does."""

    extra: str
    help: str


COMMANDS: Mapping[str, SubCommand] = {
    "audit": SubCommand("rollback", "Verify the rollback audit."),
    "backtest": SubCommand("all", "Replay past encounters and see which tiers would have fired."),
    "baseline": SubCommand("sdk", "Look at a frozen baseline."),
    "check": SubCommand("sdk", "Say everything that is wrong with a policy file."),
    "demo": SubCommand("all", "Watch a bad release being rolled back, with real processes."),
    "doctor": SubCommand("sdk", "Examine a live set-up, with advice for each finding."),
    "generate": SubCommand("sdk", "Write rules, dashboards and other files from the policy and the registry."),
    "processor": SubCommand("processor", "Run the drift processor."),
    "quarantine": SubCommand("processor", "List what the drift processor could not use, and retry what it set aside."),
    "release": SubCommand("rollback", "Keep the ledger of versions."),
    "rollback": SubCommand("rollback", "Run the rollback controller and read its incidents."),
    "target": SubCommand("rollback", "Test the places that follow the release pointer."),
}

EXTRA_OF_PACKAGE: Mapping[str, str] = {
    "grpc": "processor",
    "httptools": "processor",
    "httpx": "rollback",
    "jinja2": "reports",
    "matplotlib": "reports",
    "numpy": "processor",
    "opentelemetry": "sdk",
    "prometheus_client": "sdk",
    "pydantic": "sdk",
    "google": "sdk",
    "rich": "processor",
    "river": "processor",
    "starlette": "processor",
    "uvicorn": "processor",
}
"""Extra that brings each package, for imports that happen after the sub-command has started."""


class LazyGroup(click.Group):
    """Import a sub-command only when it runs, so that one missing extra does not take the others away."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all sub-commands, without importing any."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one sub-command.

        Raises:
            CliError: An extra that it needs is not installed.
        """
        del ctx
        sub = COMMANDS.get(cmd_name)
        if sub is None:
            return None
        try:
            module = importlib.import_module(f"otel_clinical.cli.{cmd_name}")
        except ModuleNotFoundError as error:
            raise missing_package(error, f"'{cmd_name}'", sub.extra) from error
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command; name the one that was meant where it is misspelt."""
        word = args[0]
        if word not in COMMANDS and not word.startswith("-"):
            ctx.fail(f"No such command {word!r}{did_you_mean(word, COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands from the table, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, sub.help) for name, sub in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST})
@click.version_option(__version__, prog_name="otel-clinical", message="%(prog)s %(version)s")
def command() -> None:
    """Observability for clinical AI: evidence of degradation, escalation and rollback."""


def missing_package(error: ModuleNotFoundError, what: str, extra: str | None = None) -> CliError:
    """Return the sentence that says how to get a package that is not installed."""
    package = (error.name or "").split(".")[0]
    if package == "otel_clinical":
        return CliError(f"{what} is not part of this installation (no module {error.name}): reinstall otel-clinical")
    found = extra or EXTRA_OF_PACKAGE.get(package, "all")
    return CliError(f"{what} needs the package '{package}': pip install 'otel-clinical[{found}]'")


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code.

    0 is success, 1 a negative answer (a check that found something), 2 a mistake in the call or its input, 70 a defect
    of the program, 130 an interruption. Only a defect is shown with its place in the code, and never with the text of
    the exception, which may quote the data being read.
    """
    try:
        result = command.main(list(arguments), prog_name="otel-clinical", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ModuleNotFoundError as error:
        return _fail(missing_package(error, "this command"))
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except OSError as error:
        return _fail(CliError(_os_problem(error))) if error.strerror else _defect(error)
    except Exception as error:  # noqa: BLE001  -- the last line of defence: a person gets a sentence, not a traceback
        return _defect(error)
    return result if isinstance(result, int) else 0


def _fail(error: CliError) -> int:
    if os.environ.get(DEBUG):
        traceback.print_exc()
    error.show()
    return error.exit_code


def _os_problem(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"{where}{error.strerror}"


def _defect(error: Exception) -> int:
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    else:
        click.echo(
            f"Error: unexpected {type(error).__name__} at {_place(error.__traceback__)}. "
            "This is a defect of otel-clinical. "
            f"Set {DEBUG}=1 to see the traceback (it may quote the data being read) and report it.",
            err=True,
        )
    return DEFECT


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if "otel_clinical" in frame.filename]
    if not own:
        return "an unknown place"
    module = own[-1].filename.rpartition("otel_clinical")[2].lstrip("/\\")
    return f"otel_clinical/{module}:{own[-1].lineno}"
