"""Play the demonstration from beginning to end."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_clinical.simulate._acts import BAD_RELEASE, playbill
from otel_clinical.simulate._commands import activate, register, write_report
from otel_clinical.simulate._play import Result, play, verdict
from otel_clinical.simulate._policy import Load, write_policy
from otel_clinical.simulate._process import ProcessError
from otel_clinical.simulate._stack import Stack
from otel_clinical.simulate._stage import Stage
from otel_clinical.simulate._switch import seconds_to_previous_version
from otel_clinical.simulate._waiting import DeadlineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.console import Console

    from otel_clinical.simulate._acts import Act
    from otel_clinical.simulate._observer import Observer
    from otel_clinical.simulate._play import Progress

REPORT: Final = "incident.html"
_SWITCH: Final = "first_bad_inference_to_previous_version_s"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a demonstration came to.

    Args:
        results: One per act, in order.
        switch_seconds: From the first inference of the bad version to the first of the previous one; None when
            the version was not rolled back.
        folder: Where the report lies, and everything else if it was kept.
        report: The incident report, if there was an incident to report.
    """

    results: tuple[Result, ...]
    switch_seconds: float | None
    folder: Path
    report: Path | None

    @property
    def ok(self) -> bool:
        """Tell whether every act was as it should be."""
        return bool(self.results) and all(result.ok for result in self.results)

    def write(self, path: Path) -> None:
        """Write the machine-readable result."""
        acts = [result.as_dict() for result in self.results]
        for act in acts:
            if act["act"] == BAD_RELEASE:
                act[_SWITCH] = self.switch_seconds
        content = {
            "ok": self.ok,
            "acts": acts,
            _SWITCH: self.switch_seconds,
            "report": str(self.report) if self.report else None,
        }
        path.write_text(json.dumps(content, indent=2) + "\n")


def run_demo(
    console: Console,
    *,
    fast: bool = False,
    keep: bool = False,
    seed: int = 0,
    during: Callable[[Stack], AbstractContextManager[object]] | None = None,
    after: Callable[[Stack, Observer], None] | None = None,
) -> Outcome:
    """Play all acts against real processes and return what they came to.

    Args:
        console: Where a person watches.
        fast: Watch each act for a shorter time.
        keep: Keep state, logs and configuration; they are kept anyway when an act fails.
        seed: Decides what nature draws.
        during: Entered before the first act and left after the last.
        after: Called at the end, while everything still runs.

    Raises:
        BinaryNotFoundError: Prometheus or Alertmanager is not to be had; says what to install.
        ProcessError: A process did not become ready or died.
    """
    folder = Path(tempfile.mkdtemp(prefix="otel-clinical-demo-"))
    stage = Stage(console)
    kept = keep
    try:
        outcome = _perform(folder, stage, fast=fast, seed=seed, during=during, after=after)
        kept = keep or not outcome.ok
    except Exception:
        kept = True
        stage.say(f"logs and state are kept in {folder}")
        raise
    finally:
        if not kept:
            _tidy(folder)
    stage.verdicts(list(outcome.results))
    return outcome


def _perform(
    folder: Path,
    stage: Stage,
    *,
    fast: bool,
    seed: int,
    during: Callable[[Stack], AbstractContextManager[object]] | None,
    after: Callable[[Stack, Observer], None] | None,
) -> Outcome:
    load = Load()
    stage.say("writing policy and baseline: 12 hospitals, 4 EHR systems, 6 payers, 5 departments")
    policy = write_policy(folder, load, seed)
    with Stack(folder, policy, load=load, seed=seed) as stack, stack.observer() as observer, _closing(stage):
        stage.say(f"{len(stack.processes)} processes are ready; Prometheus is at {stack.prometheus.url}")
        register(stack.layout)
        with during(stack) if during is not None else nullcontext():
            played = [_play(act, stack, observer, stage) for act in playbill(fast=fast)]
        seconds = seconds_to_previous_version(played[-1].story, observer)
        report = write_report(stack.layout, observer, folder / REPORT, prometheus=stack.prometheus.url)
        if after is not None:
            after(stack, observer)
    return Outcome(tuple(map(verdict, played)), seconds, folder, report)


def _play(act: Act, stack: Stack, observer: Observer, stage: Stage) -> Progress:
    """Play one act; where it cannot even begin, say what the processes say."""
    try:
        return play(act, observer, stack.layout.world, lambda version: activate(stack.layout, version), stage)
    except DeadlineError as error:
        raise ProcessError(f"{error}{stack.problems()}") from None


@contextmanager
def _closing(stage: Stage) -> Iterator[None]:
    try:
        yield
    finally:
        stage.close()


def _tidy(folder: Path) -> None:
    """Remove everything but the report, and the folder where there is none."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != REPORT:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
