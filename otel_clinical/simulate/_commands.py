"""Use the command line as a person would: activate a version, write an incident report."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv.enums import RollbackDecision
from otel_clinical.simulate._components import ENVIRONMENT, command_line
from otel_clinical.simulate._process import ProcessError
from otel_clinical.simulate.population import MODEL

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.simulate._layout import Layout
    from otel_clinical.simulate._observer import Observer

_TIMEOUT: Final = 120.0


class CommandError(ProcessError):
    """A command of ours failed; the message is what it said."""


def activate(layout: Layout, version: str) -> None:
    """Let ``version`` serve, as a release pipeline does."""
    state = ["--state", str(layout.controller)]
    _run("rollback", "activate", MODEL, version, "--policy", str(layout.policy), *state, "--by", "release-pipeline")


def write_report(layout: Layout, observer: Observer, out: Path) -> Path | None:
    """Write the report of the newest rollback, or else of the newest incident; None when there is none."""
    incidents = observer.incidents()
    rollbacks = [i for i in incidents if i["decision"] == RollbackDecision.ROLLBACK]
    chosen = next(iter(rollbacks or incidents), None)
    if chosen is None:
        return None
    _run("rollback", "report", chosen["id"], "--state", str(layout.controller), "--out", str(out))
    return out


def _run(*arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own command line
        command_line(*arguments),
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    if done.returncode:
        raise CommandError(f"otel-clinical {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
