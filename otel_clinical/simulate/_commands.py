"""Use the command line as a person would: activate a version, write an incident report."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback import release_ledger, standing_orders
from otel_clinical.rollback.orders import ARMED
from otel_clinical.semconv.enums import RollbackDecision
from otel_clinical.simulate._components import ENVIRONMENT, command_line
from otel_clinical.simulate._process import ProcessError
from otel_clinical.simulate._waiting import wait_until
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


def register(layout: Layout) -> None:
    """Enter both versions into the release ledger, vouch for the one that has served, and let the controller act."""
    where = ["--state", str(layout.controller), "--by"]
    for version in ("7", "8"):
        # Stands for the digest of an image: both versions are functions of one file.
        digest = "sha256:" + hashlib.sha256(f"{MODEL} {version}".encode()).hexdigest()
        facts = ["--digest", digest, "--baseline", str(layout.folder / "baseline.json")]
        _run("release", "register", MODEL, version, *where, "release-pipeline", *facts)
    _run("release", "known-good", MODEL, "7", *where, "clinical-governance", "--reason", "served three months")
    for person in ("clinical-governance", "site-reliability"):
        _run("rollback", "arm", MODEL, *where, person, "--reason", "the demonstration does not watch for 14 days")
    wait_until(
        lambda: _ledger_is_filled(layout.controller), within=_TIMEOUT, what="the controller to take up the ledger"
    )


def _ledger_is_filled(state: Path) -> bool:
    known = {release["version"]: release for release in release_ledger(state, MODEL)}
    filled = known.get("8", {}).get("registered_at") is not None and bool(known.get("7", {}).get("good_by"))
    return filled and ARMED in standing_orders(state, MODEL)


def practise(layout: Layout, alertmanager: str, controller: str) -> None:
    """Practise a rollback on the running system, as an operator does."""
    where = ["--policy", str(layout.policy), "--alertmanager", alertmanager, "--controller", controller]
    where += ["--token-file", str(layout.controller_token), "--state", str(layout.controller)]
    _run("rollback", "drill", MODEL, *where, "--by", "on-call", "--out", str(layout.folder / "drill"))


def write_report(layout: Layout, observer: Observer, out: Path, *, prometheus: str) -> Path | None:
    """Write the report of the newest rollback, or else of the newest incident; None when there is none."""
    incidents = observer.incidents()
    rollbacks = [i for i in incidents if i["decision"] == RollbackDecision.ROLLBACK]
    chosen = next(iter(rollbacks or incidents), None)
    if chosen is None:
        return None
    where = ["--state", str(layout.controller), "--prometheus", prometheus]
    _run("rollback", "report", chosen["id"], *where, "--out", str(out))
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
